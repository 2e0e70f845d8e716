internal import Cel
internal import Events

/// Appends JSON to bytes: no spaces, members in the order of the calls.
package struct JsonWriter {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init() {}

  package mutating func beginObject(_ name: String? = nil) { open(name, UInt8(ascii: "{")) }
  package mutating func beginArray(_ name: String? = nil) { open(name, UInt8(ascii: "[")) }
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  package mutating func string(_ name: String? = nil, _ value: String) {
    member(name)
    quote(value)
  }
  package mutating func string(_ name: String? = nil, utf8 value: [UInt8]) {
    member(name)
    quote(value)
  }
  package mutating func int(_ name: String? = nil, _ value: Int64) {
    member(name)
    bytes.append(contentsOf: String(value).utf8)
  }
  package mutating func bool(_ name: String? = nil, _ value: Bool) {
    member(name)
    bytes.append(contentsOf: (value ? "true" : "false").utf8)
  }
  package mutating func null(_ name: String? = nil) {
    member(name)
    bytes.append(contentsOf: "null".utf8)
  }
  /// Shortest digits that read back as the same double; JSON has no infinities, they become null.
  package mutating func double(_ name: String? = nil, _ value: Double) {
    member(name)
    bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
  }
  /// Bytes that are JSON already.
  package mutating func raw(_ name: String? = nil, _ json: [UInt8]) {
    member(name)
    bytes.append(contentsOf: json)
  }
  /// An instant as RFC 3339 in UTC with milliseconds.
  package mutating func time(_ name: String? = nil, _ milliseconds: Int64) {
    string(name, timestamp(milliseconds))
  }

  private mutating func member(_ name: String?) {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
    if let name {
      quote(name)
      bytes.append(UInt8(ascii: ":"))
    }
  }
  private mutating func open(_ name: String?, _ bracket: UInt8) {
    member(name)
    bytes.append(bracket)
    needsComma = false
  }
  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }
  private mutating func quote(_ text: [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text { escape(byte) }
    bytes.append(UInt8(ascii: "\""))
  }
  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 { escape(byte) }
    bytes.append(UInt8(ascii: "\""))
  }
  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      bytes.append(UInt8(ascii: "\\"))
      bytes.append(byte)
    case 0x0a: bytes.append(contentsOf: "\\n".utf8)
    case 0x0d: bytes.append(contentsOf: "\\r".utf8)
    case 0x09: bytes.append(contentsOf: "\\t".utf8)
    case 0..<0x20: bytes.append(contentsOf: ("\\u00" + hex([byte])).utf8)
    default: bytes.append(byte)
    }
  }
}

/// An instant as RFC 3339 in UTC, with milliseconds if there are any; the year is clamped to what that form can say.
package func timestamp(_ milliseconds: Int64) -> String {
  let earliest: Int64 = -62_135_596_800_000
  let latest: Int64 = 253_402_300_799_999
  let clamped = min(max(milliseconds, earliest), latest)
  let day = floorDivide(clamped, 86_400_000)
  let rest = clamped - day * 86_400_000
  let date = civilFromDays(day)
  func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
  return padded(Int64(date.year), 4) + "-" + padded(Int64(date.month), 2) + "-"
    + padded(Int64(date.day), 2) + "T"
    + padded(rest / 3_600_000, 2) + ":" + padded(rest / 60_000 % 60, 2) + ":"
    + padded(rest / 1000 % 60, 2) + (rest % 1000 == 0 ? "" : "." + padded(rest % 1000, 3)) + "Z"
}
