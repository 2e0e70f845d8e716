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
