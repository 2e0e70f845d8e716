import Foundation
import TestSupport

/// A Markdown page's fenced blocks and words, for the tests that hold pages to what they say.
///
///     ```sh        run by a test, in order, in one folder
///     ```text      after such a block: what it prints; `…` stands for anything within a line
///     ```console   shown, not run
struct Page {
  struct Block: Equatable {
    var language: String
    var lines: [Substring]
    /// Of its first line, from 1.
    var line: Int
    var text: String { lines.joined(separator: "\n") }
  }
  let text: String
  let blocks: [Block]

  init(_ path: String) throws {
    let text = try fileText(path)
    var blocks: [Block] = []
    var open: Block?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      guard line.hasPrefix("```") else {
        open?.lines.append(line)
        continue
      }
      if let block = open { blocks.append(block) }
      open =
        open == nil ? Block(language: String(line.dropFirst(3)), lines: [], line: index + 2) : nil
    }
    self.text = text
    self.blocks = blocks
  }

  /// Every text between single backquotes, outside of blocks.
  var quoted: [Substring] {
    var isInside = false
    var found: [Substring] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("```") { isInside.toggle() }
      if isInside || line.hasPrefix("```") { continue }
      let parts = line.split(separator: "`", omittingEmptySubsequences: false)
      for index in stride(from: 1, to: parts.count - 1, by: 2) { found.append(parts[index]) }
    }
    return found
  }

  /// Whether a line is as promised, where each `…` stands for anything.
  static func agrees(_ line: Substring, with promise: Substring) -> Bool {
    let parts = promise.split(separator: "…", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count > 1 else { return line == promise }
    guard line.hasPrefix(first) else { return false }
    var rest = line.dropFirst(first.count)
    for (index, part) in parts.enumerated().dropFirst() {
      if index == parts.count - 1 { return rest.hasSuffix(part) }
      guard let place = rest.firstRange(of: part) else { return false }
      rest = rest[place.upperBound...]
    }
    return rest.isEmpty
  }
}
