/// A point of time to the nanosecond, from the year 1 to the year 9999 (UTC).
package struct CelTimestamp: Hashable, Comparable, Sendable {
  /// Since 1970.
  package let seconds: Int64
  /// 0 ..< 1,000,000,000.
  package let nanos: Int32

  package static let secondsMin: Int64 = -62_135_596_800
  package static let secondsMax: Int64 = 253_402_300_799

  /// Nil outside the years 1 to 9999.
  package init?(seconds: Int64, nanos: Int32 = 0) {
    guard (CelTimestamp.secondsMin...CelTimestamp.secondsMax).contains(seconds),
      (0..<1_000_000_000).contains(nanos)
    else { return nil }
    self.seconds = seconds
    self.nanos = nanos
  }

  package init?(milliseconds: Int64) {
    let (seconds, rest) = floorDivide(milliseconds, by: 1000)
    self.init(seconds: seconds, nanos: Int32(rest) * 1_000_000)
  }

  /// Since 1970, whole ones, rounded down.
  package var milliseconds: Int64 { seconds * 1000 + Int64(nanos) / 1_000_000 }

  package static func < (a: CelTimestamp, b: CelTimestamp) -> Bool {
    a.seconds == b.seconds ? a.nanos < b.nanos : a.seconds < b.seconds
  }

  func adding(nanoseconds: Int64) -> CelTimestamp? {
    let (seconds, rest) = floorDivide(nanoseconds, by: 1_000_000_000)
    let nanos = Int64(self.nanos) + rest
    return CelTimestamp(
      seconds: self.seconds + seconds + nanos / 1_000_000_000,
      nanos: Int32(nanos % 1_000_000_000))
  }

  /// Nil if the distance does not fit a duration (some 292 years).
  func distance(since other: CelTimestamp) -> CelDuration? {
    let nanos =
      Int128(seconds - other.seconds) * 1_000_000_000 + Int128(self.nanos) - Int128(other.nanos)
    return Int64(exactly: nanos).map(CelDuration.init(nanoseconds:))
  }

  /// RFC 3339 in UTC, with as many digits of the fraction as are needed.
  package var text: String {
    let time = CivilTime(milliseconds: seconds * 1000)
    let day = "\(digits(time.year, 4))-\(digits(time.month, 2))-\(digits(time.day, 2))"
    let clock = "\(digits(time.hour, 2)):\(digits(time.minute, 2)):\(digits(time.second, 2))"
    return day + "T" + clock + fraction(nanos) + "Z"
  }
}

/// A length of time in nanoseconds; some 292 years either way.
package struct CelDuration: Hashable, Comparable, Sendable {
  package let nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package init?(milliseconds: Int64) {
    let (nanos, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow else { return nil }
    nanoseconds = nanos
  }

  package static func < (a: CelDuration, b: CelDuration) -> Bool {
    a.nanoseconds < b.nanoseconds
  }

  /// Numbers with units, as in `1h30m`, `-1.5s` and `250ms`; units are h, m, s, ms, us and ns.
  package init?(parsing text: String) {
    var rest = Array(text.utf8)[...]
    let negative = rest.first == UInt8(ascii: "-")
    if negative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    if rest.elementsEqual("0".utf8) {
      self.init(nanoseconds: 0)
      return
    }
    var total: Int128 = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      guard let part = CelDuration.part(&rest) else { return nil }
      total += part
      guard total <= Int128(Int64.max) + 1 else { return nil }
    }
    guard let nanoseconds = Int64(exactly: negative ? -total : total) else { return nil }
    self.init(nanoseconds: nanoseconds)
  }

  private static let units: [(name: String, nanos: Int128)] = [
    ("ns", 1), ("us", 1000), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000),
    ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// One number and its unit. A fraction is kept down to the nanosecond.
  private static func part(_ rest: inout ArraySlice<UInt8>) -> Int128? {
    let whole = rest.prefix(while: isDigit)
    rest = rest.dropFirst(whole.count)
    var fraction: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      fraction = rest.prefix(while: isDigit)
      rest = rest.dropFirst(fraction.count)
    }
    guard whole.count + fraction.count > 0, whole.count < 20 else { return nil }
    let letters = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
    guard let unit = units.first(where: { $0.name.utf8.elementsEqual(letters) }) else { return nil }
    rest = rest.dropFirst(letters.count)
    var nanos = whole.reduce(Int128(0)) { $0 * 10 + Int128($1 - 48) } * unit.nanos
    var place = unit.nanos
    for digit in fraction {
      place /= 10
      nanos += Int128(digit - 48) * place
    }
    return nanos
  }

  /// Seconds with as many digits of the fraction as are needed: `5400s`, `-1.5s`.
  package var text: String {
    let size = nanoseconds.magnitude
    let sign = nanoseconds < 0 ? "-" : ""
    return sign + String(size / 1_000_000_000) + fraction(Int32(size % 1_000_000_000)) + "s"
  }
}

/// Quotient and remainder such that the remainder is never negative.
@inline(__always)
package func floorDivide(_ a: Int64, by b: Int64) -> (quotient: Int64, remainder: Int64) {
  let quotient = a / b
  let remainder = a % b
  return remainder < 0 ? (quotient - 1, remainder + b) : (quotient, remainder)
}

private func digits(_ value: Int, _ width: Int) -> String {
  let text = String(value)
  return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
}

/// A dot and the nanoseconds without the zeros at their end; nothing for 0.
private func fraction(_ nanos: Int32) -> String {
  guard nanos != 0 else { return "" }
  var text = "." + digits(Int(nanos), 9)
  while text.hasSuffix("0") { text.removeLast() }
  return text
}
