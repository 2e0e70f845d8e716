import Foundation
import Playbooks
import TestSupport
import Testing
import Yaml

/// One change to a file: bytes, words or lines, as typing and copying go wrong, and worse.
private struct Mutation {
  var random: SplitMix64

  private static let words: [String] = [
    "any", "on", "absent", "sequence", "steps", "times", "next: true", "within: 1h", "for: 3d",
    "where: data.x > 1", "{", "}", "[", "]", ": ", "- ", ", ", "\"", "'", "|\n", ">\n", "&a ", "*a",
    "!!int ", "---\n", "\t", "\u{0}", "\u{feff}", "é", "\u{2028}", "#", "?", "null", "~", "-1",
    "1e999", "99999999999999999999", "0.5", "true", "7d", "calendar day", "\n", "\n  ", "(", ")",
    "matches: all", "value: ", "f0", "a", "kairos: 1", "greedy: true", "optional: true",
  ]

  mutating func apply(to bytes: [UInt8], _ other: [UInt8]) -> [UInt8] {
    var bytes = bytes
    // Mostly words for words: what is still YAML gets further than what is not.
    if random.chance(60) {
      for _ in 0...random.number(in: 0..<4) { exchangeWord(of: &bytes, other) }
      return bytes
    }
    for _ in 0...random.number(in: 0..<4) {
      if bytes.isEmpty { bytes = other }
      let at = random.number(in: 0..<bytes.count)
      let end = min(bytes.count, at + 1 + random.number(in: 0..<24))
      switch random.number(in: 0..<8) {
      case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes.removeSubrange(at..<end)
      case 2: bytes.insert(contentsOf: bytes[at..<end], at: random.number(in: 0..<bytes.count))
      case 3: bytes.insert(contentsOf: Array(random.pick(Self.words).utf8), at: at)
      case 4: bytes.replaceSubrange(at..<end, with: Array(random.pick(Self.words).utf8))
      case 5: bytes = shuffledLines(bytes)
      case 6: bytes.removeSubrange(at...)
      default:
        let from = random.number(in: 0..<other.count)
        bytes.insert(contentsOf: other[from..<min(other.count, from + 60)], at: at)
      }
    }
    return bytes
  }

  private mutating func exchangeWord(of bytes: inout [UInt8], _ other: [UInt8]) {
    let old = word(of: bytes)
    if random.chance(25) {
      bytes.replaceSubrange(old, with: [UInt8](String(random.number(in: -2..<100)).utf8))
    } else {
      bytes.replaceSubrange(old, with: other[word(of: other)])
    }
  }

  /// The letters and digits around a random place.
  private mutating func word(of bytes: [UInt8]) -> Range<Int> {
    func isWord(_ byte: UInt8) -> Bool {
      byte == 0x5f || byte == 0x2e || (0x30...0x39).contains(byte)
        || (0x61...0x7a).contains(byte | 0x20)
    }
    var start = random.number(in: 0..<bytes.count)
    while start < bytes.count, !isWord(bytes[start]) { start += 1 }
    var end = start
    while start > 0, isWord(bytes[start - 1]) { start -= 1 }
    while end < bytes.count, isWord(bytes[end]) { end += 1 }
    return start..<end
  }

  private mutating func shuffledLines(_ bytes: [UInt8]) -> [UInt8] {
    var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
    let a = random.number(in: 0..<lines.count)
    let b = random.number(in: 0..<lines.count)
    lines.swapAt(a, b)
    return Array(lines.joined(separator: [0x0a]))
  }
}

@Suite struct `Whatever stands in a file` {
  /// Files as seeds, and what an earlier run of the fuzzer found.
  private func seeds() throws -> [[UInt8]] {
    let cases = try meaningPlaybooks()?.prefix(40).map { Array($0.text.utf8) } ?? []
    return try documentedPlaybooks().map { Array($0.utf8) } + cases
  }

  private func check(_ bytes: [UInt8], _ what: String) -> Bool {
    let (book, diagnostics) = Book.parse(files: [("f.yaml", bytes)], tolerating: caseKeys)
    #expect((book == nil) != diagnostics.isEmpty, "\(what)")
    let lines = bytes.count { $0 == 0x0a || $0 == 0x0d } + 3 * bytes.count { $0 >= 0x80 } + 2
    for diagnostic in diagnostics {
      #expect(diagnostic.line >= 1 && diagnostic.line <= lines, "\(what): \(diagnostic)")
      #expect(diagnostic.column >= 1 && diagnostic.column <= bytes.count + 2, "\(what)")
      #expect(!diagnostic.message.isEmpty)
      let lines = diagnostic.description.split { $0.isNewline }
      #expect(lines.count == 1, "\(what): \(diagnostic)")
    }
    return book != nil
  }

  @Test(arguments: [1, 2, 3, 4])
  func `ends in a book or in diagnostics with places`(seed: UInt64) throws {
    let seeds = try seeds()
    let more = ProcessInfo.processInfo.environment["KAIROS_FUZZ"].flatMap { Int($0) }
    var mutation = Mutation(random: SplitMix64(seed: seed))
    var books = 0
    for round in 0..<(more ?? 1500) {
      let base = mutation.random.pick(seeds)
      let other = mutation.random.pick(seeds)
      let bytes = mutation.apply(to: base, other)
      if check(bytes, "seed \(seed), round \(round)") { books += 1 }
    }
    // Both happen: else the mutations would be too wild or too tame to test anything.
    #expect(books > 0)
    #expect(books < more ?? 1500)
  }

  @Test func `that is only noise ends in diagnostics`() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<300 {
      let bytes = (0..<random.number(in: 0..<200)).map { _ in
        UInt8(truncatingIfNeeded: random.next())
      }
      #expect(!check(bytes, "noise"))
    }
  }

  /// About a megabyte each: work that grew with the square of the size would take minutes.
  @Test(arguments: [
    ("", "k@: 1\n", 90_000), ("features:\n", "  f@: { count: e }\n", 40_000),
    ("features:\n", "  f@: { value: f@ + g@ }\n", 1_000),
    ("features: { a: { value: 1", " + f@", 2_000), ("features: { a: { value: 1", " + f@", 90_000),
    ("features: {", " f@: (, ", 80_000), ("x: [", "{a: [(, (]}, ", 60_000),
    ("features: { a: { count: [", "t@, ", 3_000), ("x: \"", "\\u00e9", 150_000),
  ])
  func `that is as large as may be ends soon`(start: String, part: String, count: Int) {
    let parts = (0..<count).map { part.replacing("@", with: "\($0)") }.joined()
    #expect(!check(Array("kairos: 1\nname: p\n\(start)\(parts)".utf8), part))
  }

  @Test(arguments: [
    "{ value: a(, b", "{ value: a(, : b) }", "{ value: a(,) }", "{ value: '(', x: ')' }",
    "{ value: f(\u{e9},\u{2028} b) }", "{ ? value : f(a, b) }", "{ value: \"", "{ value: |\n  x",
  ])
  func `that once was hard is still read`(body: String) {
    _ = check(Array("kairos: 1\nname: p\nfeatures: { x: \(body) }".utf8), body)
  }
}
