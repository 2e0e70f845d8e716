import Testing

@testable import Cel

@Suite struct `Checking and evaluating` {
  private let variables = [
    CelVariable(path: ["logins_7d"], type: .int), CelVariable(path: ["spend"], type: .double),
    CelVariable(path: ["data", "page"], type: .dyn),
    CelVariable(path: ["data", "latency_hours"], type: .dyn),
    CelVariable(path: ["data", "user"], type: .dyn),
    CelVariable(path: ["data", "user", "name"], type: .string),
    CelVariable(path: ["time"], type: .timestamp), CelVariable(path: ["timezone"], type: .string),
  ]

  private func refusal(_ text: String) -> CelError? {
    do throws(CelError) {
      _ = try CelProgram(CelExpression(parsing: text), variables: variables)
      return nil
    } catch {
      return error
    }
  }

  private func evaluate(
    _ text: String, _ values: [String: CelValue]
  ) throws -> Result<CelValue, CelFailure> {
    let program = try CelProgram(CelExpression(parsing: text), variables: variables)
    return program.evaluate(
      { values[variables[$0].path.joined(separator: ".")] }, zones: try SharedFiles.zones())
  }

  private func holds(_ text: String, _ values: [String: CelValue]) throws -> Bool? {
    guard case .success(.bool(let holds)) = try evaluate(text, values) else { return nil }
    return holds
  }

  @Test(arguments: [
    ("login_7d > 1", 0, "logins_7d"), ("1 + data.latncy_hours", 4, "data.latency_hours"),
    ("logins_7d * 2.0", 10, "double("), ("spend == 1", 6, "double("),
    ("spend + 'a'", 6, "takes"), ("data.page.startWith('/x')", 10, "startsWith"),
    ("math.greates(1, 2)", 5, "math.greatest"), ("spend && true", 0, "bool"),
    ("true ? 1 : 'a'", 5, "dyn("), ("logins_7d.x", 10, "no fields"),
    ("data.page.matches('(')", 18, "RE2"), ("data", 0, "data.page"), ("nonsense", 0, "unknown"),
    ("size(1)", 0, "takes"), ("startsWith('a', 'b')", 0, "method"), ("{1.5: 2}", 1, "key"),
  ])
  func `says where a wrong expression is wrong and what to write`(
    text: String, offset: Int, hint: String
  ) throws {
    let error = try #require(refusal(text))
    #expect(error.message.contains(hint), "\(error.message)")
    #expect(error.offset == offset)
  }

  @Test func `a name means the longest declared path`() throws {
    let user = CelValue.map(try #require(CelMap([(.string("name"), .string("inner"))])))
    let values: [String: CelValue] = ["data.user": user, "data.user.name": .string("outer")]
    #expect(try holds("data.user.name == 'outer'", values) == true)
    #expect(try holds("data['user'].name == 'outer'", values) == true)
    #expect(try holds("data.user.other == 'x'", values) == nil)
    #expect(try holds("has(data.user.other)", values) == false)
    let program = try CelProgram(
      CelExpression(parsing: "data.user.name == 'x' || data.user.age > 3"), variables: variables)
    #expect(program.reads == [5, 4])
    #expect(program.type == .bool)
  }

  @Test func `a missing value is an error to read and not there to has`() throws {
    #expect(try holds("has(data.page)", [:]) == false)
    #expect(try holds("has(data.page)", ["data.page": .null]) == true)
    #expect(try holds("data.page == '/pricing'", [:]) == nil)
    #expect(try holds("has(data.page) && data.page == '/pricing'", [:]) == false)
    #expect(try holds("data.page == '/pricing' || logins_7d == 0", ["logins_7d": .int(0)]) == true)
  }

  @Test func `the founding example's predicate holds on a Tuesday in the customer's zone`() throws {
    let text = "data.latency_hours <= 4.0 && time.getDayOfWeek(timezone) == 2"
    // Monday 23:30 UTC is Tuesday in Berlin.
    let late = try #require(CelTimestamp(parsing: "2026-03-02T23:30:00Z"))
    for (zone, expected) in [("Europe/Berlin", true), ("UTC", false), ("-01:00", false)] {
      let values: [String: CelValue] = [
        "data.latency_hours": .double(4), "time": .timestamp(late), "timezone": .string(zone),
      ]
      #expect(try holds(text, values) == expected)
    }
    #expect(try holds("time.getHours('Nowhere/Land') == 1", ["time": .timestamp(late)]) == nil)
  }

  @Test func `strings are compared by code points, not by canonical equivalence`() throws {
    #expect(try holds("'e\u{301}' == '\u{e9}'", [:]) == false)
    #expect(try holds("size('e\u{301}') == 2 && size('\\r\\n') == 2", [:]) == true)
    #expect(try holds("{'\u{e9}': 1, 'e\u{301}': 2}['\u{e9}'] == 1", [:]) == true)
  }

  @Test func `JSON's numbers are doubles, compared with ints but not added to them`() throws {
    let values: [String: CelValue] = ["data.page": .double(3)]
    #expect(try holds("data.page == 3 && data.page < 4 && data.page in [1, 2, 3]", values) == true)
    #expect(try holds("data.page + 1 == 4", values) == nil)
    #expect(try holds("data.page + 1.0 == 4.0", values) == true)
  }

  @Test func `macros within macros stop at a bound`() throws {
    let list = CelValue.list((0..<1000).map { .int($0) })
    let twice = "data.page.all(x, data.page.all(y, x >= 0))"
    #expect(try holds("data.page.all(x, x >= 0)", ["data.page": list]) == true)
    #expect(try holds(twice, ["data.page": list]) == nil)
    #expect(try holds(twice + " || true", ["data.page": list]) == nil)
    #expect(try holds("true || " + twice, ["data.page": list]) == true)
  }

  @Test func `a map of many keys finds each, and refuses one given twice`() throws {
    let entries = (0..<100).map { (key: CelValue.int($0), value: CelValue.int($0 * 2)) }
    let map = try #require(CelMap(entries.reversed()))
    for index in Int64(0)..<100 {
      guard case .int(index * 2) = map.value(at: .double(Double(index))) else {
        Issue.record("\(index) is not found")
        return
      }
    }
    #expect(map.value(at: .double(0.5)) == nil && map.value(at: .double(.nan)) == nil)
    #expect(map.value(at: .null) == nil && map.value(at: "1") == nil)
    #expect(CelMap(entries + [(.uint(7), .null)]) == nil)
  }

  @Test(
    arguments: [
      (0.1, "0.1"), (1, "1"), (-0.0045, "-0.0045"), (1e20, "100000000000000000000"),
      (1e21, "1e+21"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (0.00001, "1e-05"),
      (123456.789, "123456.789"), (0, "0"),
    ] as [(Double, String)])
  func `a double's text is the shortest that reads back`(number: Double, text: String) {
    #expect(DoubleText.plain(number) == text)
    #expect(DoubleText.parse(text) == number)
  }

  @Test(arguments: ["", "1_0", "0x10", " 1", "1 ", "1e", "--1", ".", "1.2.3", "infinit"])
  func `what is no number is not read as one`(text: String) {
    #expect(DoubleText.parse(text) == nil)
  }
}
