import Foundation
import Glibc
import Log
import TestSupport
import Testing

/// A configuration with one plain source, `events`.
private func configuration(
  _ folder: String, idle: String, outOfOrder: String = "0s"
) throws -> String {
  let path = "\(folder)/kairos-\(idle)-\(outOfOrder).yaml"
  let text = "sources: { events: { idle: \(idle), out_of_order: \(outOfOrder) } }\n"
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  return path
}

private func write(_ lines: [String], to path: String) throws {
  try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
}

private func lines(_ path: String) throws -> [String] {
  try fileText(path).split(separator: "\n").map(String.init)
}

@Suite(.serialized) struct `A run on the embedded log` {
  @Test(arguments: try Story.all)
  func `decides what the replay of the same events decides`(_ story: Story) throws {
    try withTemporaryFolder { folder in
      let expected = try replayed(story.playbookPath, story.eventsPath)
      #expect(!expected.isEmpty)
      let directory = folder + "/log"
      try kairosDoes(["append", "events", story.eventsPath, "--log", directory])
      let engine = try RunningEngine(
        [
          "--book", story.playbookPath, "--log", directory,
          "--config", configuration(folder, idle: "1s"),
        ], folder: folder)
      try wait("readiness") { try engine.isReady() }
      try wait("the watermark, of \(story)") { try engine.isSettled(partitions: 4) }
      #expect(try Int(engine.sum("kairos_decisions_total")) == expected.count)
      #expect(try engine.drain() == 0)
      #expect(try !engine.complaints.contains("level=error"))
      try check(directory, actionTopics: actionTopics(expected), against: expected)
      // And what the journal says, says the same.
      let again = try kairosDoes(["replay", story.playbookPath, directory, "--quiet"])
      #expect(
        again.outputText.split(separator: "\n").map(String.init).sorted() == expected.sorted())
    }
  }

  @Test func `loses and repeats nothing when it is killed again and again`() throws {
    let story = try story("silent-churn")
    try withTemporaryFolder { folder in
      let expected = try replayed(story.playbookPath, story.eventsPath)
      #expect(expected.count > 5)
      let events = try lines(story.eventsPath)
      let directory = folder + "/log"
      let patient = try configuration(folder, idle: "10m")
      let moments: [(String, (RunningEngine) throws -> Bool)] = [
        ("the first moment", { _ in true }),
        ("readiness", { try $0.isReady() }),
        ("the first event", { try $0.sum("kairos_events_total") > 0 }),
        ("a decision", { try $0.sum("kairos_decisions_total") > 0 }),
        (
          "nothing unread",
          { engine in
            let lags = try engine.samples("kairos_lag_records")
            return lags.count > 4 && lags.allSatisfy { $0.value == 0 }
          }
        ),
      ]
      let rounds = 10
      for round in 0..<rounds {
        let part = events[(events.count * round / rounds)..<(events.count * (round + 1) / rounds)]
        try write(Array(part), to: folder + "/part")
        try kairosDoes(["append", "events", folder + "/part", "--log", directory])
        let engine = try RunningEngine(
          ["--book", story.playbookPath, "--log", directory, "--config", patient], folder: folder)
        let (name, hasCome) = moments[round % moments.count]
        // Not each part leads to a decision.
        let limit = ContinuousClock.now + .seconds(2)
        try wait(name) { try hasCome(engine) || ContinuousClock.now > limit }
        try engine.kill()
      }
      let engine = try RunningEngine(
        [
          "--book", story.playbookPath, "--log", directory,
          "--config", configuration(folder, idle: "1s"),
        ], folder: folder)
      try wait("the watermark") { try engine.isSettled(partitions: 4) }
      #expect(try engine.drain() == 0)
      try check(directory, actionTopics: actionTopics(expected), against: expected)
    }
  }

  @Test func `publishes each decision of a busy hour once, killed in the middle of it`() throws {
    try withTemporaryFolder { folder in
      let busy = try Busy(folder, events: 8_000)
      #expect(busy.expected.count == 8_000)
      let directory = folder + "/log"
      let words = ["--book", busy.playbook, "--log", directory]
      try kairosDoes(["append", "events", busy.eventsPath, "--log", directory])
      var kills = 0
      while kills < 20 {
        let engine = try RunningEngine(words, folder: folder)
        // By turns while it restores, and after the first decisions that are new.
        try wait("a moment to kill it") {
          if try engine.sum("kairos_decisions_total") > 0 { return true }
          let lags = try engine.samples("kairos_lag_records").filter { $0.value > 0 }
          return kills % 3 == 1 && lags.contains { $0.labels.contains("kairos.journal") }
        }
        try engine.kill()
        kills += 1
        if try readTopic("decisions", of: directory).count == busy.events.count { break }
      }
      #expect(kills > 3)
      let engine = try RunningEngine(words, folder: folder)
      try wait("all to be folded") {
        let lags = try engine.samples("kairos_lag_records")
        return lags.count >= 5 && lags.allSatisfy { $0.value == 0 }
      }
      #expect(try engine.drain() == 0)
      #expect(try readTopic("decisions", of: directory).map(\.text).sorted() == busy.expected)
      #expect(try readTopic("actions.web", of: directory).map(\.text).sorted() == busy.expected)
    }
  }

  @Test func `is refused a directory that another run holds, in one line`() throws {
    try withTemporaryFolder { folder in
      let directory = folder + "/log"
      let first = try RunningEngine(["--log", directory], folder: folder)
      try wait("readiness") { try first.isReady() }
      let second = try kairos(
        ["run", "--log", directory, "--listen", "127.0.0.1:\(RunningEngine.freePort())"],
        seconds: 20)
      #expect(second.exitCode == 69)
      let said = second.complaintsText.split(separator: "\n").filter { !$0.contains("no book") }
      #expect(said.count == 1 && said.allSatisfy { $0.contains(directory) }, "\(said)")
      #expect(try first.drain() == 0)
    }
  }

  @Test func `is refused an address that is taken, in one line`() throws {
    try withTemporaryFolder { folder in
      let first = try RunningEngine(["--log", folder + "/one"], folder: folder)
      try wait("readiness") { try first.isReady() }
      let second = try kairos(
        ["run", "--log", folder + "/two", "--listen", "127.0.0.1:\(first.port)"], seconds: 20)
      #expect(second.exitCode == 69)
      #expect(second.complaintsText.contains("127.0.0.1:\(first.port)"))
      #expect(try first.drain() == 0)
    }
  }

  @Test func `a second signal ends it at once`() throws {
    try withTemporaryFolder { folder in
      let engine = try RunningEngine(["--log", folder + "/log"], folder: folder)
      try wait("readiness") { try engine.isReady() }
      engine.send(SIGTERM)
      try wait("the drain's line") { try engine.complaints.contains("draining") }
      engine.send(SIGTERM)
      // 0: it was drained before the second one came.
      let code = try engine.end(seconds: 5)
      #expect(code == 143 || code == 0)
    }
  }

  @Test func `waits for what comes out of order, as the source says`() throws {
    let story = try story("silent-churn")
    try withTemporaryFolder { folder in
      // Neighbours that are less than an hour apart change places.
      var events = try lines(story.eventsPath)
      let times = try events.map { try #require(Json($0)["time"]?.text) }
      var swapped = 0
      for index in stride(from: 1, to: events.count, by: 2)
      where times[index].prefix(13) == times[index - 1].prefix(13)
        && times[index] != times[index - 1]
      {
        events.swapAt(index - 1, index)
        swapped += 1
      }
      #expect(swapped > 10)
      let shuffled = folder + "/events.ndjson"
      try write(events, to: shuffled)
      let config = try configuration(folder, idle: "1s", outOfOrder: "1h")
      let inOrder = try replayed(story.playbookPath, story.eventsPath)
      let expected = try replayed(story.playbookPath, shuffled, ["--config", config])
      #expect(expected.sorted() == inOrder.sorted())
      let directory = folder + "/log"
      try kairosDoes(["append", "events", shuffled, "--log", directory])
      let engine = try RunningEngine(
        ["--book", story.playbookPath, "--log", directory, "--config", config], folder: folder)
      // The watermark stays an hour behind.
      try wait("the watermark") {
        let delays = try engine.samples("kairos_watermark_delay_seconds")
        return delays.count == 4 && delays.allSatisfy { $0.value < 3700 }
      }
      #expect(try engine.sum("kairos_events_late_total") == 0)
      #expect(try engine.drain() == 0)
      try check(directory, actionTopics: actionTopics(expected), against: expected)
    }
  }

  @Test func `a source's silence makes an absence come true`() throws {
    try withTemporaryFolder { folder in
      let playbook = folder + "/playbook.yaml"
      let text = """
        kairos: 1
        name: silence
        moments:
          gone_quiet: { sequence: [{ on: asked }, { absent: answered, for: 2s }] }
        decisions:
          call:
            when: { moment: gone_quiet }
            action: { topic: actions.care, channel: call, template: sorry }
            purpose: service
            expires: 1h
        policy: { consent: { unknown: allow } }

        """
      try Data(text.utf8).write(to: URL(fileURLWithPath: playbook))
      let directory = folder + "/log"
      let now = Int64(Date().timeIntervalSince1970 * 1000)
      try write(
        [
          #"{"id":"1","type":"asked","time":\#(now - 900),"customer":"ada","data":{}}"#,
          #"{"id":"2","type":"asked","time":\#(now - 800),"customer":"ben","data":{}}"#,
          #"{"id":"3","type":"answered","time":\#(now - 700),"customer":"ben","data":{}}"#,
        ], to: folder + "/events.ndjson")
      try kairosDoes(["append", "events", folder + "/events.ndjson", "--log", directory])
      let engine = try RunningEngine(
        [
          "--book", playbook, "--log", directory, "--config", configuration(folder, idle: "1s"),
        ], folder: folder)
      try wait("a decision") { try engine.sum("kairos_decisions_total") > 0 }
      // It came of a silence of 2 s, not sooner.
      #expect(Int64(Date().timeIntervalSince1970 * 1000) >= now - 900 + 2000)
      #expect(try engine.drain() == 0)
      let decisions = try readTopic("decisions", of: directory)
      #expect(decisions.map(\.key) == ["ada"])
      let json = try Json(decisions[0].text)
      #expect(json["outcome"]?.text == "released")
      let actions = try readTopic("actions.care", of: directory)
      try checkContract(decisions: decisions, actions: actions)
    }
  }

  @Test func `what is no event becomes a dead letter, and the rest goes on`() throws {
    try withTemporaryFolder { folder in
      let directory = folder + "/log"
      let now = Int64(Date().timeIntervalSince1970 * 1000)
      func event(_ id: String, time: Int64) -> String {
        #"{"id":"\#(id)","type":"t","time":\#(time),"customer":"ada","data":{}}"#
      }
      let bad: [(reason: String, value: [UInt8]?)] = [
        ("not_json", Array(#"{"id":"1","type":"t","time":"#.utf8)),
        ("no_id", Array(#"{"type":"t","time":\#(now),"customer":"ada"}"#.utf8)),
        ("no_time", Array(#"{"id":"1","type":"t","customer":"ada"}"#.utf8)),
        ("time_in_future", Array(event("9", time: now + 3_600_000).utf8)),
        ("bad_encoding", Array(#"{"id":""#.utf8) + [0xff, 0xfe] + Array(#""}"#.utf8)),
        ("not_an_object", Array("[1,2]".utf8)),
        ("no_payload", nil),
        ("too_large", Array(repeating: UInt8(ascii: "x"), count: 10 << 20)),
        (
          "bad_customer",
          Array(
            (#"{"id":"1","type":"t","time":\#(now),"customer":""#
              + String(repeating: "c", count: 64 << 10) + #""}"#).utf8)
        ),
      ]
      do {
        let log = try EmbeddedLog.open(directory: directory)
        try log.createTopic(TopicSettings(name: "events", partitions: 1))
        let writer = try log.plainWriter()
        func append(_ value: [UInt8]?) throws {
          try writer.append(
            OutRecord(
              topic: "events", partition: 0, key: Array("k".utf8), value: value,
              headers: [("trace", Array("a1".utf8))], timestamp: now))
        }
        for (index, record) in bad.enumerated() {
          try append(record.value)
          try append(Array(event("good-\(index)", time: now - 1000).utf8))
        }
        try writer.commit(offsets: [:], group: "", reader: nil)
        writer.close()
        try log.close()
      }
      let engine = try RunningEngine(["--log", directory], folder: folder)
      try wait("all events") { try Int(engine.sum("kairos_events_total")) == bad.count }
      #expect(try engine.samples("kairos_rejects_total").filter { $0.value > 0 }.count == bad.count)
      #expect(try engine.drain() == 0)
      let schema = try JsonSchema(topics: "dead-letter-headers.schema.json")
      let letters = try readTopic("kairos.dead-letters", of: directory).sorted {
        Int($0["kairos_offset"] ?? "") ?? -1 < Int($1["kairos_offset"] ?? "") ?? -1
      }
      #expect(letters.map { $0["kairos_reason"] } == bad.map(\.reason))
      for (index, letter) in letters.enumerated() {
        #expect(schema.problems(of: letter.headersJson) == [])
        #expect(letter["kairos_topic"] == "events" && letter["kairos_partition"] == "0")
        #expect(letter["kairos_offset"] == "\(2 * index)" && letter["trace"] == "a1")
        #expect(letter["kairos_size"] == "\(bad[index].value?.count ?? 0)")
        #expect(letter.key == "k")
        #expect(letter.value == bad[index].value.map { Array($0.prefix(1 << 20)) })
      }
    }
  }

  @Test func `a configuration that is wrong is refused with place and remedy`() throws {
    try withTemporaryFolder { folder in
      let config = folder + "/kairos.yaml"
      try write(["log_formt: json", "log_level: lout", "journal_partitions: 0"], to: config)
      let said = try kairos(["run", "--config", config], seconds: 20)
      #expect(said.exitCode == 65)
      for word in ["kairos.yaml:1:1", "log_format", "kairos.yaml:2:", "kairos.yaml:3:"] {
        #expect(said.complaintsText.contains(word), "\(word): \(said.complaintsText)")
      }
    }
  }
}
