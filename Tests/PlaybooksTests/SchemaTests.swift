import Foundation
import Playbooks
import TestSupport
import Testing
import Yaml

/// What YAML's own rules make of a text, for the schema: our parser leaves types to the language.
func json(_ node: YamlNode, without keys: Set<String>) -> Json {
  switch node.kind {
  case .sequence(let items): return .array(items.map { json($0, without: keys) })
  case .mapping(let entries):
    return .object(
      entries.filter { !keys.contains($0.key.text) }
        .map { Json.Member($0.key.text, json($0.value, without: keys)) })
  case .scalar(let scalar):
    if node.isNull { return .null }
    if !scalar.quoted {
      if scalar.text == "true" || scalar.text == "false" { return .bool(scalar.text == "true") }
      if isDecimal(scalar.text, fraction: true) { return .number(scalar.text) }
    }
    return .string(scalar.text)
  }
}

@Suite struct `The schema for editors` {
  private func problems(of text: String, by schema: JsonSchema) -> [String] {
    let diagnostics = Diagnostics()
    guard
      let node = YamlParser.parse(Array(text.utf8), file: "f", diagnostics: diagnostics),
      diagnostics.isEmpty
    else { return ["not YAML"] }
    return schema.problems(of: json(node, without: caseKeys))
  }

  private func schema() throws -> JsonSchema {
    try JsonSchema(Json(fileText("schemas/playbook.schema.json")))
  }

  @Test func `accepts every example of the page`() throws {
    let schema = try schema()
    for example in try documentedPlaybooks() {
      let problems = problems(of: example, by: schema)
      #expect(problems.isEmpty, "\(problems)\n\(example)")
    }
  }

  @Test func `accepts every playbook of the meaning cases`() throws {
    guard let playbooks = try meaningPlaybooks() else { return }
    let schema = try schema()
    for (name, text) in playbooks {
      let problems = problems(of: text, by: schema)
      #expect(problems.isEmpty, "\(name): \(problems)")
    }
  }

  @Test func `accepts every story's playbook`() throws {
    let schema = try schema()
    let stories = try FileManager.default.contentsOfDirectory(atPath: packageRoot + "/replay")
    var count = 0
    for story in stories.sorted() {
      let path = "\(packageRoot)/replay/\(story)/playbook.yaml"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let problems = problems(of: try fileText(path), by: schema)
      #expect(problems.isEmpty, "\(story): \(problems)")
      count += 1
    }
    #expect(count >= 5)
  }

  @Test func `accepts a policy of its own`() throws {
    #expect(problems(of: "kairos: 1\npolicy: { dedup: 1h }\n", by: try schema()).isEmpty)
  }

  /// Each a section of a playbook that both refuse.
  @Test(arguments: [
    "kairos: 2", "name: a b", "timezone: Middle Earth", "featres: {}", "features: [a]",
    "facts: { x: { last: data.a, from: e } }", "facts: { x: { last: a, from: e, type: int } }",
    "facts: { x: { last: data.a, from: e, type: strin } }",
    "facts: { x: { last: data.a, from: [], type: int } }",
    "facts: { x: { last: data.a, from: [e, e], type: int } }",
    "features: { x: { over: 7d } }", "features: { x: { count: e, sum: data.x } }",
    "features: { x: { count: e, over: 7 } }", "features: { x: { count: e, over: 0d } }",
    "features: { x: { count: e, over: 7y } }", "features: { x: { count: e, from: f } }",
    "features: { data: { count: e } }", "features: { 1a: { count: e } }",
    "features: { x: { sum: data.x } }", "features: { x: { sum: data.x, from: e, scale: 0.5 } }",
    "features: { x: { rate: e, per: 1d } }", "features: { x: { ewm: data.x, from: e } }",
    "features: { x: { streak: e, each: week } }", "features: { x: { since: e, in: days } }",
    "features: { x: { since: e, at_most: 3 } }", "features: { x: { value: \"\" } }",
    "features: { x: { since: e, in: days, exact: true } }",
    "features: { timezone: { count: e } }",
    "moments: { x: { sequence: [] } }", "moments: { x: { sequence: [ { next: true } ] } }",
    "moments: { x: { sequence: [ { on: a }, { on: b, times: 0 } ] } }",
    "moments: { x: { sequence: [ { on: a }, { absent: b, times: 2, for: 1h } ] } }",
    "moments: { x: { sequence: [ { on: a }, { on: b, for: 1h } ] } }",
    "moments: { x: { sequence: [ { on: a } ], matches: all } }",
    "moments: { x: { sequence: [ { on: a } ], matches: some } }",
    "moments: { x: { at_least: 1, of: [ { on: a } ] } }",
    "moments: { x: { at_least: 1, within: 1d, of: [] } }", "moments: { x: { becomes: [] } }",
    "windows: { x: { after: { on: a }, opens: 3h } }", "windows: { x: { closes: 3h } }",
    "windows: { x: { after: { on: a, nth: 0 }, closes: 3h } }",
    "scores: { x: { logistic: { bias: 0, weights: {} } } }",
    "scores: { x: { logistic: { bias: x, weights: { f: 1 } } } }",
    "decisions: { x: { when: { becomes: a }, purpose: p } }",
    "decisions: { x: { when: { becomes: a }, action: { topic: t, channel: c } } }",
    "decisions: { x: { when: { becomes: a }, action: { topic: t }, purpose: p } }",
    "decisions: { x: { when: {}, action: { topic: t, channel: c }, purpose: p } }",
    "decisions: { x: { when: { becomes: a }, action: { topic: a b, channel: c }, purpose: p } }",
    "decisions: { x: { when: { score: s, rises_above: 1 }, action: { topic: t, channel: c }, "
      + "purpose: p } }",
    "decisions: { x: { when: { becomes: a }, action: { topic: t, channel: c }, purpose: p, "
      + "expire: 2h } }",
    "policy: { consent: { unknown: ask } }", "policy: { caps: [ { at_most: 1, per: 7d } ] }",
    "policy: { caps: [ { any: true, at_most: 0, per: 7d } ] }",
    "policy: { caps: [ { any: true, at_most: 1, per: week } ] }",
    "policy: { quiet_hours: { from: \"9:00\", to: \"21:00\" } }",
    "policy: { quiet_hours: { from: \"21:00\" } }",
    "policy: { holdout: { share: 0.1, salt: x } }", "policy: { holdout: { share: 0%, salt: x } }",
    "policy: { holdout: { share: 100%, salt: x } }", "policy: { policy_time: now }",
    "policy: { customer_limit: 16 }", "policy: { dedup: yes }",
  ])
  func `refuses what the parser refuses`(section: String) throws {
    var text = "kairos: 1\nname: p\n\(section)\n"
    if section.hasPrefix("kairos:") { text = "\(section)\nname: p\n" }
    if section.hasPrefix("name:") { text = "kairos: 1\n\(section)\n" }
    #expect(!complaints(text).isEmpty)
    #expect(!problems(of: text, by: try schema()).isEmpty)
  }
}
