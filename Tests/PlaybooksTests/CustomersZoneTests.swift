import Playbooks
import Testing
import Yaml

@Suite struct `The fact timezone` {
  private func messages(_ facts: String, _ features: String = "") -> [String] {
    let text = "kairos: 1\nname: a\nfacts:\n  \(facts)\n\(features)"
    return Book.parse(files: [(name: "a.yaml", bytes: Array(text.utf8))]).diagnostics
      .map(\.message)
  }

  @Test func `a playbook may say where the customer's own zone comes from`() {
    let type = "{ last: data.tz, from: profile.updated, type: string, default: UTC }"
    #expect(messages("timezone: \(type)") == [])
  }

  @Test func `it is a zone's name`() {
    #expect(
      messages("timezone: { last: data.tz, from: profile.updated, type: int }")
        == ["the fact \"timezone\" is a zone's name"])
  }

  @Test func `nothing else may take the name`() {
    let fact = "plan: { last: data.plan, from: a.b, type: string }"
    let features = "features:\n  timezone: { count: a.b, over: 1d }\n"
    #expect(messages(fact, features).contains { $0.contains("\"timezone\" cannot name") })
    #expect(messages("time: { last: data.t, from: a.b, type: string }").count == 1)
  }
}
