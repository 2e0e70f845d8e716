import Dispatch
import Log
import Synchronization
import TestSupport
import Testing

extension `Against a real broker` {
  @Suite struct `A broker that dies and comes back` {
    let broker = Broker.current

    /// Kills the broker and starts it again, on a thread of its own, while `work` goes on until it
    /// is back.
    func whileRestarting(_ work: (_ isBack: () -> Bool) throws -> Void) throws {
      let outcome = Mutex<Result<Void, any Error>?>(nil)
      let broker = broker
      let ended = DispatchSemaphore(value: 0)
      DispatchQueue.global().async {
        let result = Result {
          try broker.kill()
          try broker.restart()
        }
        outcome.withLock { $0 = result }
        ended.signal()
      }
      let worked = Result { try work { outcome.withLock { $0 != nil } } }
      // Never leave before the broker is back: the next test needs it.
      ended.wait()
      try outcome.withLock { try $0?.get() }
      try worked.get()
    }

    @Test func `loses nothing of a plain writer, repeats nothing and keeps the order`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log, partitions: 2)
      let writer = try log.plainWriter()
      defer { writer.close() }
      var next = 0
      func write(_ count: Int) throws {
        for _ in 0..<count {
          try writer.append(record(topic, in: Int32(next % 2), "\(next)"))
          next += 1
        }
      }
      try write(10_000)
      try whileRestarting { isBack in
        while !isBack() {
          // Some at a time, so that there are always records on their way.
          try write(200)
          _ = try writerTurn(writer)
        }
      }
      try write(10_000)
      try writer.commit(offsets: [:], group: "", reader: nil)
      for partition in 0..<2 {
        let read = try readAll(log, TopicPartition(topic, Int32(partition)))
        let expected = stride(from: partition, to: next, by: 2).map { "\($0)" }
        #expect(read.count == expected.count)
        #expect(read.map { $0.value! } == expected)
      }
    }

    /// A bounded commit that may well not succeed while the broker is away.
    func writerTurn(_ writer: any LogWriter) throws -> Bool {
      do {
        try writer.commit(offsets: [:], group: "", reader: nil)
        return true
      } catch {
        guard error.remedy == .retry else { throw error }
        #expect(error.message.contains("not acknowledged"))
        return false
      }
    }

    @Test func `a plain writer says when the brokers do not acknowledge, and goes on`() throws {
      let log = try broker.log { $0.commitMs = 500 }
      let topic = try broker.topic(log)
      let writer = try log.plainWriter()
      defer { writer.close() }
      var written: [String] = []
      var refusals = 0
      func write() throws {
        try writer.append(record(topic, "\(written.count)"))
        written.append("\(written.count)")
        if try !writerTurn(writer) { refusals += 1 }
      }
      try write()
      try whileRestarting { isBack in
        while !isBack() { try write() }
      }
      #expect(refusals > 0)
      try wait("all acknowledged") { try writerTurn(writer) }
      #expect(try readAll(log, TopicPartition(topic, 0)).map { $0.value! } == written)
    }

    @Test func `does not make a transaction happen twice or in part`() throws {
      let topic = try broker.topic(try broker.log(), partitions: 2)
      let source = TopicPartition(try broker.topic(try broker.log()), 0)
      let group = "g-\(topic)"
      let log = try broker.log { $0.requestMs = 5_000 }
      var writer = try log.transactionalWriter(id: "crash-\(topic)")
      defer { writer.close() }
      // The state is one number: how many steps were taken.
      var taken: Int64 = 0
      func step() throws {
        for partition in 0..<2 {
          try writer.append(record(topic, in: Int32(partition), "\(taken)"))
        }
        try writer.commit(offsets: [source: taken + 1], group: group, reader: nil)
        taken += 1
      }
      /// As the remedies say.
      func recover(_ error: LogError) throws {
        if error.remedy == .abort {
          do {
            return try writer.abort()
          } catch {
            // Then a new one, as below.
            guard error.remedy != .stop else { throw error }
          }
        }
        try #require(error.remedy != .stop, "\(error.message)")
        writer.close()
        writer = try log.transactionalWriter(id: "crash-\(topic)")
        taken = try log.committed(group: group, [source])[source] ?? 0
      }
      func go(until isDone: () -> Bool) throws {
        while !isDone() {
          do {
            try step()
          } catch let error as LogError {
            try wait("a new start", seconds: 60) {
              do {
                try recover(error)
                return true
              } catch let error as LogError where error.remedy != .stop {
                return false
              }
            }
          }
        }
      }
      try go { taken == 20 }
      try whileRestarting { isBack in try go(until: isBack) }
      let end = taken + 20
      try go { taken == end }
      #expect(try log.committed(group: group, [source]) == [source: end])
      for partition in 0..<2 {
        let source = TopicPartition(topic, Int32(partition))
        var read: [ReadRecord] = []
        try wait("the last record") {
          read = try readAll(log, source)
          return read.last?.value == "\(end - 1)"
        }
        #expect(read.map { $0.value! } == (0..<end).map { "\($0)" })
      }
    }

    @Test func `a reader goes on, and knows no end while it is cut off`() throws {
      let log = try broker.log()
      let topic = try broker.topic(log)
      let source = TopicPartition(topic, 0)
      let writer = try log.plainWriter()
      defer { writer.close() }
      try writer.append(record(topic, "before"))
      try writer.commit(offsets: [:], group: "", reader: nil)
      let reader = try log.reader(from: [source: 0])
      defer { reader.close() }
      #expect(try readToEnd(reader, source, from: 0).map(\.value) == ["before"])
      #expect(reader.knownEnd(of: source) == 1)
      var batch = RecordBatch(source: source)
      var wasUnknown = false
      try whileRestarting { isBack in
        while !isBack() {
          let came = try reader.poll(into: &batch, timeoutMs: 20)
          #expect(!came)
          if reader.knownEnd(of: source) == nil { wasUnknown = true }
        }
      }
      #expect(wasUnknown)
      try wait("the end to be known again") {
        _ = try reader.poll(into: &batch, timeoutMs: 50)
        return reader.knownEnd(of: source) == 1
      }
      try writer.append(record(topic, "after"))
      try writer.commit(offsets: [:], group: "", reader: nil)
      #expect(try readToEnd(reader, source, from: 1).map(\.value) == ["after"])
    }
  }
}
