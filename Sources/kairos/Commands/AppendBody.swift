import Console
import Foundation
import Ingest
import Log

extension AppendCommand {
  func run() throws(CommandFailure) -> ExitCode {
    guard TopicContract.of(topic) == nil else {
      throw CommandFailure(
        .usage, "\(topic) is written by Kairos itself; append to a source's topic")
    }
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let opened: any Log
    do {
      opened = try place.open(.readWrite)
    } catch {
      let directory = place.directory ?? LogPlace.standardDirectory
      guard !place.isKafka, EmbeddedLog.isHeld(directory) else { throw error }
      if isNew(in: place) { warnOfNewTopic("will be") }
      let count = try calling { try drop(into: directory) }
      return try printOut(
        "\(lines(count)) for \(topic) left in the log's inbox, for the process that holds it\n")
    }
    let count = try calling { try append(to: opened) }
    return try printOut("\(lines(count)) appended to \(topic)\n")
  }

  private func lines(_ count: Int) -> String { count == 1 ? "1 record" : "\(count) records" }

  private func append(to log: any Log) throws -> Int {
    let now = WallClock.milliseconds()
    if let embedded = log as? EmbeddedLog {
      // What was left there before comes before.
      let inbox = Inbox(log: embedded.directory)
      while try inbox.take(into: embedded, now: now).isMore {}
      if try log.partitionCount(of: topic) == nil {
        // The first topic of a log is no surprise.
        let isFirst = try embedded.topics().isEmpty
        try log.createTopic(TopicSettings(name: topic, partitions: 1))
        if !isFirst { warnOfNewTopic("has been") }
      }
    }
    guard let partitions = try log.partitionCount(of: topic) else {
      throw CommandFailure(
        .unavailable, "there is no topic \(topic); create it first, or correct its name")
    }
    let writer = try log.plainWriter()
    defer { writer.close() }
    var count = 0
    try eachLine { key, line in
      try writer.append(
        OutRecord(
          topic: topic, partition: Inbox.partition(of: key, among: partitions), key: key,
          value: Array(line), timestamp: WallClock.milliseconds()))
      count += 1
    } chunk: { _ in
      try writer.commit(offsets: [:], group: "", reader: nil)
    }
    try (log as? EmbeddedLog)?.close()
    return count
  }

  private func drop(into directory: String) throws -> Int {
    let drop = try Inbox(log: directory).drop(
      topic: topic, keyField: keyField, now: WallClock.milliseconds())
    var count = 0
    try eachLine { _, line in
      try drop.append(line)
      count += 1
    } chunk: { isLast in
      if isLast { try drop.commit() }
    }
    return count
  }

  /// Whether the log that another process holds lacks the topic. A log that cannot be looked at, as
  /// when it is only being made, is not complained of: the lines wait in its inbox all the same.
  private func isNew(in place: LogPlace) -> Bool {
    do {
      let log = try place.open(.readOnly)
      let isNew = try log.partitionCount(of: topic) == nil
      try (log as? EmbeddedLog)?.close()
      return isNew
    } catch {
      return false
    }
  }

  /// It may be a name mistyped.
  private func warnOfNewTopic(_ made: String) {
    FileHandle.standardError.write(
      Data(
        ("kairos append: there was no topic \(topic), and it \(made) created; kairos run reads "
          + "only the topics of its sources\n").utf8))
  }

  /// Lines that are not empty, with their keys. `done` is called after some of them, and at last
  /// with true: also before a bad line fails, for those before it.
  private func eachLine(
    _ body: (_ key: [UInt8]?, _ line: ArraySlice<UInt8>) throws -> Void,
    chunk done: (_ isLast: Bool) throws -> Void
  ) throws {
    let archive = try LineArchive(path: file ?? "/dev/stdin", longest: Inbox.lineBytes)
    let keys = try LineKey(path: keyField)
    var chunk = LineChunk()
    var count = 0
    func stop(at number: Int, _ why: String) throws -> Never {
      try done(true)
      throw CommandFailure(
        .data,
        "line \(number) \(why); \(lines(count)) appended from the lines before it: mend it and go "
          + "on from there, as with tail -n +\(number)")
    }
    while try archive.next(into: &chunk) {
      for (index, line) in chunk.lines.enumerated() {
        let number = chunk.firstLine + index
        if let long = chunk.overLong.first, long.index == index {
          try stop(at: number, "has \(long.byteCount) bytes, and 2 MB are the most")
        }
        if line.isEmpty { continue }
        let key = keys.key(chunk.bytes, line)
        if keys.isAsked, key == nil {
          try stop(
            at: number, "has no text at \(keyField ?? ""), which --key-field asks for")
        }
        try body(key, chunk.bytes[line])
        count += 1
      }
      try done(false)
    }
    try done(true)
  }
}

/// What `body` throws, as the failure of a command.
func calling<Result>(_ body: () throws -> Result) throws(CommandFailure) -> Result {
  do {
    return try body()
  } catch let failure as CommandFailure {
    throw failure
  } catch let error as LogError {
    throw CommandFailure(error.remedy == .retry ? .temporary : .unavailable, error.message)
  } catch {
    throw CommandFailure(.unavailable, "\(error)")
  }
}
