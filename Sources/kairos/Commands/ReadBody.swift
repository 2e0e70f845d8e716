import Console
import Foundation
import Log

extension ReadCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let opened = try log.merged(with: configuration).open(.readOnly)
    return try calling {
      let bounds = try self.bounds(of: opened)
      let output = LineOutput(RecordText(topic: topic, isWhole: headers), limit: limit)
      if follow {
        try followAll(bounds, opened, output)
      } else {
        for (partition, range) in bounds where !output.isFull {
          try readThrough(partition, range, opened, output)
        }
      }
      try output.flush()
      return .success
    }
  }

  /// What to read of each partition, by number.
  private func bounds(of log: any Log) throws -> [(TopicPartition, Range<Int64>)] {
    guard let count = try log.partitionCount(of: topic) else {
      throw CommandFailure(.unavailable, "there is no topic \(topic); correct its name")
    }
    for partition in partitions where partition >= count {
      throw CommandFailure(
        .unavailable, "\(topic) has \(count) partitions, the last is \(count - 1), not \(partition)"
      )
    }
    let wanted = partitions.isEmpty ? Array(0..<Int32(count)) : Set(partitions).sorted()
    return try wanted.map { number in
      let partition = TopicPartition(topic, number)
      let bounds = try log.bounds(of: partition)
      let start = min(max(fromOffset ?? bounds.lowerBound, bounds.lowerBound), bounds.upperBound)
      return (partition, start..<bounds.upperBound)
    }
  }

  private func readThrough(
    _ partition: TopicPartition, _ range: Range<Int64>, _ log: any Log, _ output: LineOutput
  ) throws {
    guard !range.isEmpty else { return }
    let reader = try log.reader(from: [partition: range.lowerBound])
    defer { reader.close() }
    var batch = RecordBatch(source: partition)
    var next = range.lowerBound
    // Where a partition ends with marks of transactions there is nothing more to deliver.
    var silence = 0
    while next < range.upperBound, silence < 10, !output.isFull {
      guard try reader.poll(into: &batch, timeoutMs: 500) else {
        silence += 1
        continue
      }
      silence = 0
      next = batch.nextOffset
      for entry in batch.entries where entry.offset < range.upperBound {
        try output.write(batch, entry)
      }
    }
  }

  private func followAll(
    _ bounds: [(TopicPartition, Range<Int64>)], _ log: any Log, _ output: LineOutput
  ) throws {
    let reader = try log.reader(
      from: Dictionary(uniqueKeysWithValues: bounds.map { ($0.0, $0.1.lowerBound) }))
    defer { reader.close() }
    var batch = RecordBatch(source: TopicPartition(topic, 0))
    while !output.isFull {
      guard try reader.poll(into: &batch, timeoutMs: 1000) else { continue }
      for entry in batch.entries where entry.offset >= fromOffset ?? .min {
        try output.write(batch, entry)
      }
      try output.flush()
    }
  }
}

/// Records as lines on standard output, up to a limit.
private final class LineOutput {
  private let text: RecordText
  private var left: Int64
  private var buffer: [UInt8] = []

  init(_ text: RecordText, limit: Int64?) {
    self.text = text
    left = limit ?? .max
  }

  var isFull: Bool { left == 0 }

  func write(_ batch: RecordBatch, _ entry: RecordBatch.Entry) throws {
    guard left > 0 else { return }
    left -= 1
    text.append(batch, entry, to: &buffer)
    buffer.append(0x0A)
    if buffer.count > 1 << 16 { try flush() }
  }

  func flush() throws {
    guard !buffer.isEmpty else { return }
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(buffer))
    } catch {
      throw CommandFailure(.output, "cannot write: \(error)")
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
