import Testing
import Yaml

private func parse(_ text: String) -> (node: YamlNode?, said: [String]) {
  parse(Array(text.utf8))
}

private func parse(_ bytes: [UInt8]) -> (node: YamlNode?, said: [String]) {
  let diagnostics = Diagnostics()
  let node = YamlParser.parse(bytes, file: "f", diagnostics: diagnostics)
  return (node, diagnostics.sorted.map(\.description))
}

@Suite struct `YAML as a tree` {
  @Test func `a mapping keeps the order and the places of its entries`() throws {
    let (node, said) = parse("b: 1\na: [x, \"y\", {z: 2}]\n")
    #expect(said.isEmpty)
    let entries = try #require(node?.entries)
    #expect(entries.map(\.key.text) == ["b", "a"])
    #expect(entries[1].key.position == SourcePosition(file: "f", line: 2, column: 1))
    let items = try #require(entries[1].value.items)
    #expect(items[1].scalar?.quoted == true)
    #expect(items[0].scalar?.quoted == false)
    #expect(items[2]["z"]?.scalar?.text == "2")
    #expect(items[2].start == SourcePosition(file: "f", line: 2, column: 13))
    #expect(items[2].end == SourcePosition(file: "f", line: 2, column: 19))
  }

  @Test func `columns count characters, not bytes`() {
    let (node, _) = parse("ä: {ß: x}")
    #expect(node?["ä"]?["ß"]?.start.column == 8)
  }

  @Test func `a byte order mark and Windows' line ends change nothing`() {
    let (node, said) = parse("\u{feff}a: 1\r\nb: \"x\"\r\n")
    #expect(said.isEmpty)
    #expect(node?["b"]?.scalar?.raw == "\"x\"")
    #expect(node?["b"]?.start == SourcePosition(file: "f", line: 2, column: 4))
  }

  @Test func `JSON is read as well`() {
    let (node, said) = parse("{\"a\":{\"b\":[1,true,null,\"\\u00e9\"]}}")
    #expect(said.isEmpty)
    #expect(node?["a"]?["b"]?.items?.count == 4)
    #expect(node?["a"]?["b"]?.items?[3].scalar?.text == "é")
  }

  @Test(arguments: [
    ("{v: f(a, b), t: 1}", "f(a, b)"),
    ("{v: f(g(a, b), c) > 1 ? x : y, t: 1}", "f(g(a, b), c) > 1 ? x : y"),
    ("{v: k == \"a, b\", t: 1}", "k == \"a, b\""),
    ("{v: k in 'a, b', t: 1}", "k in 'a, b'"),
    ("{v: f(a,\n  b), t: 1}", "f(a, b)"),
    ("{v: don't, t: can't}", "don't"),
    ("{v: \"f(a\", t: 1}", "f(a"),
    ("{v: f(a, t: 1}", "f(a"),
  ])
  func `a comma between parentheses or quotes does not end an expression`(
    text: String, value: String
  ) {
    let (node, said) = parse(text)
    #expect(said.isEmpty)
    #expect(node?["v"]?.scalar?.text == value)
    #expect(node?["t"] != nil)
    #expect(node?.entries?.count == 2)
  }

  @Test(arguments: [
    ("a: 1\na: 2", "f:2:1: the key \"a\" stands here a second time; it is already in line 1"),
    ("a: &x 1", "f:1:4: the anchor \"&x\" is not read; write it out in each place"),
    ("a: *x", "f:1:4: the alias \"*x\" is not read; write it out in each place"),
    ("a: !!str 1", "f:1:4: the tag \"tag:yaml.org,2002:str\" is not read; leave it away"),
    (
      "? [1]\n: 2",
      "f:1:3: a key must be a plain word, and this is a list; quote a value that contains braces"
    ),
    ("a: 1\n---\nb: 2", "f:2:1: a second document starts here; put it into a file of its own"),
    ("", "f:1:1: the file is empty; start with \"kairos: 1\""),
  ])
  func `what is refused is named with its place`(text: String, expected: String) {
    #expect(parse(text).said == [expected])
  }

  @Test func `what is not YAML ends with its place`() {
    let (node, said) = parse("a: [1, 2\nb: 3\n")
    #expect(node == nil)
    #expect(said.count == 1)
    #expect(said[0].hasPrefix("f:2:2: not YAML: "))
  }

  @Test func `what is not UTF-8 ends with its place`() {
    let (node, said) = parse(Array("a: 1\nb: ".utf8) + [0xff, 0x0a])
    #expect(node == nil)
    #expect(said == ["f:2:4: not UTF-8 text: invalid leading UTF-8 octet; save the file as UTF-8"])
  }

  @Test(arguments: [(64, true), (65, false)])
  func `depth is bounded`(depth: Int, fits: Bool) {
    let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect((parse(text).node != nil) == fits)
  }

  @Test(arguments: [(YamlParser.maxBytes, true), (YamlParser.maxBytes + 1, false)])
  func `size is bounded`(size: Int, fits: Bool) {
    let text = Array("a: ".utf8) + [UInt8](repeating: 0x78, count: size - 3)
    #expect((parse(text).node != nil) == fits)
  }

  @Test func `all duplicate keys are reported, and the first value stands`() {
    let (node, said) = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n")
    #expect(said.count == 2)
    #expect(node?["a"]?.scalar?.text == "1")
  }
}

@Suite struct `Places inside scalars` {
  /// The place of `needle`'s first byte in the value of the key `a`.
  private func place(of needle: String, in text: String) throws -> [Int] {
    let scalar = try #require(parse(text).node?["a"]?.scalar)
    let range = try #require(scalar.text.firstRange(of: needle))
    let offset = scalar.text.utf8.distance(from: scalar.text.startIndex, to: range.lowerBound)
    let position = scalar.position(ofByte: offset)
    return [position.line, position.column]
  }

  @Test(arguments: [
    ("a: x + zz", [1, 8]),
    ("a: 'it''s zz'", [1, 11]),
    ("a: \"b\\u00e9\\n\\x41 \\\"zz\"", [1, 21]),
    ("a: ä + zz", [1, 8]),
    ("a: x +\n   y +\n\n   zz", [4, 4]),
    ("a: \"x +  \n   zz\"", [2, 4]),
    ("a: \"x \\\n   zz\"", [2, 4]),
    ("a: |\n  x +\n    y\n  + zz\n", [4, 5]),
    ("{a: f(ä, zz)}", [1, 10]),
    ("{a: f(x,\n  zz)}", [2, 3]),
    ("a: >\n  x +\n  y\n  + zz\n", [4, 5]),
    ("a: |2\n   x\n\n  zz\n", [4, 3]),
  ])
  func `an offset of the text leads to the file's line and column`(text: String, place: [Int])
    throws
  {
    #expect(try self.place(of: "zz", in: text) == place)
  }

  @Test func `offsets outside the text stay at its ends`() throws {
    let scalar = try #require(parse("a: xyz").node?["a"]?.scalar)
    #expect(scalar.position(ofByte: -1).column == 4)
    #expect(scalar.position(ofByte: 3).column == 7)
    #expect(scalar.position(ofByte: 99).column == 7)
  }
}
