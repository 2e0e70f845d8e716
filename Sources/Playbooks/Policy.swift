package import Yaml

/// What holds for all decisions of a book.
package struct Policy: Sendable {
  package enum Unknown: String, CaseIterable, Sendable { case deny, allow }
  package enum Time: String, CaseIterable, Sendable {
    /// The highest append time read so far.
    case append
    /// The time of the instant being applied.
    case event
  }
  package struct Cap: Sendable {
    package enum Scope: Sendable {
      case any
      case channel(String)
      /// All decisions of this name; `playbook` narrows it to one playbook's.
      case decision(Mention, playbook: String?)
    }
    package enum Calendar: String, CaseIterable, Sendable { case day, week, month }
    package enum Period: Equatable, Sendable {
      /// Milliseconds: what was released in (t − per, t].
      case rolling(Int64)
      /// What was released since the calendar unit began; weeks begin on Monday.
      case calendar(Calendar)
    }
    package var scope: Scope
    package var atMost: Int
    package var period: Period
    package var position: SourcePosition
  }
  package struct QuietHours: Sendable {
    /// Nil: all channels.
    package var channels: [String]?
    /// Minutes of the day. `from` > `to` spans midnight; they are never equal.
    package var from: Int
    package var to: Int
    package var position: SourcePosition
  }
  package struct Holdout: Sendable {
    /// In 1/10,000.
    package var shareBasisPoints: Int
    package var salt: String
    package var position: SourcePosition
  }
  package var position: SourcePosition
  /// Zone of calendar caps and quiet hours. Nil: the playbook's.
  package var timezone: Mention?
  package var unknownConsent = Unknown.deny
  package var caps: [Cap] = []
  package var quietHours: [QuietHours] = []
  package var holdout: Holdout?
  package var policyTime = Time.append
  /// How long an event's id is remembered, milliseconds.
  package var dedup: Int64 = 86_400_000
  /// Bytes of one customer's state that are kept exact.
  package var customerLimit: Int64 = 16 << 20

  package init(position: SourcePosition) { self.position = position }
}

/// What one playbook of a book adds for its own decisions.
package struct Tightening: Sendable {
  package var unknownConsent: Policy.Unknown?
  package var caps: [Policy.Cap] = []
  package var quietHours: [Policy.QuietHours] = []
  package init() {}
}
