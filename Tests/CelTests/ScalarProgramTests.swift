import Testing

@testable import Cel

/// Writes random expressions that mostly pass the checker, and random values for them.
private struct ExpressionGenerator {
  var random: Seeded
  static let variables: [CelVariable] = [
    CelVariable(path: ["i"], type: .int), CelVariable(path: ["u"], type: .uint),
    CelVariable(path: ["d"], type: .double), CelVariable(path: ["s"], type: .string),
    CelVariable(path: ["b"], type: .bool), CelVariable(path: ["t"], type: .timestamp),
    CelVariable(path: ["l"], type: .duration), CelVariable(path: ["data", "x"], type: .dyn),
    CelVariable(path: ["data", "y"], type: .dyn), CelVariable(path: ["zone"], type: .string),
    CelVariable(path: ["j"], type: .int), CelVariable(path: ["s2"], type: .string),
  ]

  mutating func pick(_ items: [String]) -> String { items.randomElement(using: &random) ?? "" }

  mutating func bool(_ depth: Int) -> String {
    guard depth > 0 else { return pick(["b", "true", "false", "has(data.x)", "data.y"]) }
    switch Int.random(in: 0..<12, using: &random) {
    case 0: return "(\(bool(depth - 1)) && \(bool(depth - 1)) && \(bool(depth - 1)))"
    case 1: return "(\(bool(depth - 1)) || \(bool(depth - 1)))"
    case 2: return "!(\(bool(depth - 1)))"
    case 3: return "(\(bool(depth - 1)) ? \(bool(depth - 1)) : \(bool(depth - 1)))"
    case 4:
      return "\(any(depth - 1)) in " + pick(["[1, 2.0, 'a', true]", "[0, -1]", "{1: 0, 'a': 2}"])
    case 5: return "math.isNaN(\(double(depth - 1)))"
    case 6, 7: return "dyn(\(any(depth - 1))) \(pick(["==", "!="])) \(any(depth - 1))"
    default:
      let sign = pick(["==", "!=", "<", "<=", ">", ">="])
      switch Int.random(in: 0..<6, using: &random) {
      case 0: return "\(int(depth - 1)) \(sign) \(int(depth - 1))"
      case 1: return "\(double(depth - 1)) \(sign) \(double(depth - 1))"
      case 2: return "dyn(\(number(depth - 1))) \(sign) \(number(depth - 1))"
      case 3: return "\(text(depth - 1)) \(sign) \(text(depth - 1))"
      case 4: return "\(time(depth - 1)) \(sign) \(time(depth - 1))"
      default: return "data.x \(sign) \(any(depth - 1))"
      }
    }
  }

  mutating func any(_ depth: Int) -> String {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: bool(depth)
    case 1: text(depth)
    case 2: time(depth)
    case 3: length(depth)
    case 4: pick(["data.x", "data.y", "null"])
    default: number(depth)
    }
  }

  mutating func number(_ depth: Int) -> String {
    switch Int.random(in: 0..<3, using: &random) {
    case 0: int(depth)
    case 1: double(depth)
    default: pick(["u", "1u", "uint(\(int(max(0, depth - 1))))", "(u + 3u)", "u * u"])
    }
  }

  mutating func int(_ depth: Int) -> String {
    guard depth > 0 else {
      return pick(["i", "j", "1", "0", "-3", "9223372036854775807", "data.x"])
    }
    switch Int.random(in: 0..<9, using: &random) {
    case 0: return "(\(int(depth - 1)) \(pick(["+", "-", "*", "/", "%"])) \(int(depth - 1)))"
    case 1: return "int(\(double(depth - 1)))"
    case 2: return "math.greatest(\(int(depth - 1)), \(int(depth - 1)), i)"
    case 3: return "-(\(int(depth - 1)))"
    case 4: return "(\(bool(depth - 1)) ? \(int(depth - 1)) : \(int(depth - 1)))"
    case 5:
      let accessor = pick(["getHours", "getDayOfWeek", "getDate", "getDayOfYear", "getFullYear"])
      let zone = pick(["", "zone", "'Europe/Berlin'", "'+05:30'", "s"])
      return "\(time(depth - 1)).\(accessor)(\(zone))"
    case 6: return "\(length(depth - 1)).\(pick(["getHours", "getMilliseconds", "getSeconds"]))()"
    case 7: return "int(\(pick(["t", "data.x", "s", "u", "d"])))"
    default: return pick(["math.abs(i)", "math.sign(j)", "int(data.y)"])
    }
  }

  mutating func double(_ depth: Int) -> String {
    guard depth > 0 else { return pick(["d", "0.0", "1.5", "-2.25", "1e300", "data.x", "data.y"]) }
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return "(\(double(depth - 1)) \(pick(["+", "-", "*", "/"])) \(double(depth - 1)))"
    case 1: return "double(\(int(depth - 1)))"
    case 2: return "math.least(\(double(depth - 1)), \(double(depth - 1)))"
    case 3: return "math.\(pick(["floor", "ceil", "round", "trunc", "abs"]))(\(double(depth - 1)))"
    case 4: return "double(\(pick(["s", "'2.5'", "data.x", "u"])))"
    default: return "dyn(\(number(depth - 1)))"
    }
  }

  mutating func text(_ depth: Int) -> String {
    depth > 0 && Bool.random(using: &random)
      ? "(\(bool(depth - 1)) ? \(text(depth - 1)) : \(text(depth - 1)))"
      : pick(["s", "s2", "'a'", "'other'", "'' + 'a'", "data.x"])
  }

  mutating func time(_ depth: Int) -> String {
    depth > 0
      ? pick([
        "t", "(\(time(depth - 1)) + \(length(depth - 1)))",
        "(\(time(depth - 1)) - \(length(depth - 1)))",
        "timestamp('2026-03-29T01:30:00Z')", "timestamp(\(time(depth - 1)))",
      ]) : "t"
  }

  mutating func length(_ depth: Int) -> String {
    depth > 0
      ? pick([
        "l", "duration('36h')", "(\(time(depth - 1)) - \(time(depth - 1)))",
        "(\(length(depth - 1)) + \(length(depth - 1)))",
      ]) : "l"
  }

  mutating func value(_ type: CelType) -> CelValue? {
    if Int.random(in: 0..<8, using: &random) == 0 { return nil }
    switch type {
    case .bool: return .bool(Bool.random(using: &random))
    case .int: return .int([0, 1, -1, 2, 7, .max, .min].randomElement(using: &random) ?? 0)
    case .uint: return .uint([0, 1, 2, .max].randomElement(using: &random) ?? 0)
    case .double:
      let doubles = [0, -0.0, 1, 1.5, -2.25, 0x1p63, .nan, .infinity, 1e-9]
      return .double(doubles.randomElement(using: &random) ?? 0)
    case .string:
      return .string(pick(["", "a", "other", "b\u{fc}", "2.5", "7", "Europe/Berlin", "nowhere"]))
    case .timestamp:
      let ms: [Int64] = [0, -1, 1_774_747_800_123, 253_402_300_799_999, -62_135_596_800_000]
      return CelTimestamp(milliseconds: ms.randomElement(using: &random) ?? 0).map {
        .timestamp($0)
      }
    case .duration:
      let ms: [Int64] = [0, -1, 3_600_001, 9_223_372_036_854, -9_223_372_036_854]
      return CelDuration(milliseconds: ms.randomElement(using: &random) ?? 0).map { .duration($0) }
    default:
      let types: [CelType] = [.bool, .double, .double, .string, .timestamp, .duration, .int]
      switch Int.random(in: 0..<9, using: &random) {
      case 0: return .list([.int(1)])
      case 1: return .null
      default: return value(types.randomElement(using: &random) ?? .bool)
      }
    }
  }
}

@Suite struct `The fast path` {
  /// What the general evaluator's value is as a scalar; text that is asked for is put in the pool.
  private func scalar(_ value: CelValue?, needsText: Bool, _ pool: inout TextPool) -> Scalar {
    guard let value else { return .missing }
    if case .string(let text) = value {
      let bytes = Array(text.utf8)
      return Scalar(text: needsText ? pool.intern(bytes.span) : pool.find(bytes.span))
    }
    return Scalar(value, pool: &pool) ?? .other
  }

  private func same(_ a: Scalar, _ b: Scalar) -> Bool {
    if a.kind == .double && b.kind == .double && a.double.isNaN { return b.double.isNaN }
    return a == b
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `gives what the general evaluator gives`(seed: UInt64) throws {
    var generator = ExpressionGenerator(random: Seeded(seed))
    let zones = try SharedFiles.zones()
    let variables = ExpressionGenerator.variables
    var compiled = 0
    var present = 0
    for round in 0..<4000 {
      let text = round % 3 == 0 ? generator.any(3) : generator.bool(4)
      guard let expression = try? CelExpression(parsing: text),
        let program = try? CelProgram(expression, variables: variables)
      else { continue }
      var pool = TextPool()
      guard let fast = ScalarProgram(program, pool: &pool) else { continue }
      compiled += 1
      for _ in 0..<4 {
        let values = variables.map { generator.value($0.type) }
        let slots = values.indices.map {
          scalar(values[$0], needsText: fast.stringSlotsNeedText.contains($0), &pool)
        }
        let found = fast.evaluate(slots.span, texts: pool, zones: zones)
        let wanted: Scalar
        switch program.evaluate({ values[$0] }, zones: zones) {
        case .failure: wanted = .missing
        case .success(let value): wanted = scalar(value, needsText: true, &pool)
        }
        if wanted.kind != .missing { present += 1 }
        #expect(same(found, wanted), "\(text) with \(values)")
        if !same(found, wanted) { return }
      }
    }
    #expect(compiled > 1500 && present > 1500)
    print("fast path, seed \(seed): \(compiled) expressions, \(present) results with a value")
  }

  private func fast(_ text: String, _ variables: [CelVariable] = ExpressionGenerator.variables)
    throws -> ScalarProgram?
  {
    var pool = TextPool()
    return ScalarProgram(
      try CelProgram(CelExpression(parsing: text), variables: variables), pool: &pool)
  }

  @Test(arguments: [
    "s.startsWith('a')", "data.x == data.y", "[i, j].exists(x, x > 1)", "data.x + data.y",
    "s + 'a'", "l == duration('1us')", "timestamp(data.x) < t", "i in [i]", "[1, 2]",
  ])
  func `leaves what is beyond scalars to the general evaluator`(text: String) throws {
    #expect(try fast(text) == nil)
  }

  @Test func `asks for the texts that must be known, and no others`() throws {
    #expect(try fast("s == 'a' && s2 in ['b', 'c']")?.stringSlotsNeedText == [])
    #expect(try fast("s == s2")?.stringSlotsNeedText == [3, 11])
    #expect(try fast("s < 'm'")?.stringSlotsNeedText == [3])
    #expect(try fast("t.getHours(zone) > 3")?.stringSlotsNeedText == [9])
    #expect(try fast("b ? s : 'x'")?.stringSlotsNeedText == [3])
    #expect(try fast("double(data.x) > 3.0")?.stringSlotsNeedText == [7])
  }

  @Test func `is refused when it would need a deeper stack`() throws {
    let nested = (0..<14).reduce("i") { text, _ in "(i - \(text))" }
    #expect(try fast(nested) != nil)
    let deeper = (0..<16).reduce("i") { text, _ in "(i - \(text))" }
    #expect(try fast(deeper) == nil)
  }
}
