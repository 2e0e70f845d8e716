import Foundation
import Glibc
import TestSupport
import Testing

/// `append`, `read`, `explain` and `topics`, on an embedded log of their own.
@Suite struct `Commands on a log` {
  private func kairos(_ words: String..., input: String = "") throws -> CommandResult {
    try TestSupport.run([built("kairos")] + words, input: Array(input.utf8), seconds: 60)
  }

  private func lines(_ said: CommandResult) throws -> [Json] {
    try said.outputText.split(separator: "\n").map { try Json(String($0)) }
  }

  @Test func `what is appended is read, keyed or not`() throws {
    try withTemporaryFolder { folder in
      let log = folder + "/log"
      let said = try kairos(
        "append", "t", "--log", log, "--key-field", "who.id",
        input: "{\"who\":{\"id\":\"ada\"}}\n\n{\"who\":{\"id\":\"bo\"}}")
      #expect(said.exitCode == 0 && said.outputText == "2 records appended to t\n")
      #expect(try kairos("append", "t", "-", "--log", log, input: "plain \"text\"\n").exitCode == 0)
      let plain = try kairos("read", "t", "--log", log)
      #expect(
        plain.outputText
          == "{\"who\":{\"id\":\"ada\"}}\n{\"who\":{\"id\":\"bo\"}}\n\"plain \\\"text\\\"\"\n")
      let whole = try lines(kairos("read", "t", "--log", log, "--headers", "--from-offset", "1"))
      #expect(whole.map { $0["offset"]?.int } == [1, 2])
      #expect(whole[0]["key"]?.text == "bo" && whole[1]["key"] == .null)
      #expect(whole[0]["value"]?["who"]?["id"]?.text == "bo")
      #expect(try lines(kairos("read", "t", "--log", log, "-n", "2")).count == 2)
      #expect(try kairos("read", "t", "--log", log, "--from-offset", "3").outputText == "")
    }
  }

  @Test func `a line without its key stops an append behind the lines before it`() throws {
    try withTemporaryFolder { folder in
      let log = folder + "/log"
      let said = try kairos(
        "append", "t", "--log", log, "-k", "k", input: "{\"k\":\"a\"}\n{\"k\":1}\n{\"k\":\"c\"}\n")
      #expect(said.exitCode == 65 && said.complaintsText.contains("line 2 has no text at k"))
      #expect(said.complaintsText.contains("1 record appended from the lines before it"))
      #expect(said.complaintsText.contains("tail -n +2"))
      #expect(try lines(kairos("read", "t", "--log", log)).count == 1)
    }
  }

  @Test func `a topic or a log that is not there is told`() throws {
    try withTemporaryFolder { folder in
      let nothing = try kairos("read", "t", "--log", folder + "/none")
      #expect(nothing.exitCode == 69 && nothing.complaintsText.contains("there is no log"))
      _ = try kairos("append", "t", "--log", folder + "/log", input: "1\n")
      let other = try kairos("read", "u", "--log", folder + "/log")
      #expect(other.exitCode == 69 && other.complaintsText.contains("there is no topic u"))
      let partition = try kairos("read", "t", "-p", "1", "--log", folder + "/log")
      #expect(partition.exitCode == 69 && partition.complaintsText.contains("has 1 partitions"))
    }
  }

  @Test(arguments: ["kairos.journal", "kairos.dead-letters", "decisions", "actions.sales"])
  func `nothing is appended to what Kairos itself writes`(topic: String) throws {
    try withTemporaryFolder { folder in
      let said = try kairos("append", topic, "--log", folder + "/log", input: "1\n")
      #expect(said.exitCode == 64)
      #expect(said.complaintsText.contains("\(topic) is written by Kairos itself; append to a"))
    }
  }

  @Test func `an append that makes a second topic says so`() throws {
    try withTemporaryFolder { folder in
      let log = folder + "/log"
      #expect(try kairos("append", "t", "--log", log, input: "1\n").complaintsText == "")
      let said = try kairos("append", "u", "--log", log, input: "1\n")
      #expect(said.exitCode == 0 && said.complaintsText.contains("there was no topic u"))
      #expect(try kairos("append", "u", "--log", log, input: "1\n").complaintsText == "")
    }
  }

  @Test func `topics are missed, made and then as they should be`() throws {
    try withTemporaryFolder { folder in
      let log = folder + "/log"
      let book = "\(packageRoot)/replay/silent-churn/playbook.yaml"
      _ = try kairos("append", "t", "--log", log, input: "1\n")
      let before = try kairos("topics", "check", "--log", log, "--book", book)
      #expect(before.exitCode == 1)
      #expect(before.outputText.contains("differs  actions.customer-success  is missing"))
      for needed in ["control", "artifacts", "state", "hashes", "erasures", "sources"] {
        #expect(before.outputText.contains("differs  kairos.\(needed) "))
      }
      let fresh = folder + "/fresh"
      let made = try kairos("topics", "apply", "--log", fresh, "--book", book)
      #expect(made.exitCode == 0 && made.outputText.contains("created  actions.customer-success"))
      #expect(made.outputText.split(separator: "\n").count { $0.hasPrefix("created") } == 10)
      #expect(try kairos("topics", "check", "--log", fresh, "--book", book).exitCode == 0)
      let wider = folder + "/kairos.yaml"
      try Data("journal_partitions: 8\n".utf8).write(to: URL(fileURLWithPath: wider))
      let narrow = try kairos("topics", "check", "--log", fresh, "--config", wider)
      #expect(narrow.exitCode == 1)
      #expect(narrow.outputText.contains("kairos.journal  has 4 partitions, not 8"))
    }
  }

  @Test func `a decision of a replay is explained out of its file`() throws {
    try withTemporaryFolder { folder in
      let story = "\(packageRoot)/replay/silent-churn"
      let file = folder + "/decisions.ndjson"
      let replay = try kairos(
        "replay", "\(story)/playbook.yaml", "\(story)/events.ndjson", "--out", file, "--quiet")
      try #require(replay.exitCode == 0, "\(replay.complaintsText)")
      let decisions = try fileText(file).split(separator: "\n").map { try Json(String($0)) }
      let held = try #require(decisions.first { $0["outcome"]?.text == "held:cool_down" })
      let id = try #require(held["id"]?.text)
      let said = try kairos("explain", id + ".0", "--in", file)
      #expect(said.exitCode == 0)
      for words in [
        "save_call of playbook silent-churn", "customer  gus", "owner     linus",
        "Revision 0: held back by cool_down, 2026-03-04 09:06:00 UTC",
        "next allowed  2026-03-05 15:06:00 UTC", "Has not logged in for days (gone_quiet",
        "consent: retention by call: granted, proved by event gus-2",
        "cool_down    failed  released at",
      ] { #expect(said.outputText.contains(words), "\(words)\n\(said.outputText)") }
      let none = try kairos(
        "explain", String(repeating: "0", count: 8) + id.dropFirst(8), "--in", file)
      #expect(none.exitCode == 1 && none.complaintsText.contains("there is no decision"))
      #expect(try kairos("explain", "nonsense", "--in", file).exitCode == 64)
      #expect(try kairos("explain", id, "--in", file + ".gone").exitCode == 66)
    }
  }

  /// `kairos run` on a log of its own, from the line that says so until it has drained.
  private func whileRunning(book: String, log: String, _ body: () throws -> Void) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try built("kairos"))
    process.arguments = ["run", "--book", book, "--log", log, "--listen", "127.0.0.1:0"]
    let complaints = Pipe()
    process.standardError = complaints
    try process.run()
    defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    var said = ""
    while !said.contains("running") {
      let more = complaints.fileHandleForReading.availableData
      try #require(!more.isEmpty, "kairos run ended: \(said)")
      said += String(decoding: more, as: UTF8.self)
    }
    try body()
    kill(process.processIdentifier, SIGTERM)
    _ = try complaints.fileHandleForReading.readToEnd()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func `while the engine runs, lines reach it by the inbox and decisions can be read`() throws
  {
    try withTemporaryFolder { folder in
      let (log, book) = (folder + "/log", folder + "/p.yaml")
      let playbook = """
        kairos: 1
        name: p
        features: { n: { count: hello, over: 1h } }
        decisions:
          greet:
            when: { becomes: n >= 2 }
            action: { topic: actions.greeter, channel: email }
            purpose: service
        policy: { policy_time: event, consent: { unknown: allow } }
        """
      try Data(playbook.utf8).write(to: URL(fileURLWithPath: book))
      func event(_ id: String, _ minute: Int) -> String {
        "{\"id\":\"\(id)\",\"type\":\"hello\",\"time\":\"2026-03-01T09:0\(minute):00Z\",\"customer\":\"ada\"}\n"
      }
      try whileRunning(book: book, log: log) {
        let said = try kairos(
          "append", "events", "--log", log, "-k", "customer", input: event("a", 1) + event("b", 2))
        #expect(said.exitCode == 0 && said.outputText.contains("2 records for events left in"))
        #expect(said.complaintsText == "")
        let astray = try kairos("append", "evnets", "--log", log, input: "1\n")
        #expect(astray.exitCode == 0)
        #expect(astray.complaintsText.contains("no topic evnets, and it will be created"))
        let decision = try lines(kairos("read", "decisions", "--follow", "-n", "1", "--log", log))
        #expect(decision[0]["outcome"]?.text == "released")
        let id = try #require(decision[0]["id"]?.text)
        let told = try kairos("explain", id, "--log", log)
        #expect(told.exitCode == 0 && told.outputText.contains("Revision 0: released"))
        let other = id.dropLast() + (id.hasSuffix("0") ? "1" : "0")
        #expect(try kairos("explain", String(other), "--log", log).exitCode == 1)
      }
      let journal = try lines(kairos("read", "kairos.journal", "--log", log))
      let events = journal.filter { $0["kind"]?.text == "event" }
      #expect(events.map { $0["id"]?.text } == ["a", "b"])
      #expect(events[0]["payload"]?["type"]?.text == "hello")
      #expect(events[0]["origin"]?["name"]?.text == "events")
      let direct = try kairos("append", "events", "--log", log, input: event("c", 3))
      #expect(direct.outputText == "1 record appended to events\n")
    }
  }
}
