internal import Cel

/// What subscribers read: the bytes of one revision of one decision. Topic `decisions` carries all
/// of them; the action's own topic too, if it was released or revoked.
package struct DecisionRecord: Equatable, Sendable {
  package var customer: [UInt8]
  /// Its number in the program that made it.
  package var decision: Int
  package var name: String
  package var id: DecisionId
  package var revision: Int
  package var outcome: Outcome
  /// The instant that it is about, ms.
  package var time: Int64
  /// For deferred, and for what cool-down or caps hold: when that check would pass, ms.
  package var nextAllowed: Int64?
  /// The action topic that gets it as well, if any.
  package var actionTopic: String?
  package var value: [UInt8]
  /// The strongest reason, in words.
  package var firstReason: String

  package init(
    _ candidate: Candidate, _ verdict: Verdict, plan: DecisionPlan, customer: [UInt8], time: Int64
  ) {
    self.customer = customer
    decision = candidate.decision
    name = plan.name
    firstReason = candidate.reasons.first?.text ?? ""
    id = candidate.id
    revision = candidate.revision
    outcome = verdict.outcome
    self.time = time
    nextAllowed = verdict.nextAllowed
    actionTopic =
      verdict.outcome == .released || verdict.outcome == .revoked ? plan.topic : nil
    var json = JsonWriter()
    json.beginObject()
    json.string("id", candidate.id.text)
    json.int("revision", Int64(candidate.revision))
    json.string("customer", utf8: customer)
    if let account = candidate.account { json.string("account", account) }
    json.beginObject("playbook")
    json.string("name", plan.playbook)
    json.string("version", plan.playbookVersion)
    json.endObject()
    json.string("decision", plan.name)
    json.string("outcome", verdict.outcome.text)
    json.time("time", time)
    json.action(candidate, plan)
    json.timing(candidate, verdict)
    json.score(candidate.score)
    json.reasons(candidate.reasons)
    json.trace(verdict.trace)
    json.permission(verdict, plan)
    if let bucket = verdict.bucket {
      json.beginObject("experiment")
      json.string("arm", verdict.outcome == .holdout ? "holdout" : "treated")
      json.int("bucket", Int64(bucket))
      json.endObject()
    }
    if let owner = candidate.owner { json.string("owner", owner) }
    if let authority = verdict.authority { json.string("authority", authority) }
    if candidate.approximate { json.bool("approximate", true) }
    json.endObject()
    value = json.bytes
  }

  /// The CloudEvents attributes, Kafka binary mode, of this record at its place in the journal.
  package func headers(
    journal: (partition: Int32, offset: Int64), watermark: Int64
  ) -> [(name: String, value: [UInt8])] {
    [
      ("ce_specversion", "1.0"), ("ce_id", "\(id.text).\(revision)"), ("ce_source", "kairos"),
      ("ce_type", "kairos.decision." + (outcome.text.split(separator: ":").first ?? "")),
      ("ce_time", timestamp(time)),
      ("content-type", "application/json"), ("ce_journalpartition", String(journal.partition)),
      ("ce_journaloffset", String(journal.offset)), ("ce_watermark", String(watermark)),
    ].map { ($0.0, Array($0.1.utf8)) } + [("ce_subject", customer)]
  }
}

extension JsonWriter {
  fileprivate mutating func action(_ candidate: Candidate, _ plan: DecisionPlan) {
    beginObject("action")
    string("topic", plan.topic)
    string("channel", plan.channel)
    if let template = plan.template { string("template", template) }
    if !candidate.fields.isEmpty {
      beginObject("fields")
      for field in candidate.fields { raw(field.name, field.json) }
      endObject()
    }
    endObject()
  }

  fileprivate mutating func timing(_ candidate: Candidate, _ verdict: Verdict) {
    if let window = candidate.window {
      beginObject("window")
      time("opens", window.opens)
      time("closes", window.closes)
      endObject()
    }
    if let next = verdict.nextAllowed {
      time(verdict.outcome == .deferred ? "notBefore" : "nextAllowed", next)
    }
    time("expires", verdict.expires ?? candidate.expires)
  }

  fileprivate mutating func score(_ score: Candidate.Score?) {
    guard let score else { return }
    beginObject("score")
    string("name", score.name)
    double("value", score.value)
    if let change = score.change { double("change", change) }
    endObject()
  }

  fileprivate mutating func reasons(_ reasons: [Candidate.Reason]) {
    beginArray("reasons")
    for reason in reasons {
      beginObject()
      string("code", reason.code)
      string("text", reason.text)
      if let contribution = reason.contribution { double("contribution", contribution) }
      if let key = reason.talkingPoint { string("talkingPoint", key) }
      beginArray("evidence")
      for id in reason.evidence { string(utf8: id) }
      endArray()
      endObject()
    }
    endArray()
  }

  fileprivate mutating func trace(_ trace: [Verdict.Line]) {
    beginArray("trace")
    for line in trace {
      beginObject()
      string("check", line.check)
      string("result", line.result.rawValue)
      if let detail = line.detail { string("detail", detail) }
      endObject()
    }
    endArray()
  }

  fileprivate mutating func permission(_ verdict: Verdict, _ plan: DecisionPlan) {
    beginObject("consent")
    string("purpose", plan.purpose)
    string("channel", plan.channel)
    string("basis", verdict.consent?.basis ?? "not_checked")
    if let proof = verdict.consent?.proof { string("proof", utf8: proof) }
    endObject()
    beginArray("caps")
    for cap in verdict.caps {
      beginObject()
      string("rule", cap.rule)
      int("used", Int64(cap.used))
      int("limit", Int64(cap.limit))
      if let next = cap.nextAllowed, next != .max { time("nextAllowed", next) }
      endObject()
    }
    endArray()
  }
}
