/// Doubles as text: always the fewest digits that read back as the same number.
package enum DoubleText {
  /// As CEL's `string(x)` writes it: `3`, `0.5`, `1e+21`, `NaN`, `Infinity`, `-Infinity`.
  static func plain(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
    let parts = Decimal(number)
    let sign = parts.isNegative ? "-" : ""
    let digits = String(decoding: parts.digits, as: UTF8.self)
    let point = parts.point
    if point > 21 || point < -3 {
      let size = point > 0 ? point - 1 : 1 - point
      let rest = digits.dropFirst()
      return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest) + (point > 0 ? "e+" : "e-")
        + (size < 10 ? "0" : "") + String(size)
    }
    if point <= 0 {
      return sign + "0." + String(repeating: "0", count: -point) + digits
    }
    if digits.utf8.count <= point {
      return sign + digits + String(repeating: "0", count: point - digits.utf8.count)
    }
    return sign + digits.prefix(point) + "." + digits.dropFirst(point)
  }

  /// Appends JSON's form, such as `3.0` or `1e+16`. JSON has no NaN and no infinity: `null`.
  package static func appendJSON(_ number: Double, to bytes: inout [UInt8]) {
    bytes.append(contentsOf: (number.isFinite ? number.description : "null").utf8)
  }

  /// The number that `text` is: decimal with or without an exponent, `NaN`, `Infinity` or `inf`
  /// with or without a sign. Nil for anything else, such as hexadecimal and blanks.
  static func parse(_ text: String) -> Double? {
    var rest = text.utf8[...]
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
    let isNegative = text.utf8.first == UInt8(ascii: "-")
    switch String(rest) {
    case "NaN", "nan": return .nan
    case "Infinity", "infinity", "Inf", "inf": return isNegative ? -.infinity : .infinity
    default: break
    }
    let digits = rest.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
    guard digits.contains(where: isDigit), digits.count(where: { !isDigit($0) }) <= 1 else {
      return nil
    }
    var exponent = rest.dropFirst(digits.count)
    if let letter = exponent.first {
      guard letter | 32 == UInt8(ascii: "e") else { return nil }
      exponent = exponent.dropFirst()
      if exponent.first == UInt8(ascii: "-") || exponent.first == UInt8(ascii: "+") {
        exponent = exponent.dropFirst()
      }
      guard !exponent.isEmpty, exponent.allSatisfy(isDigit) else { return nil }
    }
    return Double(text)
  }
}

/// A finite double's fewest digits: 0.d₁d₂d₃… × 10^point.
struct Decimal {
  var isNegative: Bool
  /// ASCII, without zeros at either end; `0` for zero.
  var digits: [UInt8] = []
  var point = 0

  init(_ number: Double) {
    isNegative = number.sign == .minus
    var exponent = 0
    var pointAt: Int?
    let text = Array(number.magnitude.description.utf8)
    let mantissa = text.prefix { $0 | 32 != UInt8(ascii: "e") }
    let written = text.dropFirst(mantissa.count + 1)
    for byte in written where isDigit(byte) { exponent = exponent * 10 + Int(byte - 48) }
    if written.first == UInt8(ascii: "-") { exponent = -exponent }
    for byte in mantissa {
      if byte == UInt8(ascii: ".") { pointAt = digits.count } else { digits.append(byte) }
    }
    point = (pointAt ?? digits.count) + exponent
    while digits.count > 1 && digits.last == 48 { digits.removeLast() }
    while digits.count > 1 && digits.first == 48 {
      digits.removeFirst()
      point -= 1
    }
    if digits == [48] { point = 1 }
  }
}
