/// One part of a sequence as a playbook says it; `SequencePlan` compiles a list of them.
///
/// A *condition* is one of up to 64 predicates (event type and `where`) that the caller evaluates
/// for each event and hands over as the bits of a mask. Every part has a condition of its own, and
/// so has every `until`; the number of a positive part's condition is also the name of the step in
/// the evidence of a match.
package struct SequencePart: Hashable, Sendable {
  /// What the part asks for.
  package indirect enum Kind: Hashable, Sendable {
    /// An event that satisfies the condition.
    case on(condition: Int)
    /// A nested sequence.
    case group([SequencePart])
    /// No such event until the next part is taken or, as the last part, for `lasting` ms.
    case absent(condition: Int, lasting: Int64?)
    /// The very next event is not such a one.
    case notNext(condition: Int)
  }
  /// Which events may lie between an event and the one taken before it.
  package enum Contiguity: Hashable, Sendable {
    /// None.
    case next
    /// Those that do not fit: the first fitting one is taken.
    case followedBy
    /// All: each fitting one is taken, on a branch of its own.
    case any
  }

  package var kind: Kind
  package var contiguity: Contiguity
  /// The first event must come less than this many ms after the event taken before.
  package var within: Int64?
  /// How many times at least; at least 1 (see `isOptional`).
  package var atLeast: Int
  /// How many times at most; nil: any number of times.
  package var atMost: Int?
  /// Contiguity between the repetitions.
  package var inner: Contiguity
  /// Each repetition must come less than this many ms after the one before it.
  package var innerWithin: Int64?
  package var isOptional: Bool
  /// As many repetitions as there are, before the next part may be taken.
  package var isGreedy: Bool
  /// The condition that ends the repetition; its event is not taken by it.
  package var until: Int?

  package init(
    _ kind: Kind, _ contiguity: Contiguity = .followedBy, within: Int64? = nil,
    atLeast: Int = 1, atMost: Int? = 1, inner: Contiguity = .followedBy,
    innerWithin: Int64? = nil, isOptional: Bool = false, isGreedy: Bool = false, until: Int? = nil
  ) {
    self.kind = kind
    self.contiguity = contiguity
    self.within = within
    self.atLeast = atLeast
    self.atMost = atMost
    self.inner = inner
    self.innerWithin = innerWithin
    self.isOptional = isOptional
    self.isGreedy = isGreedy
    self.until = until
  }

  /// Whether the part repeats, or may.
  var repeats: Bool { atLeast != 1 || atMost != 1 }
  /// The condition of an absence in the middle or at the end.
  var absence: Int? { if case .absent(let condition, _) = kind { condition } else { nil } }
  /// Whether the part takes no event.
  var isNegative: Bool {
    switch kind {
    case .absent, .notNext: true
    case .on, .group: false
    }
  }
}

/// Why a sequence cannot be compiled.
package struct SequenceRefusal: Error, Hashable, Sendable {
  /// One line that says what to write instead.
  package var reason: String
  /// The index of the outermost part that it is about.
  package var part: Int
}
