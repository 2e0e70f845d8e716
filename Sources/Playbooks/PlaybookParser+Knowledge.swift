import Yaml

extension PlaybookParser {
  func fact(_ entry: YamlEntry) -> Playbook.Fact? {
    let name = entry.key.text
    let reader = YamlReader(entry.value, "the fact \"\(name)\"", diagnostics)
    let field = reader.node("last", required: true, hint: "write last: data.field").flatMap {
      fieldPath($0, "\"last\" of \(reader.what)")
    }
    let from = eventTypes(reader, "from", hint: "name the event types that carry it")
    let condition = cel(reader, "where")
    let type = reader.word("type", as: ValueType.self, required: true)
    let initial = defaultValue(reader, type)
    reader.finish(instead: [
      "over": "a fact has no window; write a feature",
      "count": "what counts is a feature, under \"features\"",
    ])
    guard let field, let from, let type else { return nil }
    if name == customersZone.1, type != .string {
      diagnostics.report(
        reader.position(of: "type"), "the fact \"timezone\" is a zone's name",
        hint: "write type: string")
    }
    return Playbook.Fact(
      name: name, position: entry.key.position, field: field, from: from, where: condition,
      type: type, default: initial ?? type.nothing)
  }

  private func defaultValue(_ reader: YamlReader, _ type: ValueType?) -> Literal? {
    // An empty text is a good default, an empty value is not.
    reader.node("default").flatMap { literal($0, "\"default\" of \(reader.what)", type) }
  }

  func feature(_ entry: YamlEntry) -> Playbook.Feature? {
    let name = entry.key.text
    let reader = YamlReader(entry.value, "the feature \"\(name)\"", diagnostics)
    guard reader.isMapping else { return nil }
    let functions = Playbook.Feature.Function.allCases.map(\.rawValue)
    guard let key = exactlyOne(reader, of: functions),
      let function = Playbook.Feature.Function(rawValue: key)
    else { return nil }
    var feature = Playbook.Feature(name: name, position: entry.key.position, function: function)
    if function == .value {
      feature.expression = cel(reader, "value")
      feature.type = reader.word("type", as: ValueType.self)
      reader.finish(instead: Self.misplaced(function))
      return feature
    }
    let readsField = function.readsField
    if readsField {
      feature.field = reader.node(key).flatMap { fieldPath($0, "\"\(key)\" of \(reader.what)") }
      feature.from = eventTypes(reader, "from", hint: "name the event types that carry the field")
    } else {
      feature.from = eventTypes(reader, key)
    }
    feature.where = cel(reader, "where")
    window(of: &feature, reader)
    measure(of: &feature, reader)
    value(of: &feature, reader)
    reader.finish(instead: Self.misplaced(function))
    guard feature.from != nil, !readsField || feature.field != nil else { return nil }
    return feature
  }

  private func window(of feature: inout Playbook.Feature, _ reader: YamlReader) {
    switch feature.function {
    case .since, .streak, .value: return
    case .rate:
      feature.over = reader.duration(
        "over", required: true, hint: "a rate needs a window, as in over: 7d")
    default: feature.over = reader.duration("over")
    }
    feature.ending = reader.duration("ending", atLeast: 0) ?? 0
  }

  private func measure(of feature: inout Playbook.Feature, _ reader: YamlReader) {
    switch feature.function {
    case .rate, .slope:
      feature.per = reader.duration("per", required: true, hint: "say per what, as in per: 1d")
    case .ewm:
      feature.halfLife = reader.duration(
        "half_life", required: true, hint: "say how fast it forgets, as in half_life: 3d")
    case .streak:
      _ = reader.word("each", of: ["day"], required: true, hint: "write each: day")
    case .since:
      feature.unit = reader.word(
        "in", as: Playbook.Feature.Unit.self, required: true, hint: "write in: days")
      feature.exact = reader.bool("exact") ?? false
      feature.atMost = reader.int(
        "at_most", in: 1...100_000, required: !feature.exact,
        hint: "say where it stops growing, as in at_most: 60; else time moves it for ever")
    default: break
    }
    if feature.function.addsUp { feature.scaleExponent = scale(reader) ?? -6 }
  }

  /// A power of ten: 0.01 is −2.
  private func scale(_ reader: YamlReader) -> Int? {
    guard let node = reader.node("scale"),
      let value = diagnostics.double(node, "\"scale\" of \(reader.what)")
    else { return nil }
    let powers: [(Double, Int)] = [
      (1e-9, -9), (1e-8, -8), (1e-7, -7), (1e-6, -6), (1e-5, -5), (1e-4, -4), (1e-3, -3),
      (1e-2, -2), (0.1, -1), (1, 0), (10, 1), (100, 2), (1000, 3), (1e4, 4), (1e5, 5), (1e6, 6),
    ]
    if let power = powers.first(where: { $0.0 == value }) { return power.1 }
    diagnostics.report(
      node.start, "\"scale\" of \(reader.what) must be a power of ten from 1e-9 to 1e6",
      hint: "write 0.01 to keep cents")
    return nil
  }

  private func value(of feature: inout Playbook.Feature, _ reader: YamlReader) {
    switch feature.function {
    case .count, .distinct, .streak: feature.type = .int
    case .rate, .sum: feature.type = .double
    case .since:
      feature.type = feature.exact ? .double : .int
      feature.default =
        defaultValue(reader, feature.type)
        ?? feature.atMost.map { feature.exact ? .double(Double($0)) : .int($0) }
      if feature.default == nil, feature.exact {
        diagnostics.report(
          reader.position, "\(reader.what) has neither \"at_most\" nor \"default\"",
          hint: "say what it is before the first event")
      }
    case .first, .last:
      let type = reader.word("type", as: ValueType.self)
      let initial = defaultValue(reader, type)
      feature.type = type ?? initial?.type ?? .double
      feature.default = initial ?? feature.type?.nothing
    default:
      feature.type = .double
      feature.default = defaultValue(reader, .double) ?? .double(0)
    }
  }

  private static func misplaced(_ function: Playbook.Feature.Function) -> [String: String] {
    var hints: [String: String] = [:]
    if !function.readsField, function != .value {
      hints["from"] = "\(function.rawValue) names the event type itself"
    }
    if function == .value {
      for key in ["from", "where", "over", "ending"] {
        hints[key] = "a value is computed from other features; filter there"
      }
    }
    if function != .since {
      hints["in"] = "only since has a unit"
      hints["exact"] = "only since can be exact"
      hints["at_most"] = "only since is bounded by at_most"
    }
    switch function {
    case .count, .distinct, .rate, .streak: hints["default"] = "without events it is 0"
    case .sum: hints["default"] = "a sum of nothing is 0"
    default: break
    }
    return hints
  }

  func score(_ entry: YamlEntry) -> Playbook.Score? {
    let name = entry.key.text
    let reader = YamlReader(entry.value, "the score \"\(name)\"", diagnostics)
    let model = reader.mapping(
      "logistic", required: true, hint: "write logistic: { bias: 0, weights: { … } }")
    var weights: [Playbook.Score.Weight] = []
    let bias = model?.double("bias", required: true, hint: "write bias: 0 for none")
    if let model {
      for weight in model.named("weights") {
        let mention = Mention(name: weight.key.text, position: weight.key.position)
        let what = "the weight of \"\(mention.name)\""
        if weight.value.isNull {
          diagnostics.report(weight.key.position, "\(what) has no value")
        } else if let number = diagnostics.double(weight.value, what) {
          weights.append(Playbook.Score.Weight(feature: mention, weight: number))
        }
      }
      if model.node("weights", required: true)?.entries?.isEmpty == true {
        diagnostics.report(model.position(of: "weights"), "\(model.what) has no weights")
      }
      model.finish()
    }
    var score = Playbook.Score(
      name: name, position: entry.key.position,
      model: .logistic(bias: bias ?? 0, weights: weights))
    for item in reader.named("reasons") {
      let mention = Mention(name: item.key.text, position: item.key.position)
      if let text = reason(item.value, "the reason for \"\(mention.name)\"") {
        score.reasons.append(Playbook.Score.Reason(feature: mention, text: text))
      }
    }
    reader.finish()
    return model == nil ? nil : score
  }
}

extension Playbook.Feature.Function {
  var readsField: Bool {
    switch self {
    case .sum, .mean, .min, .max, .distinct, .first, .last, .ewm, .stddev, .slope: true
    case .count, .since, .rate, .streak, .value: false
    }
  }

  /// Whether values become integers before they are added up or compared.
  var addsUp: Bool {
    switch self {
    case .sum, .mean, .min, .max, .stddev, .slope, .ewm: true
    default: false
    }
  }
}

extension ValueType {
  /// What a field is that nobody ever sent.
  var nothing: Literal {
    switch self {
    case .string: .string("")
    case .int: .int(0)
    case .double: .double(0)
    case .bool: .bool(false)
    }
  }
}

extension Literal {
  package var type: ValueType {
    switch self {
    case .string: .string
    case .int: .int
    case .double: .double
    case .bool: .bool
    }
  }
}
