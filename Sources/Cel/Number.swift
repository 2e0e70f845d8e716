/// The outcome of comparing two values.
package enum Order: Sendable {
  case less, equal, greater
  /// One of the two is NaN: neither is less, and they are not equal.
  case none

  @inline(__always)
  package init<T: Comparable>(_ a: T, _ b: T) {
    self = a < b ? .less : a == b ? .equal : .greater
  }

  var reversed: Order {
    switch self {
    case .less: .greater
    case .greater: .less
    case .equal: .equal
    case .none: .none
    }
  }
}

/// A number of any kind. Whole numbers compare exactly with each other.
enum Number {
  case int(Int64)
  case uint(UInt64)
  case double(Double)

  init?(_ value: CelValue) {
    switch value {
    case .int(let number): self = .int(number)
    case .uint(let number): self = .uint(number)
    case .double(let number): self = .double(number)
    default: return nil
    }
  }

  func order(_ other: Number) -> Order {
    switch (self, other) {
    case (.int(let a), .int(let b)): Order(a, b)
    case (.uint(let a), .uint(let b)): Order(a, b)
    case (.int(let a), .uint(let b)): a < 0 ? .less : Order(UInt64(a), b)
    case (.uint(let a), .int(let b)): b < 0 ? .greater : Order(a, UInt64(b))
    case (.double(let a), .double(let b)): orderOf(a, b)
    case (.int(let a), .double(let b)): orderOf(a, b)
    case (.double(let a), .int(let b)): orderOf(b, a).reversed
    case (.uint(let a), .double(let b)): orderOf(a, b)
    case (.double(let a), .uint(let b)): orderOf(b, a).reversed
    }
  }
}

/// A double within the range of the other is compared as a double, as the standard's own cases
/// and its implementations do: 2^63 - 1 is then equal to 2^63 as a double.
func orderOf(_ a: Int64, _ b: Double) -> Order {
  if b > 0x1p63 { return .less }
  if b < -0x1p63 { return .greater }
  return orderOf(Double(a), b)
}

func orderOf(_ a: UInt64, _ b: Double) -> Order {
  if b > 0x1p64 { return .less }
  if b < 0 { return .greater }
  return orderOf(Double(a), b)
}

func orderOf(_ a: Double, _ b: Double) -> Order {
  a < b ? .less : a == b ? .equal : a > b ? .greater : .none
}

/// `value` without its fraction; nil at and beyond the ends of the range, and for NaN. (CEL shuts
/// out -2^63 too, so that no implementation has to tell it from its neighbours.)
func int64(truncating value: Double) -> Int64? {
  guard value > -0x1p63 && value < 0x1p63 else { return nil }
  return Int64(value)
}

func uint64(truncating value: Double) -> UInt64? {
  guard value > -1 && value < 0x1p64 else { return nil }
  return UInt64(value)
}
