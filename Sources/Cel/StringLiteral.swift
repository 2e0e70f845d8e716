/// Reads literals of text and bytes: `'a'`, `"a"`, `'''a'''`, each also raw (`r`) and as bytes (`b`).
struct StringLiteral {
  private let text: [UInt8]
  private var position: Int
  private let start: Int
  private var raw = false
  private var asBytes = false
  private var out: [UInt8] = []

  /// The literal that begins at `position`, which moves behind it; nil if none begins there.
  static func read(_ text: [UInt8], at position: inout Int) throws(CelError) -> Token.Kind? {
    var reader = StringLiteral(text: text, position: position)
    guard reader.skipPrefix() else { return nil }
    try reader.body()
    position = reader.position
    return reader.asBytes
      ? .bytes(reader.out) : .string(String(decoding: reader.out, as: UTF8.self))
  }

  private init(text: [UInt8], position: Int) {
    self.text = text
    self.position = position
    start = position
  }

  private func byte(_ ahead: Int = 0) -> UInt8? {
    position + ahead < text.count ? text[position + ahead] : nil
  }

  private mutating func skipPrefix() -> Bool {
    while let letter = byte(), position - start <= 2 {
      switch letter {
      case UInt8(ascii: "'"), UInt8(ascii: "\""): return true
      case UInt8(ascii: "r"), UInt8(ascii: "R"):
        if raw { return false }
        raw = true
      case UInt8(ascii: "b"), UInt8(ascii: "B"):
        if asBytes { return false }
        asBytes = true
      default: return false
      }
      position += 1
    }
    return false
  }

  private mutating func body() throws(CelError) {
    let quote = text[position]
    let triple = byte(1) == quote && byte(2) == quote
    position += triple ? 3 : 1
    while let next = byte() {
      if next == quote && (!triple || (byte(1) == quote && byte(2) == quote)) {
        position += triple ? 3 : 1
        return
      }
      if !triple && (next == 10 || next == 13) { break }
      if next == UInt8(ascii: "\\") {
        try escape()
      } else {
        out.append(next)
        position += 1
      }
    }
    throw CelError(offset: start, message: "this text has no closing quote")
  }

  private mutating func escape() throws(CelError) {
    let at = position
    guard let letter = byte(1) else {
      throw CelError(offset: start, message: "this text has no closing quote")
    }
    if raw {
      out.append(text[position])
      out.append(letter)
      position += 2
      return
    }
    position += 2
    switch letter {
    case UInt8(ascii: "a"): out.append(7)
    case UInt8(ascii: "b"): out.append(8)
    case UInt8(ascii: "f"): out.append(12)
    case UInt8(ascii: "n"): out.append(10)
    case UInt8(ascii: "r"): out.append(13)
    case UInt8(ascii: "t"): out.append(9)
    case UInt8(ascii: "v"): out.append(11)
    case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"),
      UInt8(ascii: "`"):
      out.append(letter)
    case UInt8(ascii: "x"), UInt8(ascii: "X"): try code(digits: 2, radix: 16, at)
    case UInt8(ascii: "u") where !asBytes: try code(digits: 4, radix: 16, at)
    case UInt8(ascii: "U") where !asBytes: try code(digits: 8, radix: 16, at)
    case UInt8(ascii: "0")...UInt8(ascii: "3"):
      position -= 1
      try code(digits: 3, radix: 8, at)
    default:
      throw CelError(
        offset: at, message: "this is no escape; for a backslash write '\\\\', or r'...' as a whole"
      )
    }
  }

  private mutating func code(digits: Int, radix: UInt32, _ at: Int) throws(CelError) {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard let next = byte(), let digit = hexValue(next), digit < radix else {
        throw CelError(offset: at, message: "this escape needs \(digits) digits")
      }
      value = value &* radix &+ digit
      position += 1
    }
    if asBytes {
      out.append(UInt8(truncatingIfNeeded: value))
    } else if let scalar = Unicode.Scalar(value) {
      out.append(contentsOf: String(Character(scalar)).utf8)
    } else {
      throw CelError(offset: at, message: "this escape names no character")
    }
  }
}
