import Engine
import Events
import Foundation
import Ingest
import Log
import Playbooks
import Replay
import TestSupport
import Testing

private let first = """
  kairos: 1
  name: churn
  features:
    logins: { count: product.login, over: 7d }
  moments:
    keen: { becomes: logins > 3 }
  decisions:
    call:
      when: { moment: keen }
      action: { topic: actions.calls, channel: call }
      purpose: retention

  """
private let second = first.replacing("over: 7d", with: "over: 14d")

@Suite struct `kairos playbook` {
  private func kairos(_ words: String..., folder: String) throws -> CommandResult {
    try TestSupport.run([try kairosPath()] + words, folder: folder)
  }

  private func withBooks(_ body: (String) throws -> Void) throws {
    try withTemporaryFolder { folder in
      for (name, text) in [("one", first), ("two", second), ("bad", "kairos: 1\nnam: p\n")] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name).yaml"))
      }
      try body(folder)
    }
  }

  @Test func `publishes a book, lists it, and tells what the next one would change`() throws {
    try withBooks { folder in
      let none = try kairos("playbook", "list", "--log", "data", folder: folder)
      #expect(none.exitCode != 0)
      let began = try kairos("playbook", "publish", "one.yaml", "--log", "data", folder: folder)
      #expect(began.exitCode == 0 && began.outputText.contains("the log's first book"))
      let plan = try kairos(
        "check", "two.yaml", "--against", "log", "--log", "data", folder: folder)
      #expect(plan.exitCode == 0, "\(plan.complaintsText)")
      #expect(plan.outputText.contains("its span changed: 7d -> 14d"))
      let next = try kairos(
        "playbook", "publish", "two.yaml", "--backfill", "all", "--log", "data", folder: folder)
      #expect(next.exitCode == 0 && next.outputText.hasPrefix(plan.outputText.prefix(20)))
      #expect(next.outputText.contains("back-filled"))
      let list = try kairos("playbook", "list", "--log", "data", folder: folder)
      let lines = list.outputText.split(separator: "\n")
      #expect(lines.count == 2 && lines[1].contains("in force") && lines[1].contains("churn"))
      #expect(lines[1].hasSuffix("filled from the beginning"))
    }
  }

  @Test func `refuses a book that is wrong and writes nothing`() throws {
    try withBooks { folder in
      let said = try kairos("playbook", "publish", "bad.yaml", "--log", "data", folder: folder)
      #expect(said.exitCode == 65 && said.complaintsText.contains("bad.yaml:2:1"))
      #expect(!FileManager.default.fileExists(atPath: folder + "/data"))
    }
  }

  @Test func `leaves a book in the inbox of a log that is held, which takes it in`() throws {
    try withBooks { folder in
      let log = try EmbeddedLog.open(directory: folder + "/data", mode: .readWrite)
      let said = try kairos("playbook", "publish", "one.yaml", "--log", "data", folder: folder)
      #expect(said.exitCode == 0 && said.outputText.contains("inbox"), "\(said.complaintsText)")
      let shelf = BookShelf(log: log, zones: try .system())
      #expect(try shelf.first() == nil)
      let taken = try Inbox(log: log.directory).take(into: log, now: 1)
      #expect(taken.complaints == [] && taken.records == 2)
      let hash = try #require(try shelf.first())
      #expect(try shelf.program(hash).hash == hash)
      try log.close()
    }
  }
}

@Suite(.serialized) struct `A book that is published while the engine runs` {
  private static let wider =
    first.replacing("features:\n", with: "features:\n  ever: { count: product.login }\n")
    .replacing(
      "decisions:\n",
      with: "decisions:\n  loyal:\n    when: { becomes: ever > 5 }\n"
        + "    action: { topic: actions.calls, channel: call }\n    purpose: retention\n")

  private func login(_ number: Int, _ folder: String) throws {
    let line =
      #"{"id":"e\#(number)","type":"product.login","customer":"ada","#
      + #""time":"2026-03-02T0\#(number):00:00Z"}"#
    try kairosDoes(
      ["append", "events", "--log", folder + "/data"], input: Array((line + "\n").utf8))
  }

  private func decided(_ folder: String) throws -> [String] {
    let read = try kairos(["read", "decisions", "--log", folder + "/data"])
    return read.outputText.split(separator: "\n").compactMap { line in
      ["keen", "loyal"].first { line.contains(#""decision":"\#($0)""#) || line.contains($0) }
    }
  }

  @Test func `is filled, calls nobody, decides from then on, and is still there after a crash`()
    throws
  {
    try withTemporaryFolder { folder in
      let decisions = first.replacing("  call:", with: "  keen_call:")
      for (name, text) in [
        ("one", decisions), ("two", Self.wider.replacing("  call:", with: "  keen_call:")),
      ] {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name).yaml"))
      }
      let words = ["--book", folder + "/one.yaml", "--log", folder + "/data"]
      var engine = try RunningEngine(words, folder: folder)
      try wait("readiness") { try engine.isReady() }
      for number in 1...5 { try login(number, folder) }
      try wait("the first decision") { try decided(folder).count == 1 }
      try kairosDoes([
        "playbook", "publish", folder + "/two.yaml", "--backfill", "all", "--log", folder + "/data",
      ])
      try wait("the new book") {
        try engine.complaints.split(separator: "\n").count { $0.contains("are filled") } == 4
      }
      #expect(try decided(folder) == ["keen"])
      try login(6, folder)
      try wait("the new decision") { try decided(folder) == ["keen", "loyal"] }
      try engine.kill()
      engine = try RunningEngine(["--log", folder + "/data"], folder: folder)
      try wait("readiness") { try engine.isReady() }
      try login(7, folder)
      try wait("the seventh login") { try engine.sum("kairos_events_total") > 0 }
      #expect(try engine.drain() == 0)
      #expect(try decided(folder) == ["keen", "loyal"])
      let again = try kairosDoes(["replay", "--as-recorded", folder + "/data", "--quiet"])
      let lines = again.outputText.split(separator: "\n")
      #expect(lines.count == 2 && lines.last?.contains("loyal") == true, "\(again.outputText)")
    }
  }
}

@Suite struct `A book shelf` {
  @Test func `says what to do where a book is missing`() throws {
    try withTemporaryFolder { folder in
      let log = try EmbeddedLog.open(directory: folder + "/data", mode: .readWrite)
      let shelf = BookShelf(log: log, zones: try .system())
      let error = #expect(throws: LogError.self) { try shelf.program("abc") }
      #expect(error?.remedy == .stop)
      #expect(error?.message.contains("kairos playbook publish") == true)
      try log.close()
    }
  }

  @Test func `knows what comes while it is in use`() throws {
    try withTemporaryFolder { folder in
      let log = try EmbeddedLog.open(directory: folder + "/data", mode: .readWrite)
      let shelf = BookShelf(log: log, zones: try .system())
      for (text, since) in [(first, nil), (second, Int64(0))] {
        let book = try #require(Book.parse(files: [("p.yaml", Array(text.utf8))]).book)
        try BookShelf.publish(book, backfillSince: since, to: log, now: 5)
        #expect(try shelf.latest() == book.name)
        #expect(try shelf.program(book.name).hash == book.name)
      }
      #expect(try shelf.publications().map(\.backfillSince) == [nil, 0])
      try log.close()
    }
  }
}

@Suite struct `A control record` {
  @Test(arguments: [
    Control.journal(partitions: 4, semantics: 1), .book(hash: "ab", backfillSince: nil),
    .book(hash: "ab", backfillSince: 7), .semantics(2),
    .incarnation(source: "crm \"x\"", number: 3), .activate(hash: "cd"),
  ])
  func `reads what it wrote`(control: Control) {
    #expect(Control(payload: control.payload) == control)
  }
}
