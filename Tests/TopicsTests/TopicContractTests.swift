import Log
import TestSupport
import Testing

@Suite struct `The topics' contract` {
  @Test func `the program says what topics.yaml says`() throws {
    guard let document = try yamlAsJson("topics/topics.yaml", for: "topics.yaml") else { return }
    let topics = try #require(document["topics"]?.elements)
    #expect(
      topics.map { $0["name"]?.text }
        == TopicContract.all.map { $0.isPrefix ? $0.name + "*" : $0.name })
    for (topic, contract) in zip(topics, TopicContract.all) {
      let settings = contract.settings(topic: contract.isPrefix ? contract.name + "x" : nil)
      #expect(topic["partitions"]?.int == settings.partitions, "\(contract.name)")
      #expect((topic["as_journal"]?.flag ?? false) == (contract.fixedPartitions == nil))
      #expect(topic["key"]?.text == contract.key.rawValue, "\(contract.name)")
      #expect(plain(topic["config"]) == settings.config, "\(contract.name)")
    }
  }

  @Test func `the AsyncAPI document says what topics.yaml says`() throws {
    guard let document = try yamlAsJson("topics/topics.yaml", for: "topics.yaml"),
      let api = try yamlAsJson("topics/asyncapi.yaml", for: "asyncapi.yaml")
    else { return }
    let topics = try #require(document["topics"]?.elements)
    let channels = try #require(api["channels"]?.members).map(\.value)
    #expect(
      channels.map { $0["address"]?.text }
        == topics.map { $0["name"]?.text?.replacing("*", with: "{team}") })
    for (topic, channel) in zip(topics, channels) {
      let name = topic["name"]?.text ?? ""
      let binding = try #require(channel["bindings"]?["kafka"])
      #expect(binding["partitions"] == topic["partitions"], "\(name)")
      #expect(plain(binding["topicConfiguration"]) == plain(topic["config"]), "\(name)")
      #expect(binding["topic"]?.text == (name.hasSuffix("*") ? nil : name), "\(name)")
    }
  }

  @Test func `the AsyncAPI document is one by the specification's own schema`() throws {
    let path = "conformance/asyncapi/3.0.0.json"
    guard let file = shared(path, for: "the AsyncAPI document's form"),
      let api = try yamlAsJson("topics/asyncapi.yaml", for: "asyncapi.yaml")
    else { return }
    let schema = try JsonSchema(file: file)
    #expect(schema.problems(of: api) == [])
    // That schema is able to refuse: without its title the document is none.
    guard case .object(var members) = api else { return }
    members.removeAll { $0.name == "info" }
    #expect(schema.problems(of: .object(members)) != [])
  }

  @Test func `every reference of the AsyncAPI document leads somewhere`() throws {
    guard let api = try yamlAsJson("topics/asyncapi.yaml", for: "asyncapi.yaml") else { return }
    let references = references(in: api)
    #expect(references.count > 20)
    for reference in references {
      if reference.hasPrefix("./") {
        _ = try JsonSchema(file: "topics/" + reference.dropFirst(2))
      } else {
        var here: Json? = api
        for part in reference.dropFirst(2).split(separator: "/") { here = here?[String(part)] }
        #expect(here != nil, "\(reference)")
      }
    }
  }

  @Test func `a topic is covered by its own contract only`() {
    #expect(TopicContract.of("actions.sales") == .actions)
    #expect(TopicContract.of("actions.") == nil)
    #expect(TopicContract.of("action.sales") == nil)
    #expect(TopicContract.of("decisions") == .decisions)
    #expect(TopicContract.of("decisions2") == nil)
    #expect(TopicContract.of("kairos.journal") == .journal)
  }

  @Test func `what goes with the journal has as many partitions`() {
    #expect(TopicContract.journal.settings().partitions == 64)
    let embedded = TopicContract.embeddedJournalPartitions
    #expect(TopicContract.decisions.settings(journalPartitions: embedded).partitions == 4)
    #expect(
      TopicContract.actions.settings(topic: "actions.sales", journalPartitions: 4).partitions == 16)
    #expect(TopicContract.control.settings(journalPartitions: 4).partitions == 1)
  }

  @Test func `what must never be lost is kept for ever, and what others read is not`() {
    for contract in TopicContract.all {
      let config = contract.settings(topic: contract.isPrefix ? "actions.x" : nil).config
      let forEver = config["retention.ms"] == "-1"
      let finite: [TopicContract] = [.decisions, .actions, .deadLetters]
      #expect(forEver != finite.contains(contract), "\(contract.name)")
    }
  }

  /// Settings as Kafka's clients take them: every value a text.
  private func plain(_ config: Json?) -> [String: String]? {
    guard let members = config?.members else { return nil }
    return Dictionary(
      uniqueKeysWithValues: members.map { member in
        switch member.value {
        case .number(let text), .string(let text): (member.name, text)
        case .array(let list): (member.name, list.compactMap(\.text).joined(separator: ","))
        default: (member.name, "\(member.value)")
        }
      })
  }

  private func references(in json: Json) -> [String] {
    switch json {
    case .array(let elements): elements.flatMap(references)
    case .object(let members):
      members.flatMap { member in
        member.name == "$ref" ? [member.value.text ?? ""] : references(in: member.value)
      }
    default: []
    }
  }
}

@Suite struct `The payloads' schemas` {
  let decision = """
    {"id":"3f2a9c0d1e4b5a69","revision":1,"customer":"ada","account":"acme",
     "playbook":{"name":"silent-churn","version":"9a0b"},"decision":"save_call",
     "outcome":"released","time":"2026-03-02T09:00:00Z",
     "action":{"topic":"actions.customer-success","channel":"call","template":"save_call",
               "fields":{"risk":0.75,"plan":"team"}},
     "window":{"opens":"2026-03-02T09:00:00Z","closes":"2026-03-03T09:00:00Z"},
     "notBefore":"2026-03-02T09:00:00Z","expires":"2026-03-03T09:00:00Z",
     "score":{"name":"churn_risk","value":0.75,"change":0.2,"model":"9a0b"},
     "reasons":[{"code":"logins_fell","text":"Logins fell","contribution":1.5,"evidence":["e1"]}],
     "trace":[{"check":"consent","result":"pass","detail":"granted by e0"}],
     "consent":{"purpose":"retention","channel":"call","basis":"granted","proof":"e0"},
     "caps":[{"rule":"any 5 per 30d","used":1,"limit":5,"nextAllowed":"2026-03-02T09:00:00Z"}],
     "experiment":{"arm":"treatment","bucket":17},"owner":"grace","authority":"automatic",
     "approximate":false}
    """

  @Test func `a decision that uses every member is valid`() throws {
    #expect(try JsonSchema(topics: "decision.schema.json").problems(of: Json(decision)) == [])
    #expect(try JsonSchema(topics: "action.schema.json").problems(of: Json(decision)) == [])
  }

  @Test(arguments: [
    ("\"revision\":1", "\"revision\":-1"), ("\"outcome\":\"released\"", "\"outcome\":\"sent\""),
    ("\"outcome\":\"released\"", "\"outcome\":\"held:\""), ("\"customer\":\"ada\",", ""),
    ("\"expires\":\"2026-03-03T09:00:00Z\",", ""), ("2026-03-02T09:00:00Z", "2026-03-02 09:00"),
    ("\"evidence\":[\"e1\"]", "\"evidence\":[1]"), ("actions.customer-success", "decisions"),
    ("\"approximate\":false", "\"approximate\":false,\"extra\":1"),
    ("\"authority\":\"automatic\"", "\"authority\":\"always\""),
  ])
  func `what a decision must not be is refused`(part: String, instead: String) throws {
    #expect(decision.contains(part))
    let changed = try Json(decision.replacing(part, with: instead))
    #expect(try JsonSchema(topics: "decision.schema.json").problems(of: changed) != [])
  }

  @Test(arguments: ["held:caps", "deferred", "shadow", "holdout", "expired", "awaiting_approval"])
  func `an action topic takes no decision that is`(outcome: String) throws {
    let held = try Json(
      decision.replacing("\"outcome\":\"released\"", with: "\"outcome\":\"\(outcome)\""))
    #expect(try JsonSchema(topics: "decision.schema.json").problems(of: held) == [])
    #expect(try JsonSchema(topics: "action.schema.json").problems(of: held) != [])
  }

  @Test func `the program's header names are the schemas'`() throws {
    func required(_ file: String) throws -> [String] {
      let schema = try Json(fileBytes("topics/schemas/\(file)"))
      return (schema["required"]?.elements ?? []).compactMap(\.text).sorted()
    }
    #expect(
      try required("dead-letter-headers.schema.json")
        == DeadLetterHeader.allCases.map(\.rawValue).sorted())
    #expect(
      try required("decision-headers.schema.json")
        == DecisionHeader.allCases.map(\.rawValue).sorted())
  }

  @Test func `a reader that knows an older version takes new members`() throws {
    let newer = try Json(decision.replacing("\"revision\":1", with: "\"revision\":1,\"new\":{}"))
    let open = try JsonSchema(file: "topics/schemas/decision.schema.json")
    #expect(open.problems(of: newer) == [])
  }
}
