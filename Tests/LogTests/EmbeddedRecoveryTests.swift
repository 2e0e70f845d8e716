import Foundation
import Synchronization
import Testing

@testable import Log

/// Crashes, at every place where one can happen.
@Suite struct `The embedded log after a crash` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)
  let t1 = TopicPartition("t", 1)

  init() throws { scratch = try Scratch() }

  func open(_ name: String = "log", _ options: EmbeddedLog.Options = .init()) throws -> EmbeddedLog
  {
    let log = try EmbeddedLog.open(directory: scratch(name), options: options)
    try log.createTopic(TopicSettings(name: "t", partitions: 2))
    return log
  }

  /// Step n: one record to each partition and the offset n + 1.
  func write(_ step: Int, _ log: EmbeddedLog) throws {
    let writer = try log.transactionalWriter(id: "w")
    try writer.append(record("a\(step)"))
    try writer.append(record("b\(step)", to: "t", 1))
    try writer.commit(offsets: [t0: Int64(step + 1)], group: "g", reader: nil)
  }

  /// How many whole steps the log shows; records an issue if it shows parts of one.
  func steps(_ log: EmbeddedLog, _ comment: Comment) throws -> Int {
    let count = Int(try log.committed(group: "g", [t0])[t0] ?? 0)
    let a = try values(log, t0)
    let b = try values(log, t1)
    #expect(a == (0..<count).map { "a\($0)" }, comment)
    #expect(b == (0..<count).map { "b\($0)" }, comment)
    return count
  }

  func copy(_ name: String) throws {
    if FileManager.default.fileExists(atPath: scratch(name)) {
      try FileManager.default.removeItem(atPath: scratch(name))
    }
    try FileManager.default.copyItem(atPath: scratch("log"), toPath: scratch(name))
  }

  @Test func `a write-ahead file cut anywhere in the last commit loses it whole or not at all`()
    throws
  {
    let log = try open()
    for step in 0..<3 { try write(step, log) }
    let before = try EmbeddedWriteAhead.read(
      try contents(scratch("log/write-ahead")), path: "", after: 0)
    try write(3, log)
    let image = try contents(scratch("log/write-ahead"))
    let after = try EmbeddedWriteAhead.read(image, path: "", after: 0)
    #expect(before.commits.count == 3 && after.commits.count == 4)
    for length in before.end...after.end {
      // As a short file, and as one with zeros where the rest was to come.
      for rest in [0, 200] {
        try copy("copy")
        let cut = Array(image[..<length]) + [UInt8](repeating: 0, count: rest)
        try put(cut, scratch("copy/write-ahead"))
        let onlooker = try EmbeddedLog.open(directory: scratch("copy"), mode: .readOnly)
        #expect(try steps(onlooker, "read only") == (length == after.end ? 4 : 3))
        let reopened = try open("copy")
        let count = try steps(reopened, "cut at \(length)")
        let isWhole =
          length == after.end || (rest > 0 && image[length..<after.end].allSatisfy { $0 == 0 })
        #expect(count == (isWhole ? 4 : 3), "cut at \(length)")
        let isClean = isWhole || image[before.end..<length].prefix(24).allSatisfy { $0 == 0 }
        #expect(reopened.notes.isEmpty == isClean, "cut at \(length)")
        try write(count, reopened)
        #expect(try steps(reopened, "written on after \(length)") == count + 1)
      }
    }
  }

  @Test func `a flipped bit in the write-ahead file is named`() throws {
    let log = try open()
    for step in 0..<4 { try write(step, log) }
    let image = try contents(scratch("log/write-ahead"))
    let tail = try EmbeddedWriteAhead.read(image, path: "", after: 0)
    let third = tail.end / 4 * 3
    for place in stride(from: 0, to: tail.end, by: 3) where !(20..<24).contains(place % third) {
      try copy("copy")
      var bad = image
      bad[place] ^= 0x10
      try put(bad, scratch("copy/write-ahead"))
      do {
        let reopened = try open("copy")
        // Only the last commit may be taken for one that was never finished, and that is said.
        #expect(place >= third, "byte \(place)")
        #expect(reopened.notes.count == 1 && reopened.notes[0].contains("commit 4"))
        #expect(try steps(reopened, "byte \(place)") == 3)
      } catch let error as LogError {
        #expect(place < third, "byte \(place)")
        #expect(error.message.contains("is damaged at byte"))
      }
    }
  }

  @Test func `a flipped bit in a segment, the checkpoint or the topics is named`() throws {
    let log = try open()
    for step in 0..<4 { try write(step, log) }
    try log.close()
    let names = ["t-0/00000000000000000000.log", "checkpoint", "topics"]
    for name in names {
      let image = try contents(scratch("log/\(name)"))
      for place in image.indices {
        try copy("copy")
        var bad = image
        bad[place] ^= 0x04
        try put(bad, scratch("copy/\(name)"))
        do {
          _ = try values(try open("copy"))
          Issue.record("byte \(place) of \(name) went unseen")
        } catch let error as LogError {
          #expect(error.remedy == .stop)
          #expect(error.message.contains(name), "\(error.message)")
        }
      }
      try put(Array(image.dropLast()), scratch("log/\(name)"))
      #expect(throws: LogError.self) { try values(try open("log")) }
      try put(image, scratch("log/\(name)"))
    }
    try FileManager.default.removeItem(atPath: scratch("log/checkpoint"))
    #expect(throws: LogError.self) { try open() }
  }

  /// Lets the n-th change to the disk fail and every one after it: what is there then is what a
  /// killed process leaves.
  @Test(arguments: [0, 1, 7]) func `killed at any write, sync or rename, whole commits are there`(
    arriving: Int
  ) throws {
    var killAt = 0
    var done = false
    while !done {
      killAt += 1
      let name = "killed-\(arriving)-\(killAt)"
      let counter = Atomic(0)
      let killer = Killer(at: killAt, arriving: arriving)
      var options = EmbeddedLog.Options()
      options.writeAheadBytes = 600
      options.segmentBytes = 400
      options.disk = EmbeddedDisk { killer.fault($0) }
      do {
        let log = try open(name, options)
        for step in 0..<12 {
          try write(step, log)
          counter.add(1, ordering: .relaxed)
        }
        try log.close()
        done = true
      } catch {
        #expect(killer.hasStruck)
      }
      let acknowledged = counter.load(ordering: .relaxed)
      let reopened = try open(name)
      let count = try steps(reopened, "killed at \(killAt)")
      #expect(count == acknowledged || count == acknowledged + 1, "killed at \(killAt)")
      try write(count, reopened)
      #expect(try steps(reopened, "written on, killed at \(killAt)") == count + 1)
    }
    #expect(killAt > 60)
  }

  @Test func `a full disk fails the commit, and the next one goes on`() throws {
    let full = Switch()
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 600
    options.disk = EmbeddedDisk { operation in
      guard full.isOn, case .write = operation else { return nil }
      return .cut(bytes: 30, ENOSPC)
    }
    let log = try open("log", options)
    try write(0, log)
    for step in 1..<12 {
      full.isOn = true
      for _ in 0..<2 {
        do {
          try write(step, log)
          Issue.record("it was written to a full disk")
        } catch let error as LogError {
          #expect(error.remedy == .retry)
          #expect(error.message.contains("No space left on device"))
        }
      }
      #expect(try steps(log, "full") == step)
      full.isOn = false
      if step % 3 == 2 {
        try copy("copy")
        #expect(try steps(try open("copy"), "killed while full") == step)
      }
      try write(step, log)
    }
    #expect(try steps(log, "at the end") == 12)
    try log.close()
    #expect(try steps(try open(), "opened again") == 12)
  }

  @Test func `records of a failed commit are still there for the next`() throws {
    let full = Switch()
    var options = EmbeddedLog.Options()
    options.disk = EmbeddedDisk { operation in
      guard full.isOn, case .write = operation else { return nil }
      return .fails(ENOSPC)
    }
    let log = try open("log", options)
    let writer = try log.transactionalWriter(id: "w")
    try writer.append(record("one"))
    full.isOn = true
    #expect(throws: LogError.self) { try writer.commit(offsets: [:], group: "", reader: nil) }
    full.isOn = false
    try writer.append(record("two"))
    try writer.commit(offsets: [:], group: "", reader: nil)
    #expect(try values(log) == ["one", "two"])
  }

  @Test func `a log that an older version wrote is read, and goes on in the new format`() throws {
    var options = EmbeddedLog.Options()
    options.segmentBytes = 400
    do {
      let log = try open("log", options)
      for step in 0..<30 { try write(step, log) }
      try log.close()
    }
    let path = scratch("log/checkpoint")
    let image = try EmbeddedCheckpoint(try contents(path), path: path)
    var lines = [EmbeddedCheckpoint.oldTitle, "sequence \(image.sequence)"]
    for (source, state) in image.partitions {
      let last = try #require(state.segments.last)
      #expect(state.segments.count > 2)
      lines.append(
        "partition \(source.topic) \(source.partition) \(state.end) \(last.base) "
          + "\(last.byteCount)")
    }
    lines.append("offset t 0 30 g")
    try put(EmbeddedText.seal(lines), path)
    let onlooker = try EmbeddedLog.open(directory: scratch("log"), mode: .readOnly)
    #expect(try steps(onlooker, "read only") == 30)
    let log = try open("log", options)
    #expect(try steps(log, "opened") == 30)
    try write(30, log)
    try log.close()
    #expect(try steps(try open(), "opened again") == 31)
    #expect(String(decoding: try contents(path), as: UTF8.self).hasPrefix("kairos checkpoint 2\n"))
  }

  @Test(arguments: 1...40)
  func `after a sync that fails the log goes on in new files, and the failed commit never was`(
    failing: Int
  ) throws {
    let disk = FailingSync(at: failing)
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 600
    options.segmentBytes = 400
    options.disk = EmbeddedDisk(fault: disk.fault, observe: disk.observe)
    let log = try retrying { try open("log", options) }
    var failures = 0
    for step in 0..<12 {
      do { try write(step, log) } catch let error as LogError {
        failures += 1
        #expect(error.remedy == .retry, "\(error)")
        #expect(try steps(log, "sync \(failing)") == step)
        try write(step, log)
      }
      #expect(try steps(log, "sync \(failing)") == step + 1)
    }
    try retrying { try log.close() }
    #expect(failures <= 1)
    #expect(disk.distrusted.isEmpty, "synced again after a failure: \(disk.distrusted)")
    let reopened = try open()
    #expect(try steps(reopened, "opened again") == 12)
    #expect(reopened.notes.isEmpty)
  }

  private func retrying<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as LogError where error.remedy == .retry {
      return try body()
    }
  }
}

/// A disk whose n-th sync fails, after which the kernel takes what was written for clean: a later
/// sync of that file proves nothing.
private final class FailingSync: Sendable {
  private let left: Atomic<Int>
  private let failed = Mutex<Set<String>>([])
  private let synced = Mutex<[String]>([])

  init(at: Int) { left = Atomic(at) }

  /// Files that were synced after a failure without being made anew.
  var distrusted: [String] { synced.withLock { $0 } }

  func fault(_ operation: EmbeddedDisk.Operation) -> EmbeddedDisk.Fault? {
    guard case .sync(let path) = operation,
      left.subtract(1, ordering: .relaxed).newValue == 0
    else { return nil }
    _ = failed.withLock { $0.insert(path) }
    return .fails(EIO)
  }

  func observe(_ change: EmbeddedDisk.Change) {
    switch change {
    case .sync(let path):
      // Of a directory a later sync counts: the names in it were made again.
      let isFile = path.hasSuffix(".log") || path.contains("write-ahead") || path.hasSuffix(".new")
      if isFile, failed.withLock({ $0.contains(path) }) { synced.withLock { $0.append(path) } }
    case .remove(let path): _ = failed.withLock { $0.remove(path) }
    case .rename(_, let path): _ = failed.withLock { $0.remove(path) }
    case .create, .write, .truncate: break
    }
  }
}

/// A process that dies at its n-th change to the disk, of which some bytes still arrive.
final class Killer: Sendable {
  private let seen = Atomic(0)
  private let at: Int
  private let arriving: Int

  init(at: Int, arriving: Int) {
    self.at = at
    self.arriving = arriving
  }

  var hasStruck: Bool { seen.load(ordering: .relaxed) >= at }

  func fault(_ operation: EmbeddedDisk.Operation) -> EmbeddedDisk.Fault? {
    let number = seen.add(1, ordering: .relaxed).newValue
    if number < at { return nil }
    if number == at, case .write(_, let bytes) = operation {
      return .cut(bytes: bytes * arriving / 8, EIO)
    }
    return .fails(EIO)
  }
}

final class Switch: Sendable {
  private let value = Atomic(false)
  var isOn: Bool {
    get { value.load(ordering: .relaxed) }
    set { value.store(newValue, ordering: .relaxed) }
  }
}
