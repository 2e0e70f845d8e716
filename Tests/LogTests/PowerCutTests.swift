import Foundation
import Testing

@testable import Log

/// Not only the process dies: what was not synced is lost, torn or reordered.
@Suite struct `The embedded log after a power failure` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)
  let t1 = TopicPartition("t", 1)
  static let day: Int64 = 86_400_000

  init() throws { scratch = try Scratch() }

  func open(_ directory: String, _ disk: EmbeddedDisk) throws -> EmbeddedLog {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 3000
    options.segmentBytes = 2500
    options.compactedSegmentBytes = 1200
    options.upkeepBytes = 900
    options.disk = disk
    let log = try EmbeddedLog.open(directory: directory, options: options)
    try log.createTopic(
      TopicSettings(name: "t", partitions: 2, config: ["retention.ms": "\(2 * Self.day)"]))
    try log.createTopic(
      TopicSettings(name: "s", partitions: 1, config: ["cleanup.policy": "compact"]))
    return log
  }

  /// Step n: a record to each partition, one to the compacted topic, and the offset n + 1.
  func write(_ step: Int, _ log: EmbeddedLog, _ dice: inout Seeded) throws {
    let writer = try log.transactionalWriter(id: "w")
    let time = Int64(step) * Self.day / 10
    let filler = String(decoding: dice.text(dice.below(900)), as: UTF8.self)
    try writer.append(record("a\(step)", at: time))
    try writer.append(record("b\(step) \(filler)", to: "t", 1, at: time))
    try writer.append(
      OutRecord(
        topic: "s", partition: 0, key: Array("k\(step % 7)".utf8),
        value: step % 13 == 12 ? nil : Array("s\(step)".utf8), timestamp: time))
    try writer.commit(offsets: [t0: Int64(step + 1)], group: "g", reader: nil)
  }

  /// How many whole steps the log shows; an issue if it shows parts of one, or lacks any.
  func steps(_ log: EmbeddedLog, _ comment: Comment) throws -> Int {
    let count = Int(try log.committed(group: "g", [t0])[t0] ?? 0)
    for (source, letter) in [(t0, "a"), (t1, "b")] {
      let bounds = try log.bounds(of: source)
      #expect(bounds.upperBound == count, comment)
      let found = try values(log, source).map { $0.prefix { $0 != " " } }
      #expect(found == bounds.map { "\(letter)\($0)" }, comment)
    }
    var table: [String: String] = [:]
    for step in 0..<count { table["k\(step % 7)"] = step % 13 == 12 ? nil : "s\(step)" }
    var found: [String: String] = [:]
    let s0 = TopicPartition("s", 0)
    let reader = try log.reader(from: [s0: try log.bounds(of: s0).lowerBound])
    var batch = RecordBatch(source: s0)
    while try reader.poll(into: &batch, timeoutMs: 0) {
      for record in plain(batch) {
        found[String(decoding: record.key ?? [], as: UTF8.self)] = record.value.map {
          String(decoding: $0, as: UTF8.self)
        }
      }
    }
    #expect(found == table, comment)
    return count
  }

  @Test func `is tested by a model that would notice a sync too few`() throws {
    for missing in ["write-ahead", ".log", "checkpoint.new", "/log"] {
      var dice = Seeded(9)
      let root = scratch("live \(missing.dropFirst())")
      try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      let cut = PowerCut(root: root)
      let disk = EmbeddedDisk(observe: { change in
        if case .sync(let path) = change, path.hasSuffix(missing) { return }
        cut.observe(change)
      })
      let log = try open(root + "/log", disk)
      for step in 0..<30 { try write(step, log, &dice) }
      let left = root + " left"
      try cut.leave(left, luck: 0, &dice)
      do {
        let count = try open(left + "/log", EmbeddedDisk()).committed(group: "g", [t0])[t0]
        #expect(count != 30, "without syncs of \(missing)")
      } catch is LogError {}
    }
  }

  @Test(arguments: 0..<24) func `has every commit that was acknowledged, whole, and goes on`(
    seed: Int
  ) throws {
    var dice = Seeded(UInt64(seed) + 1)
    let root = scratch("live")
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let cut = PowerCut(root: root)
    let log = try open(root + "/log", EmbeddedDisk(observe: cut.observe))
    for step in 0..<60 {
      // While a commit is under way anything may be lost; here it is between two, or in upkeep.
      try write(step, log, &dice)
      let now = Int64(step) * Self.day / 10
      while dice.below(3) == 0 { _ = try log.upkeep(now: now) }
      guard dice.below(6) == 0 else { continue }
      let left = scratch("left-\(step)")
      try cut.leave(left, luck: [0, 4, 7, 8][dice.below(4)], &dice)
      let comment: Comment = "seed \(seed), step \(step)"
      let onlooker = try EmbeddedLog.open(directory: left + "/log", mode: .readOnly)
      #expect(try steps(onlooker, comment) == step + 1, comment)
      let reopened = try open(left + "/log", EmbeddedDisk())
      #expect(try steps(reopened, comment) == step + 1, comment)
      for later in (step + 1)..<(step + 8) {
        try write(later, reopened, &dice)
        _ = try reopened.upkeep(now: now)
      }
      while try reopened.upkeep(now: now + Self.day).isBusy {}
      #expect(try steps(reopened, comment) == step + 8, comment)
      try reopened.close()
      try FileManager.default.removeItem(atPath: left)
    }
  }

  @Test(arguments: 0..<12)
  func `at any change to the disk has all that was acknowledged and at most one commit more`(
    seed: Int
  ) throws {
    var dice = Seeded(UInt64(seed) + 100)
    let root = scratch("live")
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    let cut = PowerCut(root: root)
    // The log dies at this change; whatever it had not synced by then is open.
    let at = 20 + dice.below(260)
    let killer = Killer(at: at, arriving: dice.below(9))
    let disk = EmbeddedDisk(fault: { killer.fault($0) }, observe: cut.observe)
    var acknowledged = 0
    do {
      let log = try open(root + "/log", disk)
      for step in 0..<200 {
        try write(step, log, &dice)
        acknowledged = step + 1
        if step % 2 == 1 { _ = try log.upkeep(now: Int64(step) * Self.day / 10) }
      }
    } catch { #expect(killer.hasStruck, "\(error)") }
    for round in 0..<12 {
      let left = scratch("left-\(round)")
      try cut.leave(left, luck: [0, 2, 4, 6, 8][round % 5], &dice)
      let comment: Comment = "seed \(seed), change \(at), round \(round)"
      guard FileManager.default.fileExists(atPath: left + "/log") else { continue }
      let reopened = try open(left + "/log", EmbeddedDisk())
      let count = try steps(reopened, comment)
      #expect(count == acknowledged || count == acknowledged + 1, comment)
      try write(count, reopened, &dice)
      #expect(try steps(reopened, comment) == count + 1, comment)
      try reopened.close()
      try FileManager.default.removeItem(atPath: left)
    }
  }
}
