import Foundation
import TestSupport
import Testing

@testable import Log

@Suite struct `Archives of lines` {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  struct Lines: Equatable {
    var lines: [String] = []
    var overLong: [Int: Int] = [:]
    var failure: String?
  }

  func read(_ path: String, longest: Int = 2 << 20, block: Int = 256 << 10) throws -> Lines {
    let archive = try LineArchive(path: path, longest: longest, block: block)
    var chunk = LineChunk()
    var all = Lines()
    do {
      while try archive.next(into: &chunk) {
        #expect(chunk.firstLine == all.lines.count + 1)
        for long in chunk.overLong { all.overLong[long.index + all.lines.count] = long.byteCount }
        for line in chunk.lines {
          all.lines.append(String(decoding: chunk.bytes[line], as: UTF8.self))
          #expect(chunk.bytes.count - line.upperBound >= RecordBatch.padding)
        }
      }
      #expect(archive.progress.read == archive.progress.total ?? 0)
    } catch { all.failure = error.message }
    return all
  }

  func file(_ text: String, _ name: String = "a.ndjson") throws -> String {
    try put(Array(text.utf8), scratch(name))
    return scratch(name)
  }

  func gzip(_ path: String) throws -> String {
    let result = try run(["gzip", "-k", "-f", path])
    #expect(result.exitCode == 0)
    return path + ".gz"
  }

  func lz4(_ path: String) throws -> String {
    var packed: [UInt8] = []
    let bytes = try contents(path)
    Lz4.pack(bytes, 0..<bytes.count, into: &packed)
    try put(packed, path + ".lz4")
    return path + ".lz4"
  }

  @Test(arguments: [
    ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb\r\n", ["a", "b"]), ("a\n\nb", ["a", "", "b"]),
    ("\n", [""]), ("a\rb\n", ["a\rb"]), ("a\nb\r", ["a", "b"]),
  ])
  func `lines end with LF or CRLF, the last one also without`(text: String, lines: [String]) throws
  {
    for block in [1, 2, 3, 100] {
      #expect(try read(try file(text), block: block).lines == lines)
    }
  }

  @Test func `a line beyond the bound is skipped and reported`() throws {
    let long = String(repeating: "x", count: 11)
    let fits = String(repeating: "y", count: 10)
    let path = try file("a\n\(long)\n\(fits)\r\n\(long)\(long)\r\nb\n\(long)")
    for block in [1, 3, 7, 1000] {
      let all = try read(path, longest: 10, block: block)
      #expect(all.lines == ["a", "", fits, "", "b", ""])
      #expect(all.overLong.filter { $0.key != 3 } == [1: 11, 5: 11])
      #expect(try #require(all.overLong[3]) >= 22)
    }
  }

  @Test func `packed files give the same lines, several members too`() throws {
    var random = Seeded(11)
    let lines = (0..<3000).map { "line \($0) " + String(decoding: random.text(90), as: UTF8.self) }
    let path = try file(lines.joined(separator: "\n"))
    for packed in [try gzip(path), try lz4(path)] {
      for block in [1000, 256 << 10] { #expect(try read(packed, block: block).lines == lines) }
      let twice = packed + ".twice"
      try put(try contents(packed) + (try contents(packed)), twice)
      let joined = lines.dropLast() + [lines[2999] + lines[0]] + lines.dropFirst()
      #expect(try read(twice).lines == Array(joined))
    }
  }

  @Test func `a packed file that is cut off or damaged says so after its good lines`() throws {
    var random = Seeded(12)
    let lines = (0..<9000).map { "line \($0) " + String(decoding: random.text(90), as: UTF8.self) }
    let path = try file(lines.joined(separator: "\n") + "\n")
    for packed in [try gzip(path), try lz4(path)] {
      let good = try contents(packed)
      try put(Array(good.dropLast(good.count / 3)), packed)
      let short = try read(packed)
      #expect(short.failure?.contains("cut off") == true)
      #expect(short.lines.count > 1000 && short.lines == Array(lines.prefix(short.lines.count)))
      var bad = good
      for place in good.count / 2..<good.count / 2 + 40 { bad[place] = 0xFF }
      try put(bad, packed)
      let damaged = try read(packed)
      #expect(damaged.failure?.contains("is damaged near byte") == true)
    }
  }

  @Test func `a missing file is said`() {
    #expect(throws: LogError.self) { try LineArchive(path: scratch("none")) }
    #expect(throws: LogError.self) { try ArchiveKind.of(scratch("none")) }
  }
}

@Suite struct `Archives of segments` {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  func read(_ path: String) throws -> (records: [Plain], notes: [String]) {
    let archive = try SegmentArchive(path: path)
    var batch = RecordBatch(source: archive.source)
    var all: [Plain] = []
    while try archive.next(into: &batch) { all += plain(batch) }
    return (all, archive.notes)
  }

  func plainValue(_ value: String, _ offset: Int64) -> Plain {
    Plain(offset: offset, timestamp: 5, value: Array(value.utf8))
  }

  /// A batch as a transactional producer's.
  func transactional(
    _ records: [Plain], at base: Int64, producer: Int64, ends: Bool? = nil
  ) -> [UInt8] {
    var bytes = `Record batches`.pack(records, at: base, codec: .none)
    bytes[22] |= ends == nil ? 0x10 : 0x30
    bytes.store(bigEndian: producer, at: 43)
    bytes.store(bigEndian: Crc32c.of(bytes, 21..<bytes.count), at: 17)
    return bytes
  }

  func ending(_ producer: Int64, at base: Int64, commits: Bool) -> [UInt8] {
    let key: [UInt8] = [0, 0, 0, commits ? 1 : 0]
    return transactional(
      [Plain(offset: 0, timestamp: 5, key: key, value: [0, 0, 0, 0, 0, 0])], at: base,
      producer: producer, ends: commits)
  }

  @Test func `an embedded log's segments are read in order`() throws {
    var options = EmbeddedLog.Options()
    options.segmentBytes = 2000
    let log = try EmbeddedLog.open(directory: scratch("log"), options: options)
    try log.createTopic(TopicSettings(name: "a-b", partitions: 1))
    let writer = try log.plainWriter()
    for step in 0..<100 {
      try writer.append(record("value \(step)", to: "a-b", at: 5))
      try writer.commit(offsets: [:], group: "", reader: nil)
    }
    try log.close()
    let (records, notes) = try read(scratch("log/a-b-0"))
    #expect(records.map(\.offset) == Array(0..<100))
    #expect(records.last?.value == Array("value 99".utf8))
    #expect(notes.isEmpty)
    #expect(try SegmentArchive(path: scratch("log/a-b-0")).source == TopicPartition("a-b", 0))
    #expect(try ArchiveKind.of(scratch("log")) == .log)
    #expect(try ArchiveKind.of(scratch("log/a-b-0")) == .segments)
    #expect(try ArchiveKind.of(scratch("log/a-b-0/00000000000000000000.log")) == .segments)
    #expect(try ArchiveKind.of(scratch("log/topics")) == .lines)
  }

  @Test func `aborted and unfinished transactions are left out`() throws {
    let file = scratch("00000000000000000010.log")
    var bytes = transactional([plainValue("committed", 0)], at: 10, producer: 1)
    bytes += transactional([plainValue("aborted", 0)], at: 11, producer: 2)
    bytes += `Record batches`.pack([plainValue("plain", 0)], at: 12)
    bytes += ending(1, at: 13, commits: true)
    bytes += ending(2, at: 14, commits: false)
    bytes += transactional([plainValue("second", 0)], at: 15, producer: 2)
    bytes += transactional([plainValue("open", 0)], at: 16, producer: 1)
    bytes += ending(2, at: 17, commits: true)
    try put(bytes, file)
    let (records, notes) = try read(file)
    #expect(
      records == [
        plainValue("committed", 10), plainValue("plain", 12), plainValue("second", 15),
      ])
    #expect(notes.count == 1 && notes[0].contains("left out 1 batches"))
  }

  @Test func `the last batch may be cut off, room may follow it, damage is named`() throws {
    let file = scratch("00000000000000000000.log")
    let one = `Record batches`.pack([plainValue("one", 0)], at: 0)
    let two = `Record batches`.pack([plainValue("two", 0)], at: 1)
    try put(one + two + [UInt8](repeating: 0, count: 500), file)
    #expect(try read(file).records.count == 2)
    #expect(try read(file).notes.isEmpty)
    for cut in 1..<two.count {
      try put(one + two.dropLast(cut), file)
      let (records, notes) = try read(file)
      #expect(records == [plainValue("one", 0)])
      #expect(notes.count == 1)
    }
    for place in 13..<one.count where place > 15 {
      var bad = one + two
      bad[place] ^= 4
      try put(bad, file)
      do {
        _ = try read(file)
        Issue.record("byte \(place) went unseen")
      } catch {
        #expect("\(error)".contains("damaged at byte"))
      }
    }
    try put(one.dropLast(3), file)
    try put(two, scratch("00000000000000000001.log"))
    #expect(throws: LogError.self) { try read(scratch.path) }
  }
}
