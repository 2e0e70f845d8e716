import Foundation
import Log
import Testing

@Suite struct `The embedded log` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)

  init() throws { scratch = try Scratch() }

  func open(_ options: EmbeddedLog.Options = .init()) throws -> EmbeddedLog {
    let log = try EmbeddedLog.open(directory: scratch("log"), options: options)
    try log.createTopic(TopicSettings(name: "t", partitions: 2))
    return log
  }

  func write(_ values: [String], _ log: EmbeddedLog, offset: Int64? = nil) throws {
    let writer = try log.transactionalWriter(id: "w")
    for value in values { try writer.append(record(value)) }
    try writer.commit(offsets: offset.map { [t0: $0] } ?? [:], group: "g", reader: nil)
  }

  @Test func `records are visible at commit, with the offsets`() throws {
    let log = try open()
    let writer = try log.transactionalWriter(id: "w")
    try writer.append(record("a"))
    try writer.append(record("b", to: "t", 1))
    #expect(try values(log).isEmpty)
    try writer.commit(offsets: [t0: 7], group: "g", reader: nil)
    #expect(try values(log) == ["a"])
    #expect(try values(log, TopicPartition("t", 1)) == ["b"])
    #expect(try log.committed(group: "g", [t0]) == [t0: 7])
    #expect(try log.committed(group: "other", [t0]) == [:])
    try writer.append(record("dropped"))
    try writer.abort()
    try writer.append(record("c"))
    try writer.commit(offsets: [:], group: "", reader: nil)
    #expect(try values(log) == ["a", "c"])
    #expect(try log.bounds(of: t0) == 0..<2)
  }

  @Test(arguments: [false, true]) func `it is all there when opened again`(closed: Bool) throws {
    do {
      let log = try open()
      try write(["a", "b"], log, offset: 1)
      try write(["c"], log, offset: 2)
      if closed { try log.close() }
    }
    let log = try open()
    #expect(try values(log) == ["a", "b", "c"])
    #expect(try log.committed(group: "g", [t0]) == [t0: 2])
    #expect(try log.topics().map(\.name) == ["t"])
    #expect(log.notes.isEmpty)
    try write(["d"], log)
    #expect(try values(log) == ["a", "b", "c", "d"])
  }

  @Test(arguments: [false, true])
  func `a group's metadata is kept with its offset, until a commit without`(closed: Bool) throws {
    let t1 = TopicPartition("t", 1)
    do {
      let log = try open()
      let reader = try log.groupReader(group: "a group", topics: ["t"])
      try reader.commit([t0: 3, t1: 4], metadata: [t0: "seen=2:ab"])
      try reader.commit([t1: 5])
      if closed { try log.close() }
    }
    let log = try open()
    let kept = try log.commits(group: "a group", [t0, t1])
    #expect(kept == [t0: .init(offset: 3, metadata: "seen=2:ab"), t1: .init(offset: 5)])
    let reader = try log.groupReader(group: "a group", topics: ["t"])
    try reader.commit([t0: 4])
    #expect(try log.commits(group: "a group", [t0]) == [t0: .init(offset: 4)])
  }

  @Test func `small segments and checkpoints change nothing that is read`() throws {
    var options = EmbeddedLog.Options()
    options.segmentBytes = 1000
    options.writeAheadBytes = 700
    var written: [String] = []
    for round in 0..<3 {
      let log = try open(options)
      for step in 0..<40 {
        let batch = (0...step % 5).map { "value \(round) \(step) \($0)" }
        try write(batch, log)
        written += batch
      }
      #expect(try values(log) == written)
      let middle = Int64(written.count / 2)
      let reader = try log.reader(from: [t0: middle])
      var batch = RecordBatch(source: t0)
      #expect(try reader.poll(into: &batch, timeoutMs: 0))
      #expect(batch.entries.first?.offset == middle)
      if round == 1 { try log.close() }
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch("log/t-0"))
    #expect(files.count > 5)
  }

  @Test func `a second writer is refused by name`() throws {
    let log = try open()
    do {
      _ = try EmbeddedLog.open(directory: scratch("log"))
      Issue.record("it was opened twice")
    } catch {
      #expect(
        error.message == "the log at \(scratch("log")) is in use by process "
          + "\(ProcessInfo.processInfo.processIdentifier); stop it or choose another --log")
    }
    try log.close()
    let next = try EmbeddedLog.open(directory: scratch("log"))
    try next.close()
  }

  @Test func `one that looks on sees segments and write-ahead, and what comes`() throws {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 500
    let log = try open(options)
    let onlooker = try EmbeddedLog.open(directory: scratch("log"), mode: .readOnly)
    let reader = try onlooker.reader(from: [t0: 0])
    var batch = RecordBatch(source: t0)
    var seen: [String] = []
    var written: [String] = []
    for step in 0..<30 {
      try write(["v\(step)"], log)
      written.append("v\(step)")
      if step % 4 == 3 {
        while try reader.poll(into: &batch, timeoutMs: 0) {
          seen += plain(batch).map { String(decoding: $0.value ?? [], as: UTF8.self) }
        }
        #expect(seen == written)
      }
    }
    #expect(throws: LogError.self) { try onlooker.plainWriter() }
    #expect(onlooker.notes.isEmpty)
  }

  @Test func `a waiting reader is woken by a commit`() throws {
    let log = try open()
    let thread = Thread { [log] in
      do {
        let writer = try log.plainWriter()
        try writer.append(record("woken"))
        try writer.commit(offsets: [:], group: "", reader: nil)
      } catch { Issue.record(error) }
    }
    let reader = try log.reader(from: [t0: 0])
    var batch = RecordBatch(source: t0)
    #expect(try !reader.poll(into: &batch, timeoutMs: 1))
    thread.start()
    #expect(try reader.poll(into: &batch, timeoutMs: 30_000))
    #expect(plain(batch).map(\.value) == [Array("woken".utf8)])
    #expect(reader.knownEnd(of: t0) == 1)
  }

  @Test func `a newer writer fences an older one of its name`() throws {
    let log = try open()
    let old = try log.transactionalWriter(id: "fold-0")
    let other = try log.transactionalWriter(id: "fold-1")
    try old.append(record("old"))
    let new = try log.transactionalWriter(id: "fold-0")
    do {
      try old.commit(offsets: [:], group: "", reader: nil)
      Issue.record("it was not fenced")
    } catch { #expect(error.remedy == .recreate) }
    try new.append(record("new"))
    try new.commit(offsets: [:], group: "", reader: nil)
    try other.append(record("other"))
    try other.commit(offsets: [:], group: "", reader: nil)
    #expect(try values(log) == ["new", "other"])
  }

  @Test func `a group's reader gains all partitions and loses them to a newer one`() throws {
    let log = try open()
    try write(["a"], log)
    let reader = try log.groupReader(group: "g", topics: ["t"])
    let all = [t0, TopicPartition("t", 1)]
    #expect(reader.takeAssignments() == [.gained(all)])
    #expect(reader.takeAssignments().isEmpty)
    var batch = RecordBatch(source: t0)
    #expect(try !reader.poll(into: &batch, timeoutMs: 0))
    try reader.start([t0: 0])
    #expect(try reader.poll(into: &batch, timeoutMs: 0))
    try reader.commit([t0: 1])
    #expect(try log.committed(group: "g", all) == [t0: 1])
    let newer = try log.groupReader(group: "g", topics: ["t"])
    #expect(reader.takeAssignments() == [.lost(all)])
    #expect(newer.takeAssignments() == [.gained(all)])
    #expect(throws: LogError.self) { try reader.commit([t0: 0]) }
  }

  @Test func `what is not there is said`() throws {
    let log = try open()
    #expect(try log.partitionCount(of: "nothing") == nil)
    #expect(throws: LogError.self) { try log.bounds(of: TopicPartition("t", 2)) }
    #expect(throws: LogError.self) { try log.reader(from: [t0: 1]) }
    #expect(throws: LogError.self) {
      try log.createTopic(TopicSettings(name: "t", partitions: 3))
    }
    #expect(throws: LogError.self) {
      try log.createTopic(TopicSettings(name: "a/b", partitions: 3))
    }
    #expect(throws: LogError.self) { try log.groupReader(group: "g", topics: ["nothing"]) }
    #expect(throws: LogError.self) {
      try EmbeddedLog.open(directory: scratch("none"), mode: .readOnly)
    }
  }

  @Test func `threads that write and read at once see every record once, in order`() throws {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 5000
    options.segmentBytes = 20_000
    let log = try open(options)
    let count = 300
    let ended = DispatchSemaphore(value: 0)
    func start(_ body: @escaping @Sendable () throws -> Void) {
      Thread {
        do { try body() } catch { Issue.record(error) }
        ended.signal()
      }.start()
    }
    for name in ["x", "y"] {
      start {
        let writer = try log.transactionalWriter(id: name)
        for step in 0..<count {
          try writer.append(record("\(name) \(step)"))
          try writer.append(record("\(name) \(step)", to: "t", 1))
          try writer.commit(offsets: [:], group: "", reader: nil)
        }
      }
      start { [t0] in
        let reader = try log.reader(from: [t0: 0, TopicPartition("t", 1): 0])
        var batch = RecordBatch(source: t0)
        var next: [String: Int] = [:]
        var seen = 0
        while seen < 4 * count, try reader.poll(into: &batch, timeoutMs: 30_000) {
          for one in plain(batch) {
            let words = String(decoding: one.value ?? [], as: UTF8.self).split(separator: " ")
            let key = "\(words[0]) \(batch.source.partition)"
            #expect(next[key, default: 0] == Int(words[1]))
            next[key, default: 0] += 1
            seen += 1
          }
        }
        #expect(seen == 4 * count)
      }
    }
    for _ in 0..<4 { #expect(ended.wait(timeout: .now() + 60) == .success) }
  }
}
