import Log
import TestSupport
import Testing

extension `Against a real broker` {
  /// Members with names, as the processes of one installation are.
  @Suite struct `Members that come and go` {
    let broker = Broker.current

    init() { broker.proxy.clear() }

    /// A process: the shortest session that the broker allows, so that the dead are noticed soon.
    func process(_ name: String, isProxied: Bool = false) throws -> KafkaLog {
      try broker.log(isProxied: isProxied) {
        $0.memberName = name
        $0.requestMs = 3_000
        $0.commitMs = 5_000
        try $0.set("session.timeout.ms", "6000", from: "test")
      }
    }

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

    func turnAll(_ members: [Member]) throws { for member in members { try member.turn() } }

    /// Until every partition is read to `count` by somebody.
    func read(_ members: [Member], _ all: [TopicPartition], to count: Int64) throws {
      try wait("all records up to \(count)") {
        try turnAll(members)
        return all.allSatisfy { source in
          members.contains { $0.owned.contains(source) && $0.positions[source] == count }
        }
      }
    }

    /// What was committed in the end was read once, by whoever had it: in order, without a gap.
    func expectWhole(_ members: [Member], _ all: [TopicPartition], count: Int) {
      for source in all {
        let read = members.flatMap { $0.values[source] ?? [] }.compactMap { Int($0) }
        #expect(read.sorted() == Array(0..<count), "\(source)")
      }
    }

    @Test func `two join a third, one leaves for good: all goes on where it was`() throws {
      let plain = try broker.log()
      let topic = try broker.topic(plain, partitions: 6)
      let all = (0..<6).map { TopicPartition(topic, $0) }
      let group = "g-\(topic)"
      try fill(plain, topic, partitions: 6, 0..<10)
      var members = [try Member(try process("a-\(topic)"), group, topic)]
      try read(members, all, to: 10)
      for name in ["b", "c"] {
        members.append(try Member(try process("\(name)-\(topic)"), group, topic))
        try wait("equal shares") {
          try turnAll(members)
          return members.allSatisfy { $0.owned.count == 6 / members.count }
        }
      }
      try fill(plain, topic, partitions: 6, 10..<20)
      try read(members, all, to: 20)
      expectWhole(members, all, count: 20)
      // A named member that closes keeps its place for a session, as one that crashes does.
      try members[1].commitAll()
      members[1].reader.close()
      let left = [members[0], members[2]]
      try wait("three each") {
        try turnAll(left)
        return left.allSatisfy { $0.owned.count == 3 }
      }
      try fill(plain, topic, partitions: 6, 20..<30)
      try read(left, all, to: 30)
      expectWhole(members, all, count: 30)
      for member in left { member.reader.close() }
    }

    @Test func `a rolling restart moves nothing and rereads nothing`() throws {
      let plain = try broker.log()
      let topic = try broker.topic(plain, partitions: 3)
      let all = (0..<3).map { TopicPartition(topic, $0) }
      let group = "g-\(topic)"
      let names = ["a", "b", "c"].map { "\($0)-\(topic)" }
      var members = try names.map { try Member(try process($0), group, topic) }
      try wait("one each") {
        try turnAll(members)
        return members.allSatisfy { $0.owned.count == 1 }
      }
      var old: [Member] = []
      for (index, name) in names.enumerated() {
        let count = 10 * (index + 1)
        try fill(plain, topic, partitions: 3, (count - 10)..<count)
        try read(members, all, to: Int64(count))
        for member in members { try member.commitAll() }
        let share = members[index].owned
        let others = members.indices.filter { $0 != index }
        let before = others.map { members[$0].news.count }
        members[index].reader.close()
        old.append(members[index])
        members[index] = try Member(try process(name), group, topic)
        try wait("its share again") {
          try turnAll(members)
          return !members[index].owned.isEmpty
        }
        #expect(members[index].owned == share)
        #expect(others.map { members[$0].news.count } == before)
      }
      try fill(plain, topic, partitions: 3, 30..<40)
      try read(members, all, to: 40)
      expectWhole(members + old, all, count: 40)
      for member in members { member.reader.close() }
    }

    @Test func `of two processes of one name the older stops, and says why`() throws {
      let topic = try broker.topic(try broker.log(), partitions: 2)
      let (group, name) = ("g-\(topic)", "one-\(topic)")
      let olderLog = try process(name)
      let older = try Member(olderLog, group, topic)
      defer { older.reader.close() }
      try wait("all at the older") {
        try older.turn()
        return older.owned.count == 2
      }
      let newer = try Member(try process(name), group, topic)
      defer { newer.reader.close() }
      try wait("all at the newer") {
        try newer.turn()
        return newer.owned.count == 2
      }
      var word: LogError?
      try wait("the older to hear of it") {
        do { try older.turn() } catch let error as LogError { word = error }
        return word != nil
      }
      let error = try #require(word)
      #expect(error.remedy == .stop)
      #expect(error.message.contains(name) && error.message.contains("--listen"))
      // Nor may it open what the newer one owns by now.
      #expect(throws: error) { _ = try olderLog.transactionalWriter(id: "w-\(topic)") }
      #expect(throws: error) { _ = try olderLog.groupReader(group: group, topics: [topic]) }
      try newer.turn()
      #expect(newer.owned.count == 2)
    }

    @Test func `a replaced process's transaction is refused, by id and by name`() throws {
      let topic = try broker.topic(try broker.log())
      let source = TopicPartition(topic, 0)
      for id in ["same", "other"] {
        let (group, name) = ("g-\(topic)-\(id)", "zombie-\(topic)-\(id)")
        let olderLog = try process(name)
        let older = try Member(olderLog, group, topic)
        defer { older.reader.close() }
        try wait("the partition") {
          try older.turn()
          return older.owned == [source]
        }
        let writer = try olderLog.transactionalWriter(id: "w-\(topic)")
        try writer.append(record(topic, "of the older"))
        let newerLog = try process(name)
        let next = try newerLog.transactionalWriter(
          id: id == "same" ? "w-\(topic)" : "v-\(topic)")
        let newer = try Member(newerLog, group, topic)
        defer { newer.reader.close() }
        try wait("the partition at the newer") {
          try newer.turn()
          return newer.owned == [source]
        }
        let error = try #require(throws: LogError.self) {
          try writer.commit(offsets: [source: 7], group: group, reader: older.reader)
        }
        #expect(error.remedy == .stop, "\(id): \(error.message)")
        writer.close()
        try next.commit(offsets: [source: 1], group: group, reader: newer.reader)
        next.close()
        #expect(try newerLog.committed(group: group, [source]) == [source: 1])
      }
      #expect(try readAll(try broker.log(), source).isEmpty)
    }

    /// As a process does that stood still (SIGSTOP), or a network that was cut.
    @Test func `one that was out of reach too long finds its partitions taken`() throws {
      let topic = try broker.topic(try broker.log(), partitions: 2)
      let all = (0..<2).map { TopicPartition(topic, $0) }
      let group = "g-\(topic)"
      let lostLog = try process("lost-\(topic)", isProxied: true)
      let lost = try Member(lostLog, group, topic)
      defer { lost.reader.close() }
      try wait("all at the first") {
        try lost.turn()
        return lost.owned.count == 2
      }
      let writer = try lostLog.transactionalWriter(id: "lost-\(topic)")
      defer { writer.close() }
      try writer.append(record(topic, "from one out of reach"))
      broker.proxy.cut()
      let other = try Member(try process("other-\(topic)"), group, topic)
      defer { other.reader.close() }
      try wait("all at the other") {
        try other.turn()
        return other.owned.count == 2
      }
      broker.proxy.mend()
      let error = try #require(throws: LogError.self) {
        try writer.commit(offsets: [all[0]: 1], group: group, reader: lost.reader)
      }
      #expect(error.remedy == .abort || error.remedy == .recreate, "\(error.message)")
      #expect(try other.committed(all).isEmpty)
      try wait("a share each") {
        try lost.turn()
        try other.turn()
        return lost.owned.count == 1 && other.owned.count == 1
      }
    }
  }
}
