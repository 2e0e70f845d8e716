import Foundation
import Log
import Testing

/// xorshift: the same numbers for the same seed everywhere.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
  /// Bytes that can be packed.
  mutating func text(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(ascii: "a") + UInt8(below(4)) }
  }
}

/// A directory that goes with the test.
final class Scratch {
  let path: String
  init() throws {
    // In memory where that is possible: the tests sync thousands of times.
    let memory = "/dev/shm"
    let parent =
      FileManager.default.isWritableFile(atPath: memory)
      ? memory : FileManager.default.temporaryDirectory.path
    path = "\(parent)/kairos-\(UUID())"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit {
    do { try FileManager.default.removeItem(atPath: path) } catch {
      print("left behind: \(path): \(error)")
    }
  }
  func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

func contents(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(filePath: path)))
}

func put(_ bytes: [UInt8], _ path: String) throws {
  try Data(bytes).write(to: URL(filePath: path))
}

/// A record as one can compare it.
struct Plain: Equatable, CustomStringConvertible {
  var offset: Int64
  var timestamp: Int64
  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [String] = []
  var description: String {
    let text = value.map { String(decoding: $0.prefix(40), as: UTF8.self) } ?? "null"
    return "\(offset)@\(timestamp) \(text)"
  }
}

func plain(_ batch: RecordBatch) -> [Plain] {
  batch.entries.map { entry in
    Plain(
      offset: entry.offset, timestamp: entry.timestamp,
      key: entry.key.map { Array(batch.bytes[$0]) },
      value: entry.value.map { Array(batch.bytes[$0]) },
      headers: batch.headers[entry.headers].map { header in
        let name = String(decoding: batch.bytes[header.name], as: UTF8.self)
        return "\(name)=\(header.value.map { Array(batch.bytes[$0]) } ?? [])"
      })
  }
}

func record(
  _ value: String, to topic: String = "t", _ partition: Int32 = 0, at timestamp: Int64 = 1
) -> OutRecord {
  OutRecord(
    topic: topic, partition: partition, key: Array("k".utf8), value: Array(value.utf8),
    timestamp: timestamp)
}

/// What a partition holds now, as text.
func values(_ log: EmbeddedLog, _ source: TopicPartition = TopicPartition("t", 0)) throws
  -> [String]
{
  let bounds = try log.bounds(of: source)
  let reader = try log.reader(from: [source: bounds.lowerBound])
  var values: [String] = []
  var batch = RecordBatch(source: source)
  while try reader.poll(into: &batch, timeoutMs: 0) {
    values += plain(batch).map { String(decoding: $0.value ?? [], as: UTF8.self) }
  }
  return values
}
