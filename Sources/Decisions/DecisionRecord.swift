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
    var json = JsonWriter(capacity: 2048)
    json.literal("{\"id\":")
    json.string(nil, candidate.id.text)
    json.literal(",\"revision\":")
    json.int(nil, Int64(candidate.revision))
    json.literal(",\"customer\":")
    json.string(utf8: customer)
    if let account = candidate.account { json.string("account", account) }
    json.members(plan.named)
    json.literal(",\"outcome\":")
    json.string(nil, verdict.outcome.text)
    json.literal(",\"time\":")
    json.time(nil, time)
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
    literal(",\"action\":{")
    members(plan.acting)
    if !candidate.fields.isEmpty {
      beginObject("fields")
      for field in candidate.fields { raw(field.name, field.json) }
      endObject()
    }
    end("}")
  }

  fileprivate mutating func timing(_ candidate: Candidate, _ verdict: Verdict) {
    if let window = candidate.window {
      literal(",\"window\":{\"opens\":")
      time(nil, window.opens)
      literal(",\"closes\":")
      time(nil, window.closes)
      literal("}")
    }
    if let next = verdict.nextAllowed {
      if verdict.outcome == .deferred {
        literal(",\"notBefore\":")
      } else {
        literal(",\"nextAllowed\":")
      }
      time(nil, next)
    }
    literal(",\"expires\":")
    time(nil, verdict.expires ?? candidate.expires)
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
    literal(",\"reasons\":[")
    for index in reasons.indices {
      if index > 0 { literal(",") }
      literal("{\"code\":")
      string(nil, reasons[index].code)
      literal(",\"text\":")
      string(nil, reasons[index].text)
      if let contribution = reasons[index].contribution {
        literal(",\"contribution\":")
        double(nil, contribution)
      }
      if let key = reasons[index].talkingPoint {
        literal(",\"talkingPoint\":")
        string(nil, key)
      }
      literal(",\"evidence\":[")
      for id in reasons[index].evidence { string(utf8: id) }
      literal("]}")
    }
    end("]")
  }

  fileprivate mutating func trace(_ trace: [Verdict.Line]) {
    literal(",\"trace\":[")
    for index in trace.indices {
      if index > 0 { literal(",") }
      literal("{\"check\":")
      string(nil, trace[index].check)
      switch trace[index].result {
      case .passed: literal(",\"result\":\"passed\"")
      case .failed: literal(",\"result\":\"failed\"")
      case .deferred: literal(",\"result\":\"deferred\"")
      case .notApplicable: literal(",\"result\":\"not_applicable\"")
      }
      if let detail = trace[index].detail {
        literal(",\"detail\":")
        string(nil, detail)
      }
      literal("}")
    }
    end("]")
  }

  fileprivate mutating func permission(_ verdict: Verdict, _ plan: DecisionPlan) {
    literal(",\"consent\":{")
    members(plan.permitted)
    literal(",\"basis\":")
    string(nil, verdict.consent?.basis ?? "not_checked")
    if let proof = verdict.consent?.proof {
      literal(",\"proof\":")
      string(utf8: proof)
    }
    literal("},\"caps\":[")
    for index in verdict.caps.indices {
      if index > 0 { literal(",") }
      literal("{\"rule\":")
      string(nil, verdict.caps[index].rule)
      literal(",\"used\":")
      int(nil, Int64(verdict.caps[index].used))
      literal(",\"limit\":")
      int(nil, Int64(verdict.caps[index].limit))
      if let next = verdict.caps[index].nextAllowed, next != .max {
        literal(",\"nextAllowed\":")
        time(nil, next)
      }
      literal("}")
    }
    end("]")
  }
}
