import Foundation
import Playbooks
import TestSupport
import Testing
import Yaml

/// What `replay/<story>` holds, before any engine looks at it.
@Suite struct `The stories' files` {
  @Test(arguments: try Story.all)
  func `the playbook has nothing wrong`(story: Story) throws {
    let file = "\(story.folder)/playbook.yaml"
    let (book, diagnostics) = Book.parse(files: [(name: file, bytes: try fileBytes(file))])
    #expect(diagnostics.map(\.description) == [])
    #expect(book?.playbooks.first?.name == story.name)
    #expect(book?.policy.policyTime == .event)
  }

  @Test(arguments: try Story.all)
  func `every event is one by the schema, in order of time, and none twice`(story: Story) throws {
    let schema = try JsonSchema(topics: "event.schema.json")
    var last = ""
    var ids: Set<String> = []
    for event in try story.events() {
      #expect(schema.problems(of: event) == [])
      // All in UTC: texts of one length sort as times do.
      let text = event["time"]?.text ?? ""
      let time = text.contains(".") ? text : text.replacing("Z", with: ".000Z")
      #expect(time >= last, "\(event)")
      let isNew = ids.insert(event["id"]?.text ?? "").inserted
      #expect(isNew, "\(event)")
      last = time
    }
    #expect(ids.count > 20)
  }

  @Test(arguments: try Story.all)
  func `the README says of every customer what comes out`(story: Story) throws {
    let customers = Set(try story.events().compactMap { $0["customer"]?.text })
    let rows = try story.promised()
    let silent = try story.withoutDecision()
    #expect(rows.count > 4)
    #expect(Set(rows.map(\.customer)).union(silent) == customers)
    #expect(Set(rows.map(\.customer)).isDisjoint(with: silent))
    let playbook = try fileText("\(story.folder)/playbook.yaml")
    for row in rows { #expect(playbook.contains("\n  \(row.decision):")) }
  }
}

/// A folder of `replay`.
struct Story: CustomTestStringConvertible {
  var name: String
  var folder: String { "replay/\(name)" }
  var testDescription: String { name }

  static var all: [Story] {
    get throws {
      let folder = URL(fileURLWithPath: packageRoot + "/replay")
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        .filter { FileManager.default.fileExists(atPath: "\(folder.path)/\($0)/playbook.yaml") }
        .map(Story.init)
    }
  }

  func events() throws -> [Json] {
    try fileText("\(folder)/events.ndjson").split(separator: "\n").map { try Json(String($0)) }
  }

  /// A row of the README's table: one revision of a decision.
  struct Row: Equatable {
    var customer: String
    var time: String
    var decision: String
    var revision: Int
    var outcome: String
  }

  func promised() throws -> [Row] {
    try fileText("\(folder)/README.md").split(separator: "\n").compactMap { line in
      let cells = line.split(separator: "|").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard cells.count == 6, let revision = Int(cells[3]), cells[1].hasSuffix("Z") else {
        return nil
      }
      return Row(
        customer: cells[0], time: cells[1], decision: cells[2], revision: revision,
        outcome: cells[4])
    }
  }

  /// The names in the README's paragraph "Nothing for …".
  func withoutDecision() throws -> Set<String> {
    let paragraphs = try fileText("\(folder)/README.md").replacing("\n\n", with: "\u{1}")
      .split(separator: "\u{1}")
    guard let text = paragraphs.first(where: { $0.hasPrefix("Nothing for ") }) else { return [] }
    let customers = Set(try events().compactMap { $0["customer"]?.text })
    let words = text.split { !$0.isLetter }.map(String.init)
    return customers.intersection(words)
  }
}
