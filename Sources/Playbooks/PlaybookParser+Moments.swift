import Yaml

extension PlaybookParser {
  func moment(_ entry: YamlEntry) -> Playbook.Moment? {
    let name = entry.key.text
    let reader = YamlReader(entry.value, "the moment \"\(name)\"", diagnostics)
    guard reader.isMapping,
      let key = exactlyOne(reader, of: ["sequence", "at_least", "becomes"])
    else { return nil }
    let reason = self.reason(reader)
    let kind: Playbook.Moment.Kind?
    switch key {
    case "sequence": kind = sequence(reader).map { .sequence($0) }
    case "at_least": kind = atLeast(reader).map { .atLeast($0) }
    default: kind = cel(reader, "becomes").map { .becomes($0) }
    }
    reader.finish(instead: [
      "steps": "the steps of a moment stand under \"sequence\"",
      "over": "did you mean \"within\"?",
    ])
    return kind.map {
      Playbook.Moment(name: name, position: entry.key.position, kind: $0, reason: reason)
    }
  }

  private func sequence(_ reader: YamlReader) -> Playbook.Sequence? {
    var sequence = Playbook.Sequence(steps: [])
    sequence.within = reader.duration("within")
    let matches = reader.word("matches", as: Playbook.Sequence.Matches.self)
    sequence.matches = matches ?? .latest
    if sequence.matches == .latest {
      sequence.maxOpen = reader.int("max_open", in: 1...65_536).map { Int($0) } ?? 64
    } else {
      let bound = reader.int("max_partial", in: 1...1_000_000)
      sequence.maxPartial = bound.map { Int($0) }
    }
    guard let node = reader.node("sequence"),
      let items = diagnostics.items(node, "\"sequence\" of \(reader.what)")
    else { return nil }
    let count = diagnostics.items.count
    var ordinal = 0
    sequence.steps = steps(items, of: reader.what, &ordinal, repeated: false)
    if diagnostics.items.count == count, !sequence.steps.isEmpty {
      SequenceRules(diagnostics: diagnostics, what: reader.what)
        .check(&sequence, at: reader.position(of: "sequence"))
    }
    if sequence.matches == .latest, reader.has("max_partial") {
      diagnostics.report(
        reader.position(of: "max_partial"), "\"max_partial\" bounds \"matches: all\"",
        hint: "leave it away, or write matches: all")
    } else if sequence.matches == .all, reader.has("max_open") {
      diagnostics.report(
        reader.position(of: "max_open"), "\"max_open\" bounds \"matches: latest\"",
        hint: "write max_partial")
    }
    return sequence.steps.isEmpty ? nil : sequence
  }

  private func steps(
    _ items: [YamlNode], of what: String, _ ordinal: inout Int, repeated: Bool
  ) -> [Playbook.Step] {
    items.compactMap { step($0, of: what, &ordinal, repeated: repeated) }
  }

  private func step(
    _ node: YamlNode, of what: String, _ ordinal: inout Int, repeated: Bool
  ) -> Playbook.Step? {
    let reader = YamlReader(node, "the step", diagnostics)
    guard reader.isMapping, let key = exactlyOne(reader, of: ["on", "absent", "steps"]) else {
      return nil
    }
    let times = self.times(reader)
    let isRepeated = repeated || times.map { $0.most != 1 } ?? false
    var step = Playbook.Step(position: node.start, name: "", isNamed: false, kind: .group([]))
    step.times = times
    step.isRepeated = isRepeated
    if key == "steps" {
      if let list = reader.node("steps"),
        let items = diagnostics.items(list, "\"steps\" of \(what)")
      {
        let inner = steps(items, of: what, &ordinal, repeated: isRepeated)
        guard !inner.isEmpty else { return nil }
        step.kind = .group(inner)
      }
    } else {
      ordinal += 1
      step.name = "step\(ordinal)"
      guard let pattern = self.pattern(reader, on: key) else { return nil }
      step.kind =
        key == "on" ? .event(pattern) : .absent(pattern, duration: reader.duration("for"))
      if let node = reader.node("as"), let name = diagnostics.name(node, "\"as\" of the step") {
        checkName(name, "step", at: node.start)
        step.name = name
        step.isNamed = true
      }
    }
    step.within = reader.duration("within")
    step.contiguity = contiguity(reader)
    step.optional = reader.bool("optional") ?? false
    if step.times?.least == 0 {
      step.times?.least = 1
      step.optional = true
    }
    step.greedy = reader.bool("greedy") ?? false
    step.inner = inner(reader)
    step.until = cel(reader, "until")
    reader.finish(instead: [
      "for": "only \"absent\" has it; did you mean \"within\"?",
      "where": "write it on the steps inside",
      "as": "name the steps inside",
    ])
    return step
  }

  /// `times: 2`, or `times: { at_least: 1, at_most: 3 }`.
  private func times(_ reader: YamlReader) -> Playbook.Step.Times? {
    guard let node = reader.node("times") else { return nil }
    let what = "\"times\" of the step"
    if node.scalar != nil {
      guard let count = diagnostics.int(node, what, in: 1...1000) else { return nil }
      return Playbook.Step.Times(least: Int(count), most: Int(count))
    }
    let bounds = YamlReader(node, what, diagnostics)
    let least = bounds.int("at_least", in: 0...1000) ?? 1
    let most = bounds.int("at_most", in: 1...1000)
    bounds.finish()
    if let most, most < least {
      diagnostics.report(
        node.start, "\(what): at_most \(most) is less than at_least \(least)",
        hint: "exchange them")
      return nil
    }
    return Playbook.Step.Times(least: Int(least), most: most.map { Int($0) })
  }

  private func contiguity(_ reader: YamlReader) -> Playbook.Step.Contiguity {
    let next = reader.bool("next") ?? false
    let any = reader.bool("any") ?? false
    if next, any {
      diagnostics.report(
        reader.position(of: "any"), "the step has both \"next\" and \"any\"", hint: "keep one")
    }
    return next ? .next : any ? .any : .followedBy
  }

  private func inner(_ reader: YamlReader) -> Playbook.Step.Inner {
    let consecutive = reader.bool("consecutive") ?? false
    let combinations = reader.bool("combinations") ?? false
    if consecutive, combinations {
      diagnostics.report(
        reader.position(of: "combinations"),
        "the step has both \"consecutive\" and \"combinations\"", hint: "keep one")
    }
    return consecutive ? .consecutive : combinations ? .combinations : .relaxed
  }

  private func atLeast(_ reader: YamlReader) -> Playbook.AtLeast? {
    let count = reader.int("at_least", in: 1...1000)
    let within = reader.duration(
      "within", required: true, hint: "say how close together, as in within: 14d")
    let node = reader.node("of", required: true, hint: "list the indicators: of: [ { on: … } ]")
    let items = node.flatMap { diagnostics.items($0, "\"of\" of \(reader.what)") } ?? []
    let indicators = items.compactMap(indicator)
    guard let count, let within, let node, indicators.count == items.count else { return nil }
    if Int(count) > indicators.count, !indicators.isEmpty {
      diagnostics.report(
        reader.position(of: "at_least"),
        "\(reader.what) needs \(count) different indicators and lists \(indicators.count)",
        hint: "it could never happen; lower at_least, or add to the list")
    }
    checkDifferent(indicators, of: reader.what)
    return indicators.isEmpty || node.isNull
      ? nil : Playbook.AtLeast(count: Int(count), within: within, indicators: indicators)
  }

  private func indicator(_ node: YamlNode) -> Playbook.AtLeast.Indicator? {
    let reader = YamlReader(node, "the indicator", diagnostics)
    guard reader.isMapping, let key = exactlyOne(reader, of: ["on", "becomes"]) else {
      return nil
    }
    let reason = self.reason(reader)
    let condition: Playbook.AtLeast.Condition?
    if key == "on" {
      condition = pattern(reader).map { .event($0) }
    } else {
      condition = cel(reader, "becomes").map { .becomes($0) }
    }
    reader.finish(instead: ["where": "put all of the condition into \"becomes\""])
    return condition.map {
      Playbook.AtLeast.Indicator(condition: $0, reason: reason, position: node.start)
    }
  }

  /// The same indicator twice would count once for what is meant to be two.
  private func checkDifferent(_ indicators: [Playbook.AtLeast.Indicator], of what: String) {
    var seen: [String] = []
    for indicator in indicators {
      let key: String
      switch indicator.condition {
      case .event(let pattern): key = pattern.key
      case .becomes(let cel): key = "becomes \(cel.text)"
      }
      if seen.contains(key) {
        diagnostics.report(
          indicator.position, "\(what) lists the same indicator twice",
          hint: "one thing that happens would count as two")
      }
      seen.append(key)
    }
  }

  func window(_ entry: YamlEntry) -> Playbook.Window? {
    let name = entry.key.text
    let reader = YamlReader(entry.value, "the window \"\(name)\"", diagnostics)
    let anchor = reader.mapping("after", required: true, hint: "write after: { on: … }")
      .flatMap { self.anchor($0) }
    let opens = reader.duration("opens", atLeast: 0) ?? 0
    let closes = reader.duration(
      "closes", required: true, hint: "say when it is over, as in closes: 37h")
    var cancelledBy: [EventPattern] = []
    for node in reader.list("cancelled_by") {
      if let pattern = cancellation(node) { cancelledBy.append(pattern) }
    }
    let reason = self.reason(reader)
    reader.finish()
    guard let closes, let anchor else { return nil }
    if closes <= opens {
      diagnostics.report(
        reader.position(of: "closes"),
        "\(reader.what) closes after \(durationText(closes)) and opens after "
          + "\(durationText(opens)): it is never open",
        hint: "close it later than it opens; both count from \"after\"")
    }
    if case .event(let pattern, _, _) = anchor,
      let same = cancelledBy.first(where: { $0.key == pattern.key })
    {
      diagnostics.report(
        same.position, "\(reader.what) is cancelled by the very event that starts it",
        hint: "name another type, or add a where")
    }
    return Playbook.Window(
      name: name, position: entry.key.position, anchor: anchor, opens: opens, closes: closes,
      cancelledBy: cancelledBy, reason: reason)
  }

  private func anchor(_ reader: YamlReader) -> Playbook.Window.Anchor? {
    guard reader.isMapping, let key = exactlyOne(reader, of: ["on", "moment"]) else { return nil }
    if key == "moment" {
      let name = reader.text("moment")
      reader.finish(instead: ["nth": "a moment counts by itself", "within": "only with \"on\""])
      return name.map { .moment(Mention(name: $0.text, position: $0.position)) }
    }
    let pattern = self.pattern(reader)
    let nth = reader.int("nth", in: 1...1_000_000) ?? 1
    let within = reader.duration("within")
    reader.finish(instead: ["times": "did you mean \"nth\"?", "over": "did you mean \"within\"?"])
    return pattern.map { .event($0, nth: Int(nth), within: within) }
  }

  /// A type, or `{ on, where }`.
  private func cancellation(_ node: YamlNode) -> EventPattern? {
    if node.entries != nil {
      let reader = YamlReader(node, "\"cancelled_by\"", diagnostics)
      let pattern = self.pattern(reader)
      reader.finish()
      return pattern
    }
    return eventTypes(node, "\"cancelled_by\"").map {
      EventPattern(on: $0, where: nil, position: node.start)
    }
  }
}

extension EventPattern {
  /// Equal patterns have equal keys.
  var key: String {
    let types = on.isAny ? "any" : on.names.sorted().joined(separator: "\u{0}")
    return "\(types)\u{1}\(`where`?.text ?? "")"
  }
}
