/// A JSON document as a value: for what is read once, not for the hot path. Members keep their
/// order; of equal names the first counts.
package indirect enum JsonTree: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  /// A whole number above Int64, within UInt64.
  case uint(UInt64)
  case double(Double)
  case string(String)
  case array([JsonTree])
  case object([Member])

  package struct Member: Equatable, Sendable {
    package var name: String
    package var value: JsonTree
    package init(_ name: String, _ value: JsonTree) {
      self.name = name
      self.value = value
    }
  }

  /// Reads the document that fills `range`, by the strict rule.
  package static func parse(
    _ bytes: Span<UInt8>, _ range: Range<Int>, reader: inout JsonReader
  ) throws(JsonFault) -> JsonTree {
    _ = try reader.list(bytes, range).get()
    var at = 0
    return build(&at, reader, bytes)
  }

  package static func parse(_ text: String) throws(JsonFault) -> JsonTree {
    let bytes = Array(text.utf8)
    var reader = JsonReader(maxBytes: max(bytes.count, JsonReader.strictBytes))
    return try parse(bytes.span, 0..<bytes.count, reader: &reader)
  }

  /// The member of that name, if this is an object that has one.
  package subscript(name: String) -> JsonTree? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  package var string: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  private static func build(
    _ at: inout Int, _ reader: borrowing JsonReader, _ bytes: Span<UInt8>
  ) -> JsonTree {
    let field = reader.field(at)
    at += 1
    switch field.kind {
    case .missing, .null: return .null
    case .bool: return .bool(field.bool)
    case .int: return .int(field.int)
    case .uint: return .uint(UInt64(bitPattern: field.int))
    case .double: return .double(field.double)
    case .string, .key: return .string(reader.string(field, in: bytes))
    case .list:
      var elements: [JsonTree] = []
      while at < field.next { elements.append(build(&at, reader, bytes)) }
      return .array(elements)
    case .map:
      var members: [Member] = []
      while at < field.next {
        let name = reader.string(reader.field(at), in: bytes)
        at += 1
        members.append(Member(name, build(&at, reader, bytes)))
      }
      return .object(members)
    }
  }
}
