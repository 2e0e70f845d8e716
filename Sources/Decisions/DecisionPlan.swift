package import Cel

/// What a playbook says of one decision, names resolved. A class, as it holds many strings and is handed
/// from check to check.
package final class DecisionPlan: Sendable {
  package enum Level: String, Equatable, Sendable { case human, automatic, monitor }
  package enum Authority: Equatable, Sendable {
    case always(Level)
    /// Probabilities; nil: that level is not in use.
    case byScore(human: Double?, automatic: Double?, monitor: Double?)
  }
  package struct Field: Sendable {
    package var name: String
    /// Index of the expression in the program.
    package var expression: Int
    package init(name: String, expression: Int) {
      self.name = name
      self.expression = expression
    }
  }
  package let name: String
  package let playbook: String
  /// Hex of the playbook's hash.
  package let playbookVersion: String
  /// Index of the `if` expression in the program.
  package let condition: Int?
  package let topic: String
  package let channel: String
  package let channelText: TextId
  package let template: String?
  package let fields: [Field]
  package let purpose: String
  package let purposeText: TextId
  package let authority: Authority
  package let owner: Int?
  package let account: Int?
  /// Milliseconds from the trigger's instant.
  package let expires: Int64
  package let coolDown: Int64?
  package let priority: Int64
  /// Zone of the playbook, where the customer's own is not known.
  package let zone: ZoneId

  /// Parts of its records that are always the same: JSON members, as `DecisionRecord` has them.
  let named: [UInt8]
  let acting: [UInt8]
  let permitted: [UInt8]
  /// "service by email", as the trace has it.
  let permission: String
  let unknownPermission: String

  package init(
    name: String, playbook: String, playbookVersion: String, condition: Int?, topic: String,
    channel: String, channelText: TextId, template: String?, fields: [Field], purpose: String,
    purposeText: TextId, authority: Authority, owner: Int?, account: Int?, expires: Int64,
    coolDown: Int64?, priority: Int64, zone: ZoneId
  ) {
    self.name = name
    self.playbook = playbook
    self.playbookVersion = playbookVersion
    self.condition = condition
    self.topic = topic
    self.channel = channel
    self.channelText = channelText
    self.template = template
    self.fields = fields
    self.purpose = purpose
    self.purposeText = purposeText
    self.authority = authority
    self.owner = owner
    self.account = account
    self.expires = expires
    self.coolDown = coolDown
    self.priority = priority
    self.zone = zone
    permission = "\(purpose) by \(channel)"
    unknownPermission = permission + ": nothing is known"
    var json = JsonWriter()
    json.beginObject("playbook")
    json.string("name", playbook)
    json.string("version", playbookVersion)
    json.endObject()
    json.string("decision", name)
    named = json.bytes
    json = JsonWriter()
    json.string("topic", topic)
    json.string("channel", channel)
    if let template { json.string("template", template) }
    acting = json.bytes
    json = JsonWriter()
    json.string("purpose", purpose)
    json.string("channel", channel)
    permitted = json.bytes
  }
}

/// What holds for all decisions, and what one playbook adds for its own.
package struct PolicyPlan: Sendable {
  package enum Time: Sendable { case append, event }
  package enum Calendar: String, Sendable { case day, week, month }
  package enum Period: Equatable, Sendable {
    /// Milliseconds: what was released in (t − per, t].
    case rolling(Int64)
    /// What was released since the calendar unit began.
    case calendar(Calendar)
  }
  package struct Cap: Sendable {
    package enum Scope: Equatable, Sendable {
      case any
      case channel(String)
      case decision(String, playbook: String?)
    }
    /// As the trace names it: "email: 2 per 7d".
    package var rule: String
    package var scope: Scope
    /// The only playbook whose decisions it counts and holds; nil: all.
    package var playbook: String?
    /// Which decisions it counts and holds, by index.
    package var decisions: [Bool]
    package var atMost: Int
    package var period: Period
    package init(
      rule: String, scope: Scope, playbook: String?, decisions: [Bool], atMost: Int, period: Period
    ) {
      self.rule = rule
      self.scope = scope
      self.playbook = playbook
      self.decisions = decisions
      self.atMost = atMost
      self.period = period
    }
  }
  package struct QuietHours: Sendable {
    /// Which decisions it holds back, by index.
    package var decisions: [Bool]
    /// Minutes of the day: quiet from `from` up to `to`, over midnight if `from` > `to`.
    package var from: Int
    package var to: Int
    package init(decisions: [Bool], from: Int, to: Int) {
      self.decisions = decisions
      self.from = from
      self.to = to
    }
  }
  package struct Holdout: Sendable {
    /// In 1/10,000.
    package var share: Int
    package var salt: String
    package init(share: Int, salt: String) {
      self.share = share
      self.salt = salt
    }
  }
  package var unknownConsentAllows = false
  package var caps: [Cap] = []
  package var quietHours: [QuietHours] = []
  package var holdout: Holdout?
  package var time = Time.append
  /// Zone of quiet hours and calendar caps of customers whose own is not known; nil: the
  /// playbook's.
  package var zone: ZoneId?
  package init() {}

  /// How long a release must be remembered, ms.
  package func memory(of decisions: [DecisionPlan]) -> Int64 {
    var longest: Int64 = 0
    for cap in caps {
      switch cap.period {
      case .rolling(let per): longest = max(longest, per)
      case .calendar: longest = max(longest, 32 * 86_400_000)
      }
    }
    for decision in decisions { longest = max(longest, decision.coolDown ?? 0) }
    return longest
  }
}
