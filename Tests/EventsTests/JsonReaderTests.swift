import Cel
import Events
import Testing

/// Reads `paths` of a text by `check` and by `read`, which must agree where both accept.
private func read(
  _ text: String, _ paths: [[String]]
) -> Result<[String], JsonFault.Reason> {
  // Embedded between other bytes, as in a batch.
  let bytes = Array("\"{[".utf8) + Array(text.utf8) + Array("]}\"".utf8)
  let range = 3..<(bytes.count - 3)
  var reader = JsonReader()
  let plan = reader.plan(paths)
  func shown() -> [String] {
    (0..<plan.count).map { show(reader.field($0), reader, bytes) }
  }
  if let fault = reader.check(plan, bytes.span, range) { return .failure(fault.reason) }
  let strict = shown()
  #expect(reader.read(plan, bytes.span, range) == nil)
  #expect(shown() == strict)
  reader.beginBatch()
  reader.add(plan, range)
  reader.add(plan, range)
  reader.readBatch(bytes.span)
  for document in 0..<2 {
    #expect(reader.fault(of: document) == nil)
    let fields = (0..<plan.count).map { reader.field($0, of: document) }
    #expect(fields.map { show($0, reader, bytes) } == strict)
  }
  return .success(strict)
}

private func show(
  _ field: JsonField, _ reader: borrowing JsonReader, _ bytes: [UInt8]
) -> String {
  let text = reader.string(field, in: bytes.span)
  switch field.kind {
  case .int, .bool: return "\(field.kind) \(field.int) \(field.double)"
  case .uint: return "uint \(UInt64(bitPattern: field.int)) \(field.double)"
  case .double: return "double \(field.double)"
  case .missing, .null: return "\(field.kind)"
  default: return "\(field.kind) \(text)"
  }
}

private func refused(_ text: [UInt8], depth: Int = 64) -> JsonFault.Reason? {
  var reader = JsonReader(maxDepth: depth)
  let plan = reader.plan([])
  let fault = reader.check(plan, text.span, 0..<text.count)
  var listed: JsonFault?
  if case .failure(let fault) = reader.list(text.span, 0..<text.count) { listed = fault }
  #expect(listed == fault, "both strict readers agree")
  return fault?.reason
}

@Suite struct `JSON reader` {
  @Test(arguments: [
    ("1", "int 1 1.0"), ("-0", "int 0 -0.0"), ("-7", "int -7 -7.0"), ("1.0", "double 1.0"),
    ("1e2", "double 100.0"), ("0.1", "double 0.1"), ("1E-2", "double 0.01"),
    ("0e999999999999", "double 0.0"), ("-0.0", "double -0.0"), ("1e-400", "double 0.0"),
    ("-1e-999999999999", "double -0.0"), ("5e-324", "double 5e-324"),
    ("9007199254740993", "int 9007199254740993 9007199254740992.0"),
    ("9223372036854775807", "int 9223372036854775807 9.223372036854776e+18"),
    ("-9223372036854775808", "int -9223372036854775808 -9.223372036854776e+18"),
    ("9223372036854775808", "uint 9223372036854775808 9.223372036854776e+18"),
    ("18446744073709551615", "uint 18446744073709551615 1.8446744073709552e+19"),
    ("18446744073709551616", "double 1.8446744073709552e+19"),
    ("-9223372036854775809", "double -9.223372036854776e+18"),
    ("1.7976931348623157e308", "double 1.7976931348623157e+308"),
    ("0.000001e314", "double 1e+308"),
    ("123456789012345678901234567890e-29", "double 1.2345678901234567"),
    ("2.2250738585072011e-308", "double 2.225073858507201e-308"),
    ("true", "bool 1 0.0"), ("false", "bool 0 0.0"), ("null", "null"), ("\"\"", "string "),
    ("\"a\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\"", "string aé😀\n\"\\/"), ("[1, 2]", "list [1, 2]"),
    ("{ \"x\" : {} }", "map { \"x\" : {} }"), ("[]", "list []"),
  ])
  func `values come out with their kind`(_ text: String, _ expected: String) {
    #expect(read(" { \"a\" : \(text) } ", [["a"]]) == .success([expected]))
    #expect(read(text, [[]]) == .success([expected]))
  }

  @Test func `paths lead into objects, and past what is not one`() {
    let text = #"{"x":[{"a":9}],"page":{"url":"/p","n":{"k":1}},"a":1,"s":"t"}"#
    let paths = [
      ["a"], ["page", "url"], ["page"], ["page", "n", "k"], ["x", "a"], ["s", "t"], ["z"],
    ]
    #expect(
      read(text, paths)
        == .success([
          "int 1 1.0", "string /p", #"map {"url":"/p","n":{"k":1}}"#, "int 1 1.0", "missing",
          "missing", "missing",
        ]))
    #expect(read("7", [["a"]]) == .success(["missing"]))
    #expect(read(text, []) == .success([]))
  }

  @Test func `of equal names the first counts`() {
    #expect(read(#"{"a":1,"a":2}"#, [["a"]]) == .success(["int 1 1.0"]))
    #expect(read(#"{"\u0061":1,"a":2}"#, [["a"]]) == .success(["int 1 1.0"]))
    #expect(
      read(#"{"a":1,"a":{"b":2}}"#, [["a", "b"], ["z"]]) == .success(["missing", "missing"]))
    #expect(read(#"{"a":{"b":1},"a":{"b":2}}"#, [["a", "b"]]) == .success(["int 1 1.0"]))
    #expect(read(#"{"a":{"c":1},"a":{"b":2}}"#, [["a", "b"]]) == .success(["missing"]))
  }

  @Test func `names are compared without their escapes`() {
    #expect(read(#"{"\u00e9\n":1}"#, [["é\n"]]) == .success(["int 1 1.0"]))
    #expect(read(#"{"a\\b":1}"#, [[#"a\b"#]]) == .success(["int 1 1.0"]))
    #expect(read(#"{"":1}"#, [[""]]) == .success(["int 1 1.0"]))
    let long = String(repeating: "k", count: 100)
    #expect(read(#"{"\#(long)x":1,"\#(long)":2}"#, [[long]]) == .success(["int 2 2.0"]))
  }

  @Test(
    arguments: [
      ("", .empty), (" \n\t", .empty), ("{", .syntax), (#"{"a":1"#, .syntax), ("nul", .syntax),
      (#"{"a":1}}"#, .syntax), (#"{"a":1} {"b":2}"#, .syntax), (#"{"a":1,}"#, .syntax),
      ("[1,]", .syntax), ("[1 2]", .syntax), (#"{"a" 1}"#, .syntax), (#"{a:1}"#, .syntax),
      (#"{"a":}"#, .syntax), ("NaN", .syntax), (#"{"a":NaN}"#, .syntax), ("Infinity", .syntax),
      ("01", .syntax), ("1.", .syntax), (".5", .syntax), ("+1", .syntax), ("1e", .syntax),
      ("1e+", .syntax), ("-", .syntax), ("0x10", .syntax), ("1_000", .syntax), ("--1", .syntax),
      ("1e400", .numberOutOfRange), ("-1e400", .numberOutOfRange),
      ("1e99999999999999999999", .numberOutOfRange), (#""abc"#, .syntax), (#""a"x"#, .syntax),
      (#""a"x"b""#, .syntax), (#""\x""#, .badText), (#""\u12G4""#, .badText),
      (#""\ud800""#, .badText), (#""\udc00""#, .badText), (#""\ud800\u0041""#, .badText),
      ("\"a\u{1}b\"", .badText), ("\"a\nb\"", .badText), ("'a'", .syntax), ("// c\n1", .syntax),
      ("\u{feff}1", .syntax), ("]", .syntax), (",", .syntax), (":", .syntax), ("{]", .syntax),
      ("[}", .syntax), (#"{"a":1]"#, .syntax), ("1\u{c}", .syntax), ("truefalse", .syntax),
      (#"{"\ud800":1}"#, .badText), (#"{1:2}"#, .syntax), (#"["a"1]"#, .syntax),
    ] as [(String, JsonFault.Reason)])
  func `what is not JSON is refused`(_ text: String, _ reason: JsonFault.Reason) {
    #expect(refused(Array(text.utf8)) == reason)
  }

  @Test(
    arguments: [
      [0x22, 0xff, 0x22], [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xe2, 0x82, 0x22],
    ] as [[UInt8]])
  func `what is not UTF-8 is refused`(_ bytes: [UInt8]) {
    #expect(refused(bytes) == .notUtf8)
  }

  @Test func `64 containers deep is allowed, 65 is not`() {
    func nested(_ depth: Int) -> [UInt8] {
      Array(repeating: UInt8(ascii: "["), count: depth)
        + Array(repeating: UInt8(ascii: "]"), count: depth)
    }
    #expect(refused(nested(64)) == nil)
    #expect(refused(nested(65)) == .tooDeep)
    #expect(refused(Array(repeating: UInt8(ascii: "["), count: 500_000)) == .tooDeep)
  }

  @Test func `a mebibyte is allowed, one byte more is not`() {
    func long(_ count: Int) -> [UInt8] {
      [UInt8(ascii: "\"")] + Array(repeating: UInt8(ascii: "x"), count: count - 2)
        + [UInt8(ascii: "\"")]
    }
    #expect(refused(long(1 << 20)) == nil)
    #expect(refused(long(1 << 20 + 1)) == .tooLarge)
  }

  @Test func `damage in a batch is one document's own`() {
    let good = Array(#"{"a":"\u0041"}"#.utf8)
    let bytes = good + Array(#"{"a""#.utf8) + good
    var reader = JsonReader()
    let plan = reader.plan([["a"], ["b"]])
    reader.beginBatch()
    reader.add(plan, 0..<good.count)
    reader.add(plan, good.count..<(good.count + 4))
    reader.add(plan, (good.count + 4)..<bytes.count)
    reader.readBatch(bytes.span)
    #expect(reader.fault(of: 1)?.reason == .syntax)
    #expect(reader.field(0, of: 1).kind == .missing)
    for document in [0, 2] {
      #expect(reader.fault(of: document) == nil)
      #expect(reader.string(reader.field(0, of: document), in: bytes.span) == "A")
      #expect(reader.field(1, of: document).kind == .missing)
    }
  }

  @Test func `texts are found in a pool whether they had escapes or not`() {
    var pool = TextPool()
    let known = pool.internForever("aé")
    let bytes = Array(#"{"a":"aé","b":"\u0061\u00e9","c":"zz","d":true,"e":[]}"#.utf8)
    var reader = JsonReader()
    let plan = reader.plan([["a"], ["b"], ["c"], ["d"], ["e"], ["f"]])
    #expect(reader.read(plan, bytes.span, 0..<bytes.count) == nil)
    let found = (0..<6).map { reader.scalar(reader.field($0), in: bytes.span, pool: pool) }
    #expect(
      found == [
        Scalar(text: known), Scalar(text: known), Scalar(text: .unknown), Scalar(true), .other,
        .missing,
      ])
  }

  @Test func `a value can be cut out of the document as it stands there`() {
    let bytes = Array(#"{"a": "x\ny" , "b":{ }, "c":-1.50}"#.utf8)
    var reader = JsonReader()
    let plan = reader.plan([["a"], ["b"], ["c"]])
    #expect(reader.read(plan, bytes.span, 0..<bytes.count) == nil)
    let raw = (0..<3).map { String(decoding: bytes[reader.field($0).raw], as: UTF8.self) }
    #expect(raw == [#""x\ny""#, "{ }", "-1.50"])
  }

  @Test func `a tree holds what the document holds`() throws {
    let tree = try JsonTree.parse(
      #"{"a":[1,-2.5,{"b":null}],"t":"\"x\"","u":18446744073709551615,"o":{},"l":[],"a":0}"#)
    #expect(
      tree
        == .object([
          .init("a", .array([.int(1), .double(-2.5), .object([.init("b", .null)])])),
          .init("t", .string("\"x\"")), .init("u", .uint(.max)), .init("o", .object([])),
          .init("l", .array([])), .init("a", .int(0)),
        ]))
    #expect(tree["a"] != .int(0))
    #expect(throws: JsonFault(.syntax, at: 1)) { try JsonTree.parse("{") }
  }

  @Test func `a list of members stops at its level`() throws {
    let bytes = Array(#"{"a":{"b":[1]},"c":2}"#.utf8)
    var reader = JsonReader()
    let count = try reader.list(bytes.span, 0..<bytes.count, levels: 1).get()
    let shown = (0..<count).map { show(reader.field($0), reader, bytes) }
    #expect(
      shown == [
        #"map {"a":{"b":[1]},"c":2}"#, "key a", #"map {"b":[1]}"#, "key c", "int 2 2.0",
      ])
    #expect((0..<count).map { reader.field($0).next } == [5, 2, 3, 4, 5])
  }
}
