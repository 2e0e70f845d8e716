import Yaml

extension PlaybookParser {
  func decision(_ entry: YamlEntry) -> Playbook.Decision? {
    let name = entry.key.text
    let reader = YamlReader(entry.value, "the decision \"\(name)\"", diagnostics)
    guard reader.isMapping else { return nil }
    let when = reader.mapping(
      "when", required: true, hint: "write when: { moment: … }, { window: … } or { score: … }")
    let trigger = when.flatMap { self.trigger($0) }
    let condition = cel(reader, "if")
    let action = reader.mapping(
      "action", required: true, hint: "write action: { topic: actions.x, channel: email }"
    ).flatMap { self.action($0) }
    let purpose = reader.string(
      "purpose", required: true, hint: "say what consent must cover, as in purpose: retention")
    let authority = self.authority(reader, trigger?.trigger)
    let expires = reader.duration("expires")
    let coolDown = reader.duration("cool_down")
    let priority = reader.int("priority", in: -1_000_000...1_000_000) ?? 0
    let owner = cel(reader, "owner")
    let account = cel(reader, "account")
    reader.finish(instead: [
      "channel": "it belongs under \"action\"", "topic": "it belongs under \"action\"",
      "template": "it belongs under \"action\"", "fields": "it belongs under \"action\"",
      "at": "it belongs under \"when\"", "where": "did you mean \"if\"?",
    ])
    guard let trigger, let action, let purpose else { return nil }
    var decision = Playbook.Decision(
      name: name, position: entry.key.position, trigger: trigger.trigger,
      triggerPosition: when?.position ?? entry.key.position, action: action, purpose: purpose,
      expires: expires)
    decision.at = trigger.at
    decision.condition = condition
    decision.authority = authority
    decision.owner = owner
    decision.account = account
    decision.coolDown = coolDown
    decision.priority = priority
    return decision
  }

  private typealias Trigger = (trigger: Playbook.Decision.Trigger, at: Playbook.Decision.At)

  private func trigger(_ reader: YamlReader) -> Trigger? {
    let kinds = ["score", "moment", "window", "becomes"]
    guard reader.isMapping, let key = exactlyOne(reader, of: kinds) else { return nil }
    var trigger: Playbook.Decision.Trigger?
    switch key {
    case "score":
      let score = mention(reader, "score", names.scores)
      if let change = change(reader), let score { trigger = .score(score, change) }
    case "moment":
      trigger = mention(reader, "moment", names.moments).map { .moment($0) }
    case "window":
      trigger = mention(reader, "window", names.windows).map { .window($0) }
    default:
      trigger = cel(reader, "becomes").map { .becomes($0) }
    }
    var at = Playbook.Decision.At.changes
    if key == "score" || key == "becomes" {
      at = reader.word("at", as: Playbook.Decision.At.self) ?? .changes
    }
    reader.finish(instead: [
      "at": "a \(key) knows by itself when it happens",
      "falls_by": "only rises_by is known; turn the weights' signs around",
    ])
    return trigger.map { ($0, at) }
  }

  /// A name that must be among those that the file declares.
  private func mention(_ reader: YamlReader, _ kind: String, _ names: [String]) -> Mention? {
    guard let scalar = reader.text(kind) else { return nil }
    let mention = Mention(name: scalar.text, position: scalar.position)
    checkMention(mention, kind, names)
    return mention
  }

  /// Reports a name that nobody declares.
  func checkMention(_ mention: Mention, _ kind: String, _ names: [String]) {
    if names.contains(mention.name) { return }
    let others = names.isEmpty ? "there is none; declare it under \"\(kind)s\"" : nil
    diagnostics.report(
      mention.position, "there is no \(kind) \"\(mention.name)\"",
      hint: suggestion(for: mention.name, of: names) ?? others
        ?? "declared: \(names.prefix(12).joined(separator: ", "))")
  }

  private func change(_ reader: YamlReader) -> Playbook.Decision.Change? {
    let kinds = ["rises_above", "falls_below", "rises_by"]
    guard let key = exactlyOne(reader, of: kinds) else { return nil }
    let limit = reader.double(key)
    let within =
      key == "rises_by"
      ? reader.duration("within", required: true, hint: "rises_by needs a span, as in within: 24h")
      : nil
    if let limit, !(limit > 0 && limit < 1) {
      diagnostics.report(
        reader.node(key)?.start ?? reader.position,
        "\"\(key)\" is \(limit), and a probability lies between 0 and 1, both excluded",
        hint: limit > 1 && limit < 100 ? "did you mean \(limit / 100)?" : "write 0.7, say")
      return nil
    }
    guard let limit else { return nil }
    switch key {
    case "rises_above": return .risesAbove(limit)
    case "falls_below": return .fallsBelow(limit)
    default: return within.map { .risesBy(limit, within: $0) }
    }
  }

  private func action(_ reader: YamlReader) -> Playbook.Decision.Action? {
    guard reader.isMapping else { return nil }
    let topic = reader.string(
      "topic", required: true, hint: "say who acts, as in topic: actions.customer-success")
    let channel = reader.string(
      "channel", required: true, hint: "consent and caps need it, as in channel: email")
    let template = reader.string("template")
    var fields: [Playbook.Decision.Field] = []
    for field in reader.named("fields") {
      let what = "the field \"\(field.key.text)\" of the action"
      if let value = cel(field.value, what) {
        fields.append(Playbook.Decision.Field(name: field.key.text, value: value))
      }
    }
    reader.finish()
    if let topic { checkTopic(topic, reader) }
    guard let topic, let channel else { return nil }
    return Playbook.Decision.Action(
      topic: topic, channel: channel, template: template, fields: fields)
  }

  /// What Kafka takes as a topic's name.
  private func checkTopic(_ topic: String, _ reader: YamlReader) {
    let fits = topic.utf8.allSatisfy { isNameByte($0) || $0 == 0x2d || $0 == 0x2e }
    if !fits || topic.utf8.count > 249 || topic == "." || topic == ".." {
      diagnostics.report(
        reader.node("topic")?.start ?? reader.position, "\"\(topic)\" cannot name a topic",
        hint: "use letters, digits, \".\", \"_\" and \"-\", at most 249")
    }
    if topic.hasPrefix("kairos.") || topic == "decisions" {
      diagnostics.report(
        reader.node("topic")?.start ?? reader.position,
        "\"\(topic)\" is a topic of Kairos' own, and no action may go there",
        hint: "write a name that begins with \"actions.\"")
    }
  }

  /// `authority: human`, or `{ human: 0.9, automatic: 0.7, monitor: 0.5 }` by the score.
  private func authority(
    _ reader: YamlReader, _ trigger: Playbook.Decision.Trigger?
  ) -> Playbook.Decision.Authority {
    guard let node = reader.node("authority") else { return .always(.automatic) }
    let what = "\"authority\" of \(reader.what)"
    if node.scalar != nil {
      let levels = Playbook.Decision.Level.allCases.map(\.rawValue)
      let word = diagnostics.word(node, what, of: levels)
      return .always(word.flatMap(Playbook.Decision.Level.init) ?? .automatic)
    }
    let bands = YamlReader(node, what, diagnostics)
    let human = band(bands, "human")
    let automatic = band(bands, "automatic")
    let monitor = band(bands, "monitor")
    bands.finish()
    if bands.isMapping, human == nil, automatic == nil, monitor == nil {
      diagnostics.report(node.start, "\(what) says nothing", hint: "write authority: human, say")
    }
    let falling = [human, automatic, monitor].compactMap { $0 }
    if zip(falling, falling.dropFirst()).contains(where: { $0 < $1 }) {
      diagnostics.report(
        node.start, "\(what) must fall from human over automatic to monitor",
        hint: "as in { human: 0.9, automatic: 0.7, monitor: 0.5 }")
    }
    if let trigger, !trigger.isScore {
      diagnostics.report(
        node.start, "\(what) goes by a score, and this decision is not triggered by one",
        hint: "write authority: human, automatic or monitor")
    }
    return .byScore(human: human, automatic: automatic, monitor: monitor)
  }

  private func band(_ reader: YamlReader, _ key: String) -> Double? {
    guard let value = reader.double(key) else { return nil }
    if !(value >= 0 && value <= 1) {
      diagnostics.report(
        reader.node(key)?.start ?? reader.position,
        "\"\(key)\" is \(value), and a score lies between 0 and 1", hint: "write 0.7, say")
    }
    return value
  }
}

extension Playbook.Decision.Trigger {
  var isScore: Bool {
    if case .score = self { return true }
    return false
  }
}
