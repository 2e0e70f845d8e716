package import Cel

/// Why state cannot be restored from what was written of it. Every one has the same remedy: the
/// journal has it all.
package enum SnapshotError: Error, Equatable, CustomStringConvertible {
  /// Bytes are missing or are not what was written.
  case damaged(String)
  /// Written by a version of the format that this build does not know.
  case version(UInt8)
  /// Written by a fold with other semantics.
  case semantics(UInt64)
  /// Made with another book.
  case book(snapshot: String, program: String)
  /// Made for another partition of the journal.
  case partition(snapshot: Int32, wanted: Int32)
  /// It says that the journal has been folded up to an offset other than the committed one.
  case offset(snapshot: Int64, committed: Int64)

  package var description: String {
    let what: String =
      switch self {
      case .damaged(let detail): "the state is damaged (\(detail))"
      case .version(let version): "the state's format \(version) is not known here"
      case .semantics(let number): "the state is of a fold with semantics \(number)"
      case .book(let snapshot, let program):
        "the state is of the book \"\(snapshot)\", not of \"\(program)\""
      case .partition(let snapshot, let wanted):
        "the state is of partition \(snapshot), not of \(wanted)"
      case .offset(let snapshot, let committed):
        "the state is of the journal up to \(snapshot), and \(committed) of it are committed"
      }
    return what + ": leave it aside and rebuild the state from the journal"
  }
}

/// Appends state to bytes. Whole numbers take 7 bits per byte, the low ones first, signed ones after
/// folding the sign into bit 0; what is fixed in size is little-endian. One value has one form.
package struct SnapshotWriter {
  package private(set) var bytes: [UInt8] = []
  package init() {}

  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  package mutating func byte(_ value: UInt8) { bytes.append(value) }
  package mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

  package mutating func word(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
  package mutating func count(_ value: Int) { word(UInt64(value)) }
  package mutating func int(_ value: Int64) {
    word(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63))
  }
  /// Eight bytes: for hashes and doubles, which have no small values.
  package mutating func fixed(_ value: UInt64) {
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift))) }
  }
  package mutating func double(_ value: Double) { fixed(value.bitPattern) }

  package mutating func text(_ value: [UInt8]) {
    count(value.count)
    bytes.append(contentsOf: value)
  }
  package mutating func string(_ value: String) { text(Array(value.utf8)) }
  package mutating func string(_ value: String?) {
    flag(value != nil)
    if let value { string(value) }
  }

  /// A string by what it says: ids are of one shard's life.
  package mutating func text(_ id: TextId, _ texts: TextPool) {
    flag(id != .unknown)
    if id != .unknown { text(texts.bytes(id)) }
  }
  package mutating func scalar(_ value: Scalar, _ texts: TextPool) {
    byte(value.kind.rawValue)
    switch value.kind {
    case .missing, .null, .other: break
    case .string: text(value.text, texts)
    case .double: fixed(value.bits)
    case .bool, .int, .uint, .timestamp, .duration: int(Int64(bitPattern: value.bits))
    }
  }

  /// Bytes that need no length before them.
  package mutating func append(_ value: [UInt8]) { bytes.append(contentsOf: value) }

  /// Closes what was written: a hash of all bytes before, and of the key that they stand under.
  package mutating func seal(key: [UInt8] = []) {
    fixed(bulkHash(bytes.span, seed: stableHash(key.span)))
  }
}

/// Takes back what a `SnapshotWriter` has written.
package struct SnapshotReader {
  private let bytes: [UInt8]
  private var at = 0
  private let end: Int

  /// Checks the version and the seal.
  package init(_ bytes: [UInt8], version: UInt8, key: [UInt8] = []) throws(SnapshotError) {
    guard bytes.count > 8 else { throw .damaged("\(bytes.count) bytes are too few") }
    self.bytes = bytes
    end = bytes.count - 8
    var seal: UInt64 = 0
    for index in 0..<8 { seal |= UInt64(bytes[end + index]) << UInt64(8 * index) }
    guard bulkHash(bytes.span.extracting(0..<end), seed: stableHash(key.span)) == seal else {
      throw .damaged("its checksum does not match")
    }
    guard bytes[0] == version else { throw .version(bytes[0]) }
    at = 1
  }

  package func finish() throws(SnapshotError) {
    guard at == end else { throw .damaged("\(end - at) bytes too many") }
  }

  package mutating func byte() throws(SnapshotError) -> UInt8 {
    guard at < end else { throw .damaged("it ends too early") }
    defer { at += 1 }
    return bytes[at]
  }
  package mutating func flag() throws(SnapshotError) -> Bool {
    let value = try byte()
    guard value <= 1 else { throw .damaged("a flag is \(value)") }
    return value == 1
  }
  package mutating func word() throws(SnapshotError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      guard shift < 63 || next <= 1 else { throw .damaged("a number is too long") }
      value |= UInt64(next & 0x7f) << shift
      if next & 0x80 == 0 {
        guard next != 0 || shift == 0 else { throw .damaged("a number is longer than it must be") }
        return value
      }
      shift += 7
    }
  }
  package mutating func int() throws(SnapshotError) -> Int64 {
    let value = try word()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
  /// How many of something follow; each of them takes a byte at least.
  package mutating func count() throws(SnapshotError) -> Int {
    let value = try word()
    guard value <= UInt64(end - at) else { throw .damaged("it promises more than it holds") }
    return Int(value)
  }
  /// A number below `limit`.
  package mutating func index(below limit: Int, _ what: String) throws(SnapshotError) -> Int {
    let value = try word()
    guard value < UInt64(limit) else { throw .damaged("there is no \(what) \(value)") }
    return Int(value)
  }
  package mutating func fixed() throws(SnapshotError) -> UInt64 {
    guard end - at >= 8 else { throw .damaged("it ends too early") }
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
    at += 8
    return value
  }
  package mutating func double() throws(SnapshotError) -> Double {
    Double(bitPattern: try fixed())
  }

  package mutating func text() throws(SnapshotError) -> [UInt8] {
    let count = try count()
    defer { at += count }
    return Array(bytes[at..<(at + count)])
  }
  package mutating func string() throws(SnapshotError) -> String {
    guard let value = String(validating: try text(), as: UTF8.self) else {
      throw .damaged("a text is not UTF-8")
    }
    return value
  }
  package mutating func optionalString() throws(SnapshotError) -> String? {
    try flag() ? try string() : nil
  }

  /// A string's id in this shard, with a reference on it.
  package mutating func text(_ texts: inout TextPool) throws(SnapshotError) -> TextId {
    guard try flag() else { return .unknown }
    let value = try text()
    return texts.intern(value.span)
  }
  /// A value; a string comes with a reference on it.
  package mutating func scalar(_ texts: inout TextPool) throws(SnapshotError) -> Scalar {
    let raw = try byte()
    guard let kind = Scalar.Kind(rawValue: raw) else {
      throw .damaged("there is no kind \(raw) of value")
    }
    switch kind {
    case .missing, .null, .other: return Scalar(kind: kind, bits: 0)
    case .string: return Scalar(text: try text(&texts))
    case .double: return Scalar(kind: kind, bits: try fixed())
    case .bool, .int, .uint, .timestamp, .duration:
      return Scalar(kind: kind, bits: UInt64(bitPattern: try int()))
    }
  }
}
