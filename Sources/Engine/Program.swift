package import Cel
package import Decisions
internal import Events
package import Features
package import Moments
package import Scores

/// A book, checked and compiled to flat tables: all that the fold needs to know besides the journal.
package struct Program: Sendable {
  /// Words at the head of a customer's block.
  package static let headerWords = Header.words

  /// Holds every string that the book mentions, for ever.
  package var texts = TextPool()
  package var zones: ZoneTable
  /// By text id: the number of an event type that is mentioned, else 0.
  package var typeOfText: [UInt16] = []
  /// By type number; 0 stands for all types that nobody mentions.
  package var types: [TypePlan] = []
  /// What is read of events, one row slot each, from slot 0 on.
  package var fields: [FieldRead] = []
  /// What fills the other slots of the CEL row.
  package var slots: [SlotSource] = []
  package var predicates: [Predicate] = []
  package var features: FeatureTable
  package var facts: [FactPlan] = []
  package var watches: [WatchPlan] = []
  package var sequences: [SequenceUse] = []
  package var gatherings: [GatheringUse] = []
  package var windows: [WindowUse] = []
  package var moments: [MomentPlan] = []
  package var scores: [ScorePlan] = []
  package var triggers: [DecisionTrigger] = []
  package var checks: Checks
  package var blockWords = 0
  /// Ids of events are remembered so long, ms.
  package var dedup: Int64 = 86_400_000
  /// The book's hash, hex.
  package var hash = ""
  /// Row slots of what the policy layer reads of its events.
  package var policyFields = PolicyFields()
  /// By decision: the number of its playbook.
  package var playbookOf: [Int] = []
  package var playbookNames: [String] = []
  /// What each item of the tables is, beyond its place in them.
  package var items = ProgramItems()
  /// By playbook: its zone, and the slot of the fact that names the customer's own, if any.
  package var playbookZones: [(zone: ZoneId, name: TextId, fact: Int?)] = []

  package init(zones: ZoneTable, features: FeatureTable, checks: Checks) {
    self.zones = zones
    self.features = features
    self.checks = checks
  }
}

package struct PolicyFields: Sendable {
  package var purpose = 0
  package var channel = 0
  package var decision = 0
  package init() {}
}

/// What an event of one type concerns.
package struct TypePlan: Sendable {
  package var name = ""
  /// Row slots to fill, with the paths in `data` and in the whole event.
  package var dataFields: [Int] = []
  package var eventFields: [Int] = []
  package var facts: [Int] = []
  package var sources: [Int] = []
  package var watches: [Int] = []
  package var sequences: [Int] = []
  package var gatherings: [Int] = []
  /// Windows that it may anchor or cancel.
  package var windows: [Int] = []
  package var special = Special.none

  /// Events that the policy layer reads.
  package enum Special: Sendable {
    case none, consentGranted, consentWithdrawn, suppressionAdded, suppressionRemoved
    case decisionApproved, decisionRejected, receiptFailed
  }
  package init() {}
}

/// One field of an event.
package struct FieldRead: Sendable {
  /// Below `data`, or below the whole event as its source wrote it.
  package var inData: Bool
  package var path: [String]
  /// The text itself is wanted, not only whether it equals one that is known.
  package var needsText: Bool
  /// A source wants its hash.
  package var needsHash: Bool
  /// A list or a map is wanted whole.
  package var needsTree: Bool
  package init(inData: Bool, path: [String]) {
    self.inData = inData
    self.path = path
    needsText = false
    needsHash = false
    needsTree = false
  }
}

package enum SlotSource: Sendable {
  case field(Int)
  case feature(Int)
  case fact(Int)
  /// A score's probability.
  case score(Int)
  /// The event's time, or the instant's.
  case time
  case zone(playbook: Int)
  case type, source, id, customer
}

/// A compiled CEL expression: the flat form where there is one, the general one for all else.
package struct Predicate: Sendable {
  package var scalar: ScalarProgram?
  package var general: CelProgram
  /// Row slots that it reads and that must be filled for it: all but event fields.
  package var fills: [Int]
  /// Whether it reads anything of an event.
  package var readsEvent: Bool
  package var text: String
  package init(
    scalar: ScalarProgram?, general: CelProgram, fills: [Int], readsEvent: Bool, text: String
  ) {
    self.scalar = scalar
    self.general = general
    self.fills = fills
    self.readsEvent = readsEvent
    self.text = text
  }
}

/// Something whose value is compared with its value before: a score, or a condition that `becomes`
/// true. In the block: value bits, whether there is one, the next instant at which time moves it, and
/// what the last look found out for the next one (no state: it is left out of slices).
package struct WatchPlan: Sendable {
  package static let words = 4
  package enum Subject: Sendable {
    case score(Int)
    case condition(Int)
  }
  package var subject: Subject
  /// Only events make it look; else also whatever time does to what it reads.
  package var eventsOnly: Bool
  /// Features that it reads, directly or through others; never `.value` ones.
  package var leaves: [Int]
  /// Reads the time itself, or a `since` with its fraction: looked at with each event.
  package var always: Bool
  /// Triggers that want its history (`rises_by`).
  package var rises: [RisePlan] = []
  package var offset: Int = 0
  package init(subject: Subject, eventsOnly: Bool, leaves: [Int], always: Bool) {
    self.subject = subject
    self.eventsOnly = eventsOnly
    self.leaves = leaves
    self.always = always
  }
}

/// `rises_by … within …` of one watch: a queue of (since, until, probability), least first.
package struct RisePlan: Sendable {
  package static let words = 2
  package var by: Double
  package var within: Int64
  package var offset: Int = 0
  package init(by: Double, within: Int64) {
    self.by = by
    self.within = within
  }
}

/// A sequence and how its steps are told.
package struct SequenceUse: Sendable {
  package struct Step: Sendable {
    /// By type number; nil: every type.
    package var types: [Bool]?
    package var condition: Int?
    package var until: Int?
    package var words: ReasonWords
    package init(types: [Bool]?, condition: Int?, until: Int?, words: ReasonWords) {
      self.types = types
      self.condition = condition
      self.until = until
      self.words = words
    }
  }
  package var plan: SequencePlan
  package var steps: [Step]
  package var moment: Int
  package var offset: Int = 0
  package init(plan: SequencePlan, steps: [Step], moment: Int) {
    self.plan = plan
    self.steps = steps
    self.moment = moment
  }
}

/// At least N different indicators within a time.
package struct GatheringUse: Sendable {
  package enum Indicator: Sendable {
    case event(types: [Bool]?, condition: Int?)
    case watch(Int)
  }
  package var plan: AtLeast
  package var indicators: [Indicator]
  package var words: [ReasonWords]
  package var moment: Int
  package var offset: Int = 0
  /// Whether any indicator is a condition.
  package let watches: Bool
  package init(plan: AtLeast, indicators: [Indicator], words: [ReasonWords], moment: Int) {
    self.plan = plan
    self.indicators = indicators
    watches = indicators.contains { if case .watch = $0 { true } else { false } }
    self.words = words
    self.moment = moment
  }
}

package struct WindowUse: Sendable {
  package enum Anchor: Sendable {
    /// The source keeps the anchor's events for `within`; with this one there are exactly `nth`.
    case event(source: Int, types: [Bool]?, condition: Int?, nth: Int, within: Int64?)
    case moment(Int)
  }
  package struct Pattern: Sendable {
    package var types: [Bool]?
    package var condition: Int?
    package init(types: [Bool]?, condition: Int?) {
      self.types = types
      self.condition = condition
    }
  }
  package var name: String
  package var plan: InterventionWindow
  package var anchor: Anchor
  package var cancels: [Pattern]
  package var words: ReasonWords
  package var offset: Int = 0
  package init(
    name: String, plan: InterventionWindow, anchor: Anchor, cancels: [Pattern], words: ReasonWords
  ) {
    self.name = name
    self.plan = plan
    self.anchor = anchor
    self.cancels = cancels
    self.words = words
  }
}

package struct MomentPlan: Sendable {
  package enum Kind: Sendable {
    case sequence(Int)
    case gathering(Int)
    /// Fires when its watch's condition becomes true.
    case becomes(watch: Int)
  }
  package var name: String
  package var kind: Kind
  package var words: ReasonWords
  /// Windows that it anchors.
  package var windows: [Int] = []
  package init(name: String, kind: Kind, words: ReasonWords) {
    self.name = name
    self.kind = kind
    self.words = words
  }
}

/// What makes a candidate of a decision; by decision, in the book's order.
package enum DecisionTrigger: Sendable {
  case score(watch: Int, ScoreTrigger, rise: Int?)
  case moment(Int)
  case window(Int)
  case becomes(watch: Int)
}
