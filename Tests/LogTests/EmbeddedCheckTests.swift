import Foundation
import Testing

@testable import Log

/// `kairos log check`, and flipped bits wherever they are.
@Suite struct `Damage in an embedded log` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)
  let s0 = TopicPartition("s", 0)

  init() throws { scratch = try Scratch() }

  func open(_ directory: String, clearing: Set<String> = []) throws -> EmbeddedLog {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 2500
    options.segmentBytes = 1500
    options.compactedSegmentBytes = 900
    options.clearing = clearing
    return try EmbeddedLog.open(directory: directory, options: options)
  }

  /// A log with segments, compacted ones, and commits that are in the write-ahead file alone.
  func make(_ directory: String) throws {
    let log = try open(directory)
    try log.createTopic(TopicSettings(name: "t", partitions: 1))
    try log.createTopic(
      TopicSettings(name: "s", partitions: 1, config: ["cleanup.policy": "compact"]))
    let writer = try log.transactionalWriter(id: "w")
    for step in 0..<80 {
      try writer.append(record("v\(step)"))
      try writer.append(
        OutRecord(
          topic: "s", partition: 0, key: Array("k\(step % 4)".utf8), value: Array("s\(step)".utf8),
          timestamp: 1))
      try writer.commit(offsets: [t0: Int64(step + 1)], group: "g", reader: nil)
      if step % 10 == 9 { while try log.upkeep(now: 1).isBusy {} }
    }
  }

  /// All that readers see of a log.
  func everything(_ log: EmbeddedLog) throws -> [String] {
    try values(log, t0) + values(log, s0) + ["\(try log.committed(group: "g", [t0])[t0] ?? -1)"]
  }

  func files(_ directory: String) throws -> [String] {
    var found: [String] = []
    for name in try FileManager.default.subpathsOfDirectory(atPath: directory).sorted()
    where name.hasSuffix(".log") || ["write-ahead", "checkpoint", "topics"].contains(name) {
      found.append(name)
    }
    return found
  }

  @Test func `a whole log is said to be whole`() throws {
    try make(scratch("log"))
    let check = try EmbeddedCheck.run(directory: scratch("log"))
    #expect(check.isWhole && check.notes.isEmpty)
    #expect(check.partitions.map(\.source) == [s0, t0])
    #expect(check.partitions.map(\.intact) == [[0..<80], [0..<80]])
    #expect(check.partitions[1].records == 80 && check.partitions[0].records < 60)
    #expect(throws: LogError.self) { try EmbeddedCheck.run(directory: scratch("none")) }
  }

  @Test func `the first damaged batch is named, and what is whole before and behind it`() throws {
    try make(scratch("log"))
    let name = try #require(try files(scratch("log")).first { $0.hasPrefix("t-0/") })
    let path = scratch("log/\(name)")
    var bad = try contents(path)
    guard case .header(let first) = RecordBatchHeader.parse(bad, at: 0) else { return }
    bad[first.byteCount + 70] ^= 1
    try put(bad, path)
    let check = try EmbeddedCheck.run(directory: scratch("log"))
    let partition = try #require(check.partitions.last)
    #expect(partition.intact == [0..<1, 2..<80] && partition.records == 79)
    let damage = try #require(partition.damage)
    #expect(
      damage.hasPrefix("\(path) is damaged at byte \(first.byteCount): the batch at offset 1"))
    #expect(check.partitions[0].damage == nil && !check.isWhole)
  }

  @Test func `a file that is gone or cut is named`() throws {
    try make(scratch("log"))
    for name in try files(scratch("log")) {
      let path = scratch("log/\(name)")
      let whole = try contents(path)
      try FileManager.default.removeItem(atPath: path)
      for content in [nil, Array(whole.prefix(whole.count / 3))] {
        if let content { try put(content, path) }
        do {
          let check = try EmbeddedCheck.run(directory: scratch("log"))
          let said = check.damage + check.partitions.compactMap(\.damage) + check.notes
          #expect(said.contains { $0.contains(path) }, "\(name): \(said)")
        } catch {
          #expect(name == "checkpoint" && error.message.contains("checkpoint"), "\(name)")
        }
      }
      try put(whole, path)
    }
    #expect(try EmbeddedCheck.run(directory: scratch("log")).isWhole)
  }

  @Test(arguments: 0..<24) func `flipped bits are named by check and by readers, wherever they are`(
    seed: Int
  ) throws {
    try make(scratch("log"))
    let good = try everything(EmbeddedLog.open(directory: scratch("log"), mode: .readOnly))
    var dice = Seeded(UInt64(seed) + 1)
    let names = try files(scratch("log"))
    let name = names[dice.below(names.count)]
    let path = scratch("log/\(name)")
    let whole = try contents(path)
    for _ in 0..<20 {
      var bad = whole
      for _ in 0...dice.below(3) { bad[dice.below(bad.count)] ^= UInt8(1 << dice.below(8)) }
      guard bad != whole else { continue }
      try put(bad, path)
      var seen: [String]?
      do {
        seen = try everything(EmbeddedLog.open(directory: scratch("log"), mode: .readOnly))
      } catch let error as LogError {
        #expect(error.message.contains(path) || error.message.contains(name), "\(error)")
      }
      let check = try EmbeddedCheck.run(directory: scratch("log"))
      if let seen {
        // Of the write-ahead file the last commit may be taken for one that was never finished, which
        // is said; and behind it lies what no longer counts.
        #expect(name == "write-ahead" && check.damage.isEmpty, "\(name) was read")
        #expect(seen == good || !check.notes.isEmpty)
        #expect(check.partitions.allSatisfy { $0.damage == nil })
      } else {
        #expect(!check.isWhole, "\(name)")
      }
      try put(whole, path)
    }
  }

  @Test func `a damaged cache can be emptied, and goes on with its offsets`() throws {
    try make(scratch("log"))
    let names = try files(scratch("log")).filter { $0.hasPrefix("s-0/") }
    try put([1, 2, 3], scratch("log/\(names[0])"))
    #expect(throws: LogError.self) { try open(scratch("log")) }
    let log = try open(scratch("log"), clearing: ["s"])
    #expect(try values(log, t0).count == 80)
    let bounds = try log.bounds(of: s0)
    #expect(bounds.upperBound == 80 && bounds.lowerBound > 0)
    let writer = try log.plainWriter()
    try writer.append(record("new", to: "s"))
    try writer.commit(offsets: [:], group: "", reader: nil)
    try log.close()
    let reopened = try open(scratch("log"))
    #expect(try values(reopened, s0).last == "new")
    #expect(try reopened.committed(group: "g", [t0]) == [t0: 80])
    #expect(try EmbeddedCheck.run(directory: scratch("log")).isWhole)
  }
}
