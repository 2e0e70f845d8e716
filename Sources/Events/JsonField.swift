internal import CSimdJSON

/// One value that a `JsonReader` found: what it is, and where its text lies. Nothing is copied.
package struct JsonField: Sendable {
  package enum Kind: UInt8, Sendable {
    /// The path leads nowhere.
    case missing
    case null, bool
    /// A whole number without fraction or exponent that fits Int64.
    case int
    /// As `int`, above Int64 but within UInt64.
    case uint
    /// Every other number; whole ones beyond UInt64 too.
    case double
    case string, list, map
    /// The name of the value that follows; in tapes only.
    case key
  }

  package var kind: Kind
  /// A string that had escapes: its text lies in the reader's `scratch`, not in the input.
  package var isUnescaped: Bool
  /// The text: of a string without its quotes, of anything else as it stands in the input.
  package var text: Range<Int>
  /// The value as it stands in the input, strings with their quotes and escapes.
  package var raw: Range<Int>
  /// Of `.int`; of `.uint` its bits; of `.bool` 0 or 1; in tapes the size of a list or map.
  package var int: Int64
  /// The nearest double of any number.
  package var double: Double
  /// In tapes: the entry after this value and all that it holds.
  package var next: Int

  package static let missing = JsonField(kj_field())

  init(_ raw: kj_field) {
    guard let kind = Kind(rawValue: raw.kind) else { fatalError("JSON kind \(raw.kind)") }
    self.kind = kind
    isUnescaped = raw.unescaped != 0
    text = Int(raw.offset)..<(Int(raw.offset) + Int(raw.length))
    let quote = kind == .string || kind == .key ? 1 : 0
    self.raw =
      (Int(raw.raw_offset) - quote)..<(Int(raw.raw_offset) + Int(raw.raw_length) + quote)
    int = raw.integer
    double = raw.number
    next = Int(raw.next)
  }

  package var isNumber: Bool { kind == .int || kind == .uint || kind == .double }
  package var bool: Bool { int != 0 }
}

/// Where a value of a line lies, without escapes and strings without their quotes. It is laid out as
/// `kj_place`. Public, as only that is inlined in other modules.
@frozen public struct JsonPlace: Sendable {
  @usableFromInline let offset: UInt32
  @usableFromInline let length: UInt32
  @usableFromInline let kind: UInt32

  /// Of a value that is not there.
  @inlinable public init() { (offset, length, kind) = (0, 0, 0) }

  @inlinable public var start: Int { Int(offset) }
  @inlinable public var count: Int { Int(length) }
  @inlinable public var end: Int { Int(offset) &+ Int(length) }

  /// Nothing is there, or null.
  @inlinable public var isNothing: Bool { kind <= 1 }
  @inlinable public var isString: Bool { kind == 6 }
  /// A whole number that fits Int64.
  @inlinable public var isInt: Bool { kind == 3 }
  @inlinable public var isMap: Bool { kind == 8 }
}

/// Why a document is not one that we take.
package struct JsonFault: Error, Equatable, Sendable {
  package enum Reason: Int32, Error, Sendable {
    /// Nothing but white space.
    case empty = 1
    case notUtf8
    /// Not JSON: its structure, a word, the form of a number, an unclosed string.
    case syntax
    /// In a string: a bad escape, half of a surrogate pair, a control character.
    case badText
    /// A number that no double can hold, as 1e400.
    case numberOutOfRange
    case tooDeep
    case tooLarge
    /// No memory was left for the parser.
    case memory
  }
  package var reason: Reason
  /// Bytes from the start of the document.
  package var offset: Int
  package init(_ reason: Reason, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }
}
