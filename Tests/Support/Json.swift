/// A JSON value as the bytes say it: members in their order, numbers as they are written.
///
/// Strict (RFC 8259), and on purpose none of the product's own code: it is what tests hold that
/// code against. A name that stands twice in one object is an error.
package indirect enum Json: Equatable, Sendable {
  case null
  case bool(Bool)
  /// The digits as written.
  case number(String)
  case string(String)
  case array([Json])
  case object([Member])

  package struct Member: Equatable, Sendable {
    package var name: String
    package var value: Json
    package init(_ name: String, _ value: Json) {
      self.name = name
      self.value = value
    }
  }

  package struct Mistake: Error, Equatable, CustomStringConvertible {
    /// The byte where reading stopped.
    package var offset: Int
    package var problem: String
    package var description: String { "JSON, byte \(offset): \(problem)" }
  }

  package init(_ text: String) throws(Mistake) { try self.init(Array(text.utf8)) }

  package init(_ bytes: [UInt8]) throws(Mistake) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw Mistake(offset: 0, problem: "not UTF-8")
    }
    var reader = JsonReader(bytes: bytes)
    self = try reader.document()
  }

  /// The member of that name; nil if there is none, or this is no object.
  package subscript(name: String) -> Json? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// Nil: no such element, or no array.
  package subscript(index: Int) -> Json? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }

  package var text: String? { if case .string(let text) = self { text } else { nil } }
  package var double: Double? { if case .number(let digits) = self { Double(digits) } else { nil } }
  /// Nil unless it is a number without a fraction that fits.
  package var int: Int? {
    guard case .number(let digits) = self else { return nil }
    if let int = Int(digits) { return int }
    return Double(digits).flatMap { Int(exactly: $0) }
  }
  package var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  package var elements: [Json]? { if case .array(let list) = self { list } else { nil } }
  package var members: [Member]? { if case .object(let list) = self { list } else { nil } }

  /// Equal as JSON values: numbers by value, objects whatever the order of their members.
  package func means(_ other: Json) -> Bool {
    switch (self, other) {
    case (.number(let a), .number(let b)):
      return a == b || Double(a) == Double(b)
    case (.array(let a), .array(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { $0.means($1) }
    case (.object(let a), .object(let b)):
      return a.count == b.count
        && a.allSatisfy { member in other[member.name].map { member.value.means($0) } ?? false }
    default:
      return self == other
    }
  }
}

private struct JsonReader {
  let bytes: [UInt8]
  var at = 0
  var depth = 0

  func mistake(_ problem: String) -> Json.Mistake { Json.Mistake(offset: at, problem: problem) }

  mutating func document() throws(Json.Mistake) -> Json {
    let value = try value()
    skipSpace()
    guard at == bytes.count else { throw mistake("something follows the value") }
    return value
  }

  mutating func skipSpace() {
    while at < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[at]) { at += 1 }
  }

  mutating func take(_ byte: Character) -> Bool {
    guard at < bytes.count, bytes[at] == byte.asciiValue else { return false }
    at += 1
    return true
  }

  mutating func value() throws(Json.Mistake) -> Json {
    skipSpace()
    guard at < bytes.count else { throw mistake("a value is missing") }
    depth += 1
    defer { depth -= 1 }
    guard depth <= 256 else { throw mistake("nested too deep") }
    switch Character(Unicode.Scalar(bytes[at])) {
    case "{": return try object()
    case "[": return try array()
    case "\"": return .string(try string())
    case "t": return try word("true", .bool(true))
    case "f": return try word("false", .bool(false))
    case "n": return try word("null", .null)
    default: return try number()
    }
  }

  mutating func word(_ word: String, _ value: Json) throws(Json.Mistake) -> Json {
    guard bytes[at...].starts(with: word.utf8) else { throw mistake("no value begins like this") }
    at += word.utf8.count
    return value
  }

  mutating func object() throws(Json.Mistake) -> Json {
    at += 1
    var members: [Json.Member] = []
    var names: Set<String> = []
    skipSpace()
    if take("}") { return .object([]) }
    repeat {
      skipSpace()
      guard at < bytes.count, bytes[at] == 0x22 else { throw mistake("a name is missing") }
      let name = try string()
      guard names.insert(name).inserted else { throw mistake("'\(name)' stands twice") }
      skipSpace()
      guard take(":") else { throw mistake("a colon is missing") }
      members.append(Json.Member(name, try value()))
      skipSpace()
    } while take(",")
    guard take("}") else { throw mistake("'}' or ',' is missing") }
    return .object(members)
  }

  mutating func array() throws(Json.Mistake) -> Json {
    at += 1
    var elements: [Json] = []
    skipSpace()
    if take("]") { return .array([]) }
    repeat {
      elements.append(try value())
      skipSpace()
    } while take(",")
    guard take("]") else { throw mistake("']' or ',' is missing") }
    return .array(elements)
  }

  mutating func digits() throws(Json.Mistake) -> Int {
    let start = at
    while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
    guard at > start else { throw mistake("a digit is missing") }
    return at - start
  }

  mutating func number() throws(Json.Mistake) -> Json {
    let start = at
    _ = take("-")
    let zero = at < bytes.count && bytes[at] == 0x30
    if try digits() > 1, zero { throw mistake("a number begins with 0") }
    if take(".") { _ = try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      _ = try digits()
    }
    return .number(String(decoding: bytes[start..<at], as: UTF8.self))
  }

  mutating func string() throws(Json.Mistake) -> String {
    at += 1
    var out: [UInt8] = []
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case 0x22: return String(decoding: out, as: UTF8.self)
      case 0x5c: out.append(contentsOf: try escape().utf8)
      case 0..<0x20: throw mistake("a control character in a string")
      default: out.append(byte)
      }
    }
    throw mistake("a string has no end")
  }

  mutating func escape() throws(Json.Mistake) -> String {
    guard at < bytes.count else { throw mistake("a string has no end") }
    let byte = bytes[at]
    at += 1
    switch Character(Unicode.Scalar(byte)) {
    case "\"": return "\""
    case "\\": return "\\"
    case "/": return "/"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u": return String(try escapedScalar())
    default: throw mistake("an unknown escape")
    }
  }

  mutating func escapedScalar() throws(Json.Mistake) -> Unicode.Scalar {
    let first = try hex()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xdc00, take("\\"), take("u") else { throw mistake("half a surrogate pair") }
    let second = try hex()
    guard (0xdc00...0xdfff).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
    else { throw mistake("half a surrogate pair") }
    return scalar
  }

  mutating func hex() throws(Json.Mistake) -> UInt32 {
    guard at + 4 <= bytes.count,
      let value = UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16),
      bytes[at] != 0x2b, bytes[at] != 0x2d
    else { throw mistake("four hexadecimal digits are missing") }
    at += 4
    return value
  }
}
