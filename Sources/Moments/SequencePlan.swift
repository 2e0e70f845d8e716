/// A sequence compiled to flat tables, and the rules by which its state moves.
///
/// The state of one customer is an array of words, empty while nothing is under way, that a
/// checkpoint copies as it is. Nothing but the arguments decides what happens.
///
///     words = [flags, next deadline, record, record, …]      see `SequenceRecord`
///
/// A record is a partial match: it waits at a node of a graph that says, for every node, which
/// events it takes, which it lets pass and which end it. The meaning is that of Flink CEP
/// without skip strategies; a part's `within` and an absence's duration count from the event taken
/// before. An absence at the end without a duration lasts until the whole's `within` is over.
///
/// In the mode `latest` a node keeps only the partial match whose events are latest. That loses
/// nothing: what may follow depends on the node, on the time of the last event and, with a
/// `within` of the whole, on that of the first; the later partial match allows all that the earlier
/// one allows, and its completion is the later one. (With optional parts the first event of the
/// later one may be the older, hence `requiresAll`.)
package struct SequencePlan: Sendable {
  package enum Mode: Hashable, Sendable {
    /// Fires once per completing event or deadline, with the latest evidence.
    case latest
    /// Fires for every match.
    case all
  }

  package let mode: Mode
  /// The whole must happen in less than this many ms from its first event.
  package let within: Int64?
  /// Open absences at the end at most, in the mode `latest`.
  package let maxOpen: Int
  /// Partial matches at most, in the mode `all`.
  package let maxPartials: Int
  /// Conditions whose bit says only that they may hold: the rest looks at the events taken so far.
  package let contextual: UInt64
  /// Conditions that any node reads: with none of them set an event changes nothing, unless
  /// `wantsEveryEvent` says otherwise.
  package let conditions: UInt64
  /// Conditions that can begin a match.
  package let starting: UInt64
  /// The longest evidence of a match; nil: unbounded.
  package let longest: Int?
  /// Whether deadlines exist, that is, the last part is an absence.
  package let hasDeadline: Bool
  /// The absence at the end lasts until `within` after the first event.
  let waitsFromFirst: Bool

  let nodes: [Node]
  let actions: [Action]
  /// The node at which every match begins.
  let start: Int
  /// For each condition, its place in the order of the parts.
  let order: [Int]
  /// Conditions of absences that a late event may still break.
  let middleAbsences: UInt64

  /// A place at which a partial match waits.
  struct Node: Sendable {
    /// Its actions.
    var first: Int
    var count: Int
    /// An event without any condition set changes it.
    var isUnstable: Bool
    /// No event can be taken this many ms or more after the last one.
    var patience: Int64
    /// The absence at the end lasts this long; nil: not such a node.
    var lasting: Int64?
    /// Conditions that it reads.
    var reads: UInt64
  }

  /// What an event does to a partial match if its conditions include `yes` and none of `no`.
  struct Action: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case take, move, kill }
    var kind: Kind
    var yes: UInt64
    var no: UInt64
    var step: Int
    var target: Int
    /// Done only in less than this many ms after the last event.
    var within: Int64
    /// The match is complete.
    var finishes: Bool
    /// The partial match goes on at `target`.
    var goesOn: Bool
  }

  /// The most words that a state can need; nil: bounded by `maxPartials` alone.
  package var stateWordsMax: Int? {
    guard let longest else { return nil }
    let record = 1 + 2 * longest
    return 2 + record * (mode == .latest ? nodes.count + (hasDeadline ? maxOpen : 0) : maxPartials)
  }

  /// The most partial matches that a state can hold.
  package var partialsMax: Int {
    mode == .latest ? nodes.count + (hasDeadline ? maxOpen : 0) : maxPartials
  }
}
