import Log
import TestSupport
import Testing

/// A member as the product drives one: takes what it is given, starts it at the committed offsets,
/// reads, and commits before it gives a partition up.
final class Member {
  let reader: any GroupReader
  private let log: KafkaLog
  private let group: String
  private(set) var owned: Set<TopicPartition> = []
  private(set) var positions: [TopicPartition: Int64] = [:]
  private(set) var news: [Assignment] = []
  private(set) var values: [TopicPartition: [String]] = [:]
  private var batch = RecordBatch(source: TopicPartition("", 0))

  init(_ log: KafkaLog, _ group: String, _ topic: String) throws {
    self.log = log
    self.group = group
    reader = try log.groupReader(group: group, topics: [topic])
  }

  /// Commits how far it has read.
  func commitAll() throws { try reader.commit(positions) }

  func committed(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
    try log.committed(group: group, partitions)
  }

  func turn() throws {
    if try reader.poll(into: &batch, timeoutMs: 20) {
      #expect(owned.contains(batch.source), "records of a partition that is not ours")
      positions[batch.source] = batch.nextOffset
      values[batch.source, default: []] += batch.records.map { $0.value! }
    }
    for change in reader.takeAssignments() {
      news.append(change)
      switch change {
      case .gained(let partitions):
        owned.formUnion(partitions)
        let committed = try log.committed(group: group, partitions)
        let start = Dictionary(uniqueKeysWithValues: partitions.map { ($0, committed[$0] ?? 0) })
        positions.merge(start) { $1 }
        try reader.start(start)
      case .lost(let partitions):
        owned.subtract(partitions)
        do {
          try reader.commit(positions.filter { partitions.contains($0.key) })
        } catch {
          // Put out before: whoever has the partitions now reads these records again.
          guard error.remedy == .abort else { throw error }
        }
        for partition in partitions { positions[partition] = nil }
      }
    }
  }
}

extension `Against a real broker` {
  @Suite struct `A consumer group` {
    let broker = Broker.current

    func fill(_ log: KafkaLog, _ topic: String, partitions: Int, _ numbers: Range<Int>) throws {
      let writer = try log.plainWriter()
      defer { writer.close() }
      for number in numbers {
        for partition in 0..<partitions {
          try writer.append(record(topic, in: Int32(partition), "\(number)"))
        }
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
    }

    func texts(_ numbers: Range<Int>) -> [String] { numbers.map { "\($0)" } }

    @Test func `a lone member gets all partitions, and reads from where it starts them`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log, partitions: 3)
      let all = (0..<3).map { TopicPartition(topic, $0) }
      try fill(log, topic, partitions: 3, 0..<10)
      let reader = try log.groupReader(group: "g-\(topic)", topics: [topic])
      defer { reader.close() }
      var batch = RecordBatch(source: all[0])
      var news: [Assignment] = []
      try wait("the assignment") {
        let came = try reader.poll(into: &batch, timeoutMs: 50)
        #expect(!came, "nothing was started yet")
        news += reader.takeAssignments()
        return !news.isEmpty
      }
      guard case .gained(let gained) = news[0] else {
        Issue.record("no gain")
        return
      }
      #expect(Set(gained) == Set(all))
      try reader.start([all[0]: 4, all[1]: 9])
      var read: [TopicPartition: [String]] = [:]
      try wait("both ends") {
        if try reader.poll(into: &batch, timeoutMs: 50) {
          read[batch.source, default: []] += batch.records.map { $0.value! }
        }
        return reader.knownEnd(of: all[0]) == 10 && reader.knownEnd(of: all[1]) == 10
          && (read[all[0]]?.count, read[all[1]]?.count) == (6, 1)
      }
      #expect(read == [all[0]: texts(4..<10), all[1]: ["9"]])
      // Started once more further back: the same records again, and none is left out.
      try reader.start([all[0]: 2])
      read = [:]
      try wait("the end again") {
        if try reader.poll(into: &batch, timeoutMs: 50) {
          read[batch.source, default: []] += batch.records.map { $0.value! }
        }
        return read[all[0]]?.count == 8
      }
      #expect(read == [all[0]: texts(2..<10)])
      try reader.commit([all[0]: 10, all[2]: 1], metadata: [all[0]: "seen=9:ab"])
      #expect(try log.committed(group: "g-\(topic)", all) == [all[0]: 10, all[2]: 1])
      #expect(
        try log.commits(group: "g-\(topic)", all)
          == [all[0]: .init(offset: 10, metadata: "seen=9:ab"), all[2]: .init(offset: 1)])
    }

    @Test func `a second member takes its share over where the first has committed`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log, partitions: 4)
      try fill(log, topic, partitions: 4, 0..<50)
      let first = try Member(log, "g-\(topic)", topic)
      defer { first.reader.close() }
      try wait("all records at the first") {
        try first.turn()
        return first.values.values.map(\.count).reduce(0, +) == 200
      }
      #expect(first.owned.count == 4)
      let second = try Member(log, "g-\(topic)", topic)
      defer { second.reader.close() }
      try wait("two partitions each") {
        try first.turn()
        try second.turn()
        return first.owned.count == 2 && second.owned.count == 2
      }
      #expect(first.owned.isDisjoint(with: second.owned))
      try fill(log, topic, partitions: 4, 50..<80)
      try wait("the rest, once") {
        try first.turn()
        try second.turn()
        return first.values.values.map(\.count).reduce(0, +) == 260
          && second.values.values.map(\.count).reduce(0, +) == 60
      }
      for partition in 0..<4 {
        let source = TopicPartition(topic, Int32(partition))
        let read = (first.values[source] ?? []) + (second.values[source] ?? [])
        #expect(read == texts(0..<80))
      }
      second.reader.close()
      try wait("all partitions at the first again") {
        try first.turn()
        return first.owned.count == 4
      }
    }

    @Test func `offsets are committed with the transaction of their reader`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let member = try Member(log, "g-\(topic)", topic)
      defer { member.reader.close() }
      try wait("the partition") {
        try member.turn()
        return member.owned == [source]
      }
      let writer = try log.transactionalWriter(id: "group-\(topic)")
      defer { writer.close() }
      try writer.append(record(topic, "one"))
      try writer.commit(offsets: [source: 1], group: "g-\(topic)", reader: member.reader)
      #expect(try log.committed(group: "g-\(topic)", [source]) == [source: 1])
      try writer.append(record(topic, "two"))
      try writer.abort()
      #expect(try log.committed(group: "g-\(topic)", [source]) == [source: 1])
      // Offsets alone are a transaction too.
      try writer.commit(offsets: [source: 5], group: "g-\(topic)", reader: member.reader)
      #expect(try log.committed(group: "g-\(topic)", [source]) == [source: 5])
    }

    @Test func `a member that was put out cannot commit, in a transaction or without`() throws {
      let topic = try broker.topic(try broker.log(), partitions: 2)
      let group = "g-\(topic)"
      let all = (0..<2).map { TopicPartition(topic, $0) }
      let log = try broker.log {
        try $0.set("session.timeout.ms", "6000", from: "test")
        try $0.set("max.poll.interval.ms", "6000", from: "test")
      }
      let slow = try Member(log, group, topic)
      defer { slow.reader.close() }
      try wait("all at the first") {
        try slow.turn()
        return slow.owned.count == 2
      }
      let writer = try log.transactionalWriter(id: "slow-\(topic)")
      defer { writer.close() }
      try writer.append(record(topic, "from one that was put out"))
      // The first is not polled any more.
      let second = try Member(log, group, topic)
      defer { second.reader.close() }
      try wait("all at the second") {
        try second.turn()
        return second.owned.count == 2
      }
      let error = #expect(throws: LogError.self) {
        try writer.commit(offsets: [all[0]: 1], group: group, reader: slow.reader)
      }
      #expect(error?.remedy == .abort)
      #expect(throws: LogError.self) { try slow.reader.commit([all[0]: 1]) }
      try writer.abort()
      #expect(try log.committed(group: group, all).isEmpty)
      try wait("a share each") {
        try slow.turn()
        try second.turn()
        return slow.owned.count == 1 && second.owned.count == 1
      }
      // In the group again, but not with what it had.
      let lost = second.owned.first!
      let late = #expect(throws: LogError.self) {
        try writer.commit(offsets: [lost: 1], group: group, reader: slow.reader)
      }
      #expect(late?.remedy == .abort)
    }

    @Test func `a named member that comes back soon moves no partition of the others`() throws {
      let plain = try broker.log()
      let topic = try broker.topic(plain, partitions: 2)
      let named = try broker.log { $0.memberName = "one-\(topic)" }
      var first = try Member(named, "g-\(topic)", topic)
      let second = try Member(plain, "g-\(topic)", topic)
      defer { second.reader.close() }
      try wait("a share each") {
        try first.turn()
        try second.turn()
        return first.owned.count == 1 && second.owned.count == 1
      }
      let share = first.owned
      let before = second.news.count
      first.reader.close()
      first = try Member(named, "g-\(topic)", topic)
      defer { first.reader.close() }
      try wait("the same share") {
        try first.turn()
        try second.turn()
        return !first.owned.isEmpty
      }
      #expect(first.owned == share)
      #expect(second.news.count == before)
    }
  }
}
