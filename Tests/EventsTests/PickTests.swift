import Events
import Testing

/// Picking members of flat objects without a first stage, against the walk with one: the first is
/// taken only where bytes follow the document.
@Suite struct `Picked fields` {
  private struct Random {
    var state: UInt64
    mutating func next(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(below))
    }
  }

  private static let names = [
    "amount", "a", "", "feature", "latency_hours", "é", "a name of more than 16 bytes",
    "a name of more than 16 bytez", "x\\u0041", "page",
  ]
  private static let values = [
    "1", "-0", "180.7", "1e3", "-1.25E-7", "12345678901234567890", "18446744073709551616", "0.1",
    "true", "false", "null", "\"\"", "\"text\"", "\"a longer text, é and 日本\"", "\"\\n\"",
    "\"a\\\"b,}\"", "{}", "[]", "{\"amount\":1}", "[1,\"}\",{\"a\":[]}]", "\",}{][:\"", "123456.5",
  ]

  private func document(_ random: inout Random) -> [UInt8] {
    func space() -> String { ["", "", "", "", " ", "  ", "\t", "\n"][random.next(8)] }
    var text = space() + "{" + space()
    let count = random.next(7)
    for index in 0..<count {
      let name = Self.names[random.next(Self.names.count)]
      text += "\"\(name)\"" + space() + ":" + space()
      text += Self.values[random.next(Self.values.count)] + space()
      if index < count - 1 { text += "," + space() }
    }
    return Array((text + "}" + space()).utf8)
  }

  private static func shown(_ reader: borrowing JsonReader, _ plan: FieldPlan, _ bytes: [UInt8])
    -> [String]
  {
    (0..<plan.count).map { index in
      let field = reader.field(index)
      let text = reader.string(field, in: bytes.span)
      // A container's size is known only where all of it was walked.
      let isContainer = field.kind == .list || field.kind == .map
      return "\(field.kind) \(text) \(field.double.bitPattern) \(isContainer ? 0 : field.int)"
        + " \(field.kind == .missing ? 0..<0 : field.raw)"
    }
  }

  @Test func `are the same with bytes behind the document and without`() {
    var random = Random(state: 77)
    var reader = JsonReader()
    let plans = [
      reader.plan([["amount"]]), reader.plan([["a"], ["amount"]]),
      reader.plan([["page"], ["feature"], [""], ["é"]]),
      reader.plan([["a name of more than 16 bytes"], ["xA"]]),
      reader.plan([["amount"], ["a", "b"]]),
    ]
    var found = 0
    for _ in 0..<30_000 {
      let bytes = document(&random)
      guard reader.check(plans[0], bytes.span, 0..<bytes.count) == nil else {
        Issue.record("no JSON: \(String(decoding: bytes, as: UTF8.self))")
        return
      }
      // What follows must not matter.
      let next = ["\"", "}", ",\"amount\":7}", "\\", " "][random.next(5)]
      let followed = bytes + Array(next.utf8) + [UInt8](repeating: 0x22, count: 64)
      for plan in plans {
        #expect(reader.read(plan, bytes.span, 0..<bytes.count) == nil)
        let expected = Self.shown(reader, plan, bytes)
        #expect(reader.read(plan, followed.span, 0..<bytes.count) == nil)
        let read = Self.shown(reader, plan, followed)
        #expect(read == expected, "\(String(decoding: bytes, as: UTF8.self))")
        if read != expected { return }
        if !expected.allSatisfy({ $0.hasPrefix("missing") }) { found += 1 }
      }
    }
    #expect(found > 10_000)
  }

  @Test func `bytes that nobody has checked do no harm`() {
    var random = Random(state: 78)
    var reader = JsonReader()
    let plan = reader.plan([["amount"], ["a"]])
    let alphabet = Array("{}[]:,\"\\ntfu019.eE+- \n\u{1}aé".utf8) + [0xff, 0x80]
    for _ in 0..<30_000 {
      var bytes = document(&random)
      for _ in 0...random.next(3) {
        let at = random.next(bytes.count)
        switch random.next(3) {
        case 0: bytes.removeSubrange(at...)
        case 1: bytes.insert(alphabet[random.next(alphabet.count)], at: at)
        default: bytes[at] = alphabet[random.next(alphabet.count)]
        }
        if bytes.isEmpty { bytes = [0x20] }
      }
      let count = bytes.count
      bytes += [UInt8](repeating: 0x22, count: 16)
      _ = reader.read(plan, bytes.span, 0..<count)
      for index in 0..<plan.count {
        let field = reader.field(index)
        #expect(field.isUnescaped || field.text.upperBound <= count)
      }
    }
  }
}
