internal import Cel
internal import Engine
internal import Features
internal import Scores
internal import Yaml

extension ProgramCompiler {
  mutating func compileFacts(_ index: Int) {
    for fact in book.playbooks[index].facts {
      guard let number = scopes[index].facts[fact.name] else { continue }
      let types = numbers(flags(fact.from))
      let slot = field(atPath: fact.field)
      if fact.type == .string { fields[slot].needsText = true }
      read(slot, by: types)
      facts[number].fieldSlot = slot
      facts[number].condition = fact.where.flatMap {
        expression($0, playbook: index, types: types, .init(noFeatures: true))
      }
      for type in types { self.types[type].facts.append(number) }
    }
  }

  /// The slot of a field that `nameFields` has seen.
  func field(atPath path: FieldPath) -> Int {
    variables.firstIndex { $0.path == path.segments } ?? 0
  }

  mutating func compileFeatures(_ index: Int) {
    for feature in book.playbooks[index].features where feature.function != .value {
      measure(feature, index)
    }
    // Values may stand on values: each is typed once all that it names are.
    var waiting = book.playbooks[index].features.filter { $0.function == .value }
    while !waiting.isEmpty {
      let ready = waiting.firstIndex { feature in
        guard let text = feature.expression else { return true }
        return !text.roots.contains { root in
          root.name != feature.name && waiting.contains { $0.name == root.name }
        }
      }
      compute(waiting.remove(at: ready ?? 0), index)
    }
  }

  private mutating func compute(_ feature: Playbook.Feature, _ index: Int) {
    guard let number = scopes[index].features[feature.name], let text = feature.expression,
      let expression = expression(
        text, playbook: index, types: [], .init(noEvent: true, isCondition: false))
    else { return }
    features[number].kind = .value(expression: expression)
    features[number].fallback = feature.default.map { scalar($0) } ?? .missing
    featureLeaves[number] = leaves(ofSlots: predicates[expression].fills)
    variables[features[number].slot].type = predicates[expression].general.type
  }

  private mutating func measure(_ feature: Playbook.Feature, _ index: Int) {
    guard let number = scopes[index].features[feature.name], let from = feature.from else { return }
    var plan = features[number]
    var scale = 1.0
    for _ in 0..<(-feature.scaleExponent) { scale *= 10 }
    plan.scale = scale
    plan.over = feature.over
    plan.ending = feature.ending
    plan.fallback = feature.default.map { scalar($0) } ?? Scalar(Int64(0))
    plan.kind = kind(feature, index)
    plan.source = source(
      feature.source(scale: scale), from: from, field: feature.field, condition: feature.where,
      index)
    if feature.function == .distinct, let field = feature.field {
      fields[self.field(atPath: field)].needsHash = true
    }
    features[number] = plan
  }

  private func kind(_ feature: Playbook.Feature, _ index: Int) -> FeaturePlan.Kind {
    switch feature.function {
    case .count: .count
    case .sum: .sum
    case .mean: .mean
    case .min: .min
    case .max: .max
    case .distinct: .distinct
    case .first: .first
    case .last: .last
    case .stddev: .deviation
    case .rate: .rate(per: feature.per ?? 1)
    case .slope: .slope(per: feature.per ?? 1)
    case .ewm: .weightedMean(halfLife: feature.halfLife ?? 1)
    case .since:
      .since(
        unit: feature.unit?.milliseconds ?? 86_400_000,
        atMost: feature.atMost.map(Double.init) ?? .infinity, exact: feature.exact)
    case .streak: .streak(zone: scopes[index].zone)
    case .value: .value(expression: 0)
    }
  }

  /// The number of a stream, shared by all that look at the same one.
  mutating func source(
    _ wanted: SourcePlan, from: EventTypes, field path: FieldPath?, condition: CelText?,
    _ index: Int
  ) -> Int {
    let types = numbers(flags(from))
    var plan = wanted
    plan.slot = path.map { field(atPath: $0) }
    if let slot = plan.slot {
      read(slot, by: types)
      // A value that state will hold must be in the pool when it is taken.
      if plan.carries == .scalar { fields[slot].needsText = true }
    }
    plan.condition = condition.flatMap {
      expression($0, playbook: index, types: types, .init(noFeatures: true))
    }
    let key =
      "\(types) \(plan.carries) \(plan.slot ?? -1) \(plan.condition ?? -1) \(plan.scale) "
      + "\(plan.limit) \(plan.magnitude)"
    if let known = sourceOf[key] {
      let held = sources[known].retention
      sources[known].retention = held.flatMap { a in plan.retention.map { max(a, $0) } }
      return known
    }
    sourceOf[key] = sources.count
    let what =
      "\(plan.carries) \(plan.scale) \(plan.magnitude)"
      + (plan.isCounter ? ", up to \(plan.limit)" : "")
    items.sources.append(
      definitions[index].source(what, from: from, field: path, condition: condition))
    sources.append(plan)
    for type in types { self.types[type].sources.append(sources.count - 1) }
    return sources.count - 1
  }

  mutating func compileScores(_ index: Int) {
    for score in book.playbooks[index].scores {
      guard case .logistic(let bias, let weights) = score.model,
        let number = scopes[index].scores[score.name]
      else { continue }
      let plan = ScorePlan(
        name: score.name, bias: bias,
        weights: weights.compactMap { weight in
          guard let feature = scopes[index].features[weight.feature.name] else { return nil }
          let told = score.reasons.first { $0.feature.name == weight.feature.name }?.text
          return .init(
            slot: features[feature].slot, feature: weight.feature.name, weight: weight.weight,
            reason: ReasonWords(told, code: weight.feature.name))
        })
      scores[number] = plan
    }
  }

  /// The watch on a score or a condition; one for each way of looking at it.
  mutating func watch(
    _ subject: WatchPlan.Subject, eventsOnly: Bool, as item: ProgramItem
  ) -> Int {
    let (key, slots): (String, [Int]) =
      switch subject {
      case .score(let score): ("score \(score)", scores[score].weights.map(\.slot))
      case .condition(let predicate): ("condition \(predicate)", predicates[predicate].fills)
      }
    if let known = watchOf["\(key) \(eventsOnly)"] { return known }
    let number = watches.count
    watchOf["\(key) \(eventsOnly)"] = number
    items.watches.append(item)
    let leaves = leaves(ofSlots: slots)
    watches.append(
      WatchPlan(
        subject: subject, eventsOnly: eventsOnly, leaves: leaves, always: readsTime(slots)))
    let sources = Set(leaves.map { features[$0].source })
    let facts = facts(ofSlots: slots)
    for type in types.indices
    where types[type].sources.contains(where: sources.contains)
      || types[type].facts.contains(where: facts.contains)
    {
      types[type].watches.append(number)
    }
    return number
  }
}

extension ReasonWords {
  init(_ told: ReasonText?, code: String) {
    self.init(code: told?.code ?? code, text: told?.text, talkingPoint: told?.talkingPoint)
  }
}

extension Playbook.Feature {
  /// What it wants of its stream: what elements carry, and how long they stay.
  func source(scale: Double) -> SourcePlan {
    let carries: SourcePlan.Carries =
      switch function {
      case .count, .rate, .since, .streak, .value: .time
      case .sum, .mean, .min, .max, .stddev, .slope, .ewm: .number
      case .first, .last: .scalar
      case .distinct: ending == 0 ? .uniqueHash : .hash
      }
    let retention: Int64?
    if function == .since || function == .streak {
      retention = 0
    } else if let over {
      retention = over + ending
    } else {
      retention = function == .distinct ? nil : ending
    }
    var plan = SourcePlan(
      carries: carries, slot: nil, condition: nil, scale: scale, retention: retention)
    if function == .stddev || function == .slope { plan.magnitude = 1 << 53 }
    return plan
  }
}
