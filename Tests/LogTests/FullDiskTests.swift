import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Log

/// A disk without room: by faults, and a real one.
@Suite struct `The embedded log on a full disk` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)

  init() throws { scratch = try Scratch() }

  func write(_ step: Int, _ log: EmbeddedLog, bytes: Int = 0) throws {
    var random = Seeded(UInt64(step) + 1)
    let writer = try log.transactionalWriter(id: "w")
    let value = "v\(step) " + random.bytes(bytes).map { String($0 & 15, radix: 16) }.joined()
    try writer.append(record(value))
    try writer.append(
      OutRecord(
        topic: "s", partition: 0, key: Array("k\(step % 3)".utf8), value: Array(value.utf8),
        timestamp: 1))
    try writer.commit(offsets: [t0: Int64(step + 1)], group: "g", reader: nil)
  }

  func steps(_ log: EmbeddedLog) throws -> Int {
    let count = Int(try log.committed(group: "g", [t0])[t0] ?? 0)
    #expect(try values(log).map { $0.prefix { $0 != " " } } == (0..<count).map { "v\($0)" })
    return count
  }

  func open(_ directory: String, _ options: EmbeddedLog.Options) throws -> EmbeddedLog {
    let log = try EmbeddedLog.open(directory: directory, options: options)
    try log.createTopic(TopicSettings(name: "t", partitions: 1))
    try log.createTopic(
      TopicSettings(name: "s", partitions: 1, config: ["cleanup.policy": "compact"]))
    return log
  }

  /// From the n-th operation that takes room on, none has any, for a while.
  @Test func `whatever finds no room first is left whole, says so, and goes on when there is some`()
    throws
  {
    var at = -1
    var wasFull = true
    while wasFull {
      at += 2
      let room = Room()
      var options = EmbeddedLog.Options()
      options.writeAheadBytes = 600
      options.segmentBytes = 500
      options.compactedSegmentBytes = 400
      options.disk = EmbeddedDisk(fault: room.fault)
      let name = scratch("log-\(at)")
      let log = try open(name, options)
      room.take(after: at)
      var failures = 0
      func trying(_ body: () throws -> Void) throws {
        do { try body() } catch let error as LogError {
          failures += 1
          #expect(error.remedy == .retry)
          #expect(error.message.contains("No space left on device"))
          #expect(error.message.contains("free some space there, then it goes on by itself"))
        }
      }
      for step in 0..<30 {
        try trying { try write(step, log) }
        while try steps(log) == step {
          try trying { try write(step, log) }
          if failures % 3 == 0 { room.makeSome() }
        }
        try trying { while try log.upkeep(now: Int64(step) * 20_000).isBusy {} }
        #expect(try steps(log) == step + 1)
      }
      wasFull = failures > 0
      room.makeSome()
      try log.close()
      let reopened = try open(name, EmbeddedLog.Options())
      #expect(try steps(reopened) == 30)
      try reopened.close()
      try FileManager.default.removeItem(atPath: name)
    }
    #expect(at > 100)
  }

  @Test func `can be opened and read, and written to as soon as there is room`() throws {
    let room = Room()
    var options = EmbeddedLog.Options()
    options.disk = EmbeddedDisk(fault: room.fault)
    try open(scratch("log"), options).close()
    do {
      let log = try open(scratch("log"), options)
      try write(0, log)
      try log.close()
    }
    do {
      let log = try open(scratch("log"), options)
      for step in 1..<5 { try write(step, log) }
    }
    room.take(after: 0)
    let log = try EmbeddedLog.open(directory: scratch("log"), options: options)
    #expect(try steps(log) == 5)
    #expect(throws: LogError.self) { try write(5, log, bytes: 2_000_000) }
    room.makeSome()
    try write(5, log)
    #expect(try steps(log) == 6)
  }

  @Test func `of a real file system names how much is needed, and recovers in place`() throws {
    let what = "the embedded log on a real full disk"
    let place = scratch("small")
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    guard let mount = program("mount"), let umount = program("umount"),
      try run([mount, "-t", "tmpfs", "-o", "size=5m", "kairos-test", place]).exitCode == 0
    else { return skipped(what, why: "a tmpfs cannot be mounted here") }
    defer {
      do { _ = try run([umount, place]) } catch { Issue.record(error) }
    }
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 1 << 20
    options.compactedSegmentBytes = 200_000
    let log = try open(place + "/log", options)
    let ballast = place + "/ballast"
    try put([UInt8](repeating: 1, count: 2_500_000), ballast)
    var step = 0
    var failure: LogError?
    while failure == nil, step < 1000 {
      do {
        try write(step, log, bytes: 20_000)
        step += 1
      } catch let error as LogError { failure = error }
    }
    let message = try #require(failure?.message)
    #expect(failure?.remedy == .retry)
    #expect(message.contains("No space left on device; ") && message.contains(" are needed and "))
    for _ in 0..<5 { #expect(throws: LogError.self) { try write(step, log, bytes: 20_000) } }
    #expect(try steps(log) == step)
    try FileManager.default.removeItem(atPath: ballast)
    for later in step..<(step + 5) { try write(later, log, bytes: 20_000) }
    #expect(try steps(log) == step + 5)
    // What a compaction gives back is room too.
    while try log.upkeep(now: 1).isBusy {}
    try write(step + 5, log, bytes: 20_000)
    try log.close()
    let reopened = try open(place + "/log", options)
    #expect(try steps(reopened) == step + 6)
    try reopened.close()
  }
}

/// A disk that has no more room from the n-th operation on that takes some.
private final class Room: Sendable {
  private let left = Atomic(Int.max)

  func makeSome() { left.store(.max, ordering: .relaxed) }
  func take(after operations: Int) { left.store(operations, ordering: .relaxed) }

  func fault(_ operation: EmbeddedDisk.Operation) -> EmbeddedDisk.Fault? {
    switch operation {
    case .truncate, .remove: return nil
    case .create(let path):
      // What is there already takes none.
      if FileManager.default.fileExists(atPath: path) { return nil }
    case .write, .sync, .rename: break
    }
    if left.load(ordering: .relaxed) == .max { return nil }
    guard left.subtract(1, ordering: .relaxed).newValue < 0 else { return nil }
    left.store(-1, ordering: .relaxed)
    guard case .write(_, let bytes) = operation else { return .fails(ENOSPC) }
    return .cut(bytes: bytes / 3, ENOSPC)
  }
}
