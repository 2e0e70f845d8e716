import Cel
import Console
import Decisions
import Engine
import Foundation
import Ingest
import Log
import Playbooks
import Replay

extension PlaybookCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let zones = try BookReading.zones()
    switch action {
    case .publish: return try publish(book ?? "", to: place, zones)
    case .list: return try list(place, zones)
    }
  }

  // MARK: Publish

  private func publish(
    _ path: String, to place: LogPlace, _ zones: ZoneTable
  ) throws(CommandFailure) -> ExitCode {
    let (book, new) = try BookReading.read(path, zones)
    _ = try calling { try book.artifact() }
    let opened: any Log
    do {
      opened = try place.open(.readWrite)
    } catch {
      let directory = place.directory ?? LogPlace.standardDirectory
      guard !place.isKafka, EmbeddedLog.isHeld(directory) else { throw error }
      return try leave(book, new, in: directory, place, zones)
    }
    return try calling {
      let now = WallClock.milliseconds()
      if let embedded = opened as? EmbeddedLog {
        // What was left in the inbox before comes before.
        while try Inbox(log: embedded.directory).take(into: embedded, now: now).isMore {}
      }
      try printPlan(to: new, in: opened, zones)
      try BookShelf.publish(
        book, backfillSince: backfill?.since(now: now), to: opened, now: now)
      try (opened as? EmbeddedLog)?.close()
      return try say(
        "published \(new.hash.prefix(12)): it is taken over where the journal stands\n")
    }
  }

  /// Another process holds the embedded log: it takes the book in from the log's inbox.
  private func leave(
    _ book: Book, _ new: Engine.Program, in directory: String, _ place: LogPlace,
    _ zones: ZoneTable
  ) throws(CommandFailure) -> ExitCode {
    try calling {
      let now = WallClock.milliseconds()
      let opened = try place.open(.readOnly)
      try printPlan(to: new, in: opened, zones)
      try (opened as? EmbeddedLog)?.close()
      let inbox = Inbox(log: directory)
      let artifact = try inbox.drop(
        topic: TopicContract.artifacts.name, keyField: "hash", now: now)
      try artifact.append(book.artifact()[...])
      try artifact.commit()
      let order = try inbox.drop(topic: TopicContract.control.name, keyField: nil, now: now)
      let record = Control.book(hash: book.name, backfillSince: backfill?.since(now: now))
      try order.append(record.payload[...])
      try order.commit()
      return try say(
        "\(new.hash.prefix(12)) left in the log's inbox, for the process that holds it\n")
    }
  }

  private func say(_ line: String) throws(CommandFailure) -> ExitCode {
    json ? .success : try printOut(line)
  }

  private func printPlan(
    to new: Engine.Program, in log: any Log, _ zones: ZoneTable
  ) throws {
    let shelf = BookShelf(log: log, zones: zones)
    guard let latest = try shelf.latest() else {
      _ = try say("this is the log's first book: it is in force from the beginning\n")
      return
    }
    let plan = MigrationPlan(
      from: try shelf.program(latest), to: new, backfill: backfill?.text)
    _ = try printOut(json ? plan.json : plan.text)
  }

  // MARK: List

  private func list(_ place: LogPlace, _ zones: ZoneTable) throws(CommandFailure) -> ExitCode {
    let opened = try place.open(.readOnly)
    return try calling {
      let shelf = BookShelf(log: opened, zones: zones)
      let publications = try shelf.publications()
      var rows: [Row] = []
      for publication in publications {
        let book = try shelf.book(publication.hash)
        rows.append(Row(publication, book.playbooks.map(\.name), isLast: false))
      }
      if !rows.isEmpty { rows[rows.count - 1].isLast = true }
      try (opened as? EmbeddedLog)?.close()
      if json { return try printOut(Self.json(rows)) }
      if rows.isEmpty { return try printOut("no book has been published\n") }
      return try printOut(rows.map(\.text).joined())
    }
  }

  private struct Row {
    var publication: BookShelf.Publication
    var playbooks: [String]
    var isLast: Bool
    init(_ publication: BookShelf.Publication, _ playbooks: [String], isLast: Bool) {
      self.publication = publication
      self.playbooks = playbooks
      self.isLast = isLast
    }

    var text: String {
      var line = "\(publication.hash.prefix(12))  \(timestamp(publication.time))"
      line += isLast ? "  in force " : "           "
      line += " \(playbooks.joined(separator: ", "))"
      if let since = publication.backfillSince {
        line += since == 0 ? "; filled from the beginning" : "; filled since \(timestamp(since))"
      }
      return line + "\n"
    }
  }

  private static func json(_ rows: [Row]) -> String {
    var json = JsonWriter()
    json.beginArray()
    for row in rows {
      json.beginObject()
      json.string("book", row.publication.hash)
      json.time("published", row.publication.time)
      json.int("offset", row.publication.offset)
      if let since = row.publication.backfillSince { json.int("backfillSince", since) }
      json.bool("last", row.isLast)
      json.beginArray("playbooks")
      for name in row.playbooks { json.string(nil, name) }
      json.endArray()
      json.endObject()
    }
    json.endArray()
    return String(decoding: json.bytes, as: UTF8.self) + "\n"
  }
}
