import Testing
import Yaml

@Suite struct `Reading a mapping` {
  private func read(
    _ text: String, tolerating: Set<String> = [], _ body: (YamlReader) -> Void
  ) -> [String] {
    let diagnostics = Diagnostics(tolerating: tolerating)
    if let node = YamlParser.parse(Array(text.utf8), file: "f", diagnostics: diagnostics) {
      body(YamlReader(node, "the source", diagnostics))
    }
    return diagnostics.sorted.map(\.description)
  }

  @Test func `values come as what their place expects`() {
    let text = "s: x\nn: -3\nd: 1.5e2\nb: true\nt: 90s\nw: two\nq: \"5\"\n"
    let said = read(text) { reader in
      #expect(reader.string("s") == "x")
      #expect(reader.int("n") == -3)
      #expect(reader.double("d") == 150)
      #expect(reader.double("n") == -3)
      #expect(reader.bool("b") == true)
      #expect(reader.duration("t") == 90_000)
      #expect(reader.word("w", of: ["one", "two"]) == "two")
      #expect(reader.string("q") == "5")
      reader.finish()
    }
    #expect(said.isEmpty)
  }

  @Test func `all mistakes are reported, in the file's order`() {
    let text = "nmae: x\nn: 1.5\nb: yes\nt: 90\nw: thre\nq: \"5\"\nl: 7\ne:\n"
    let said = read(text) { reader in
      _ = reader.string("name", required: true, hint: "name it")
      _ = reader.int("n")
      _ = reader.bool("b")
      _ = reader.duration("t")
      _ = reader.word("w", of: ["one", "two", "three"])
      _ = reader.int("q")
      _ = reader.int("l", in: 8...9)
      _ = reader.string("e")
      reader.finish()
    }
    #expect(
      said == [
        "f:1:1: the source has no \"name\"; name it",
        "f:1:1: the source has no key \"nmae\"; did you mean \"name\"?",
        "f:2:4: \"n\" of the source must be a whole number, and this is 1.5",
        "f:3:4: \"b\" of the source must be true or false, and this is yes",
        "f:4:4: \"t\" of the source must be a duration, and this is 90; "
          + "add the unit, as in 90h",
        "f:5:4: \"w\" of the source must be one, two or three, and this is thre; "
          + "did you mean \"three\"?",
        "f:6:4: \"q\" of the source must be a whole number, and this is the text \"5\"; "
          + "leave the quotes away",
        "f:7:4: \"l\" of the source must be at least 8, and this is 7",
        "f:8:1: \"e\" of the source has no value",
      ])
  }

  @Test func `tolerated keys are passed over in silence`() {
    let said = read("a: 1\nx_py: [1]\ny: 2\n", tolerating: ["x_py"]) { reader in
      _ = reader.int("a")
      reader.finish()
    }
    #expect(said == ["f:3:1: the source has no key \"y\"; known here: a"])
  }

  @Test func `what is no mapping is said once`() {
    let said = read("[1]") { reader in
      _ = reader.int("a", required: true)
      reader.finish()
    }
    #expect(said == ["f:1:1: the source must be a mapping of keys, and this is a list"])
  }

  @Test(arguments: [
    ("0ms", 0), ("90s", 90_000), ("5m", 300_000), ("4h", 14_400_000), ("7d", 604_800_000),
    ("2w", 1_209_600_000), ("36525d", 3_155_760_000_000),
  ])
  func `durations are milliseconds`(text: String, milliseconds: Int64) {
    #expect(Yaml.milliseconds(ofDuration: text) == milliseconds)
  }

  @Test(arguments: ["", "h", "5", "5 h", "-5h", "1.5h", "5y", "36526d", "99999999999999999999d"])
  func `what is no duration is none`(text: String) {
    #expect(milliseconds(ofDuration: text) == nil)
  }

  @Test(arguments: [(0, "0s"), (1, "1ms"), (90_000, "90s"), (259_200_000, "3d")])
  func `durations are written in their largest whole unit`(ms: Int64, text: String) {
    #expect(durationText(ms) == text)
    #expect(milliseconds(ofDuration: text) == ms)
  }

  @Test(arguments: [
    ("1", true), ("-0", true), ("1.5", true), ("1e5", true), ("1.5E-3", true), ("01", false),
    (".5", false), ("5.", false), ("+1", false), ("1_000", false), ("0x10", false), ("", false),
    ("nan", false), (".inf", false), ("1e", false), ("--1", false),
  ])
  func `numbers are JSON's numbers`(text: String, fits: Bool) {
    #expect(isDecimal(text, fraction: true) == fits)
  }

  @Test(arguments: [
    ("whithin", "within"), ("atLeast", "at_least"), ("at-most", "at_most"), ("form", "from"),
    ("logins_7dd", "logins_7d"), ("tims", "times"),
  ])
  func `the nearest word is suggested`(typed: String, meant: String) {
    let words = ["within", "at_least", "at_most", "from", "for", "logins_7d", "times", "on"]
    #expect(nearestWord(to: typed, of: words) == meant)
  }

  @Test func `nothing is suggested for a word that is far from all`() {
    #expect(nearestWord(to: "purpose", of: ["on", "within"]) == nil)
    #expect(nearestWord(to: "xy", of: ["on"]) == nil)
  }
}
