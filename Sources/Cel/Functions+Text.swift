extension CelFunction {
  /// The value of a function of text; nil if this is none, or takes no such arguments.
  ///
  /// Places in a text count code points, as CEL's do, not bytes or Swift's characters.
  func applyText(_ arguments: [CelValue]) throws(FunctionFailure) -> CelValue? {
    switch (self, arguments.first) {
    case (.size, .bytes(let bytes)) where arguments.count == 1: return .int(Int64(bytes.count))
    case (.size, .list(let items)) where arguments.count == 1: return .int(Int64(items.count))
    case (.size, .map(let map)) where arguments.count == 1: return .int(Int64(map.count))
    case (.base64Encode, .bytes(let bytes)) where arguments.count == 1:
      return .string(Base64.encode(bytes))
    case (.join, .list(let items)): return joined(items, Array(arguments.dropFirst()))
    case (_, .string(let text)):
      switch arguments.count {
      case 1: return try applyText(text)
      case 2: return try applyText(text, arguments[1])
      default: return try applyText(text, Array(arguments.dropFirst()))
      }
    default: return nil
    }
  }

  private func applyText(_ text: String) throws(FunctionFailure) -> CelValue? {
    switch self {
    case .size: return .int(Int64(text.unicodeScalars.count))
    case .lowerAscii:
      return .string(CelFunction.mapped(text) { (65...90).contains($0) ? $0 + 32 : $0 })
    case .upperAscii:
      return .string(CelFunction.mapped(text) { (97...122).contains($0) ? $0 - 32 : $0 })
    case .trim: return .string(trimmed(text))
    case .reverse: return .string(CelFunction.text(text.unicodeScalars.reversed()[...]))
    case .quote: return .string(quoted(text))
    case .base64Decode:
      guard let bytes = Base64.decode(text) else { throw FunctionFailure("this is not base64") }
      return .bytes(bytes)
    default: return nil
    }
  }

  private func applyText(_ text: String, _ argument: CelValue) throws(FunctionFailure) -> CelValue?
  {
    switch (self, argument) {
    case (.contains, .string(let part)):
      return .bool(Utf8Search.first(Array(part.utf8), in: Array(text.utf8), from: 0) != nil)
    case (.startsWith, .string(let part)): return .bool(text.utf8.starts(with: part.utf8))
    case (.endsWith, .string(let part)):
      return .bool(text.utf8.reversed().starts(with: part.utf8.reversed()))
    case (.matches, .string(let pattern)):
      var problem = ""
      guard let compiled = Pattern(pattern, problem: &problem) else {
        throw FunctionFailure("this is not a pattern in RE2's syntax: \(problem)")
      }
      return .bool(compiled.matches(text))
    case (.charAt, .int(let place)): return .string(try charAt(text, place))
    case (.format, .list(let values)): return .string(try Format.format(text, values))
    default: return try applyText(text, [argument])
    }
  }

  private func applyText(
    _ text: String, _ arguments: [CelValue]
  ) throws(FunctionFailure) -> CelValue? {
    let numbers = arguments.compactMap { value -> Int64? in
      if case .int(let number) = value { return number }
      return nil
    }
    let texts = arguments.compactMap { value -> String? in
      if case .string(let text) = value { return text }
      return nil
    }
    let limit = numbers.first ?? -1
    switch (self, texts.count, numbers.count) {
    case (.indexOf, 1, 0...1) where arguments.count == 1 + numbers.count:
      return .int(try indexOf(text, texts[0], numbers.first ?? 0))
    case (.lastIndexOf, 1, 0...1) where arguments.count == 1 + numbers.count:
      return .int(try lastIndexOf(text, texts[0], numbers.first))
    case (.substring, 0, 1...2) where arguments.count == numbers.count:
      return .string(try substring(text, numbers))
    case (.split, 1, 0...1) where arguments.count == 1 + numbers.count:
      return .list(split(text, texts[0], limit).map { .string($0) })
    case (.replace, 2, 0...1) where arguments.count == 2 + numbers.count:
      return .string(replaced(text, texts[0], texts[1], limit))
    default: return nil
    }
  }

  static func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  private static func mapped(_ text: String, _ change: (UInt8) -> UInt8) -> String {
    String(decoding: text.utf8.map(change), as: UTF8.self)
  }

  private func outside(_ place: Int64) -> FunctionFailure {
    FunctionFailure("index \(place) is outside the text")
  }

  private func charAt(_ text: String, _ place: Int64) throws(FunctionFailure) -> String {
    let scalars = Array(text.unicodeScalars)
    guard (0...Int64(scalars.count)).contains(place) else { throw outside(place) }
    return place == scalars.count ? "" : CelFunction.text(scalars[Int(place)...Int(place)])
  }

  private func indexOf(
    _ text: String, _ part: String, _ from: Int64
  ) throws(FunctionFailure) -> Int64 {
    let scalars = Array(text.unicodeScalars)
    let wanted = Array(part.unicodeScalars)
    guard (0...Int64(scalars.count)).contains(from) else { throw outside(from) }
    guard scalars.count - wanted.count >= Int(from) else { return -1 }
    for start in Int(from)...(scalars.count - wanted.count)
    where scalars[start...].starts(with: wanted) {
      return Int64(start)
    }
    return -1
  }

  private func lastIndexOf(
    _ text: String, _ part: String, _ from: Int64?
  ) throws(FunctionFailure) -> Int64 {
    let scalars = Array(text.unicodeScalars)
    let wanted = Array(part.unicodeScalars)
    let last = from ?? Int64(scalars.count)
    guard (0...Int64(scalars.count)).contains(last) else { throw outside(last) }
    guard scalars.count >= wanted.count else { return -1 }
    for start in (0...min(Int(last), scalars.count - wanted.count)).reversed()
    where scalars[start...].starts(with: wanted) {
      return Int64(start)
    }
    return -1
  }

  private func substring(_ text: String, _ range: [Int64]) throws(FunctionFailure) -> String {
    let scalars = Array(text.unicodeScalars)
    let end = range.count > 1 ? range[1] : Int64(scalars.count)
    for place in [range[0], end] where !(0...Int64(scalars.count)).contains(place) {
      throw outside(place)
    }
    guard range[0] <= end else {
      throw FunctionFailure("the part ends at \(end), before it begins at \(range[0])")
    }
    return CelFunction.text(scalars[Int(range[0])..<Int(end)])
  }

  /// At most `limit` parts; less than 0: all. An empty separator cuts between code points.
  private func split(_ text: String, _ separator: String, _ limit: Int64) -> [String] {
    guard limit != 0 else { return [] }
    let bytes = Array(text.utf8)
    let wanted = Array(separator.utf8)
    var parts: [String] = []
    var start = 0
    while limit < 0 || parts.count + 1 < limit {
      let cut: Int?
      if wanted.isEmpty {
        let next = start + 1 + bytes.dropFirst(start + 1).prefix { $0 & 0xc0 == 0x80 }.count
        cut = next < bytes.count ? next : nil
      } else {
        cut = Utf8Search.first(wanted, in: bytes, from: start)
      }
      guard let cut else { break }
      parts.append(String(decoding: bytes[start..<cut], as: UTF8.self))
      start = cut + wanted.count
    }
    if wanted.isEmpty && bytes.isEmpty { return [] }
    return parts + [String(decoding: bytes[start...], as: UTF8.self)]
  }

  /// The first `limit` places; less than 0: all. An empty part is found around every code point.
  private func replaced(
    _ text: String, _ part: String, _ with: String, _ limit: Int64
  ) -> String {
    let bytes = Array(text.utf8)
    let wanted = Array(part.utf8)
    var out: [UInt8] = []
    var start = 0
    var count: Int64 = 0
    while limit < 0 || count < limit {
      if wanted.isEmpty {
        out += Array(with.utf8)
        count += 1
        guard start < bytes.count else { break }
        let length = 1 + bytes.dropFirst(start + 1).prefix { $0 & 0xc0 == 0x80 }.count
        out += bytes[start..<(start + length)]
        start += length
      } else {
        guard let found = Utf8Search.first(wanted, in: bytes, from: start) else { break }
        out += bytes[start..<found] + Array(with.utf8)
        start = found + wanted.count
        count += 1
      }
    }
    return String(decoding: out + bytes[start...], as: UTF8.self)
  }

  private func trimmed(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
    guard let first = scalars.firstIndex(where: { !isSpace($0) }),
      let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return CelFunction.text(scalars[first...last])
  }

  private func joined(_ items: [CelValue], _ arguments: [CelValue]) -> CelValue? {
    var separator = ""
    if let first = arguments.first {
      guard arguments.count == 1, case .string(let text) = first else { return nil }
      separator = text
    }
    var texts: [String] = []
    for item in items {
      guard case .string(let text) = item else { return nil }
      texts.append(text)
    }
    return .string(texts.joined(separator: separator))
  }

  private func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\u{07}": out += "\\a"
      case "\u{08}": out += "\\b"
      case "\u{0c}": out += "\\f"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{0b}": out += "\\v"
      case "\\": out += "\\\\"
      case "\"": out += "\\\""
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}

enum Utf8Search {
  /// Where `part` first stands in `bytes` at or after `from`. Linear (Knuth, Morris and Pratt), so
  /// that no data can make it slow.
  static func first(_ part: [UInt8], in bytes: [UInt8], from: Int) -> Int? {
    guard !part.isEmpty else { return from }
    var back = [0]
    var length = 0
    for index in part.indices.dropFirst() {
      while length > 0 && part[index] != part[length] { length = back[length - 1] }
      if part[index] == part[length] { length += 1 }
      back.append(length)
    }
    length = 0
    for index in bytes.indices.dropFirst(from) {
      while length > 0 && bytes[index] != part[length] { length = back[length - 1] }
      if bytes[index] == part[length] { length += 1 }
      if length == part.count { return index - length + 1 }
    }
    return nil
  }
}
