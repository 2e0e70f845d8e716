import Console
import Events
import Foundation
import Log

extension AppendCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let opened = try place.open(.readWrite)
    do {
      if try opened.partitionCount(of: topic) == nil {
        guard opened is EmbeddedLog else {
          throw CommandFailure(.unavailable, "there is no topic \(topic); create it first")
        }
        try opened.createTopic(TopicSettings(name: topic, partitions: 1))
      }
      let count = try append(to: opened)
      try (opened as? EmbeddedLog)?.close()
      return try printOut("\(count) records appended to \(topic)\n")
    } catch let failure as CommandFailure {
      throw failure
    } catch let error as LogError {
      throw CommandFailure(error.remedy == .retry ? .temporary : .unavailable, error.message)
    } catch {
      throw CommandFailure(.noInput, "\(error)")
    }
  }

  private func append(to log: any Log) throws -> Int {
    let partitions = try log.partitionCount(of: topic) ?? 1
    let archive = try LineArchive(path: file ?? "/dev/stdin")
    let writer = try log.plainWriter()
    defer { writer.close() }
    let keys = try KeyReader(path: keyField)
    var chunk = LineChunk()
    var count = 0
    while try archive.next(into: &chunk) {
      if let long = chunk.overLong.first {
        throw CommandFailure(
          .data, "line \(chunk.firstLine + long.index) has \(long.byteCount) bytes; 2 MB are the most")
      }
      for line in chunk.lines where !line.isEmpty {
        let value = Array(chunk.bytes[line])
        let key = try keys.key(of: value)
        let target = key.map { partition(ofKey: $0.span, count: partitions) } ?? 0
        try writer.append(
          OutRecord(
            topic: topic, partition: Int32(target), key: key, value: value,
            timestamp: WallClock.milliseconds()))
        count += 1
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
    }
    return count
  }
}

/// Picks the key out of a line's JSON.
final class KeyReader {
  private var reader = JsonReader(maxBytes: 2 << 20)
  private var plan: FieldPlan?
  private let path: String

  init(path: String?) throws {
    self.path = path ?? ""
    guard let path else { return }
    plan = reader.plan([path.split(separator: ".").map(String.init)])
  }

  func key(of line: [UInt8]) throws -> [UInt8]? {
    guard let plan else { return nil }
    let padded = line + Array(repeating: 0, count: 64)
    guard reader.check(plan, padded.span, 0..<line.count) == nil, reader.field(0).kind == .string
    else {
      throw CommandFailure(.data, "a line has no text at \(path), which --key-field asks for")
    }
    return reader.text(reader.field(0), in: padded.span)
  }
}
