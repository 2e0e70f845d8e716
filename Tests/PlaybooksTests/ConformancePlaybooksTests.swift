import Playbooks
import TestSupport
import Testing
import Yaml

@Suite struct `The design's own playbooks` {
  @Test func `every playbook of the meaning cases is a book`() throws {
    guard let playbooks = try meaningPlaybooks() else { return }
    #expect(playbooks.count == 700)
    for (name, text) in playbooks {
      let (book, diagnostics) = Book.parse(
        files: [(name, Array(text.utf8))], tolerating: caseKeys)
      #expect(diagnostics.isEmpty, "\(name): \(diagnostics.map(\.description))")
      #expect(book != nil)
    }
  }

  @Test func `keys that are not the language are refused unless tolerated`() throws {
    guard let playbooks = try meaningPlaybooks() else { return }
    let refused = playbooks.filter { _, text in
      text.contains("_py\"") || text.contains("share_bp")
    }
    #expect(!refused.isEmpty)
    for (name, text) in refused.prefix(20) {
      #expect(!Book.parse(files: [(name, Array(text.utf8))]).diagnostics.isEmpty)
    }
  }

  @Test func `the design's sketch is a book`() throws {
    guard let path = shared("DESIGN.md", for: "the design's sketch of a playbook") else { return }
    let blocks = try fileText(path).components(fencedAs: "yaml")
    #expect(blocks.count == 1)
    let playbook = try book(blocks[0]).playbooks[0]
    #expect(playbook.features.count == 7)
    #expect(playbook.decisions.map(\.name) == ["save_call"])
  }
}

extension String {
  /// The texts between ```language and ``` of a Markdown page.
  func components(fencedAs language: String) -> [String] {
    var blocks: [String] = []
    var open: [Substring]?
    for line in split(separator: "\n", omittingEmptySubsequences: false) {
      if let lines = open {
        if line == "```" {
          blocks.append(lines.joined(separator: "\n") + "\n")
          open = nil
        } else {
          open = lines + [line]
        }
      } else if line == "```\(language)" {
        open = []
      }
    }
    return blocks
  }
}
