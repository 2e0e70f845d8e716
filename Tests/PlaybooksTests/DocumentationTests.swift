import Playbooks
import TestSupport
import Testing
import Yaml

/// The examples of docs/playbook.md: those that do not start with `kairos` are sections of one.
func documentedPlaybooks() throws -> [String] {
  try fileText("docs/playbook.md").components(fencedAs: "yaml").map { block in
    block.hasPrefix("kairos:") ? block : "kairos: 1\nname: example\n" + block
  }
}

@Suite struct `The page about playbooks` {
  @Test func `has examples that are books`() throws {
    let examples = try documentedPlaybooks()
    #expect(examples.count >= 9)
    for example in examples {
      let said = complaints(example)
      #expect(said.isEmpty, "\(said)\n\(example)")
    }
  }

  @Test func `shows every key of the schema`() throws {
    let page = try fileText("docs/playbook.md")
    let schema = try Json(fileText("schemas/playbook.schema.json"))
    for key in Set(keys(of: schema)).sorted() {
      #expect(page.contains("`\(key)`") || page.contains("`\(key): "), "\(key)")
    }
  }

  private func keys(of schema: Json) -> [String] {
    (schema.members ?? []).flatMap { member -> [String] in
      let inner = keys(of: member.value)
      return member.name == "properties" && member.value.members?.first?.value.members != nil
        ? inner + (member.value.members ?? []).map(\.name) : inner
    } + (schema.elements ?? []).flatMap(keys)
  }
}
