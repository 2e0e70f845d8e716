import Log
import TestSupport
import Testing

extension `Against a real broker` {
  @Suite struct `Writing and reading` {
    let broker = Broker.current

    @Test func `a created topic has the partitions and settings asked for`() throws {
      let log = try broker.log()
      #expect(try log.partitionCount(of: "nowhere") == nil)
      #expect(try log.topicConfig("nowhere") == nil)
      let topic = try broker.topic(log, partitions: 3, config: ["retention.ms": "3600000"])
      #expect(try log.partitionCount(of: topic) == 3)
      #expect(try log.topicConfig(topic)?["retention.ms"] == "3600000")
      #expect(try log.topicConfig(topic)?["cleanup.policy"] == "delete")
      // Once more is no error; with another count it is.
      try log.createTopic(TopicSettings(name: topic, partitions: 3))
      #expect(throws: LogError.self) {
        try log.createTopic(TopicSettings(name: topic, partitions: 4))
      }
    }

    @Test func `what is written plainly is read back whole and in order`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log, partitions: 2)
      let writer = try log.plainWriter()
      defer { writer.close() }
      for number in 0..<1_000 {
        try writer.append(
          record(
            topic, in: Int32(number % 2), key: "k\(number)", "v\(number)",
            headers: [("a", [49]), ("b", []), ("a", [50])], timestamp: 1_000 + Int64(number)))
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      for partition in 0..<2 {
        let read = try readAll(log, TopicPartition(topic, Int32(partition)))
        let expected = (0..<500).map { place in
          ReadRecord(
            offset: Int64(place), timestamp: Int64(1_000 + 2 * place + partition),
            key: "k\(2 * place + partition)", value: "v\(2 * place + partition)",
            headers: ["a=1", "b=", "a=2"])
        }
        #expect(read == expected)
      }
      #expect(try log.bounds(of: TopicPartition(topic, 1)) == 0..<500)
    }

    @Test func `a batch holds records of one partition, however they come mixed`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log, partitions: 8)
      let writer = try log.plainWriter()
      defer { writer.close() }
      let each = 4_000
      for number in 0..<8 * each {
        let partition = Int32(number % 8)
        try writer.append(record(topic, in: partition, key: "\(partition)", "v", timestamp: 1))
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      let partitions = (0..<8).map { TopicPartition(topic, Int32($0)) }
      let bounds = try log.bounds(of: partitions)
      for partition in partitions {
        #expect(bounds[partition] == 0..<Int64(each))
        #expect(try log.bounds(of: partition) == 0..<Int64(each))
      }
      let reader = try log.reader(from: bounds.mapValues(\.lowerBound))
      defer { reader.close() }
      var next: [TopicPartition: Int64] = [:]
      var batch = RecordBatch(source: partitions[0])
      while next.values.reduce(0, +) < Int64(8 * each) {
        try #require(try reader.poll(into: &batch, timeoutMs: 10_000))
        for entry in batch.entries {
          #expect(entry.offset == next[batch.source, default: 0])
          #expect(batch.bytes[entry.key!] == Array("\(batch.source.partition)".utf8)[...])
          next[batch.source] = entry.offset + 1
        }
      }
    }

    @Test func `missing and empty keys and values stay what they are`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let writer = try log.plainWriter()
      defer { writer.close() }
      for (key, value) in [(nil, []), ([], nil), ([], []), (nil, nil)] as [([UInt8]?, [UInt8]?)] {
        try writer.append(
          OutRecord(topic: topic, partition: 0, key: key, value: value, timestamp: 5))
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      let read = try readAll(log, TopicPartition(topic, 0))
      #expect(read.map(\.key) == [nil, "", "", nil])
      #expect(read.map(\.value) == ["", nil, "", nil])
    }

    @Test func `a batch has room behind its last byte`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let writer = try log.plainWriter()
      defer { writer.close() }
      try writer.append(record(topic, "last"))
      try writer.commit(offsets: [:], group: "", reader: nil)
      let source = TopicPartition(topic, 0)
      let reader = try log.reader(from: [source: 0])
      defer { reader.close() }
      var batch = RecordBatch(source: source)
      try wait("a record") { try reader.poll(into: &batch, timeoutMs: 100) }
      let end = batch.entries.last!.value!.upperBound
      #expect(batch.bytes.count - end >= RecordBatch.padding)
    }

    @Test func `a transaction is seen when it commits and not before`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let writer = try log.transactionalWriter(id: "seen-\(topic)")
      defer { writer.close() }
      try writer.append(record(topic, "one"))
      #expect(try readAll(log, source).isEmpty)
      try writer.commit(offsets: [source: 7], group: "g-\(topic)", reader: nil)
      // The commit itself takes an offset, as soon as the broker has spread it.
      try wait("the commit's mark") { try log.bounds(of: source) == 0..<2 }
      #expect(try readAll(log, source).map(\.value) == ["one"])
      #expect(try log.committed(group: "g-\(topic)", [source]) == [source: 7])
    }

    @Test func `an aborted transaction is never seen, nor are its offsets`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let writer = try log.transactionalWriter(id: "aborted-\(topic)")
      defer { writer.close() }
      for round in 0..<4 {
        for number in 0..<10 { try writer.append(record(topic, "\(round).\(number)")) }
        if round % 2 == 0 {
          try writer.abort()
        } else {
          try writer.commit(offsets: [source: Int64(round)], group: "g-\(topic)", reader: nil)
        }
      }
      try wait("the last commit's mark") { try log.bounds(of: source).upperBound == 44 }
      let read = try readAll(log, source)
      #expect(read.map(\.value) == [1, 3].flatMap { r in (0..<10).map { "\(r).\($0)" } })
      #expect(try log.committed(group: "g-\(topic)", [source]) == [source: 3])
      #expect(try log.committed(group: "other-\(topic)", [source]).isEmpty)
    }

    @Test func `the reachable end stays before an open transaction`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let plain = try log.plainWriter()
      defer { plain.close() }
      try plain.append(record(topic, "before"))
      try plain.commit(offsets: [:], group: "", reader: nil)
      // A linger of nothing, so that the record is on its way while the transaction is open.
      let hasty = try broker.log { try $0.set("linger.ms", "0", from: "test") }
      let open = try hasty.transactionalWriter(id: "open-\(topic)")
      defer { open.close() }
      try open.append(record(topic, "open"))
      try wait("the open record at the broker") {
        try broker.kcat(["-Q", "-t", "\(topic):0:-1", "-X", "isolation.level=read_uncommitted"])
          .contains("offset 2")
      }
      #expect(try log.bounds(of: source) == 0..<1)
      #expect(try readAll(log, source).map(\.value) == ["before"])
      try open.abort()
      try wait("the abort's mark") { try log.bounds(of: source) == 0..<3 }
      #expect(try readAll(log, source).map(\.value) == ["before"])
    }

    @Test func `a second writer of the same id fences the first`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let first = try log.transactionalWriter(id: "fenced-\(topic)")
      defer { first.close() }
      try first.append(record(topic, "of the first"))
      let second = try log.transactionalWriter(id: "fenced-\(topic)")
      defer { second.close() }
      let error = #expect(throws: LogError.self) {
        try first.commit(offsets: [:], group: "", reader: nil)
      }
      #expect(error?.remedy == .recreate)
      #expect(throws: LogError.self) { try first.append(record(topic, "again")) }
      try second.append(record(topic, "of the second"))
      try second.commit(offsets: [:], group: "", reader: nil)
      let source = TopicPartition(topic, 0)
      try wait("the second's record") {
        try readAll(log, source).map(\.value) == ["of the second"]
      }
    }

    @Test func `a record too large for the topic ends the plain writer before a gap`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log, config: ["max.message.bytes": "1000"])
      let writer = try log.plainWriter()
      defer { writer.close() }
      try writer.append(record(topic, "small"))
      try writer.commit(offsets: [:], group: "", reader: nil)
      var random = SplitMix64(seed: 1)
      let large = (0..<5_000).map { _ in String(random.next() % 10) }.joined()
      let error = #expect(throws: LogError.self) {
        try writer.append(record(topic, large))
        for number in 0..<100 { try writer.append(record(topic, "after \(number)")) }
        try writer.commit(offsets: [:], group: "", reader: nil)
      }
      #expect(error?.message.contains("\n") == false)
      #expect(throws: LogError.self) { try writer.append(record(topic, "more")) }
      #expect(try readAll(log, TopicPartition(topic, 0)).map(\.value) == ["small"])
    }

    @Test func `one too large in a transaction is aborted with it, and the writer goes on`() throws
    {
      let log = try broker.log()
      let topic = try broker.topic(log, config: ["max.message.bytes": "1000"])
      let source = TopicPartition(topic, 0)
      let writer = try log.transactionalWriter(id: "large-\(topic)")
      defer { writer.close() }
      var random = SplitMix64(seed: 1)
      let large = (0..<5_000).map { _ in String(random.next() % 10) }.joined()
      try writer.append(record(topic, "small"))
      let error = try #require(throws: LogError.self) {
        try writer.append(record(topic, large))
        try writer.commit(offsets: [source: 1], group: "g-\(topic)", reader: nil)
      }
      #expect(error.remedy == .stop)
      #expect(error.message.contains("max.message.bytes"))
      try writer.abort()
      try writer.append(record(topic, "next"))
      try writer.commit(offsets: [source: 2], group: "g-\(topic)", reader: nil)
      try wait("the next") { try readAll(log, source).map(\.value) == ["next"] }
      #expect(try log.committed(group: "g-\(topic)", [source]) == [source: 2])
    }

    @Test func `an ordinary client reads what we wrote`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let writer = try log.transactionalWriter(id: "kcat-\(topic)")
      defer { writer.close() }
      for number in 0..<3 {
        try writer.append(record(topic, key: "k\(number)", "v\(number)", headers: [("h", [120])]))
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      try wait("the commit's mark") { try log.bounds(of: TopicPartition(topic, 0)) == 0..<4 }
      let said = try broker.kcat(["-C", "-t", topic, "-e", "-q", "-f", "%o %T %k %s %h\n"])
      #expect(
        said == (0..<3).map { "\($0) 1700000000000 k\($0) v\($0) h=x\n" }.joined())
    }

    @Test(arguments: ["none", "lz4", "gzip", "zstd"])
    func `a broker's segment file holds what its client read`(codec: String) throws {
      let log = try broker.log { try $0.set("compression.type", codec, from: "test") }
      let topic = try broker.topic(log)
      let writer = try log.plainWriter()
      defer { writer.close() }
      for number in 0..<1_000 {
        try writer.append(
          record(
            topic, key: number % 3 == 0 ? nil : "k\(number)", "value value value \(number)",
            headers: number % 2 == 0 ? [] : [("h", [120]), ("empty", [])],
            timestamp: 1_000 + Int64(number * 7 % 100)))
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      let archive = try SegmentArchive(
        path: broker.folder + "/1/data/\(topic)-0/00000000000000000000.log")
      #expect(archive.source == TopicPartition(topic, 0))
      var records: [ReadRecord] = []
      var batch = RecordBatch(source: archive.source)
      while try archive.next(into: &batch) { records += batch.records }
      #expect(records.count == 1_000)
      #expect(try records == readAll(log, TopicPartition(topic, 0)))
    }

    @Test func `a broker's segment file tells which transactions were aborted`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let writer = try log.transactionalWriter(id: "segment-\(topic)")
      defer { writer.close() }
      for round in 0..<6 {
        for number in 0..<10 { try writer.append(record(topic, "\(round).\(number)")) }
        if round % 3 == 1 {
          try writer.abort()
        } else {
          try writer.commit(offsets: [:], group: "", reader: nil)
        }
      }
      try wait("the last commit's mark") { try log.bounds(of: source).upperBound == 66 }
      let archive = try SegmentArchive(path: broker.folder + "/1/data/\(topic)-0")
      var records: [ReadRecord] = []
      var batch = RecordBatch(source: archive.source)
      while try archive.next(into: &batch) { records += batch.records }
      #expect(
        records.map { $0.value!.first! }
          == Array("0235").flatMap { Array(repeating: $0, count: 10) })
      #expect(try records == readAll(log, source))
    }

    @Test(arguments: ["none", "lz4", "gzip", "snappy", "zstd"])
    func `we read what an ordinary client wrote`(codec: String) throws {
      let log = try broker.log()
      let topic = try broker.topic(log, partitions: 2)
      let lines = (0..<500).map { "key\($0):value value value \($0)" }
      _ = try broker.kcat(
        ["-P", "-t", topic, "-p", "1", "-K", ":", "-X", "compression.codec=\(codec)"],
        input: lines.joined(separator: "\n") + "\n")
      let read = try readAll(log, TopicPartition(topic, 1))
      #expect(read.map { "\($0.key!):\($0.value!)" } == lines)
      #expect(read.map(\.offset) == (0..<500).map { Int64($0) })
      #expect(try readAll(log, TopicPartition(topic, 1), from: 498).map(\.offset) == [498, 499])
    }
  }
}
