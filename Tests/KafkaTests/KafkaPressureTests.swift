import Log
import TestSupport
import Testing

extension `Against a real broker` {
  @Suite struct `Back-pressure and large records` {
    let broker = Broker.current

    init() { broker.proxy.clear() }

    /// Bytes that no codec makes smaller.
    func noise(_ count: Int, seed: UInt64) -> [UInt8] {
      var random = SplitMix64(seed: seed)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(count + 8)
      while bytes.count < count {
        var number = random.next()
        for _ in 0..<8 {
          bytes.append(UInt8(truncatingIfNeeded: number))
          number >>= 8
        }
      }
      return Array(bytes.prefix(count))
    }

    func large(_ topic: String, _ value: [UInt8]) -> OutRecord {
      OutRecord(topic: topic, partition: 0, key: [1], value: value, timestamp: 5)
    }

    @Test(arguments: [false, true])
    func `a broker that stands still fills a bounded queue, then append says so`(
      isTransactional: Bool
    ) throws {
      let lines = Lines()
      let log = try broker.log(lines: lines) {
        $0.commitMs = 4_000
        try $0.set("queue.buffering.max.kbytes", "2048", from: "test")
      }
      let topic = try broker.topic(log)
      let writer =
        isTransactional
        ? try log.transactionalWriter(id: "full-\(topic)") : try log.plainWriter()
      defer { writer.close() }
      try writer.append(large(topic, [1]))
      try writer.commit(offsets: [:], group: "", reader: nil)
      try broker.freeze()
      var count = 0
      let result = Result {
        while count < 10_000 {
          try writer.append(large(topic, noise(1_000, seed: UInt64(count))))
          count += 1
        }
      }
      try broker.resume()
      let error = try #require(throws: LogError.self) { try result.get() }
      #expect(error.remedy == .retry)
      #expect(error.message.contains("no room") && error.message.contains("wait for the brokers"))
      #expect((1_500...2_200).contains(count), "as many as have room")
      #expect(lines.all.contains { $0.contains("records wait for the brokers") })
      try wait("room again") {
        do {
          try writer.append(large(topic, [2]))
          return true
        } catch let error as LogError where error.remedy == .retry { return false }
      }
      try wait("all of it") {
        do {
          try writer.commit(offsets: [:], group: "", reader: nil)
          return true
        } catch let error as LogError where error.remedy == .retry { return false }
      }
      try wait("what was taken, and no more") {
        try readAll(log, TopicPartition(topic, 0)).count == count + 2
      }
    }

    @Test func `a reader that nobody polls keeps a bounded part of the topic in memory`() throws {
      let log = try broker.log {
        try $0.set("queued.max.messages.kbytes", "4096", from: "test")
      }
      let topic = try broker.topic(log)
      let writer = try log.plainWriter()
      let value = noise(100_000, seed: 3)
      for _ in 0..<1_000 { try writer.append(large(topic, value)) }
      try writer.commit(offsets: [:], group: "", reader: nil)
      writer.close()
      let before = try residentBytes()
      let source = TopicPartition(topic, 0)
      let reader = try log.reader(from: [source: 0])
      defer { reader.close() }
      usleepMs(2_500)
      #expect(try residentBytes() - before < 50_000_000)
      var batch = RecordBatch(source: source)
      var next: Int64 = 0
      try wait("the end") {
        if try reader.poll(into: &batch, timeoutMs: 100) {
          #expect(batch.entries.first?.offset ?? next == next)
          next = batch.nextOffset
        }
        return next == 1_000
      }
    }

    func residentBytes() throws -> Int {
      let pages = try fileText("/proc/self/statm").split(separator: " ")[1]
      return (Int(pages) ?? 0) * 4096
    }

    @Test func `records of 16 MiB pass, in a transaction and among small ones`() throws {
      let contract = TopicContract.state
      let log = try broker.log()
      let topic = try broker.topic(log, config: contract.settings(journalPartitions: 1).config)
      let values = [[1], noise(16 << 20, seed: 1), [2], noise(16 << 20, seed: 2), [3]]
      let writer = try log.transactionalWriter(id: "large-\(topic)")
      defer { writer.close() }
      for value in values { try writer.append(large(topic, value)) }
      try writer.commit(offsets: [:], group: "", reader: nil)
      let source = TopicPartition(topic, 0)
      let reader = try log.reader(from: [source: 0])
      defer { reader.close() }
      var batch = RecordBatch(source: source)
      var read: [[UInt8]] = []
      try wait("all five") {
        if try reader.poll(into: &batch, timeoutMs: 100) {
          read += batch.entries.map { Array(batch.bytes[$0.value!]) }
        }
        return read.count == 5
      }
      #expect(read == values)
    }
  }
}
