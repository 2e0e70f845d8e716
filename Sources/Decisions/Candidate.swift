internal import Cel

/// A decision on its way through the checks.
package struct Candidate: Equatable, Sendable {
  package struct Window: Equatable, Sendable {
    package var opens: Int64
    package var closes: Int64
    package init(opens: Int64, closes: Int64) {
      self.opens = opens
      self.closes = closes
    }
  }
  package struct Reason: Equatable, Sendable {
    package var code: String
    package var text: String
    package var contribution: Double?
    package var talkingPoint: String?
    package var evidence: [[UInt8]]
    package init(
      code: String, text: String, contribution: Double? = nil, talkingPoint: String? = nil,
      evidence: [[UInt8]] = []
    ) {
      self.code = code
      self.text = text
      self.contribution = contribution
      self.talkingPoint = talkingPoint
      self.evidence = evidence
    }
  }
  package struct Score: Equatable, Sendable {
    package var name: String
    /// Probabilities.
    package var value: Double
    package var change: Double?
    package init(name: String, value: Double, change: Double?) {
      self.name = name
      self.value = value
      self.change = change
    }
  }
  package enum State: UInt8, Equatable, Sendable { case new, deferred, awaitingApproval, approved }

  /// Index of its plan.
  package var decision: Int
  package var id: DecisionId
  package var revision = 0
  package var state = State.new
  /// The instant that made it, in event time.
  package var instant: Int64
  package var expires: Int64
  /// When a deferred one wakes, in policy time.
  package var wake = Int64.max
  package var window: Window?
  package var score: Score?
  package var reasons: [Reason]
  /// The action's fields and the owner, as JSON, as they were at the instant.
  package var fields: [(name: String, json: [UInt8])] = []
  package var owner: String?
  package var account: String?
  package var approximate = false

  package init(
    decision: Int, id: DecisionId, instant: Int64, expires: Int64, window: Window?, score: Score?,
    reasons: [Reason]
  ) {
    self.decision = decision
    self.id = id
    self.instant = instant
    self.expires = expires
    self.window = window
    self.score = score
    self.reasons = reasons
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.decision == b.decision && a.id == b.id && a.revision == b.revision && a.state == b.state
      && a.instant == b.instant && a.expires == b.expires && a.wake == b.wake
      && a.window == b.window && a.score == b.score && a.reasons == b.reasons
      && a.owner == b.owner && a.account == b.account && a.approximate == b.approximate
      && a.fields.count == b.fields.count
      && zip(a.fields, b.fields).allSatisfy { $0.name == $1.name && $0.json == $1.json }
  }
}

/// What became of a candidate.
package enum Outcome: Equatable, Sendable {
  package enum Check: String, Sendable {
    case eligibility, consent, suppression, holdout, authority
    case quietHours = "quiet_hours"
    case coolDown = "cool_down"
    case caps
  }
  case released
  case held(Check)
  case deferred
  case awaitingApproval
  case shadow
  case holdout
  case revoked
  case expired

  package var text: String {
    switch self {
    case .released: "released"
    case .held(let check): "held:" + check.rawValue
    case .deferred: "deferred"
    case .awaitingApproval: "awaiting_approval"
    case .shadow: "shadow"
    case .holdout: "holdout"
    case .revoked: "revoked"
    case .expired: "expired"
    }
  }
}

/// What the checks found, in their order.
package struct Verdict: Equatable, Sendable {
  package enum Result: String, Sendable {
    case passed, failed, deferred
    case notApplicable = "not_applicable"
  }
  package struct Line: Equatable, Sendable {
    package var check: String
    package var result: Result
    package var detail: String?
    package init(_ check: String, _ result: Result, _ detail: String? = nil) {
      self.check = check
      self.result = result
      self.detail = detail
    }
  }
  package struct CapUse: Equatable, Sendable {
    package var rule: String
    package var used: Int
    package var limit: Int
    package var nextAllowed: Int64?
  }
  package struct Proof: Equatable, Sendable {
    package var basis: String
    package var proof: [UInt8]?
  }
  package var outcome = Outcome.released
  package var trace: [Line] = []
  package var consent: Proof?
  package var caps: [CapUse] = []
  package var bucket: Int?
  /// For deferred: when it wakes. For cool-down and caps: when this check would pass.
  package var nextAllowed: Int64?
  /// What `expires` is cut to, where a quiet time begins before it.
  package var expires: Int64?
  package var authority: String?
  package init() {}
}
