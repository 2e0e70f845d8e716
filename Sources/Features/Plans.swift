package import Cel

/// One stream of (time, value) of a customer: the events of some types that satisfy a condition,
/// and what they carry in one field. Features that look at the same stream share it.
package struct SourcePlan: Equatable, Sendable {
  package enum Carries: Int, Equatable, Sendable {
    /// Only that it happened.
    case time = 1
    /// A number, as Int64 at the source's scale; events without one are passed over.
    case number = 2
    /// Any scalar: its kind and bits; events without the field are passed over.
    case scalar = 3
    /// A 64-bit hash of any value, and a value only once, at its latest time.
    case uniqueHash = 4
    /// A 64-bit hash of any value.
    case hash = 5

    /// Words per element, the time first.
    package var width: Int {
      switch self {
      case .time: 1
      case .number, .uniqueHash, .hash: 2
      case .scalar: 3
      }
    }
  }
  package var carries: Carries
  /// The event field's slot; nil for `.time`.
  package var slot: Int?
  /// Predicate that an event must satisfy, by index in the program.
  package var condition: Int?
  /// The unit of fixed-point values is 1 / scale: 1e6 stands for the default of 1e-6.
  package var scale: Double
  /// How long after its time an element may be needed, ms. Nil: for ever. 0: not kept at all, the
  /// features hold all they need.
  package var retention: Int64?
  /// Where its ring lies in the customer's block, if it keeps one.
  package var offset: Int = 0
  /// The features that look at it: a range of the table's `listeners`.
  package var listeners = 0..<0
  /// The most elements it keeps; beyond it the oldest go, and the customer is flagged.
  /// By default what 16 MB hold of eight-byte elements; a book's `customer_limit` says otherwise.
  package var limit: Int = 2_097_152
  /// Different values that one stream tells apart at most.
  package static let uniqueLimit = 16_384
  /// Counts up to a number that `limit` exceeds, so that giving up older elements loses nothing.
  package var isCounter = false
  /// Fixed-point values beyond it are passed over: 2^53 where squares are summed, which 128 bits
  /// hold for any number of elements that fit `limit`.
  package var magnitude: Int64 = .max

  package init(
    carries: Carries, slot: Int?, condition: Int?, scale: Double, retention: Int64?
  ) {
    self.carries = carries
    self.slot = slot
    self.condition = condition
    self.scale = scale
    self.retention = retention
  }

  package var keepsRing: Bool { retention != 0 }
}

/// What is computed of a source. Plain words: copying one touches no reference count.
package struct FeaturePlan: Sendable {
  package enum Kind: Equatable, Sendable {
    case count, sum, mean, min, max, distinct, first, last, deviation
    /// Events per `per` ms.
    case rate(per: Int64)
    /// Least squares over (time, value), per `per` ms.
    case slope(per: Int64)
    case weightedMean(halfLife: Int64)
    /// Time since the latest event, in whole units of `unit` ms (or exactly), at most `atMost`.
    case since(unit: Int64, atMost: Double, exact: Bool)
    /// Calendar days in a row with one event at least.
    case streak(zone: ZoneId)
    /// An expression over other features and facts: a predicate's index in the program.
    case value(expression: Int)
  }
  package var kind: Kind
  /// Index of its source; -1 for `.value`.
  package var source: Int
  /// Window length, ms; nil: everything up to now.
  package var over: Int64?
  /// How far before now the window ends, ms.
  package var ending: Int64
  package var fallback: Scalar
  package var scale: Double
  /// The slot of the CEL row that its value goes to.
  package var slot: Int
  /// Where its state lies in the customer's block.
  package var offset: Int = 0

  package init(
    kind: Kind, source: Int, over: Int64?, ending: Int64, fallback: Scalar,
    scale: Double, slot: Int
  ) {
    self.kind = kind
    self.source = source
    self.over = over
    self.ending = ending
    self.fallback = fallback
    self.scale = scale
    self.slot = slot
  }
}

/// The last value by event time of one field.
package struct FactPlan: Sendable {
  package enum ValueType: Equatable, Sendable { case string, int, double, bool }
  package var name: String
  package var type: ValueType
  package var fieldSlot: Int
  package var condition: Int?
  package var fallback: Scalar
  package var slot: Int
  /// Three words in the block: time, kind, bits.
  package var offset: Int = 0
  package init(
    name: String, type: ValueType, fieldSlot: Int, condition: Int?, fallback: Scalar, slot: Int
  ) {
    self.name = name
    self.type = type
    self.fieldSlot = fieldSlot
    self.condition = condition
    self.fallback = fallback
    self.slot = slot
  }
}
