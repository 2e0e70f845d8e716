/// One token of an expression and where it stands, in UTF-8 bytes.
struct Token {
  enum Kind: Equatable {
    /// A sign such as `&&` or `(`.
    case sign(String)
    case name(String)
    /// A name in backticks, which may hold what a name may not: `` `content-type` ``.
    case quotedName(String)
    case int(UInt64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case end
  }
  var kind: Kind
  var offset: Int
}

/// Cuts an expression's text into tokens.
struct Lexer {
  private let text: [UInt8]
  private var position = 0
  private var tokens: [Token] = []

  static let lengthMax = 64 * 1024

  static func tokens(of text: String) throws(CelError) -> [Token] {
    var lexer = Lexer(text: Array(text.utf8))
    guard lexer.text.count <= lengthMax else {
      throw CelError(
        offset: lengthMax, message: "the expression is longer than \(lengthMax) bytes: split it")
    }
    while try lexer.next() {}
    return lexer.tokens
  }

  private init(text: [UInt8]) { self.text = text }

  private func byte(_ ahead: Int = 0) -> UInt8 {
    position + ahead < text.count ? text[position + ahead] : 0
  }

  private mutating func next() throws(CelError) -> Bool {
    skipSpace()
    let start = position
    guard position < text.count else {
      tokens.append(Token(kind: .end, offset: start))
      return false
    }
    let kind: Token.Kind
    let first = byte()
    if let literal = try StringLiteral.read(text, at: &position) {
      kind = literal
    } else if isLetter(first) {
      while isLetter(byte()) || isDigit(byte()) { position += 1 }
      kind = .name(String(decoding: text[start..<position], as: UTF8.self))
    } else if isDigit(first) || (first == UInt8(ascii: ".") && isDigit(byte(1)) && !afterOperand) {
      kind = try number()
    } else if first == UInt8(ascii: "`") {
      kind = try quotedName()
    } else {
      kind = try sign()
    }
    tokens.append(Token(kind: kind, offset: start))
    return true
  }

  private mutating func skipSpace() {
    while position < text.count {
      switch text[position] {
      case 9, 10, 12, 13, 32: position += 1
      case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"):
        while position < text.count && text[position] != 10 { position += 1 }
      default: return
      }
    }
  }

  /// Whether the token before is one after which a dot selects a field.
  private var afterOperand: Bool {
    switch tokens.last?.kind {
    case .sign(let sign): sign == ")" || sign == "]" || sign == "}"
    case nil, .end: false
    default: true
    }
  }

  private mutating func number() throws(CelError) -> Token.Kind {
    let start = position
    if byte() == UInt8(ascii: "0") && (byte(1) | 32) == UInt8(ascii: "x") {
      position += 2
      while hexValue(byte()) != nil { position += 1 }
      return try whole(String(decoding: text[(start + 2)..<position], as: UTF8.self), 16, start)
    }
    while isDigit(byte()) { position += 1 }
    var isWhole = true
    if byte() == UInt8(ascii: ".") && isDigit(byte(1)) {
      isWhole = false
      position += 1
      while isDigit(byte()) { position += 1 }
    }
    if byte() | 32 == UInt8(ascii: "e") {
      let signed = byte(1) == UInt8(ascii: "+") || byte(1) == UInt8(ascii: "-")
      if isDigit(byte(signed ? 2 : 1)) {
        isWhole = false
        position += signed ? 2 : 1
        while isDigit(byte()) { position += 1 }
      }
    }
    let digits = String(decoding: text[start..<position], as: UTF8.self)
    if isWhole { return try whole(digits, 10, start) }
    guard let value = Double(digits.utf8.first == UInt8(ascii: ".") ? "0" + digits : digits) else {
      throw CelError(offset: start, message: "'\(digits)' is not a number")
    }
    try endOfNumber(start)
    return .double(value)
  }

  private mutating func whole(
    _ digits: String, _ radix: Int, _ start: Int
  ) throws(CelError) -> Token.Kind {
    let unsigned = byte() | 32 == UInt8(ascii: "u")
    if unsigned { position += 1 }
    try endOfNumber(start)
    guard !digits.isEmpty else {
      throw CelError(offset: start, message: "'0x' needs hexadecimal digits after it")
    }
    guard let value = UInt64(digits, radix: radix) else {
      throw CelError(offset: start, message: "\(digits) is too large for 64 bits")
    }
    if !unsigned && value > UInt64(Int64.max) + 1 {
      throw CelError(
        offset: start, message: "\(digits) is too large for an int; write \(digits)u or \(digits).0"
      )
    }
    return unsigned ? .uint(value) : .int(value)
  }

  private func endOfNumber(_ start: Int) throws(CelError) {
    if isLetter(byte()) {
      throw CelError(offset: start, message: "a name cannot begin with a digit")
    }
  }

  private mutating func quotedName() throws(CelError) -> Token.Kind {
    let start = position
    position += 1
    while position < text.count && byte() != UInt8(ascii: "`") {
      let allowed = isLetter(byte()) || isDigit(byte()) || " -./".utf8.contains(byte())
      guard allowed else {
        throw CelError(
          offset: position,
          message: "between backticks only letters, digits, '_', '-', '.', '/' and blanks may stand"
        )
      }
      position += 1
    }
    guard position < text.count, position > start + 1 else {
      throw CelError(offset: start, message: "a name in backticks is empty or has no end")
    }
    position += 1
    return .quotedName(String(decoding: text[(start + 1)..<(position - 1)], as: UTF8.self))
  }

  private mutating func sign() throws(CelError) -> Token.Kind {
    let two = String(decoding: [byte(), byte(1)], as: UTF8.self)
    if ["&&", "||", "==", "!=", "<=", ">="].contains(two) {
      position += 2
      return .sign(two)
    }
    let one = byte()
    guard "()[]{}.,:?+-*/%!<>".utf8.contains(one) else { throw stray() }
    position += 1
    return .sign(String(decoding: [one], as: UTF8.self))
  }

  private func stray() -> CelError {
    let message: String
    switch byte() {
    case UInt8(ascii: "="): message = "'=' is not an operator: write '=='"
    case UInt8(ascii: "&"): message = "'&' is not an operator: write '&&'"
    case UInt8(ascii: "|"): message = "'|' is not an operator: write '||'"
    default:
      var end = position + 1
      while end < text.count && text[end] & 0xc0 == 0x80 { end += 1 }
      let character = String(decoding: text[position..<end], as: UTF8.self)
      message =
        byte() < 32 || byte() == 127
        ? "a control character cannot stand here"
        : "'\(character)' cannot stand here; text needs quotes around it"
    }
    return CelError(offset: position, message: message)
  }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

func isLetter(_ byte: UInt8) -> Bool {
  (byte | 32 >= UInt8(ascii: "a") && byte | 32 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
}

func hexValue(_ byte: UInt8) -> UInt32? {
  switch byte {
  case 48...57: UInt32(byte - 48)
  case 65...70: UInt32(byte - 55)
  case 97...102: UInt32(byte - 87)
  default: nil
  }
}
