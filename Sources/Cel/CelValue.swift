/// A value of the expression language.
///
/// Strings compare by their bytes, never by Swift's `==` (which follows canonical equivalence):
/// use `equals`. Numbers of different kinds compare by their values.
package indirect enum CelValue: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case double(Double)
  case string(String)
  case bytes([UInt8])
  case timestamp(CelTimestamp)
  case duration(CelDuration)
  case list([CelValue])
  case map(CelMap)
  /// A type as a value, by its name: `int`, `list`, `google.protobuf.Timestamp`.
  case type(String)
  case ip(InternetAddress)
  case cidr(InternetPrefix)

  /// The name that `type(x)` gives.
  package var typeName: String {
    switch self {
    case .null: "null_type"
    case .bool: "bool"
    case .int: "int"
    case .uint: "uint"
    case .double: "double"
    case .string: "string"
    case .bytes: "bytes"
    case .timestamp: "google.protobuf.Timestamp"
    case .duration: "google.protobuf.Duration"
    case .list: "list"
    case .map: "map"
    case .type: "type"
    case .ip: "net.IP"
    case .cidr: "net.CIDR"
    }
  }

  /// CEL's `==`. Values of kinds that cannot be compared are unequal; NaN equals nothing.
  package func equals(_ other: CelValue) -> Bool {
    switch (self, other) {
    case (.null, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.int(let a), .int(let b)): return a == b
    case (.string(let a), .string(let b)): return sameBytes(a, b)
    case (.bytes(let a), .bytes(let b)): return a == b
    case (.timestamp(let a), .timestamp(let b)): return a == b
    case (.duration(let a), .duration(let b)): return a == b
    case (.type(let a), .type(let b)): return sameBytes(a, b)
    case (.ip(let a), .ip(let b)): return a == b
    case (.cidr(let a), .cidr(let b)): return a == b
    case (.map(let a), .map(let b)): return a.equals(b)
    case (.list(let a), .list(let b)):
      guard a.count == b.count else { return false }
      for index in a.indices where !a[index].equals(b[index]) { return false }
      return true
    default:
      guard let a = Number(self), let b = Number(other) else { return false }
      return a.order(b) == .equal
    }
  }

  /// How this value stands to `other`; nil where CEL defines no order between the two.
  package func order(_ other: CelValue) -> Order? {
    switch (self, other) {
    case (.bool(let a), .bool(let b)): return Order(a ? 1 : 0, b ? 1 : 0)
    case (.string(let a), .string(let b)): return orderOfBytes(a, b)
    case (.bytes(let a), .bytes(let b)):
      if a == b { return .equal }
      return a.lexicographicallyPrecedes(b) ? .less : .greater
    case (.timestamp(let a), .timestamp(let b)):
      return a == b ? .equal : a < b ? .less : .greater
    case (.duration(let a), .duration(let b)): return Order(a.nanoseconds, b.nanoseconds)
    default:
      guard let a = Number(self), let b = Number(other) else { return nil }
      return a.order(b)
    }
  }
}

func sameBytes(_ a: String, _ b: String) -> Bool {
  a.utf8.elementsEqual(b.utf8)
}

/// The order of bytes is the order of code points.
func orderOfBytes(_ a: String, _ b: String) -> Order {
  if a.utf8.elementsEqual(b.utf8) { return .equal }
  return a.utf8.lexicographicallyPrecedes(b.utf8) ? .less : .greater
}
