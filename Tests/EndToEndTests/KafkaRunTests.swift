import Foundation
import Glibc
import TestSupport
import Testing

/// How a process is told of the cluster, the book and the sources.
private struct Setup {
  var cluster: Cluster
  var folder: String
  var story: Story
  /// How to reach the brokers.
  var connection: [String]

  /// `idle`: when silence moves time.
  func words(idle: String, topic: String = "events") throws -> [String] {
    let config = "\(folder)/kairos-\(idle)-\(topic).yaml"
    let text = """
      journal_partitions: 4
      sources: { events: { topic: \(topic), idle: \(idle) } }

      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: config))
    return ["--book", story.playbookPath, "--config", config] + connection
  }

  func engine(idle: String = "10m", port: UInt16? = nil) throws -> RunningEngine {
    try RunningEngine(words(idle: idle), folder: folder, port: port)
  }

  /// Runs until all time has passed, drains, and holds what a client reads against the replay.
  func finish(port: UInt16, kcat settings: [String]? = nil) throws {
    let expected = try replayed(story.playbookPath, story.eventsPath)
    let last = try engine(idle: "1s", port: port)
    try wait("the watermark") {
      try last.isSettled(partitions: 4)
    }
    #expect(try last.drain() == 0)
    #expect(try !last.complaints.contains("level=error"))
    let decisions = try cluster.read("decisions", settings: settings)
    #expect(decisions.map(\.text).sorted() == expected.sorted())
    let actions = try actionTopics(expected).flatMap { try cluster.read($0, settings: settings) }
    try checkContract(decisions: decisions, actions: actions)
  }

  /// It ends by itself, soon, with one line that says all of these.
  func isRefused(_ words: [String], _ code: Int32, _ says: [String]) throws {
    let port = try RunningEngine.freePort()
    let said = try kairos(["run", "--listen", "127.0.0.1:\(port)"] + words, seconds: 20)
    #expect(said.exitCode == code)
    let lines = said.complaintsText.split(separator: "\n").filter {
      $0.hasPrefix("kairos run: ") || $0.contains("level=error")
    }
    #expect(lines.count == 1, "\(said.complaintsText)")
    for word in says { #expect(lines.first?.contains(word) == true, "\(word): \(lines)") }
  }
}

private func parts(_ story: Story, _ count: Int) throws -> [[String]] {
  let events = try fileText(story.eventsPath).split(separator: "\n").map(String.init)
  return (0..<count).map {
    Array(events[(events.count * $0 / count)..<(events.count * ($0 + 1) / count)])
  }
}

private func journalPartitions(_ engine: RunningEngine) throws -> Int {
  try engine.samples("kairos_lag_records").filter { $0.labels.contains("kairos.journal") }.count
}

/// Every record that was sent has been taken in, by these processes together, and folded.
private func isRead(_ engines: [RunningEngine]) throws -> Bool {
  let lags = try engines.flatMap { try $0.samples("kairos_lag_records") }
  return lags.count >= 9 && lags.allSatisfy { $0.value == 0 }
}

@Suite(.serialized, .enabled(if: Cluster.tools != nil)) struct `A run on Kafka` {
  @Test func `decides once what the replay decides, killed, restarted and shared by two`() throws {
    try Cluster.with(secure: false) { cluster, folder in
      // So that the others learn within the test's time that a member is gone for good.
      let properties = folder + "/client.properties"
      try Data("session.timeout.ms=6000\n".utf8).write(to: URL(fileURLWithPath: properties))
      let setup = try Setup(
        cluster: cluster, folder: folder, story: story("silent-churn"),
        connection: ["--bootstrap-servers", cluster.address, "--kafka-config", properties])
      try setup.isRefused(
        setup.words(idle: "1s"), 69,
        ["kairos.journal", "decisions", "actions.customer-success", "kairos topics apply"])
      let expected = try replayed(setup.story.playbookPath, setup.story.eventsPath)
      try cluster.createTopics(actions: actionTopics(expected))
      try setup.isRefused(setup.words(idle: "1s", topic: "nowhere"), 69, ["nowhere", "create"])

      let parts = try parts(setup.story, 5)
      let port = try RunningEngine.freePort()
      try cluster.produce(parts[0])
      var first = try setup.engine(port: port)
      try wait("the first event") { try first.sum("kairos_events_total") > 0 }
      try first.kill()
      first = try setup.engine(port: port)
      try wait("readiness") { try first.isReady() }
      try cluster.produce(parts[1])
      try wait("the second part") { try isRead([first]) }
      try first.kill()

      first = try setup.engine(port: port)
      let second = try setup.engine()
      try wait("two to share the partitions") {
        let mine = try journalPartitions(first)
        let others = try journalPartitions(second)
        return mine > 0 && others > 0 && mine + others == 4
      }
      try cluster.produce(parts[2])
      try wait("the third part") { try isRead([first, second]) }
      try cluster.produce(parts[3])
      try second.kill()
      try wait("the first to take over") { try journalPartitions(first) == 4 }
      try cluster.produce(parts[4])
      try wait("the last part") { try isRead([first]) }
      #expect(try first.drain() == 0)
      try setup.finish(port: port)
    }
  }

  @Test func `publishes each decision of a busy hour once, killed in the middle of it`() throws {
    try Cluster.with(secure: false) { cluster, folder in
      let busy = try Busy(folder, events: 8_000)
      try cluster.createTopics(actions: ["actions.web"])
      try cluster.produce(busy.events)
      let config = folder + "/kairos.yaml"
      try Data("journal_partitions: 4\nsources: { events: { idle: 1s } }\n".utf8).write(
        to: URL(fileURLWithPath: config))
      let words = [
        "--book", busy.playbook, "--config", config, "--bootstrap-servers", cluster.address,
      ]
      let port = try RunningEngine.freePort()
      for round in 0..<6 {
        let engine = try RunningEngine(words, folder: folder, port: port)
        try wait("a moment to kill it") {
          if try engine.sum("kairos_decisions_total") > 0 { return true }
          let lags = try engine.samples("kairos_lag_records")
          let isAllRead = lags.count >= 9 && lags.allSatisfy { $0.value == 0 }
          return isAllRead || (round == 1 && lags.contains { $0.labels.contains("journal") })
        }
        try engine.kill()
      }
      let engine = try RunningEngine(words, folder: folder, port: port)
      try wait("all to be folded") { try isRead([engine]) }
      #expect(try engine.drain() == 0)
      for topic in ["decisions", "actions.web"] {
        let text = try cluster.kcat([
          "-b", cluster.address, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%s\n",
          "-X", "isolation.level=read_committed",
        ])
        #expect(text.split(separator: "\n").map(String.init).sorted() == busy.expected)
      }

      // A broker that does not answer holds up a drain, and no second signal.
      let held = try RunningEngine(words, folder: folder, port: port)
      try wait("the watermark") { try held.isSettled(partitions: 4) }
      try cluster.pause()
      try wait("the ticks to stay away") {
        try held.samples("kairos_watermark_delay_seconds").contains { $0.value > 4 }
      }
      held.send(SIGTERM)
      try wait("the drain's line") { try held.complaints.contains("draining") }
      #expect(held.isRunning)
      held.send(SIGTERM)
      #expect(try held.end(seconds: 5) == 143)
    }
  }

  @Test func `decides the same over TLS with a log-in, and says why it may not`() throws {
    try Cluster.with(secure: true) { cluster, folder in
      func properties(_ name: String, user: String, password: String) throws -> String {
        let text = try fileText(cluster.secureProperties)
          .replacing("username=kairos", with: "username=" + user)
          .replacing("password=kairos-secret", with: "password=" + password)
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        return "\(folder)/\(name)"
      }
      var setup = try Setup(
        cluster: cluster, folder: folder, story: story("curious-not-stuck"),
        connection: ["--kafka-config", cluster.secureProperties])
      let expected = try replayed(setup.story.playbookPath, setup.story.eventsPath)
      try cluster.createTopics(actions: actionTopics(expected))
      let parts = try parts(setup.story, 2)
      let port = try RunningEngine.freePort()
      try cluster.produce(parts[0])
      let engine = try setup.engine(port: port)
      try wait("the first part") { try isRead([engine]) }
      try engine.kill()
      try cluster.produce(parts[1])
      try setup.finish(port: port, kcat: ["-F", cluster.secureProperties])

      setup.connection = [
        "--kafka-config", try properties("wrong", user: "kairos", password: "guess"),
      ]
      try setup.isRefused(setup.words(idle: "1s"), 69, ["'kairos'", "sasl.password"])
      setup.connection = [
        "--kafka-config", try properties("guest", user: "guest", password: "guest-secret"),
      ]
      try setup.isRefused(setup.words(idle: "1s"), 69, ["'guest'", "grant"])
    }
  }
}

@Suite struct `A run without a broker` {
  @Test func `ends, and says where nothing listens`() throws {
    let port = try RunningEngine.freePort()
    let said = try kairos(
      [
        "run", "--listen", "127.0.0.1:\(RunningEngine.freePort())", "--bootstrap-servers",
        "127.0.0.1:\(port)", "--book", story("silent-churn").playbookPath,
      ], seconds: 20)
    #expect(said.exitCode == 75)
    let lines = said.complaintsText.split(separator: "\n")
    #expect(lines.count == 1, "\(lines)")
    #expect(said.complaintsText.contains("127.0.0.1:\(port)"))
    #expect(said.complaintsText.contains("bootstrap.servers"))
  }
}
