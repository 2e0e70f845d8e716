import Log
import TestSupport
import Testing

extension `Against a real broker` {
  /// Requests that are lost, delayed, or answered by nobody, through a proxy; and a broker that
  /// stands still.
  @Suite struct `Requests that go astray` {
    let broker = Broker.current

    init() { broker.proxy.clear() }

    /// A log whose calls give up soon.
    func hasty(isProxied: Bool = true, commitMs: Int = 3_000) throws -> KafkaLog {
      try broker.log(isProxied: isProxied) {
        $0.commitMs = commitMs
        $0.requestMs = 1_000
        try $0.set("linger.ms", "0", from: "test")
      }
    }

    /// What a transaction still open has written is at the broker, behind `offset`.
    func waitForOpen(_ topic: String, past offset: Int) throws {
      try wait("the open record at the broker") {
        let said = try broker.kcat(
          ["-Q", "-t", "\(topic):0:-1", "-X", "isolation.level=read_uncommitted"])
        let end = said.split(separator: " ").last.flatMap {
          Int($0.filter { $0.isNumber || $0 == "-" })
        }
        return (end ?? 0) > offset
      }
    }

    /// Gives a stray request time to do harm.
    func letPass() { usleepMs(1_500) }

    @Test func `an undisturbed writer keeps its producer`() throws {
      let log = try hasty()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let opened = Lines()
      let writer = try log.transactionalWriter(id: "calm-\(topic)")
      defer { writer.close() }
      // Opening it may have taken several tries.
      broker.proxy.rule { request in
        if request == .initProducerId { opened.add("opened") }
        return .pass
      }
      for number in 0..<20 {
        try writer.append(record(topic, "\(number)"))
        try writer.commit(offsets: [source: Int64(number)], group: "g-\(topic)", reader: nil)
      }
      #expect(opened.all.isEmpty)
    }

    @Test func `a commit whose replies are lost took place, and reading back tells`() throws {
      let log = try hasty()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let group = "g-\(topic)"
      let writer = try log.transactionalWriter(id: "lost-\(topic)")
      try writer.append(record(topic, "one"))
      broker.proxy.strike(.endTxn, .loseReply, count: .max)
      let error = try #require(throws: LogError.self) {
        try writer.commit(offsets: [source: 1], group: group, reader: nil)
      }
      #expect(error.remedy == .recreate)
      #expect(error.message.contains("read the committed offsets back"))
      #expect(broker.proxy.struck > 0)
      #expect(throws: error) { try writer.append(record(topic, "more")) }
      broker.proxy.clear()
      let next = try log.transactionalWriter(id: "lost-\(topic)")
      defer { next.close() }
      #expect(try log.committed(group: group, [source]) == [source: 1])
      try next.append(record(topic, "two"))
      try next.commit(offsets: [source: 2], group: group, reader: nil)
      try wait("both") { try readAll(log, source).map(\.value) == ["one", "two"] }
    }

    @Test func `a commit that never arrived did not take place, and reading back tells`() throws {
      let log = try hasty()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let group = "g-\(topic)"
      let writer = try log.transactionalWriter(id: "held-\(topic)")
      try writer.append(record(topic, "one"))
      broker.proxy.strike(.endTxn, .hold, count: .max)
      let error = try #require(throws: LogError.self) {
        try writer.commit(offsets: [source: 1], group: group, reader: nil)
      }
      #expect(error.remedy == .recreate)
      broker.proxy.rule { _ in .pass }
      let next = try log.transactionalWriter(id: "held-\(topic)")
      defer { next.close() }
      #expect(try log.committed(group: group, [source]).isEmpty)
      try next.append(record(topic, "again"))
      try waitForOpen(topic, past: 2)
      // All the commits of the discarded producer arrive now, in the midst of a later transaction.
      broker.proxy.release()
      letPass()
      #expect(try readAll(log, source).isEmpty)
      #expect(try log.committed(group: "other", [source]).isEmpty)
      try next.abort()
      letPass()
      #expect(try readAll(log, source).isEmpty)
      try next.append(record(topic, "at last"))
      try next.commit(offsets: [source: 1], group: group, reader: nil)
      try wait("the one") { try readAll(log, source).map(\.value) == ["at last"] }
    }

    @Test(arguments: [true, false])
    func `a stray of a transaction that went well hits no later one`(isCommit: Bool) throws {
      let log = try hasty(commitMs: 20_000)
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let group = "g-\(topic)"
      let writer = try log.transactionalWriter(id: "stray-\(topic)")
      defer { writer.close() }
      try writer.append(record(topic, "one"))
      // The first request is held up, its connection breaks, and librdkafka sends it again.
      broker.proxy.strike(isCommit ? .endTxn : .txnOffsetCommit, .hold)
      try writer.commit(offsets: [source: 1], group: group, reader: nil)
      #expect(broker.proxy.struck == 1)
      try writer.append(record(topic, "two"))
      try waitForOpen(topic, past: 2)
      broker.proxy.release()
      letPass()
      #expect(try readAll(log, source).map(\.value) == ["one"])
      try writer.abort()
      letPass()
      #expect(try readAll(log, source).map(\.value) == ["one"])
      #expect(try log.committed(group: group, [source]) == [source: 1])
      try writer.append(record(topic, "three"))
      try writer.commit(offsets: [source: 3], group: group, reader: nil)
      #expect(try log.committed(group: group, [source]) == [source: 3])
      try wait("the third") { try readAll(log, source).map(\.value) == ["one", "three"] }
    }

    @Test func `an abort whose replies are lost is no reason to commit`() throws {
      let log = try hasty()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let writer = try log.transactionalWriter(id: "abort-\(topic)")
      try writer.append(record(topic, "one"))
      broker.proxy.strike(.endTxn, .hold, count: .max)
      let error = try #require(throws: LogError.self) { try writer.abort() }
      #expect(error.remedy == .recreate)
      broker.proxy.rule { _ in .pass }
      let next = try log.transactionalWriter(id: "abort-\(topic)")
      defer { next.close() }
      try next.append(record(topic, "two"))
      try waitForOpen(topic, past: 2)
      broker.proxy.release()
      letPass()
      try next.append(record(topic, "three"))
      try next.commit(offsets: [source: 2], group: "g-\(topic)", reader: nil)
      try wait("both") { try readAll(log, source).map(\.value) == ["two", "three"] }
    }

    @Test func `a network that is cut holds no call up for ever`() throws {
      let log = try hasty()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      var writer = try log.transactionalWriter(id: "cut-\(topic)")
      try writer.append(record(topic, "one"))
      broker.proxy.cut()
      let start = ContinuousClock.now
      let error = try #require(throws: LogError.self) {
        try writer.commit(offsets: [source: 1], group: "g-\(topic)", reader: nil)
      }
      #expect(error.remedy == .abort || error.remedy == .recreate)
      if error.remedy == .abort { #expect(throws: LogError.self) { try writer.abort() } }
      writer.close()
      // An upper bound of calls that would else hang, not a measurement.
      #expect(ContinuousClock.now - start < .seconds(40))
      broker.proxy.mend()
      try wait("a new writer") {
        do {
          writer = try log.transactionalWriter(id: "cut-\(topic)")
          return true
        } catch let error as LogError where error.remedy != .stop { return false }
      }
      defer { writer.close() }
      let isThere = try log.committed(group: "g-\(topic)", [source]) == [source: 1]
      try writer.append(record(topic, "two"))
      try writer.commit(offsets: [source: 2], group: "g-\(topic)", reader: nil)
      try wait("what was committed") {
        try readAll(log, source).map(\.value) == (isThere ? ["one", "two"] : ["two"])
      }
    }

    /// A broker that stands still in the midst of commits: what it finds in its sockets when it goes on
    /// belongs to a producer that has been replaced.
    @Test func `a broker that stood still during a commit takes nothing twice`() throws {
      let log = try hasty(isProxied: false, commitMs: 1_000)
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let group = "g-\(topic)"
      let id = "frozen-\(topic)"
      var writer = try log.transactionalWriter(id: id)
      defer { writer.close() }
      var unknown = 0
      var taken: Int64 = 0
      for round in 0..<4 {
        for number in 0..<3 { try writer.append(record(topic, "\(taken).\(number)")) }
        try broker.freeze()
        let outcome = Result {
          try writer.commit(offsets: [source: taken + 1], group: group, reader: nil)
        }
        try broker.resume()
        if case .failure = outcome {
          unknown += 1
          writer.close()
          try wait("a new writer") {
            do {
              writer = try log.transactionalWriter(id: id)
              return true
            } catch let error as LogError where error.remedy != .stop { return false }
          }
        }
        taken = try log.committed(group: group, [source])[source] ?? 0
        // What is open now must not be ended by anything that was sent before.
        try writer.append(record(topic, "open \(round)"))
        letPass()
        try writer.abort()
      }
      #expect(unknown > 0)
      try writer.append(record(topic, "end"))
      try writer.commit(offsets: [source: taken + 1], group: group, reader: nil)
      let whole = (0..<taken).flatMap { step in (0..<3).map { "\(step).\($0)" } } + ["end"]
      try wait("the end") { try readAll(log, source).map { $0.value! } == whole }
    }
  }
}
