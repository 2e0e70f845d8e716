import CRdKafka
import Log
import TestSupport
import Testing

extension `Against a real broker` {
  /// What an operator gets wrong ends in one clear line, soon.
  @Suite struct `What an operator gets wrong` {
    let broker = Broker.current

    /// The error of `body`, which names all of `words`, takes one line and keeps secrets.
    func refusal(
      _ remedy: LogError.Remedy, naming words: [String], within seconds: Int = 5,
      _ body: () throws -> Void
    ) throws {
      let start = ContinuousClock.now
      let error = try #require(throws: LogError.self) { try body() }
      #expect(ContinuousClock.now - start < .seconds(seconds))
      #expect(error.remedy == remedy)
      for word in words { #expect(error.message.contains(word)) }
      #expect(!error.message.contains("\n"))
      #expect(!error.message.contains("secret"))
    }

    @Test func `the right user gets in over TLS and may all that it needs`() throws {
      let log = try broker.log(user: "kairos")
      let topic = try broker.topic(log)
      let writer = try log.transactionalWriter(id: "secure-\(topic)")
      defer { writer.close() }
      try writer.append(record(topic, "kept from others"))
      try writer.commit(
        offsets: [TopicPartition(topic, 0): 3], group: "g-\(topic)", reader: nil)
      try wait("the record") {
        try readAll(log, TopicPartition(topic, 0)).map(\.value) == ["kept from others"]
      }
    }

    @Test func `nothing listens at the address`() throws {
      try refusal(.retry, naming: ["127.0.0.1:9", "Connection refused", "bootstrap.servers"]) {
        var settings = KafkaSettings(bootstrapServers: "127.0.0.1:9")
        settings.connectMs = 2_000
        _ = try KafkaLog(settings)
      }
    }

    @Test func `the host is unknown`() throws {
      try refusal(.retry, naming: ["no-such-host.invalid", "bootstrap.servers"]) {
        var settings = KafkaSettings(bootstrapServers: "no-such-host.invalid:9092")
        settings.connectMs = 2_000
        _ = try KafkaLog(settings)
      }
    }

    @Test func `the password is wrong`() throws {
      try refusal(.stop, naming: ["log-in of user 'kairos'", "sasl.password"]) {
        _ = try broker.log(user: "kairos") {
          try $0.set("sasl.password", "wrong-secret", from: "test")
        }
      }
    }

    @Test func `SCRAM does not work before librdkafka 2.6.1, and that is said`() throws {
      guard rd_kafka_version() < 0x0206_01ff else {
        let log = try broker.log(user: "kairos") {
          try $0.set("sasl.mechanism", "SCRAM-SHA-512", from: "test")
        }
        #expect(try log.partitionCount(of: "nowhere") == nil)
        return
      }
      try refusal(.stop, naming: ["librdkafka before 2.6.1"]) {
        _ = try broker.log(user: "kairos") {
          try $0.set("sasl.mechanism", "SCRAM-SHA-512", from: "test")
        }
      }
    }

    @Test func `the broker's certificate is not trusted`() throws {
      try refusal(.stop, naming: ["TLS", "ssl.ca.location"]) {
        var settings = try broker.secureSettings()
        let other = broker.folder + "/node.crt"
        try settings.set("ssl.ca.location", other, from: "test")
        _ = try KafkaLog(settings)
      }
    }

    @Test func `TLS is left out where it is needed`() throws {
      try refusal(.retry, naming: ["security.protocol"]) {
        let secure = try broker.secureSettings()
        var settings = KafkaSettings(bootstrapServers: secure.bootstrapServers)
        settings.connectMs = 2_000
        _ = try KafkaLog(settings)
      }
    }

    @Test func `a user without rights`() throws {
      let topic = try broker.topic(try broker.log())
      let guest = try broker.log(user: "guest")
      let source = TopicPartition(topic, 0)
      try refusal(.stop, naming: [topic, "'guest'", "grant"]) {
        _ = try guest.reader(from: [source: 0])
      }
      try refusal(.stop, naming: [topic, "'guest'", "grant"]) {
        _ = try guest.groupReader(group: "g", topics: [topic])
      }
      try refusal(.stop, naming: [topic, "'guest'", "grant"]) {
        try guest.createTopic(TopicSettings(name: "new-\(topic)", partitions: 1))
      }
      try refusal(.stop, naming: ["group g", "'guest'", "grant"]) {
        _ = try guest.committed(group: "g", [source])
      }
      try refusal(.stop, naming: ["transactional id t", "grant"]) {
        _ = try guest.transactionalWriter(id: "t")
      }
      let writer = try guest.plainWriter()
      defer { writer.close() }
      try refusal(.stop, naming: [topic, "'guest'", "grant"]) {
        try writer.append(record(topic, "no"))
      }
    }

    @Test func `the topic is missing`() throws {
      let log = try broker.log()
      try refusal(.stop, naming: ["no-topic", "kairos topics apply"]) {
        _ = try log.reader(from: [TopicPartition("no-topic", 0): 0])
      }
      try refusal(.stop, naming: ["no-topic", "kairos topics apply"]) {
        _ = try log.groupReader(group: "g", topics: ["no-topic"])
      }
      try refusal(.stop, naming: ["no-topic", "kairos topics apply"]) {
        _ = try log.bounds(of: TopicPartition("no-topic", 0))
      }
      let writer = try log.plainWriter()
      defer { writer.close() }
      try refusal(.stop, naming: ["no-topic", "kairos topics apply"]) {
        try writer.append(record("no-topic", "no"))
      }
    }

    @Test func `the partition is missing`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      try refusal(.stop, naming: [topic, "no partition 1"]) {
        _ = try log.reader(from: [TopicPartition(topic, 1): 0])
      }
      let writer = try log.plainWriter()
      defer { writer.close() }
      try refusal(.stop, naming: [topic, "no partition 1"]) {
        try writer.append(record(topic, in: 1, "no"))
      }
    }

    @Test func `the offset is not in the log`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let reader = try log.reader(from: [source: 100])
      defer { reader.close() }
      var batch = RecordBatch(source: source)
      try refusal(.stop, naming: ["\(topic)[0] ends at 0", "100 was to be read", "made anew"]) {
        try wait("the error") { try reader.poll(into: &batch, timeoutMs: 100) }
      }
    }

    @Test func `the records to be read next have been deleted`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let writer = try log.plainWriter()
      for number in 0..<10 { try writer.append(record(topic, "\(number)")) }
      try writer.commit(offsets: [:], group: "", reader: nil)
      writer.close()
      try broker.deleteRecords(topic, before: 6)
      let source = TopicPartition(topic, 0)
      let reader = try log.reader(from: [source: 4])
      defer { reader.close() }
      var batch = RecordBatch(source: source)
      try refusal(.stop, naming: ["\(topic)[0] begins at 6", "4 was to be read", "retention.ms"]) {
        try wait("the error") { try reader.poll(into: &batch, timeoutMs: 100) }
      }
      #expect(try readAll(log, source, from: 6).count == 4)
    }

    @Test func `a topic was made anew under a reader that was ahead of it`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let writer = try log.plainWriter()
      for number in 0..<10 { try writer.append(record(topic, "\(number)")) }
      try writer.commit(offsets: [:], group: "", reader: nil)
      writer.close()
      let reader = try log.reader(from: [source: 0])
      defer { reader.close() }
      _ = try readToEnd(reader, source, from: 0)
      try broker.deleteTopic(topic)
      try wait("the topic to be gone") { try log.partitionCount(of: topic) == nil }
      try log.createTopic(TopicSettings(name: topic, partitions: 1))
      var batch = RecordBatch(source: source)
      try refusal(.stop, naming: [topic], within: 30) {
        try wait("the error") { try reader.poll(into: &batch, timeoutMs: 100) }
      }
    }

    @Test func `a topic's setting does not exist`() throws {
      let log = try broker.log()
      try refusal(.stop, naming: ["odd", "no.such.setting"]) {
        try log.createTopic(
          TopicSettings(name: "odd", partitions: 1, config: ["no.such.setting": "1"]))
      }
    }
  }
}
