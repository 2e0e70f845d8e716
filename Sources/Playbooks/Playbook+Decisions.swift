package import Yaml

extension Playbook {
  /// What to do about it.
  package struct Decision: Sendable {
    package enum Change: Sendable {
      /// Thresholds lie strictly between 0 and 1.
      case risesAbove(Double)
      case fallsBelow(Double)
      /// The value less its least in (t − within, t], in milliseconds.
      case risesBy(Double, within: Int64)
    }
    package enum Trigger: Sendable {
      case score(Mention, Change)
      case moment(Mention)
      /// The window's opening.
      case window(Mention)
      case becomes(CelText)
    }
    package enum At: String, CaseIterable, Sendable {
      /// Also when time moves it.
      case changes
      /// Only when an event of the customer does.
      case events
    }
    package struct Field: Sendable {
      package var name: String
      package var value: CelText
    }
    package struct Action: Sendable {
      package var topic: String
      package var channel: String
      package var template: String?
      package var fields: [Field] = []
    }
    package enum Level: String, CaseIterable, Sendable { case human, automatic, monitor }
    package enum Authority: Sendable {
      case always(Level)
      /// By the score's value: from `human` on a person approves, from `automatic` on it is
      /// released, from `monitor` on it is only watched, below it is nothing.
      case byScore(human: Double?, automatic: Double?, monitor: Double?)
    }
    package var name: String
    package var position: SourcePosition
    package var trigger: Trigger
    package var triggerPosition: SourcePosition
    package var at = At.changes
    package var condition: CelText?
    package var action: Action
    package var purpose: String
    package var authority = Authority.always(.automatic)
    package var owner: CelText?
    package var account: CelText?
    /// Milliseconds from the trigger. Nil: 24 h, or for a window its closing, which ends a
    /// window's decision anyhow.
    package var expires: Int64?
    package var coolDown: Int64?
    /// Higher goes first.
    package var priority: Int64 = 0
  }
}
