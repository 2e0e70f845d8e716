/// A CEL value that fits two words, so that rows of them can be kept flat and compared without
/// allocating. Strings are ids in a `TextPool`; whatever is larger (lists, maps, bytes) is `other`
/// and needs the general evaluator.
package struct Scalar: Equatable, Sendable {
  package enum Kind: UInt8, Sendable {
    /// The field is absent, or its evaluation failed.
    case missing
    case null, bool, int, uint, double
    /// `bits` is an id of the shard's `TextPool`.
    case string
    /// Milliseconds since 1970 (UTC), as Int64.
    case timestamp
    /// Milliseconds, as Int64.
    case duration
    /// A list, a map or bytes: present, but not a scalar.
    case other
  }

  package var bits: UInt64
  package var kind: Kind

  package init(kind: Kind, bits: UInt64) {
    self.kind = kind
    self.bits = bits
  }

  package static let missing = Scalar(kind: .missing, bits: 0)
  package static let null = Scalar(kind: .null, bits: 0)
  package static let other = Scalar(kind: .other, bits: 0)

  package init(_ value: Bool) { self.init(kind: .bool, bits: value ? 1 : 0) }
  package init(_ value: Int64) { self.init(kind: .int, bits: UInt64(bitPattern: value)) }
  package init(_ value: UInt64) { self.init(kind: .uint, bits: value) }
  package init(_ value: Double) { self.init(kind: .double, bits: value.bitPattern) }
  package init(text: TextId) { self.init(kind: .string, bits: UInt64(text.raw)) }
  package init(timestampMs: Int64) {
    self.init(kind: .timestamp, bits: UInt64(bitPattern: timestampMs))
  }
  package init(durationMs: Int64) {
    self.init(kind: .duration, bits: UInt64(bitPattern: durationMs))
  }

  package var bool: Bool { bits != 0 }
  package var int: Int64 { Int64(bitPattern: bits) }
  package var double: Double { Double(bitPattern: bits) }
  package var text: TextId { TextId(raw: UInt32(truncatingIfNeeded: bits)) }

  /// Its value as a number; booleans count 0 and 1. Nil for all else.
  package var number: Double? {
    switch kind {
    case .double: double
    case .int: Double(int)
    case .uint: Double(bits)
    case .bool: bool ? 1 : 0
    default: nil
    }
  }
}
