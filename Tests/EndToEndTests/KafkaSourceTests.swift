import Foundation
import Log
import TestSupport
import Testing

/// A running engine without a book, over two sources.
private struct Sources {
  var cluster: Cluster
  var folder: String
  var config: String
  var words: [String] { ["--config", config, "--bootstrap-servers", cluster.address] }

  init(_ cluster: Cluster, _ folder: String) throws {
    self.cluster = cluster
    self.folder = folder
    config = folder + "/kairos.yaml"
    let text = """
      journal_partitions: 4
      sources:
        crm: { topic: crm.events, format: json, idle: 1s }
        web: { topic: web.events, format: json, idle: 1s }

      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: config))
    try cluster.createTopics(actions: [])
    for topic in ["crm.events", "web.events"] { try create(topic) }
  }

  func create(_ topic: String) throws {
    try KafkaLog(KafkaSettings(bootstrapServers: cluster.address)).createTopic(
      TopicSettings(name: topic, partitions: 2))
  }

  func remake(_ topic: String, _ prefix: String, _ count: Int) throws {
    try cluster.deleteTopic(topic)
    try create(topic)
    try send(topic, prefix, count)
  }

  func send(_ topic: String, _ prefix: String, _ count: Int) throws {
    try cluster.produce((0..<count).map { event("\(prefix)\($0)") }, to: topic)
  }

  func event(_ id: String, note: String = "") -> String {
    #"{"id":"\#(id)","type":"t","time":1767225600000,"customer":"\#(id)","data":{"note":"\#(note)"}}"#
  }

  func source(_ words: String...) throws -> CommandResult {
    try kairos(["source"] + words + self.words)
  }

  /// The journal's records of one kind, as a client reads them: `crm/1 b3`.
  func journal(_ kind: String) throws -> [String] {
    let text = try kairosDoes(["read", "kairos.journal", "--headers"] + words).outputText
    return try text.split(separator: "\n").compactMap { line in
      let record = try Json(String(line))["value"]
      guard record?["kind"]?.text == kind else { return nil }
      let origin = record?["origin"]
      return "\(origin?["name"]?.text ?? "")/\(origin?["incarnation"]?.int ?? -1) "
        + "\(record?["id"]?.text ?? "")"
    }
  }
}

extension `A run on Kafka` {
  @Test func `stops a source whose topic was made anew until it is renewed, running or not`() throws
  {
    try Cluster.with(secure: false) { cluster, folder in
      let sources = try Sources(cluster, folder)
      let port = try RunningEngine.freePort()
      var engine = try RunningEngine(sources.words, folder: folder, port: port)
      try sources.send("crm.events", "a", 20)
      try sources.send("web.events", "w", 5)
      try wait("the first events") { try engine.sum("kairos_events_total") == 25 }
      #expect(try engine.drain() == 0)
      #expect(try sources.source("list").exitCode == 0)

      // While nobody runs; beyond the old end.
      try sources.remake("crm.events", "b", 50)
      try sources.send("web.events", "x", 5)
      engine = try RunningEngine(sources.words, folder: folder, port: port)
      try wait("the source to be stopped") { try engine.sum("kairos_source_stopped") == 1 }
      try wait("the other source") { try engine.sum("kairos_events_total") == 5 }
      #expect(try !engine.isReady())
      #expect(try engine.complaints.contains("kairos source renew crm"))
      #expect(try sources.source("list").exitCode == 1)
      #expect(
        try sources.source("renew", "crm").outputText.contains("incarnation 1 of crm is ordered"))
      try wait("what is new") { try engine.sum("kairos_events_total") == 55 }
      try wait("readiness") { try engine.isReady() }
      #expect(try sources.source("renew", "crm").outputText.contains("nothing to renew"))

      // While it runs.
      try sources.remake("crm.events", "c", 90)
      try wait("the source to be stopped again") { try engine.sum("kairos_source_stopped") == 1 }
      #expect(
        try sources.source("renew", "crm").outputText.contains("incarnation 2 of crm is ordered"))
      // What came before it was noticed stands there as of incarnation 1 too; ids tell.
      try wait("all of it") {
        Set(try sources.journal("event")).count { $0.hasPrefix("crm/2 c") } == 90
      }
      let known = Set(try sources.journal("event"))
      for (prefix, count) in [("crm/0 a", 20), ("crm/1 b", 50), ("crm/2 c", 90)] {
        #expect(known.count { $0.hasPrefix(prefix) } == count, "\(prefix)")
      }
      // Each order stands in every journal partition, besides the heads.
      #expect(try sources.journal("control").count { $0.hasPrefix("kairos.control/0") } == 8)
      #expect(try engine.drain() == 0)
    }
  }

  @Test func `takes the largest event that the strict rule allows, and one larger aside`() throws {
    try Cluster.with(secure: false) { cluster, folder in
      let sources = try Sources(cluster, folder)
      try KafkaLog(KafkaSettings(bootstrapServers: cluster.address)).createTopic(
        TopicSettings(name: "wide", partitions: 1, config: ["max.message.bytes": "4194304"]))
      let text = try fileText(sources.config).replacing("web.events", with: "wide")
      try Data(text.utf8).write(to: URL(fileURLWithPath: sources.config))
      let empty = sources.event("largest").utf8.count
      let notes = [(1 << 20) - empty, (1 << 20) - empty + 1]
      let events = notes.map { sources.event("largest", note: String(repeating: "x", count: $0)) }
      _ = try cluster.kcat(
        ["-b", cluster.address, "-P", "-t", "wide", "-X", "message.max.bytes=4000000"],
        input: Array((events.joined(separator: "\n") + "\n").utf8))
      let engine = try RunningEngine(sources.words, folder: folder)
      try wait("both") {
        try engine.sum("kairos_events_total") == 1 && engine.sum("kairos_rejects_total") == 1
      }
      #expect(try engine.drain() == 0)
      #expect(try sources.journal("event") == ["web/0 largest"])
    }
  }
}
