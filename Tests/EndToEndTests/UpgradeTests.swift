import Foundation
import TestSupport
import Testing

/// A second build of the program, which knows the rules 2 besides 1: scripts/test makes it.
private let preview: String? = {
  let path = packageRoot + "/.build/preview/debug/kairos"
  if FileManager.default.isExecutableFile(atPath: path) { return path }
  skipped("an upgrade with two builds", why: "there is no \(path); scripts/test builds it")
  return nil
}()

private let book = """
  kairos: 1
  name: welcome
  features: { clicks: { count: click, over: 1h } }
  decisions:
    greet:
      when: { becomes: clicks >= 1 }
      action: { topic: actions.web, channel: web, template: hello }
      purpose: service
      expires: 1h
  policy: { policy_time: event, consent: { unknown: allow } }

  """

private func clicks(_ customers: Range<Int>) -> [String] {
  customers.map {
    #"{"id":"e\#($0)","type":"click","time":\#(1_767_225_600_000 + $0 * 50),"#
      + #""customer":"c\#($0)","data":{}}"#
  }
}

/// What one process says of the journal partitions that it has.
private func journalLags(_ engine: RunningEngine) throws -> [Double] {
  try engine.samples("kairos_lag_records").filter { $0.labels.contains("kairos.journal") }
    .map(\.value)
}

private func hasRead(_ engines: [RunningEngine]) throws -> Bool {
  let lags = try engines.flatMap { try $0.samples("kairos_lag_records") }
  return lags.count >= 8 && lags.allSatisfy { $0.value == 0 }
}

extension `A run on Kafka` {
  @Test(.enabled(if: preview != nil))
  func `folds no record by other rules than the journal says, and stops at rules it does not know`()
    throws
  {
    guard let preview else { return }
    try Cluster.with(secure: false) { cluster, folder in
      try cluster.createTopics(actions: ["actions.web"])
      let (playbook, config) = (folder + "/book.yaml", folder + "/kairos.yaml")
      try Data(book.utf8).write(to: URL(fileURLWithPath: playbook))
      try Data("journal_partitions: 4\n".utf8).write(to: URL(fileURLWithPath: config))
      let brokers = ["--bootstrap-servers", cluster.address]
      let words = ["--book", playbook, "--config", config] + brokers
      let old = try RunningEngine(words, folder: folder)
      let new = try RunningEngine(words, folder: folder, program: preview)
      try wait("two to share the partitions") {
        try journalLags(old).count == 2 && journalLags(new).count == 2
      }
      try cluster.produce(clicks(0..<200))
      try wait("the first part") { try hasRead([old, new]) }

      let refused = try kairos(["semantics", "raise", "2"] + brokers)
      #expect(refused.exitCode == 65 && refused.complaintsText.contains("deploy"))
      let raised = try run([preview, "semantics", "raise", "2"] + brokers)
      #expect(raised.exitCode == 0, "\(raised.complaintsText)")
      try wait("the old build to stop") { try old.complaints.contains("deploy") }
      let said = try old.complaints
      #expect(said.contains("semantics 2") && said.contains("this build knows 1"), "\(said)")

      try cluster.produce(clicks(200..<400))
      try wait("the new build to go on") {
        let lags = try journalLags(new)
        return try new.sum("kairos_decisions_total") >= 150 && lags.allSatisfy { $0 == 0 }
      }
      #expect(old.isRunning)
      #expect(try old.drain() == 0)
      let next = try RunningEngine(words, folder: folder, program: preview)
      try wait("all to be folded") { try hasRead([new, next]) }
      #expect(try new.drain() == 0 && next.drain() == 0)

      let decisions = try cluster.read("decisions")
      let texts = try decisions.map { try Json($0.text) }
      #expect(Set(texts.compactMap { $0["customer"]?.text }).count == 400)
      #expect(texts.count == 400)
      for text in texts {
        let number = try #require(text["customer"]?.text.flatMap { Int($0.dropFirst()) })
        let reason = text["reasons"]?.elements?.first?["text"]?.text
        #expect(reason == "its condition \(number < 200 ? "became" : "has become") true")
      }
      let verified = try run([preview, "verify", "--config", config] + brokers, seconds: 60)
      #expect(verified.exitCode == 0, "\(verified.outputText) \(verified.complaintsText)")
      let shown = try kairos(["semantics", "show"] + brokers)
      #expect(shown.outputText.contains("2  ordered"))
    }
  }
}
