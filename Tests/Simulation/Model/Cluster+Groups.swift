import Log

/// A member of a group in one of its generations.
struct GroupMember: Equatable {
  var id: Int
  var generation: Int
}

enum GroupAnswer: Equatable {
  case done
  case illegalGeneration
  case unknownMember
  /// Another has joined under its static name.
  case fencedName
}

/// A consumer group, as its coordinator knows it. Eager: a rebalance takes everything back first.
struct Group {
  struct Member {
    var name: String?
    var topics: [String]
    var lastHeard: Int64
    /// In the rebalance that is going on.
    var hasJoined = true
    var partitions: [TopicPartition] = []
  }
  var generation = 0
  var members: [Int: Member] = [:]
  /// Members whose name another has taken.
  var fenced: Set<Int> = []
  /// Until when members may join; nil: the group is stable.
  var joinsUntil: Int64?
  var committed: [TopicPartition: CommittedOffset] = [:]
  /// By producer: what its open transaction will commit.
  var pending: [Int64: [TopicPartition: Int64]] = [:]

  static let sessionMs: Int64 = 6_000
  static let rebalanceMs: Int64 = 9_000
}

extension Cluster {
  /// A new member asks in. One with the static name of another takes its place: nothing moves.
  func join(_ group: String, name: String?, topics: [String]) -> Int {
    var known = groups[group, default: Group()]
    let id = nextMember()
    var member = Group.Member(name: name, topics: topics, lastHeard: now)
    if let name, let old = known.members.first(where: { $0.value.name == name }) {
      known.members[old.key] = nil
      known.fenced.insert(old.key)
      if known.joinsUntil == nil { member.partitions = old.value.partitions }
      known.members[id] = member
      groups[group] = known
      return id
    }
    known.members[id] = member
    groups[group] = known
    rebalance(group)
    groups[group]!.members[id]!.hasJoined = true
    return id
  }

  /// Begins a rebalance: all that are members must join again.
  func rebalance(_ group: String) {
    guard groups[group]!.joinsUntil == nil else { return }
    groups[group]!.joinsUntil = now + Group.rebalanceMs
    for id in groups[group]!.members.keys { groups[group]!.members[id]!.hasJoined = false }
  }

  func rejoin(_ id: Int, _ group: String) {
    groups[group]!.members[id]?.hasJoined = true
  }

  func leave(_ id: Int, _ group: String) {
    guard groups[group]?.members.removeValue(forKey: id) != nil else { return }
    rebalance(group)
  }

  /// What the coordinator tells a member that shows a sign of life.
  enum Word: Equatable {
    case fine(GroupMember, [TopicPartition])
    /// A rebalance goes on; `hasJoined`: and the member is in it already.
    case rebalance(hasJoined: Bool)
    case unknown
    case fencedName
  }

  func heartbeat(_ id: Int, _ group: String) -> Word {
    guard let known = groups[group] else { return .unknown }
    guard let member = known.members[id] else {
      return known.fenced.contains(id) ? .fencedName : .unknown
    }
    groups[group]!.members[id]!.lastHeard = now
    if known.joinsUntil != nil { return .rebalance(hasJoined: member.hasJoined) }
    return .fine(GroupMember(id: id, generation: known.generation), member.partitions)
  }

  /// Whether a commit of this member, in this generation, is to be taken.
  func standing(of member: GroupMember, in group: String) -> GroupAnswer {
    guard let known = groups[group], known.members[member.id] != nil else {
      return groups[group]?.fenced.contains(member.id) == true ? .fencedName : .unknownMember
    }
    return known.generation == member.generation ? .done : .illegalGeneration
  }

  func commit(
    _ offsets: [TopicPartition: CommittedOffset], group: String, as member: GroupMember
  ) -> GroupAnswer {
    let answer = defects.contains(.noFencing) ? .done : standing(of: member, in: group)
    if answer == .done {
      for (partition, offset) in offsets { groups[group]!.committed[partition] = offset }
    }
    return answer
  }

  /// Whether a transaction that is still open will say more of these partitions.
  func hasPending(_ group: String, _ partitions: [TopicPartition]) -> Bool {
    guard let known = groups[group] else { return false }
    return known.pending.values.contains { offsets in
      partitions.contains { offsets[$0] != nil }
    }
  }

  func advance(group: String) {
    let silent = groups[group]!.members.filter { $0.value.lastHeard + Group.sessionMs < now }
    for id in silent.keys.sorted() { leave(id, group) }
    guard let until = groups[group]!.joinsUntil else { return }
    let all = groups[group]!.members.values.allSatisfy(\.hasJoined)
    guard all || until <= now else { return }
    for (id, member) in groups[group]!.members where !member.hasJoined {
      groups[group]!.members[id] = nil
    }
    groups[group]!.generation += 1
    groups[group]!.joinsUntil = nil
    assign(group)
  }

  /// Each topic's partitions in ranges, by the members' names.
  private func assign(_ group: String) {
    func name(_ id: Int) -> String { groups[group]!.members[id]!.name ?? "~\(id)" }
    let ids = groups[group]!.members.keys.sorted { name($0) < name($1) }
    guard !ids.isEmpty else { return }
    for id in ids { groups[group]!.members[id]!.partitions = [] }
    let topics = Set(ids.flatMap { groups[group]!.members[$0]!.topics }).sorted()
    for topic in topics {
      let count = counts[topic] ?? 0
      for number in 0..<count {
        let owner = ids[number * ids.count / count]
        groups[group]!.members[owner]!.partitions.append(TopicPartition(topic, Int32(number)))
      }
    }
  }
}
