internal import Engine

// A definition's members as texts that are equal exactly if they mean the same.

extension Definitions {
  static func parts(_ fact: Playbook.Fact) -> [Part] {
    [
      Part("its field", fact.field.text), Part("its events", text(fact.from)),
      Part("its filter", fact.where?.text ?? ""), Part("its type", fact.type.rawValue),
      Part("its default", text(fact.default), isOfState: false),
    ]
  }

  func parts(_ feature: Playbook.Feature) -> [Part] {
    var parts = [Part("what it computes", feature.function.rawValue)]
    if let expression = feature.expression { parts.append(Part("its expression", expression.text)) }
    if let from = feature.from { parts.append(Part("its events", Self.text(from))) }
    if let field = feature.field { parts.append(Part("its field", field.text)) }
    if feature.function != .value {
      parts += [
        Part("its filter", feature.where?.text ?? ""),
        Part("its span", feature.over.map(durationText) ?? "ever"),
        Part("its end", durationText(feature.ending)),
        Part("its scale", String(feature.scaleExponent)),
      ]
    }
    if let per = feature.per {
      parts.append(Part("its `per`", durationText(per), isOfState: false))
    }
    if let unit = feature.unit { parts.append(Part("its unit", unit.rawValue, isOfState: false)) }
    if let most = feature.atMost {
      parts.append(Part("its `at_most`", String(most), isOfState: false))
    }
    if feature.exact { parts.append(Part("its fraction", "exact", isOfState: false)) }
    if let life = feature.halfLife { parts.append(Part("its half-life", durationText(life))) }
    if feature.function == .streak {
      parts.append(Part("the playbook's timezone", playbook.timezone))
    }
    parts.append(
      Part("its default", feature.default.map { Self.text($0) } ?? "", isOfState: false))
    return parts
  }

  static func parts(_ bias: Double, _ weights: [Playbook.Score.Weight]) -> [Part] {
    [
      Part("its bias", bias.description),
      Part(
        "its weights",
        weights.map { "\($0.feature.name): \($0.weight.description)" }.joined(separator: ", ")),
    ]
  }

  static func parts(_ sequence: Playbook.Sequence) -> [Part] {
    [
      Part("its steps", sequence.steps.map { text($0) }.joined(separator: "; ")),
      Part("its span", sequence.within.map(durationText) ?? "unbounded"),
      Part("its `matches`", sequence.matches.rawValue),
      Part("its `max_open`", String(sequence.maxOpen)),
      Part("its `max_partial`", sequence.maxPartial.map { String($0) } ?? ""),
    ]
  }

  static func parts(_ atLeast: Playbook.AtLeast) -> [Part] {
    [
      Part("how many it needs", String(atLeast.count)),
      Part("its span", durationText(atLeast.within)),
      Part(
        "its indicators",
        atLeast.indicators.map { indicator in
          switch indicator.condition {
          case .event(let pattern): text(pattern)
          case .becomes(let condition): "becomes " + condition.text
          }
        }.joined(separator: "; ")),
    ]
  }

  static func conditions(_ atLeast: Playbook.AtLeast) -> [CelText?] {
    atLeast.indicators.map { indicator in
      switch indicator.condition {
      case .event(let pattern): pattern.where
      case .becomes(let condition): condition
      }
    }
  }

  static func conditions(_ steps: [Playbook.Step]) -> [CelText?] {
    steps.flatMap { step in
      let own: [CelText?] =
        switch step.kind {
        case .event(let pattern), .absent(let pattern, _): [pattern.where]
        case .group(let inner): conditions(inner)
        }
      return own + [step.until]
    }
  }

  private static func text(_ step: Playbook.Step) -> String {
    var words: [String] = []
    switch step.contiguity {
    case .followedBy: break
    case .next: words.append("next")
    case .any: words.append("any of")
    }
    switch step.kind {
    case .event(let pattern): words.append(text(pattern))
    case .absent(let pattern, let duration):
      words.append("no " + text(pattern))
      if let duration { words.append("for \(durationText(duration))") }
    case .group(let inner):
      words.append("(" + inner.map { text($0) }.joined(separator: "; ") + ")")
    }
    if let within = step.within { words.append("within \(durationText(within))") }
    if let times = step.times {
      words.append("\(times.least) to \(times.most.map { String($0) } ?? "any number of") times")
      switch step.inner {
      case .relaxed: break
      case .consecutive: words.append("consecutive")
      case .combinations: words.append("in all combinations")
      }
    }
    if step.optional { words.append("optional") }
    if step.greedy { words.append("greedy") }
    if let until = step.until { words.append("until [\(until.text)]") }
    return words.joined(separator: " ")
  }

  static func text(_ pattern: EventPattern) -> String {
    text(pattern.on) + (pattern.where.map { " where [\($0.text)]" } ?? "")
  }

  /// The order in which types are named has no meaning.
  static func text(_ types: EventTypes) -> String {
    types.isAny ? "any event" : Set(types.names).sorted().joined(separator: " or ")
  }

  func text(_ types: EventTypes) -> String { Self.text(types) }

  static func text(_ literal: Literal) -> String {
    switch literal {
    case .string(let text): "\"\(text)\""
    case .int(let value): String(value)
    case .double(let value): value.description
    case .bool(let value): String(value)
    }
  }

  static func text(_ authority: Playbook.Decision.Authority) -> String {
    switch authority {
    case .always(let level): level.rawValue
    case .byScore(let human, let automatic, let monitor):
      [("human", human), ("automatic", automatic), ("monitor", monitor)]
        .compactMap { name, value in value.map { "\(name) from \($0)" } }.joined(separator: ", ")
    }
  }
}

extension ProgramCompiler {
  /// What holds for all decisions, in words.
  func policyParts() -> [ProgramItem.Part] {
    let policy = book.policy
    var parts: [ProgramItem.Part] = [
      .init("unknown consent", policy.unknownConsent.rawValue),
      .init("time zone", policy.timezone?.name ?? "the playbook's"),
      .init("policy time", policy.policyTime.rawValue),
      .init(
        "holdout",
        policy.holdout.map { "\($0.shareBasisPoints) of 10000, salt \($0.salt)" } ?? "none"),
      .init("dedup", durationText(policy.dedup)),
      .init("customer limit", "\(policy.customerLimit) bytes"),
    ]
    parts += policy.caps.map { .init("cap", text($0)) }
    parts += policy.quietHours.map { .init("quiet hours", text($0)) }
    for playbook in book.playbooks {
      let own = playbook.tightening
      parts += own.caps.map { .init("cap", "\(text($0)), in \(playbook.name)") }
      parts += own.quietHours.map { .init("quiet hours", "\(text($0)), in \(playbook.name)") }
      if let unknown = own.unknownConsent {
        parts.append(.init("unknown consent", "\(unknown.rawValue), in \(playbook.name)"))
      }
    }
    return parts
  }

  private func text(_ cap: Policy.Cap) -> String {
    let scope =
      switch cap.scope {
      case .any: "any"
      case .channel(let name): name
      case .decision(let mention, let playbook):
        (playbook.map { $0 + "/" } ?? "") + mention.name
      }
    let period =
      switch cap.period {
      case .rolling(let ms): durationText(ms)
      case .calendar(let unit): "calendar \(unit.rawValue)"
      }
    return "\(scope): \(cap.atMost) per \(period)"
  }

  private func text(_ quiet: Policy.QuietHours) -> String {
    func clock(_ minutes: Int) -> String {
      let (hour, minute) = (minutes / 60, minutes % 60)
      return "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }
    let channels = quiet.channels?.sorted().joined(separator: ", ") ?? "all channels"
    return "\(channels) from \(clock(quiet.from)) to \(clock(quiet.to))"
  }
}
