/// `"%s is %.2f".format([...])`: the clauses s, d, f, e, b, o, x and X.
enum Format {
  static func format(_ text: String, _ values: [CelValue]) throws(FunctionFailure) -> String {
    var out: [UInt8] = []
    var rest = Array(text.utf8)[...]
    var used = 0
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        out.append(byte)
        continue
      }
      if rest.first == UInt8(ascii: "%") {
        rest.removeFirst()
        out.append(byte)
        continue
      }
      let precision = try precision(&rest)
      guard let clause = rest.popFirst() else { throw FunctionFailure("'%' ends the text") }
      guard used < values.count else { throw FunctionFailure("index \(used) is out of range") }
      out += Array(try one(clause, precision, values[used]).utf8)
      used += 1
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// The digits after a dot; nil where there is no dot.
  private static func precision(_ rest: inout ArraySlice<UInt8>) throws(FunctionFailure) -> Int? {
    guard rest.first == UInt8(ascii: ".") else { return nil }
    rest.removeFirst()
    let digits = rest.prefix(while: isDigit)
    guard (1...4).contains(digits.count) else {
      throw FunctionFailure("'%.' needs a number of digits after it")
    }
    rest = rest.dropFirst(digits.count)
    let count = digits.reduce(0) { $0 * 10 + Int($1 - 48) }
    guard count <= 1000 else { throw FunctionFailure("more than 1000 digits are not given") }
    return count
  }

  private static func one(
    _ clause: UInt8, _ precision: Int?, _ value: CelValue
  ) throws(FunctionFailure) -> String {
    switch Unicode.Scalar(clause) {
    case "s": return string(value)
    case "d": return try decimal(value)
    case "f": return try fraction(value, precision ?? 6, scientific: false)
    case "e": return try fraction(value, precision ?? 6, scientific: true)
    case "b", "o": return try whole(value, radix: clause == UInt8(ascii: "b") ? 2 : 8)
    case "x": return try hex(value)
    case "X": return CelFunction.upper(try hex(value))
    default:
      throw FunctionFailure("there is no clause '%\(Character(Unicode.Scalar(clause)))'")
    }
  }

  private static func refused(_ value: CelValue, _ clause: String) -> FunctionFailure {
    FunctionFailure("'%\(clause)' does not take a \(value.typeName)")
  }

  static func string(_ value: CelValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let holds): holds ? "true" : "false"
    case .int(let number): String(number)
    case .uint(let number): String(number)
    case .double(let number): DoubleText.plain(number)
    case .string(let text): text
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    case .timestamp(let time): time.text
    case .duration(let length): length.text
    case .type(let name): name
    case .ip(let address): address.text
    case .cidr(let prefix): prefix.text
    case .list(let items): "[" + items.map(string).joined(separator: ", ") + "]"
    case .map(let map): self.map(map)
    }
  }

  /// Entries in the order of their keys' texts.
  private static func map(_ map: CelMap) -> String {
    let entries = map.keys.indices.map { (string(map.keys[$0]), string(map.values[$0])) }
    let sorted = entries.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
    return "{" + sorted.map { $0.0 + ": " + $0.1 }.joined(separator: ", ") + "}"
  }

  private static func decimal(_ value: CelValue) throws(FunctionFailure) -> String {
    switch value {
    case .int(let number): return String(number)
    case .uint(let number): return String(number)
    case .double(let number): return DoubleText.plain(number)
    default: throw refused(value, "d")
    }
  }

  private static func whole(_ value: CelValue, radix: Int) throws(FunctionFailure) -> String {
    switch value {
    case .int(let number): return String(number, radix: radix)
    case .uint(let number): return String(number, radix: radix)
    case .bool(let holds) where radix == 2: return holds ? "1" : "0"
    default: throw refused(value, radix == 2 ? "b" : "o")
    }
  }

  private static func hex(_ value: CelValue) throws(FunctionFailure) -> String {
    switch value {
    case .int(let number): return String(number, radix: 16)
    case .uint(let number): return String(number, radix: 16)
    case .string(let text): return hex(Array(text.utf8))
    case .bytes(let bytes): return hex(bytes)
    default: throw refused(value, "x")
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func fraction(
    _ value: CelValue, _ precision: Int, scientific: Bool
  ) throws(FunctionFailure) -> String {
    let number: Double
    switch value {
    case .double(let double): number = double
    case .int(let whole): number = Double(whole)
    case .uint(let whole): number = Double(whole)
    default: throw refused(value, scientific ? "e" : "f")
    }
    guard number.isFinite else { return DoubleText.plain(number) }
    let sign = number.sign == .minus ? "-" : ""
    let exact = ExactDecimal(number.magnitude)
    return sign + (scientific ? exact.scientific(precision) : exact.fixed(precision))
  }
}

extension CelFunction {
  static func upper(_ text: String) -> String {
    String(decoding: text.utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
  }
}

/// All decimal digits of a double, which are finitely many: rounding them once is exact.
struct ExactDecimal {
  /// Values 0 to 9; the first `point` stand before the decimal point.
  private var digits: [UInt8]
  private var point: Int

  init(_ number: Double) {
    // Doubling and halving a number in decimal, digit by digit.
    let bits = number.bitPattern
    let raw = Int(bits >> 52 & 0x7ff)
    let fraction = bits & 0xf_ffff_ffff_ffff
    let mantissa = raw == 0 ? fraction : fraction | 1 << 52
    digits = String(mantissa).utf8.map { $0 - 48 }
    point = digits.count
    let exponent = max(raw, 1) - 1075
    for _ in 0..<max(0, exponent) { double() }
    for _ in 0..<max(0, -exponent) { halve() }
  }

  private mutating func double() {
    var carry: UInt8 = 0
    for index in digits.indices.reversed() {
      let value = digits[index] * 2 + carry
      digits[index] = value % 10
      carry = value / 10
    }
    if carry > 0 {
      digits.insert(carry, at: 0)
      point += 1
    }
  }

  private mutating func halve() {
    var carry: UInt8 = 0
    for index in digits.indices {
      let value = carry * 10 + digits[index]
      digits[index] = value / 2
      carry = value % 2
    }
    if carry > 0 { digits.append(5) }
  }

  /// Rounded half to even so that `count` digits stay; the point may move by one.
  private func rounded(to count: Int) -> (digits: [UInt8], point: Int) {
    guard count < digits.count else {
      return (digits + [UInt8](repeating: 0, count: count - digits.count), point)
    }
    guard count >= 0 else { return ([], point) }
    var kept = Array(digits[..<count])
    let half = digits[count] == 5 && digits[(count + 1)...].allSatisfy { $0 == 0 }
    let odd = kept.last.map { $0 % 2 == 1 } ?? false
    guard digits[count] > 5 || (digits[count] == 5 && (!half || odd)) else { return (kept, point) }
    for index in kept.indices.reversed() {
      kept[index] += 1
      if kept[index] < 10 { return (kept, point) }
      kept[index] = 0
    }
    return ([1] + kept, point + 1)
  }

  private func text(_ digits: ArraySlice<UInt8>) -> String {
    String(decoding: digits.map { $0 + 48 }, as: UTF8.self)
  }

  func fixed(_ precision: Int) -> String {
    let (rounded, point) = rounded(to: self.point + precision)
    let whole = rounded.prefix(point).drop { $0 == 0 }
    let rest = rounded.dropFirst(point)
    return (whole.isEmpty ? "0" : text(whole)) + (precision == 0 ? "" : "." + text(rest))
  }

  func scientific(_ precision: Int) -> String {
    var trimmed = self
    while trimmed.digits.count > 1 && trimmed.digits[0] == 0 {
      trimmed.digits.removeFirst()
      trimmed.point -= 1
    }
    if trimmed.digits == [0] { trimmed.point = 1 }
    let (rounded, point) = trimmed.rounded(to: precision + 1)
    let exponent = point - 1
    let size = String(abs(exponent))
    return text(rounded[..<1]) + (precision == 0 ? "" : "." + text(rounded[1...precision]))
      + (exponent < 0 ? "e-" : "e+") + (size.utf8.count < 2 ? "0" : "") + size
  }
}
