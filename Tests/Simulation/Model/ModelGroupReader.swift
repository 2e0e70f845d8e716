import Log
import TestSupport

/// A member of a consumer group: what `KafkaGroupReader` and the librdkafka below it do.
///
/// Its client attends to the group in the background; what that leads to is told at the next poll.
/// Giving up takes two steps: a revoked partition is reported, and the group goes on only with the
/// poll after that.
final class ModelGroupReader: GroupReader {
  private enum Rebalance {
    case gained(GroupMember, [TopicPartition])
    case lost([TopicPartition])
    case fenced
  }
  /// How the client stands in the group.
  private enum Standing: Equatable {
    case outside
    case joining
    case member(GroupMember)
    /// It has been told to give up, and its owner has not answered yet. Nil: it is out already.
    case givingUp(GroupMember?)
    case fenced
  }
  private enum Farewell { case none, reported, taken }

  let log: ModelLog
  let group: String
  private let topics: [String]
  private var id: Int?
  private var standing = Standing.outside
  private var rebalances: [Rebalance] = []
  private var news: [Assignment] = []
  private var held: [TopicPartition] = []
  private var owned: Set<TopicPartition> = []
  private var leaving: Set<TopicPartition> = []
  private var generation: GroupMember?
  private var farewell = Farewell.none
  private var fetcher: ModelFetcher
  private var isClosed = false
  private var world: World { log.process.world }
  private var cluster: Cluster { world.cluster }

  init(_ log: ModelLog, group: String, topics: [String]) {
    self.log = log
    self.group = group
    self.topics = topics
    fetcher = ModelFetcher(log)
    log.process.members.append(self)
  }

  // MARK: The client's own thread

  func background() {
    switch standing {
    case .fenced, .givingUp(nil): return
    case .outside:
      id = cluster.join(group, name: log.process.name, topics: topics)
      standing = .joining
    case .joining, .member, .givingUp: break
    }
    attendGroup(cluster.heartbeat(id!, group))
  }

  private func attendGroup(_ word: Cluster.Word) {
    switch (word, standing) {
    case (.fine(let member, let partitions), .joining):
      standing = .member(member)
      held = partitions
      rebalances.append(.gained(member, partitions))
    case (.fine(let now, _), .member(let before)) where now != before: giveUp(isOut: false)
    case (.rebalance, .member): giveUp(isOut: false)
    case (.rebalance(hasJoined: false), .joining): cluster.rejoin(id!, group)
    case (.unknown, .member): giveUp(isOut: true)
    case (.unknown, .joining): standing = .outside
    case (.unknown, .givingUp): standing = .givingUp(nil)
    case (.fencedName, _):
      standing = .fenced
      rebalances.append(.fenced)
    default: break
    }
  }

  private func giveUp(isOut: Bool) {
    guard case .member(let member) = standing else { return }
    standing = .givingUp(isOut ? nil : member)
    rebalances.append(.lost(held))
  }

  /// The owner has given everything back: into the group again.
  private func goOn() {
    guard case .givingUp(let member) = standing else { return }
    held = []
    if member != nil, let id {
      cluster.rejoin(id, group)
      standing = .joining
    } else {
      standing = .outside
    }
  }

  // MARK: The owner's thread

  func takeAssignments() -> [Assignment] {
    if farewell == .reported { farewell = .taken }
    defer { news.removeAll() }
    return news
  }

  func start(_ positions: [TopicPartition: Int64]) throws(LogError) {
    for (partition, offset) in positions.inOrder where owned.contains(partition) {
      fetcher.start(partition, at: offset)
    }
  }

  private func attend() throws(LogError) {
    precondition(!isClosed, "the group reader is closed")
    if farewell == .taken {
      farewell = .none
      leaving = []
      generation = nil
      goOn()
    }
    let told = rebalances
    rebalances = []
    for rebalance in told {
      switch rebalance {
      case .fenced:
        throw LogError(.recreate, "group \(group): another has taken over this identity")
      case .gained(let member, let partitions):
        owned = Set(partitions)
        generation = member
        if !partitions.isEmpty { news.append(.gained(partitions)) }
      case .lost(let partitions):
        for partition in partitions { fetcher.stop(partition) }
        owned.subtract(partitions)
        leaving.formUnion(partitions)
        if partitions.isEmpty {
          goOn()
        } else {
          news.append(.lost(partitions))
          farewell = .reported
        }
      }
    }
  }

  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    try log.enter()
    try attend()
    if !news.isEmpty { return false }
    return try fetcher.poll(into: &batch)
  }

  func knownEnd(of partition: TopicPartition) -> Int64? { fetcher.knownEnd(of: partition) }

  // MARK: Committing

  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError) {
    precondition(!isClosed, "the group reader is closed")
    guard !positions.isEmpty else { return }
    try log.enter()
    try checkOwned(positions)
    let doing = "committing offsets of group \(group)"
    try log.reach(doing)
    guard case .member(let member) = standing else {
      if case .givingUp(let member?) = standing {
        return try send(positions, metadata, as: member, doing)
      }
      throw LogError(.abort, "\(doing): the group has moved its partitions")
    }
    try send(positions, metadata, as: member, doing)
  }

  private func send(
    _ positions: [TopicPartition: Int64], _ metadata: [TopicPartition: String],
    as member: GroupMember, _ doing: String
  ) throws(LogError) {
    var offsets: [TopicPartition: CommittedOffset] = [:]
    for (partition, offset) in positions {
      offsets[partition] = CommittedOffset(offset: offset, metadata: metadata[partition] ?? "")
    }
    if world.happens(world.profile.lostRequest) {
      if world.happens(world.profile.lateRequest) {
        let due = world.now + Int64(world.random.number(in: 1..<8_000))
        cluster.send(.commit(group: group, member: member, offsets), due: due)
      }
      throw LogError(.retry, "\(doing): no answer")
    }
    switch cluster.commit(offsets, group: group, as: member) {
    case .done: break
    case .fencedName:
      throw LogError(.recreate, "\(doing): another has taken over this identity")
    case .illegalGeneration, .unknownMember:
      throw LogError(.abort, "\(doing): the group has moved its partitions")
    }
    if world.happens(world.profile.lostReply) { throw LogError(.retry, "\(doing): no answer") }
  }

  private func checkOwned(_ positions: [TopicPartition: Int64]) throws(LogError) {
    if cluster.defects.contains(.noFencing) { return }
    let gone = positions.keys.filter { !owned.contains($0) && !leaving.contains($0) }
    guard gone.isEmpty else {
      throw LogError(
        .abort, "group \(group) has moved \(gone.sorted { $0 < $1 }[0]) away from here")
    }
  }

  /// In which generation offsets of these partitions go into a transaction.
  func generation(for positions: [TopicPartition: Int64]) throws(LogError) -> GroupMember? {
    precondition(!isClosed, "the group reader is closed")
    try checkOwned(positions)
    guard let generation else {
      if cluster.defects.contains(.noFencing) { return nil }
      throw LogError(.abort, "this member is out of group \(group): poll to join it again")
    }
    return generation
  }

  /// A static member does not leave: its partitions wait for it.
  func close() {
    isClosed = true
    log.process.members.removeAll { $0 === self }
  }
}
