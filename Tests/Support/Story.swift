import Foundation

/// A folder of `replay`: a playbook, what customers did, and by hand what must come out.
package struct Story: Sendable, CustomStringConvertible {
  package var name: String
  /// Relative to the package's folder.
  package var folder: String { "replay/\(name)" }
  package var description: String { name }

  package static var all: [Story] {
    get throws {
      let folder = packageRoot + "/replay"
      return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/playbook.yaml") }
        .map { Story(name: $0) }
    }
  }

  package func events() throws -> [Json] {
    try fileText("\(folder)/events.ndjson").split(separator: "\n").map { try Json(String($0)) }
  }

  /// A row of the README's table: one revision of a decision.
  package struct Row: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var customer: String
    package var time: String
    package var decision: String
    package var revision: Int
    package var outcome: String

    /// What a published decision is, as such a row; nil: a member is missing.
    package init?(of decision: Json) {
      guard let customer = decision["customer"]?.text, let time = decision["time"]?.text,
        let name = decision["decision"]?.text, let revision = decision["revision"]?.int,
        let outcome = decision["outcome"]?.text
      else { return nil }
      (self.customer, self.time, self.decision) = (customer, time, name)
      (self.revision, self.outcome) = (revision, outcome)
    }

    init?(line: Substring) {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells.count == 6, let revision = Int(cells[3]), cells[1].hasSuffix("Z") else {
        return nil
      }
      (customer, time, decision) = (cells[0], cells[1], cells[2])
      (self.revision, outcome) = (revision, cells[4])
    }

    package var description: String { "\(customer) \(time) \(decision) \(revision) \(outcome)" }
    package static func < (a: Self, b: Self) -> Bool { a.description < b.description }
  }

  /// The README's table, sorted: there must be these revisions and no other.
  package func promised() throws -> [Row] {
    try fileText("\(folder)/README.md").split(separator: "\n").compactMap(Row.init(line:)).sorted()
  }

  /// The names in the README's paragraph "Nothing for …".
  package func withoutDecision() throws -> Set<String> {
    let paragraphs = try fileText("\(folder)/README.md").replacing("\n\n", with: "\u{1}")
      .split(separator: "\u{1}")
    guard let text = paragraphs.first(where: { $0.hasPrefix("Nothing for ") }) else { return [] }
    let customers = Set(try events().compactMap { $0["customer"]?.text })
    return customers.intersection(text.split { !$0.isLetter }.map(String.init))
  }
}
