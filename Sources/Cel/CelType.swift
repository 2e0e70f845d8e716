/// A static type. `dyn` stands for whatever comes: checked when it is evaluated, not before.
package indirect enum CelType: Hashable, Sendable {
  case bool, int, uint, double, string, bytes, timestamp, duration, null, type, dyn
  case list(CelType)
  case map(CelType, CelType)
  /// A named type of an extension, such as `net.IP`, with its type arguments.
  case named(String, [CelType])
  /// A type that a signature leaves open, such as `A` in `list(A)`.
  case parameter(String)
  /// A type that the checker has yet to find.
  case unknown(Int)

  static let ip = CelType.named("net.IP", [])
  static let cidr = CelType.named("net.CIDR", [])

  /// The type named by `text`, as `description` writes it: `list(map(string, dyn))`. A single
  /// capital letter is a type parameter. Nil if `text` is not well formed.
  package init?(parsing text: String) {
    var rest = Array(text.utf8)[...]
    guard let type = CelType.parse(&rest, depth: 0), rest.isEmpty else { return nil }
    self = type
  }

  private static func parse(_ rest: inout ArraySlice<UInt8>, depth: Int) -> CelType? {
    guard depth < 32 else { return nil }
    let name = String(
      decoding: rest.prefix {
        $0 != UInt8(ascii: "(") && $0 != UInt8(ascii: ",")
          && $0 != UInt8(ascii: ")")
      }, as: UTF8.self)
    rest = rest.dropFirst(name.utf8.count)
    var arguments: [CelType] = []
    if rest.first == UInt8(ascii: "(") {
      repeat {
        rest = rest.dropFirst()
        rest = rest.drop { $0 == UInt8(ascii: " ") }
        guard let argument = parse(&rest, depth: depth + 1) else { return nil }
        arguments.append(argument)
      } while rest.first == UInt8(ascii: ",")
      guard rest.first == UInt8(ascii: ")") else { return nil }
      rest = rest.dropFirst()
    }
    return CelType(name: name, arguments: arguments)
  }

  private init?(name: String, arguments: [CelType]) {
    if let plain = CelType.plainNames[name], arguments.isEmpty {
      self = plain
    } else if name == "list" && arguments.count == 1 {
      self = .list(arguments[0])
    } else if name == "map" && arguments.count == 2 {
      self = .map(arguments[0], arguments[1])
    } else if name == "type" {
      self = .type
    } else if name.isEmpty || name == "list" || name == "map" {
      return nil
    } else if name.utf8.count == 1 && name.utf8.allSatisfy({ (65...90).contains($0) }) {
      self = .parameter(name)
    } else {
      self = .named(name, arguments)
    }
  }

  private static let plainNames: [String: CelType] = [
    "bool": .bool, "int": .int, "uint": .uint, "double": .double, "string": .string,
    "bytes": .bytes, "timestamp": .timestamp, "duration": .duration, "null_type": .null,
    "google.protobuf.Timestamp": .timestamp, "google.protobuf.Duration": .duration,
    "null": .null, "dyn": .dyn, "type": .type,
  ]

  var isNumber: Bool { self == .int || self == .uint || self == .double }
}

extension CelType: CustomStringConvertible {
  package var description: String {
    switch self {
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .timestamp: "timestamp"
    case .duration: "duration"
    case .null: "null_type"
    case .type: "type"
    case .dyn, .unknown: "dyn"
    case .list(let element): "list(\(element))"
    case .map(let key, let value): "map(\(key), \(value))"
    case .parameter(let name): name
    case .named(let name, let arguments):
      arguments.isEmpty
        ? name : name + "(" + arguments.map(\.description).joined(separator: ", ") + ")"
    }
  }
}
