import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Log

/// Topics of which only the latest record of each key is kept.
@Suite struct `Compaction of the embedded log` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)
  static let day: Int64 = 86_400_000
  static let compacted = ["cleanup.policy": "compact"]

  init() throws { scratch = try Scratch() }

  static func options() -> EmbeddedLog.Options {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 2000
    options.compactedSegmentBytes = 1500
    options.upkeepBytes = 700
    return options
  }

  func open(
    _ name: String = "log", _ options: EmbeddedLog.Options = options()
  ) throws -> EmbeddedLog {
    let log = try EmbeddedLog.open(directory: scratch(name), options: options)
    try log.createTopic(TopicSettings(name: "t", partitions: 1, config: Self.compacted))
    return log
  }

  /// One commit; a nil value is a tombstone.
  func write(_ pairs: [(String, String?)], _ log: EmbeddedLog, at time: Int64 = 1000) throws {
    let writer = try log.transactionalWriter(id: "w")
    for (key, value) in pairs {
      try writer.append(
        OutRecord(
          topic: "t", partition: 0, key: Array(key.utf8), value: value.map { Array($0.utf8) },
          headers: [("h", Array(key.utf8))], timestamp: time))
    }
    try writer.commit(offsets: [t0: time], group: "g", reader: nil)
  }

  /// Steps until nothing is left to do; how many there were.
  @discardableResult
  func settle(_ log: EmbeddedLog, now: Int64 = 2000) throws -> Int {
    var steps = 0
    while try log.upkeep(now: now).isBusy { steps += 1 }
    return steps
  }

  func records(_ log: EmbeddedLog, from offset: Int64? = nil) throws -> [Plain] {
    let bounds = try log.bounds(of: t0)
    let reader = try log.reader(from: [t0: offset ?? bounds.lowerBound])
    var batch = RecordBatch(source: t0)
    var all: [Plain] = []
    while try reader.poll(into: &batch, timeoutMs: 0) { all += plain(batch) }
    return all
  }

  /// What a table holds once these records are read in order.
  func table(_ records: [Plain]) -> [String: String] {
    var table: [String: String] = [:]
    for record in records {
      let key = String(decoding: record.key ?? [], as: UTF8.self)
      table[key] = record.value.map { String(decoding: $0, as: UTF8.self) }
    }
    return table
  }

  func files(_ name: String = "log") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scratch("\(name)/t-0")).sorted()
  }

  @Test func `keeps the latest record of each key with its offset, and everything not closed yet`()
    throws
  {
    let log = try open()
    var random = Seeded(7)
    var all: [Plain] = []
    for round in 0..<400 {
      let key = "key \(random.below(20))"
      let value = "value \(round) " + String(decoding: random.text(random.below(60)), as: UTF8.self)
      try write([(key, value)], log)
    }
    all = try records(log)
    #expect(all.count == 400)
    #expect(try settle(log) > 10)
    let left = try records(log)
    #expect(left.count < 150)
    #expect(table(left) == table(all))
    // Each record is one of those written, as it was written.
    for record in left { #expect(all[Int(record.offset)] == record) }
    #expect(left.last == all.last)
    #expect(try log.bounds(of: t0) == 0..<400)
    try log.close()
    let reopened = try open()
    #expect(try records(reopened) == left)
    #expect(try reopened.committed(group: "g", [t0]) == [t0: 1000])
    try write([("key 1", "last")], reopened)
    #expect(try table(records(reopened))["key 1"] == "last")
  }

  @Test func `a reader can begin at any offset, also in a gap`() throws {
    let log = try open()
    for round in 0..<200 { try write([("key \(round % 7)", "v\(round)")], log) }
    try settle(log)
    let left = try records(log)
    for offset in 0...200 {
      #expect(try records(log, from: Int64(offset)) == left.filter { $0.offset >= offset })
    }
  }

  @Test func `many batches of few records become few, and Kafka's limit of a batch holds`() throws {
    let log = try open()
    for round in 0..<300 { try write([("head", "h\(round)"), ("c:\(round)", "x")], log) }
    try settle(log)
    let first = try #require(try files().first)
    let segment = EmbeddedSegment(
      base: 0, generation: try #require(EmbeddedSegment.parse(fileName: first)).generation,
      directory: scratch("log/t-0"),
      byteCount: try contents(scratch("log/t-0/\(first)")).count, next: .max)
    var walk = try #require(try EmbeddedWalk(segment, EmbeddedDisk()))
    var batches = 0
    var records = 0
    while let header = try walk.header() {
      batches += 1
      records += Int(header.recordCount)
      #expect(header.isSealed)
      walk.pass(header)
    }
    #expect(records > 10 * batches)
  }

  @Test func `a tombstone stays for a day, then goes with all that it hid`() throws {
    let log = try open()
    for round in 0..<60 { try write([("gone", "old \(round)"), ("stays", "s\(round)")], log) }
    try write([("gone", nil)], log, at: 5000)
    for round in 0..<60 { try write([("filler \(round % 3)", "f\(round)")], log, at: 6000) }
    try settle(log, now: 7000)
    let soon = try records(log)
    #expect(soon.filter { $0.key == Array("gone".utf8) }.map(\.value) == [nil])
    try settle(log, now: 5000 + Self.day)
    #expect(try records(log).contains { $0.key == Array("gone".utf8) })
    try settle(log, now: 5001 + Self.day)
    let late = try records(log)
    #expect(!late.contains { $0.key == Array("gone".utf8) })
    #expect(table(late) == table(soon))
    #expect(try settle(log, now: 5002 + Self.day) == 0)
  }

  @Test func `what nobody writes any more is compacted after a day, the newest segment too`() throws
  {
    var options = Self.options()
    options.compactedSegmentBytes = 1 << 20
    options.writeAheadBytes = 500
    let log = try open("log", options)
    for round in 0..<50 { try write([("key", "v\(round)")], log) }
    #expect(try settle(log, now: 1000 + Self.day) == 0)
    let steps = try settle(log, now: 1001 + Self.day)
    #expect(steps > 0)
    let left = try records(log)
    #expect(left.count < 20 && left.last?.value == Array("v49".utf8))
    #expect(try settle(log, now: 1002 + Self.day) == 0)
    try write([("key", "next")], log, at: 2000 + Self.day)
    #expect(try records(log).last?.value == Array("next".utf8))
  }

  @Test func `an index that is full compacts a part, and then the rest`() throws {
    var options = Self.options()
    options.compactionKeys = 8
    let log = try open("log", options)
    for round in 0..<300 { try write([("key \(round % 40)", "v\(round)")], log) }
    let before = try table(records(log))
    try settle(log)
    let left = try records(log)
    #expect(left.count < 150)
    #expect(table(left) == before)
  }

  @Test func `readers, groups and one that looks on go on while it happens`() throws {
    let log = try open()
    for round in 0..<300 { try write([("key \(round % 9)", "v\(round)")], log) }
    let onlooker = try EmbeddedLog.open(directory: scratch("log"), mode: .readOnly)
    let group = try log.groupReader(group: "readers", topics: ["t"])
    _ = group.takeAssignments()
    try group.start([t0: 0])
    let readers: [any LogReader] = [
      try log.reader(from: [t0: 0]), group, try onlooker.reader(from: [t0: 0]),
    ]
    var seen = [[Plain]](repeating: [], count: readers.count)
    var batch = RecordBatch(source: t0)
    func readOn() throws {
      for (place, reader) in readers.enumerated() where try reader.poll(into: &batch, timeoutMs: 0)
      {
        seen[place] += plain(batch)
      }
    }
    var round = 300
    try readOn()
    while try log.upkeep(now: 2000).isBusy || round < 600 {
      try write([("key \(round % 9)", "v\(round)")], log)
      try readOn()
      round += 1
    }
    for _ in 0..<20 { try readOn() }
    let latest = try table(records(log))
    for records in seen {
      #expect(zip(records, records.dropFirst()).allSatisfy { $0.offset < $1.offset })
      #expect(table(records) == latest)
    }
    #expect(onlooker.notes.isEmpty)
  }

  @Test func `a damaged segment is left as it is, and said once`() throws {
    let log = try open()
    for round in 0..<200 { try write([("key \(round % 7)", "v\(round)")], log) }
    let name = try #require(try files().first)
    var image = try contents(scratch("log/t-0/\(name)"))
    image[image.count / 2] ^= 0x10
    try put(image, scratch("log/t-0/\(name)"))
    #expect(throws: LogError.self) { try settle(log, now: 2000) }
    #expect(try settle(log, now: 20_000) == 0)
    #expect(try contents(scratch("log/t-0/\(name)")) == image)
  }

  @Test func `flipped bits in what a compaction wrote are named, also in gaps`() throws {
    let log = try open()
    for round in 0..<200 { try write([("key \(round % 7)", "v\(round)")], log) }
    try settle(log)
    try log.close()
    let name = try #require(try files().first { $0.utf8.count > 24 })
    let path = scratch("log/t-0/\(name)")
    let image = try contents(path)
    for place in image.indices {
      var bad = image
      bad[place] ^= UInt8(1 << (place % 8))
      try put(bad, path)
      do {
        _ = try records(try open())
        Issue.record("byte \(place) went unseen")
      } catch let error as LogError {
        #expect(error.message.contains(name) && error.message.contains("damaged"), "\(error)")
      }
    }
  }

  /// Lets the n-th change to the disk fail and every one after it.
  @Test
  func `killed at any write, sync, rename or removal it loses nothing and brings nothing back`()
    throws
  {
    var killAt = 40
    var done = false
    while !done {
      killAt += 1
      let name = "killed-\(killAt)"
      let killer = Killer(at: killAt, arriving: killAt % 9)
      var options = Self.options()
      options.disk = EmbeddedDisk { killer.fault($0) }
      var expected: [String: String] = [:]
      var next: [String: String]?
      do {
        let log = try open(name, options)
        for round in 0..<90 {
          let key = "key \(round % 5)"
          let value = round % 11 == 10 ? nil : "v\(round)"
          var after = expected
          after[key] = value
          next = after
          try write([(key, value)], log, at: Int64(round) * Self.day / 20)
          expected = after
          next = nil
          if round % 3 == 2 { _ = try log.upkeep(now: Int64(round) * Self.day / 20) }
        }
        try settle(log, now: 90 * Self.day)
        try log.close()
        done = true
      } catch {
        #expect(killer.hasStruck, "\(error)")
      }
      let reopened = try open(name)
      let found = try table(records(reopened))
      #expect(found == expected || found == next, "killed at \(killAt)")
      try write([("key 0", "on")], reopened, at: 90 * Self.day)
      try settle(reopened, now: 90 * Self.day)
      var after = found
      after["key 0"] = "on"
      #expect(try table(records(reopened)) == after, "compacted, killed at \(killAt)")
      try reopened.close()
      try FileManager.default.removeItem(atPath: scratch(name))
    }
    #expect(killAt > 200)
  }

  @Test func `Kafka's dump-log tool finds compacted segments valid`() throws {
    let what = "compacted segments read by Kafka's dump-log"
    guard let tool = shared("kafka/bin/kafka-dump-log", for: what) else { return }
    guard program("java") != nil else { return skipped(what, why: "there is no java") }
    let log = try open()
    for round in 0..<300 {
      try write([("key \(round % 7)", "v\(round)"), ("c \(round)", "x")], log)
    }
    try settle(log)
    let left = try records(log)
    try log.close()
    var found: [String] = []
    for name in try files() {
      let result = try run([tool, "--files", scratch("log/t-0/\(name)"), "--print-data-log"])
      #expect(result.exitCode == 0, "\(result.complaintsText)")
      let lines = result.outputText.split(separator: "\n")
      #expect(
        lines.filter { $0.hasPrefix("baseOffset:") }.allSatisfy { $0.contains("isvalid: true") })
      found += lines.filter { $0.hasPrefix("| offset:") }.map(String.init)
    }
    #expect(found.count == left.count)
    for (line, record) in zip(found, left) {
      #expect(line.contains("offset: \(record.offset) "))
      #expect(line.hasSuffix("payload: " + String(decoding: record.value ?? [], as: UTF8.self)))
    }
  }
}

@Suite struct `Retention of the embedded log` {
  let scratch: Scratch
  let t0 = TopicPartition("t", 0)
  static let day: Int64 = 86_400_000

  init() throws { scratch = try Scratch() }

  func open(_ config: [String: String]) throws -> EmbeddedLog {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 300
    options.segmentBytes = 1000
    let log = try EmbeddedLog.open(directory: scratch("log"), options: options)
    try log.createTopic(TopicSettings(name: "t", partitions: 1, config: config))
    return log
  }

  func write(_ days: Range<Int>, _ log: EmbeddedLog) throws {
    let writer = try log.plainWriter()
    for day in days {
      try writer.append(record("day \(day)", at: Int64(day) * Self.day))
      try writer.commit(offsets: [:], group: "", reader: nil)
    }
  }

  @Test func `whole segments go by their newest record's time, and readers are told`() throws {
    let log = try open(["retention.ms": "\(10 * Self.day)"])
    try write(0..<40, log)
    let reader = try log.reader(from: [t0: 0])
    let onlooker = try EmbeddedLog.open(directory: scratch("log"), mode: .readOnly)
    while try log.upkeep(now: 40 * Self.day).isBusy {}
    let bounds = try log.bounds(of: t0)
    // A segment spans a bit more than a day; none goes before its newest record may.
    #expect((20...30).contains(bounds.lowerBound) && bounds.upperBound == 40)
    #expect(try values(log) == (bounds.lowerBound..<40).map { "day \($0)" })
    var batch = RecordBatch(source: t0)
    do {
      _ = try reader.poll(into: &batch, timeoutMs: 0)
      Issue.record("it read what is gone")
    } catch {
      #expect(error.message.contains("t-0 begins at \(bounds.lowerBound) now, and 0 is due"))
    }
    try onlooker.refresh()
    #expect(try values(onlooker) == values(log))
    try log.close()
    let reopened = try open([:])
    #expect(try reopened.bounds(of: t0) == bounds)
  }

  @Test func `a partition whose last record has had its time is empty and goes on counting`() throws
  {
    let log = try open(["retention.ms": "\(Self.day)"])
    try write(0..<5, log)
    try log.close()
    let reopened = try open([:])
    while try reopened.upkeep(now: 7 * Self.day).isBusy {}
    #expect(try reopened.bounds(of: t0) == 5..<5)
    #expect(try values(reopened).isEmpty)
    try reopened.close()
    let again = try open([:])
    #expect(try again.bounds(of: t0) == 5..<5)
    try write(7..<8, again)
    #expect(try again.bounds(of: t0) == 5..<6)
    #expect(try values(again) == ["day 7"])
  }

  @Test(arguments: [[:], ["retention.ms": "-1", "retention.bytes": "-1"]])
  func `without a limit nothing goes`(config: [String: String]) throws {
    let log = try open(config)
    try write(0..<40, log)
    #expect(try !log.upkeep(now: 4000 * Self.day).isBusy)
    #expect(try log.bounds(of: t0) == 0..<40)
  }

  @Test func `a limit of bytes keeps at least so many`() throws {
    let log = try open(["retention.bytes": "1500"])
    try write(0..<100, log)
    try log.close()
    let reopened = try open([:])
    while try reopened.upkeep(now: 0).isBusy {}
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch("log/t-0"))
    let sizes = try files.sorted().map { try contents(scratch("log/t-0/\($0)")).count }
    let sum = sizes.reduce(0, +)
    #expect(sum >= 1500 && sum - sizes[0] < 1500)
  }
}
