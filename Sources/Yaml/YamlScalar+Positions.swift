extension YamlScalar {
  /// Where the byte `offset` of `text` (UTF-8) stands in the file. Exact for plain and quoted
  /// scalars; for block scalars exact in the line, best effort where lines were folded.
  package func position(ofByte offset: Int) -> SourcePosition {
    var walk = ScalarWalk(raw: Array(raw.utf8), line: position.line, column: position.column)
    let wanted = max(0, min(offset, text.utf8.count))
    switch style {
    case .plain: walk.flow(to: wanted, quote: nil)
    case .single: walk.flow(to: wanted, quote: UInt8(ascii: "'"))
    case .double: walk.flow(to: wanted, quote: UInt8(ascii: "\""))
    case .literal, .folded: walk.block(to: wanted)
    }
    return SourcePosition(file: position.file, line: walk.line, column: walk.column)
  }
}

/// Goes over a scalar's spelling and counts the bytes of text that it stands for.
private struct ScalarWalk {
  let raw: [UInt8]
  var line: Int
  var column: Int
  private var at = 0
  private var made = 0

  init(raw: [UInt8], line: Int, column: Int) {
    self.raw = raw
    self.line = line
    self.column = column
  }

  private var byte: UInt8? { at < raw.count ? raw[at] : nil }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Over one byte; the bytes within a character do not move the column.
  private mutating func step() {
    if raw[at] == 0x0a {
      line += 1
      column = 1
    } else if raw[at] & 0xc0 != 0x80 {
      column += 1
    }
    at += 1
  }

  private mutating func skipBlanks() {
    while let byte, Self.isBlank(byte) { step() }
  }

  /// Whether only blanks are left of this line, with a line below it.
  private func endsLine() -> Bool {
    var look = at
    while look < raw.count, Self.isBlank(raw[look]) || raw[look] == 0x0d { look += 1 }
    return look < raw.count && raw[look] == 0x0a
  }

  mutating func flow(to wanted: Int, quote: UInt8?) {
    if quote != nil, byte != nil { step() }
    while true {
      while quote == UInt8(ascii: "\""), continuesLine { escape() }
      guard made < wanted, let byte else { return }
      if byte == 0x0a || ((Self.isBlank(byte) || byte == 0x0d) && endsLine()) {
        foldLines()
      } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
        escape()
      } else if byte == UInt8(ascii: "'"), quote == byte {
        step()
        if at < raw.count { step() }
        made += 1
      } else {
        made += 1
        step()
        while let byte = self.byte, byte & 0xc0 == 0x80 {
          made += 1
          step()
        }
      }
    }
  }

  /// A backslash before the line's end: nothing of the text.
  private var continuesLine: Bool {
    byte == UInt8(ascii: "\\") && at + 1 < raw.count && raw[at + 1] == 0x0a
  }

  /// One line break is a space, each further one is a line break.
  private mutating func foldLines() {
    var breaks = 0
    while let byte, Self.isBlank(byte) || byte == 0x0d || byte == 0x0a {
      if byte == 0x0a { breaks += 1 }
      step()
    }
    made += max(1, breaks - 1)
  }

  private mutating func escape() {
    step()
    guard let letter = byte else { return }
    if letter == 0x0a {
      step()
      skipBlanks()
      return
    }
    step()
    let digits: Int
    switch letter {
    case UInt8(ascii: "x"): digits = 2
    case UInt8(ascii: "u"): digits = 4
    case UInt8(ascii: "U"): digits = 8
    default:
      let wide: [UInt8: Int] = [0x4e: 2, 0x5f: 2, 0x4c: 3, 0x50: 3]
      made += wide[letter] ?? 1
      return
    }
    var value: UInt32 = 0
    for _ in 0..<digits where at < raw.count {
      value = value &* 16 &+ UInt32(Character(UnicodeScalar(raw[at])).hexDigitValue ?? 0)
      step()
    }
    made += value < 0x80 ? 1 : value < 0x800 ? 2 : value < 0x10000 ? 3 : 4
  }

  mutating func block(to wanted: Int) {
    while let byte, byte != 0x0a { step() }
    if byte != nil { step() }
    let indent = blockIndent()
    while made < wanted, byte != nil {
      var skipped = 0
      while skipped < indent, byte == 0x20 {
        step()
        skipped += 1
      }
      while made < wanted, let byte {
        step()
        made += 1
        if byte == 0x0a { break }
      }
    }
    if byte == 0x20, column == 1 {
      var skipped = 0
      while skipped < indent, byte == 0x20 {
        step()
        skipped += 1
      }
    }
  }

  /// The fewest blanks before a line that says something.
  private func blockIndent() -> Int {
    var least: Int?
    var indent = 0
    var isCounting = true
    for byte in raw[at...] {
      if byte == 0x0a {
        indent = 0
        isCounting = true
      } else if isCounting, byte == 0x20 {
        indent += 1
      } else if isCounting {
        least = min(least ?? indent, indent)
        isCounting = false
      }
    }
    return least ?? 0
  }
}
