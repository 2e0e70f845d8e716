import Glibc

/// What is known of the terminal behind a file descriptor.
package struct Terminal: Equatable, Sendable {
  package var width: Int
  package var height: Int
  /// False with NO_COLOR set (no-color.org) or TERM=dumb.
  package var color: Bool
  /// Whether the cursor can be moved: false for TERM=dumb.
  package var movable: Bool

  package init(width: Int, height: Int, color: Bool, movable: Bool = true) {
    self.width = width
    self.height = height
    self.color = color
    self.movable = movable
  }

  /// Nil: no terminal but a file or a pipe. Ask again before each painting, people resize windows.
  package static func behind(_ file: Int32) -> Terminal? {
    guard isatty(file) == 1 else { return nil }
    var size = winsize()
    let known = unsafe ioctl(file, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    let movable = unsafe getenv("TERM").map { unsafe String(cString: $0) } != "dumb"
    let refused = unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
    return Terminal(
      width: known ? Int(size.ws_col) : 80, height: known ? max(Int(size.ws_row), 4) : 24,
      color: movable && !refused, movable: movable)
  }
}

/// Text that came from outside, made fit for a terminal.
package enum TerminalText {
  /// The text in exactly `width` columns: filled up with spaces, or cut and ended by `…`.
  package static func column(_ text: String, width: Int) -> String {
    let cut = clipped(text, width: width)
    return cut + String(repeating: " ", count: max(0, width - columns(of: cut)))
  }

  /// At most `width` columns. What a terminal might obey (control characters, directions of
  /// writing) is shown as `?`.
  package static func clipped(_ text: String, width: Int) -> String {
    let clean = String(text.map { isPlain($0) ? $0 : "?" })
    guard columns(of: clean) > width else { return clean }
    guard width > 0 else { return "" }
    var (result, used) = ("", 0)
    for character in clean {
      let columns = columns(of: character)
      if used + columns > width - 1 { break }
      result.append(character)
      used += columns
    }
    return result + "…"
  }

  package static func columns(of text: String) -> Int { text.reduce(0) { $0 + columns(of: $1) } }

  private static func isPlain(_ character: Character) -> Bool {
    character.unicodeScalars.allSatisfy { scalar in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .surrogate: false
      case .format: scalar == "\u{200D}"
      default: true
      }
    }
  }

  /// A good guess: terminals differ on the rarer characters.
  private static func columns(of character: Character) -> Int {
    guard let first = character.unicodeScalars.first else { return 0 }
    switch first.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default:
      switch first.properties.generalCategory {
      case .nonspacingMark, .enclosingMark, .format: return 0
      default: return 1
      }
    }
  }
}

/// Numbers as people read them.
package enum PeopleNumber {
  /// `0`, `999`, `1.2k`, `35k`, `1.2M`.
  package static func short(_ number: Double) -> String {
    guard number.isFinite else { return "-" }
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] where number.magnitude >= unit {
      let scaled = number / unit
      return twoDigits(scaled) + name
    }
    return twoDigits(number)
  }

  private static func twoDigits(_ number: Double) -> String {
    let tenths = number.magnitude >= 10 ? number.rounded() : (number * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int64(tenths))" : "\(tenths)"
  }

  /// `0:07`, `3:15`, `2:03:15`.
  package static func clock(seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "-:--" }
    let whole = Int64(max(0, seconds).rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    let tail = rest < 10 ? "0\(rest)" : "\(rest)"
    if hours == 0 { return "\(minutes):\(tail)" }
    return "\(hours):\(minutes < 10 ? "0" : "")\(minutes):\(tail)"
  }
}
