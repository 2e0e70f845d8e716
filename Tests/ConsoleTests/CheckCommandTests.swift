import Foundation
import TestSupport
import Testing

@Suite struct `kairos check` {
  private func check(_ words: String...) throws -> CommandResult {
    try TestSupport.run([built("kairos"), "check"] + words)
  }

  private func withPlaybook<T>(_ text: String, _ body: (String) throws -> T) throws -> T {
    try withTemporaryFolder { folder in
      let path = folder + "/p.yaml"
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return try body(path)
    }
  }

  @Test(arguments: try Story.all) func `shows every story`(story: Story) throws {
    let said = try check("\(packageRoot)/\(story.folder)/playbook.yaml")
    #expect(said.exitCode == 0 && said.complaintsText == "")
    #expect(said.outputText.hasPrefix(story.name + "  ("))
    #expect(said.outputText.contains("memory of one customer") && said.outputText.contains("do   "))
    #expect(!said.outputText.contains("warnings"))
  }

  @Test func `tells every mistake with its place and fails with 65`() throws {
    try withPlaybook(
      "kairos: 1\nname: p\nfeatures:\n  n: { cuont: a }\n  m: { count: b, ovr: 1d }\n"
    ) {
      path in
      let said = try check(path)
      #expect(said.exitCode == 65)
      let lines = said.outputText.split(separator: "\n")
      #expect(lines.count >= 2 && lines.allSatisfy { $0.hasPrefix(path + ":") })
      #expect(lines.contains { $0.hasPrefix("\(path):4:") && $0.contains("count") })
      #expect(lines.contains { $0.hasPrefix("\(path):5:") && $0.contains("over") })
      #expect(said.complaintsText.contains("mistakes"))
    }
  }

  @Test func `tells a mistake of CEL, which only compiling finds`() throws {
    try withPlaybook("kairos: 1\nname: p\nmoments:\n  m: { becomes: 1 + 'a' > 2 }\n") { path in
      let said = try check(path)
      #expect(said.exitCode == 65 && said.outputText.hasPrefix("\(path):4:"))
    }
  }

  @Test func `as JSON says the same, right and wrong side by side`() throws {
    try withPlaybook("kairos: 1\nname: p\nnonsense: 1\n") { path in
      let story = "\(packageRoot)/replay/silent-churn/playbook.yaml"
      let said = try check("--json", story, path)
      #expect(said.exitCode == 65)
      let json = try Json(said.output)
      #expect(json[0]?["right"]?.flag == true && json[0]?["path"]?.text == story)
      let part = json[0]?["playbooks"]?[0]
      #expect(part?["features"]?[0]?["sharedWith"]?[0]?.text == "logins_prior_7d")
      #expect(part?["decisions"]?[0]?["topic"]?.text == "actions.customer-success")
      #expect(json[1]?["right"]?.flag == false && json[1]?["errors"]?[0]?["line"]?.int == 3)
    }
  }

  @Test func `a path that leads nowhere is 66`() throws {
    let said = try check("/nowhere.yaml")
    #expect(said.exitCode == 66 && said.complaintsText.contains("no such file"))
  }
}
