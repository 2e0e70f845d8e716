package import Yaml

extension Playbook {
  /// What just became true.
  package struct Moment: Sendable {
    package enum Kind: Sendable {
      case sequence(Sequence)
      case atLeast(AtLeast)
      /// Fires when it becomes true.
      case becomes(CelText)
    }
    package var name: String
    package var position: SourcePosition
    package var kind: Kind
    package var reason: ReasonText?
  }

  package struct Sequence: Sendable {
    package enum Matches: String, CaseIterable, Sendable {
      /// One match per completing event or deadline, with the latest evidence.
      case latest
      /// Every match, as Flink's noSkip.
      case all
    }
    package var steps: [Step]
    /// Milliseconds from the first event. Nil: unbounded.
    package var within: Int64?
    package var matches = Matches.latest
    /// Open deadlines of an absence at the end, in mode `latest`.
    package var maxOpen = 64
    /// Partial matches, in mode `all`. Nil only if the steps bound them by themselves.
    package var maxPartial: Int?
  }

  package struct Step: Sendable {
    package enum Kind: Sendable {
      case event(EventPattern)
      /// Without `duration`: until the next step is taken. With one, at the end of the sequence:
      /// for so long after the previous step's event.
      case absent(EventPattern, duration: Int64?)
      case group([Step])
    }
    package enum Contiguity: Sendable {
      /// Skips what does not fit.
      case followedBy
      /// The very next event. Of an absence: the very next event is not such a one.
      case next
      /// Every event that fits, each in a branch of its own.
      case any
    }
    /// How the events inside a quantifier follow each other.
    package enum Inner: Sendable { case relaxed, consecutive, combinations }
    package struct Times: Equatable, Sendable {
      package var least: Int
      /// Nil: without end.
      package var most: Int?
      package init(least: Int, most: Int?) {
        self.least = least
        self.most = most
      }
    }
    package var position: SourcePosition
    /// From `as`, or `step1`, `step2` … in the order of the file. Unique in the sequence.
    package var name: String
    package var isNamed: Bool
    package var kind: Kind
    package var contiguity = Contiguity.followedBy
    /// Milliseconds from the previous step's event.
    package var within: Int64?
    /// Nil: exactly once.
    package var times: Times?
    package var optional = false
    package var greedy = false
    package var inner = Inner.relaxed
    package var until: CelText?
    /// Names of steps whose events `where` or `until` looks at: earlier ones, for `until` also its
    /// own. In CEL a step's name is the event that it took (`data`, `type`, `time`, `id`), and
    /// that of a repeated step the list of those that it took so far.
    package var looksBackAt: [String] = []
    /// Taken several times: by its own `times` or by a group's around it.
    package var isRepeated = false

    package var isAbsence: Bool {
      if case .absent = kind { return true }
      return false
    }
  }

  package struct AtLeast: Sendable {
    package enum Condition: Sendable {
      case event(EventPattern)
      /// Its latest rise counts like an event.
      case becomes(CelText)
    }
    package struct Indicator: Sendable {
      package var condition: Condition
      package var reason: ReasonText?
      package var position: SourcePosition
    }
    package var count: Int
    /// Milliseconds.
    package var within: Int64
    package var indicators: [Indicator]
  }

  /// A span of time after something, in which to act.
  package struct Window: Sendable {
    package enum Anchor: Sendable {
      /// With this event the count within the last `within` ms (nil: ever) reaches exactly `nth`.
      case event(EventPattern, nth: Int, within: Int64?)
      case moment(Mention)
    }
    package var name: String
    package var position: SourcePosition
    package var anchor: Anchor
    /// Milliseconds from the anchor.
    package var opens: Int64
    package var closes: Int64
    package var cancelledBy: [EventPattern] = []
    package var reason: ReasonText?
  }
}
