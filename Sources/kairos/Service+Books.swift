import Cel
import Console
import Decisions
import Engine
import Foundation
import Log
import Playbooks
import Replay
import Yaml

// Which book is in force: the log says so, and the command line may publish one.

/// The book of the command line.
struct GivenBook: Sendable {
  var book: Book
  var program: Engine.Program
  var path: String
}

/// The programs of a log's books, for the thread that folds.
final class LogPrograms: ProgramSource {
  let initial: Engine.Program
  private(set) var known: [String: Engine.Program] = [:]
  /// No book was published yet.
  let isEmpty: Bool
  private let shelf: BookShelf
  private let prepare: (Engine.Program) throws(LogError) -> Void

  /// `empty`: in force while there is no book at all. `prepare`: makes sure of what a book needs.
  init(
    _ shelf: BookShelf, empty: Engine.Program,
    prepare: @escaping (Engine.Program) throws(LogError) -> Void
  ) throws(LogError) {
    self.shelf = shelf
    self.prepare = prepare
    let books = try shelf.publications().map(\.hash)
    isEmpty = books.isEmpty
    initial = try books.first.map { hash throws(LogError) in try shelf.program(hash) } ?? empty
    known[initial.hash] = initial
    for hash in books {
      do {
        known[hash] = try shelf.program(hash)
      } catch {
        // The partition that comes to where it is in force says so, and waits.
        guard error.remedy == .stop else { throw error }
      }
    }
  }

  func find(_ hash: String) throws(LogError) -> Engine.Program {
    if isEmpty {
      throw LogError(.recreate, "the first book was published: the fold begins with it")
    }
    if let program = known[hash] {
      try prepare(program)
      return program
    }
    let program = try shelf.program(hash)
    try prepare(program)
    known[hash] = program
    return program
  }
}

extension Service {
  /// Publishes the book of the command line if the log has none, or, where the log is ours alone,
  /// another one.
  func publishGiven() throws(LogError) {
    guard let given else { return }
    let shelf = BookShelf(log: log, zones: zones)
    let published = try shelf.latest()
    guard published != given.program.hash else { return }
    guard published == nil || log is EmbeddedLog else {
      lines.warning(
        "another book is in force; publish this one: kairos playbook publish \(given.path)",
        ["in_force": .text(String((published ?? "").prefix(12)))])
      return
    }
    // Another book than the one before: what is new in it knows the whole journal.
    try BookShelf.publish(
      given.book, backfillSince: published == nil ? nil : 0, to: log,
      now: WallClock.milliseconds())
    lines.info("published", ["book": .text(String(given.program.hash.prefix(12)))])
  }

  func programs() throws(LogError) -> LogPrograms {
    let shelf = BookShelf(log: log, zones: zones)
    if let given { shelf.keep(given.program) }
    return try LogPrograms(shelf, empty: Self.emptyProgram(zones)) {
      [log] program throws(LogError) in
      for topic in Self.actionTopics(program) where try log.partitionCount(of: topic) == nil {
        guard log is EmbeddedLog else {
          throw LogError(
            .stop,
            "the book \(program.hash.prefix(12)) acts on the topic \(topic), which is missing; "
              + "create it: kairos topics apply --book BOOK")
        }
        try log.createTopic(Self.actionSettings(topic))
      }
    }
  }

  static func actionTopics(_ program: Engine.Program) -> [String] {
    Set(program.checks.decisions.map(\.topic)).sorted()
  }

  static func actionSettings(_ topic: String) -> TopicSettings {
    var settings = TopicContract.actions.settings(topic: TopicContract.actions.name + "any")
    settings.name = topic
    return settings
  }

  /// Takes events in and decides nothing.
  private static func emptyProgram(_ zones: ZoneTable) throws(LogError) -> Engine.Program {
    let text = "kairos: 1\nname: empty\n"
    let (book, problems) = Book.parse(files: [(name: "empty.yaml", bytes: Array(text.utf8))])
    guard let program = book?.compile(zones: zones).program else {
      throw LogError(.stop, problems.map(\.description).joined(separator: "\n"))
    }
    return program
  }
}
