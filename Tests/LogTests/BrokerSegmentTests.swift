import Foundation
import Testing

@testable import Log

/// Segments that a broker (Apache Kafka 4.2.0) wrote, with its own console producer's records.
@Suite struct `Segments of a broker` {
  static let segments: [(codec: String, bytes: String)] = [
    (
      "gzip",
      "AAAAAAAAAAAAAACnAAAAAALI5H9OAAEAAAAFAAABof4VwnQAAAGh/hXChgAAAAAAAAABAAAAAAAAAAAABh+L"
        + "CAAAAAAAAP+bxsjAwMCSbdDCWJaYU5qqYKCQmJSMhhRKMlIVCkszk7MVkoryy/MU0vIrsIkxTGNkUGFiyTaE"
        + "GWZIqWEsLNlGMMOMKDWMjSXbGGaYMaWGcbBkm8AMM6HUMC6WbFOYYaaUGAYAyjaY784BAAA="
    ),
    (
      "snappy",
      "AAAAAAAAAAAAAAC5AAAAAAJPwmP8AAIAAAAFAAABof4Vu1oAAAGh/hW7gQAAAAAAAAAAAAAAAAAAAAAABoJT"
        + "TkFQUFkAAAAAAQAAAAEAAAB0zgNQlgEAAAAEazCEAXZhbHVlIDAgYWJjOgMATCB0aGUgcXVpY2sgYnJvd24g"
        + "Zm94ThQAIACWAQBOAgRrMRFNADH+TQAMBARrMhFNADL+TQAMBgRrMxFNADP+TQAMCARrNBFNADT+TQAMCgRr"
        + "NRFNADXuTQA="
    ),
    (
      "lz4",
      "AAAAAAAAAAAAAAC5AAAAAAI2lg6PAAMAAAAFAAABof4VyjcAAAGh/hXKVwAAAAAAAAACAAAAAAAAAAAABgQi"
        + "TRhgQIJ5AAAA+waWAQAAAARrMIQBdmFsdWUgMCBhYmMDAP8FIHRoZSBxdWljayBicm93biBmb3gUAAGUAJYB"
        + "AEACBGsxTQAfMU0ALUQEBGsyTQAfMk0ALUQGBGszTQAfM00ALUQIBGs0TQAfNE0ALUQKBGs1TQAfNU0AJFAg"
        + "Zm94AAAAAAA="
    ),
    (
      "zstd",
      "AAAAAAAAAAAAAACjAAAAAALpfCtmAAQAAAAFAAABof4Vz9oAAAGh/hXQCQAAAAAAAAADAAAAAAAAAAAABii1"
        + "L/0AWDQDAHQElgEAAAAEazCEAXZhbHVlIDAgYWJjIHRoZSBxdWljayBicm93biBmb3gAlgEAXgIEazExBARr"
        + "MjIGBGszMwgEazQ0CgRrNTUMAAFSAIIK5AUEFcgLCCqQFxBUkBcKxHGTZu0cEwEAAA=="
    ),
  ]

  static func bytes(_ text: String) throws -> [UInt8] {
    [UInt8](try #require(Data(base64Encoded: text)))
  }

  @Test(arguments: segments)
  func `are read whatever they are packed with`(codec: String, text: String) throws {
    let scratch = try Scratch()
    let path = scratch("00000000000000000000.log")
    try put(try Self.bytes(text), path)
    let archive = try SegmentArchive(path: path)
    var batch = RecordBatch(source: archive.source)
    #expect(try archive.next(into: &batch))
    let records = plain(batch)
    #expect(records.map(\.offset) == Array(0..<6))
    for (index, record) in records.enumerated() {
      let tail = "abcabcabcabcabcabc the quick brown fox the quick brown fox"
      #expect(record.key == Array("k\(index)".utf8))
      #expect(record.value == Array("value \(index) \(tail)".utf8))
    }
    #expect(try !archive.next(into: &batch))
    #expect(archive.notes.isEmpty)
  }

  @Test(arguments: segments)
  func `with any of their packed bytes changed are refused or read, within bounds`(
    codec: String, text: String
  ) throws {
    let good = try Self.bytes(text)
    var random = Seeded(31)
    var refused = 0
    for round in 0..<1500 {
      var bad = good
      for _ in 0...round % 3 {
        bad[61 + random.below(bad.count - 61)] = UInt8(truncatingIfNeeded: random.next())
      }
      `Record batches`.store(Crc32c.of(bad, 21..<bad.count), at: 17, &bad)
      guard case .header(let header) = RecordBatchHeader.read(bad, at: 0, end: bad.count) else {
        Issue.record("no header")
        return
      }
      var batch = RecordBatch(source: TopicPartition("t", 0))
      let limits = RecordBatchFormat.Limits(batchBytes: 1 << 16)
      let damage = RecordBatchFormat.decode(header, bad, at: 0, limits: limits, into: &batch)
      #expect(batch.bytes.count <= limits.batchBytes)
      #expect(damage == nil || batch.entries.isEmpty)
      for entry in batch.entries { #expect((entry.value?.upperBound ?? 0) <= batch.bytes.count) }
      if damage != nil { refused += 1 }
    }
    #expect(refused > 300, "\(codec)")
  }
}
