/// Where two JSON texts first differ: a place for a person, not for a program.
struct JsonDifference {
  /// Of the member that differs: `action.fields.risk`, `reasons[1].code`. Empty: the whole.
  let path: String
  let recorded: String
  let computed: String

  /// Nil: the bytes are equal.
  init?(recorded: [UInt8], computed: [UInt8]) {
    guard recorded != computed else { return nil }
    let common = zip(recorded, computed).prefix { $0 == $1 }.count
    path = Self.path(in: computed, at: common)
    self.recorded = Self.short(recorded, around: common)
    self.computed = Self.short(computed, around: common)
  }

  /// Bytes around a place, as text on one line, not longer than a person reads.
  static func short(_ bytes: [UInt8], around place: Int = 0) -> String {
    let from = max(0, place - 16)
    let to = min(bytes.count, place + 32)
    guard from < to else { return "nothing (the text ends at byte \(bytes.count))" }
    let text = String(decoding: bytes[from..<to], as: UTF8.self).map { (letter: Character) in
      letter.isNewline || letter == "\u{0}" ? " " : letter
    }
    return (from > 0 ? "…" : "") + String(text) + (to < bytes.count ? "…" : "")
  }

  /// The way to the member that holds byte `place`, as far as the text is JSON.
  private static func path(in json: [UInt8], at place: Int) -> String {
    var steps: [Step] = []
    var index = 0
    while index < json.count {
      switch json[index] {
      case UInt8(ascii: "{"): steps.append(.member("", isName: true))
      case UInt8(ascii: "["): steps.append(.element(0))
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if index < place { _ = steps.popLast() }
      case UInt8(ascii: ","):
        // What differs may end where the other text goes on.
        if index < place, let last = steps.popLast() { steps.append(last.following) }
      case UInt8(ascii: ":"):
        if case .member(let name, _)? = steps.last {
          steps[steps.count - 1] = .member(name, isName: false)
        }
      case UInt8(ascii: "\""):
        let start = index + 1
        index = endOfText(json, from: start)
        if case .member(_, isName: true)? = steps.last {
          let name = String(decoding: json[start..<min(index, json.count)], as: UTF8.self)
          steps[steps.count - 1] = .member(name, isName: true)
        }
      default: break
      }
      if index >= place { break }
      index += 1
    }
    return steps.reduce(into: "") { $1.write(to: &$0) }
  }

  private static func endOfText(_ json: [UInt8], from start: Int) -> Int {
    var index = start
    while index < json.count, json[index] != UInt8(ascii: "\"") {
      index += json[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return index
  }

  private enum Step {
    case member(String, isName: Bool)
    case element(Int)

    var following: Step {
      switch self {
      case .member: .member("", isName: true)
      case .element(let number): .element(number + 1)
      }
    }
    func write(to path: inout String) {
      switch self {
      case .member(let name, _): path += (path.isEmpty ? "" : ".") + name
      case .element(let number): path += "[\(number)]"
      }
    }
  }
}
