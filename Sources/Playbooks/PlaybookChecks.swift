import Yaml

/// What only the whole playbook shows: names that do not exist or stand for two things, features
/// that are computed from themselves, triggers that time would move for ever.
struct PlaybookChecks {
  let diagnostics: Diagnostics
  let playbook: Playbook
  let names: DeclaredNames
  private let places: [String: Int]

  init(diagnostics: Diagnostics, playbook: Playbook, names: DeclaredNames) {
    self.diagnostics = diagnostics
    self.playbook = playbook
    self.names = names
    let pairs = playbook.features.enumerated().map { ($0.element.name, $0.offset) }
    places = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  func check() {
    checkNamesAreUnique()
    checkStepNames()
    checkScores()
    checkWindows()
    checkMentionedNames()
    checkCycles()
    checkExactness()
  }

  /// Facts, features and scores are all variables in CEL.
  private func checkNamesAreUnique() {
    var seen: [String: String] = [:]
    func visit(_ kind: String, _ name: String, _ position: SourcePosition) {
      if let other = seen[name] {
        diagnostics.report(
          position, "\"\(name)\" is already the name of a \(other)",
          hint: "expressions could not tell them apart; rename one")
      }
      seen[name] = kind
    }
    for fact in playbook.facts { visit("fact", fact.name, fact.position) }
    for feature in playbook.features { visit("feature", feature.name, feature.position) }
    for score in playbook.scores { visit("score", score.name, score.position) }
  }

  private var stepNames: [String] {
    func visit(_ steps: [Playbook.Step]) -> [String] {
      steps.flatMap { step -> [String] in
        if case .group(let inner) = step.kind { return visit(inner) }
        return step.isNamed ? [step.name] : []
      }
    }
    return playbook.moments.flatMap { moment -> [String] in
      if case .sequence(let sequence) = moment.kind { return visit(sequence.steps) }
      return []
    }
  }

  private func checkStepNames() {
    let taken = Set(names.facts + names.features + names.scores)
    func visit(_ steps: [Playbook.Step]) {
      for step in steps {
        if case .group(let inner) = step.kind { visit(inner) }
        if step.isNamed, taken.contains(step.name) {
          diagnostics.report(
            step.position, "the step \"\(step.name)\" hides what else has that name",
            hint: "rename the step")
        }
      }
    }
    for moment in playbook.moments {
      if case .sequence(let sequence) = moment.kind { visit(sequence.steps) }
    }
  }

  private func checkScores() {
    let parser = PlaybookParser(diagnostics: diagnostics)
    for score in playbook.scores {
      guard case .logistic(_, let weights) = score.model else { continue }
      for weight in weights {
        checkWeight(weight.feature, parser)
      }
      let weighed = weights.map(\.feature.name)
      for reason in score.reasons where !weighed.contains(reason.feature.name) {
        diagnostics.report(
          reason.feature.position,
          "the score \"\(score.name)\" has no weight for \"\(reason.feature.name)\"",
          hint: suggestion(for: reason.feature.name, of: weighed))
      }
    }
  }

  private func checkWeight(_ mention: Mention, _ parser: PlaybookParser) {
    if names.facts.contains(mention.name), !names.features.contains(mention.name) {
      diagnostics.report(
        mention.position, "\"\(mention.name)\" is a fact, and a weight needs a feature",
        hint: "declare a feature, as in { last: data.\(mention.name), from: … }")
      return
    }
    parser.checkMention(mention, "feature", names.features)
    guard let feature = playbook.features.first(where: { $0.name == mention.name }) else { return }
    if feature.type == .string || feature.type == .bool {
      diagnostics.report(
        mention.position, "the feature \"\(mention.name)\" is no number and cannot be weighed",
        hint: "weigh a value: feature made of it, as in { value: \"x == 'pro' ? 1.0 : 0.0\" }")
    }
  }

  private func checkWindows() {
    let parser = PlaybookParser(diagnostics: diagnostics)
    for window in playbook.windows {
      if case .moment(let mention) = window.anchor {
        parser.checkMention(mention, "moment", names.moments)
      }
    }
  }

  /// Names in expressions that nobody declares, each at its first place.
  private func checkMentionedNames() {
    let everywhere = ["time", "timezone", "customer"]
    let event = ["data", "type", "source", "id"]
    let known = names.features + names.facts + names.scores + stepNames + everywhere + event
    let all = Set(known)
    func check(_ text: CelText) {
      for name in text.names where !all.contains(name) && !diagnostics.isFull {
        guard let root = text.roots.first(where: { $0.name == name }) else { continue }
        diagnostics.report(
          text.position(ofByte: root.offset), "there is no fact, feature or score \"\(name)\"",
          hint: suggestion(for: name, of: known)
            ?? "an event's own fields are written data.\(name)")
      }
    }
    for text in playbook.expressions { check(text) }
  }

  /// The value features that an expression mentions.
  private func values(in cel: CelText) -> [Playbook.Feature] {
    var found: [Playbook.Feature] = []
    for root in cel.roots where !found.contains(where: { $0.name == root.name }) {
      if let index = places[root.name] { found.append(playbook.features[index]) }
    }
    return found
  }

  private func checkCycles() {
    var done: Set<String> = []
    var reported: Set<String> = []
    func visit(_ feature: Playbook.Feature, _ path: [String]) {
      if let start = path.firstIndex(of: feature.name) {
        let cycle = Array(path[start...])
        if reported.isDisjoint(with: cycle) { reportCycle(cycle) }
        reported.formUnion(cycle)
        return
      }
      if done.contains(feature.name) { return }
      if path.count > 64 {
        diagnostics.report(
          feature.position, "more than 64 features are computed from one another in a row",
          hint: "write some of the expressions together")
        return
      }
      if let expression = feature.expression {
        for other in values(in: expression) { visit(other, path + [feature.name]) }
      }
      done.insert(feature.name)
    }
    for feature in playbook.features { visit(feature, []) }
  }

  private func reportCycle(_ cycle: [String]) {
    let first = playbook.features.first { cycle.contains($0.name) }
    guard let first, let start = cycle.firstIndex(of: first.name) else { return }
    let ordered = cycle[start...] + cycle[..<start] + [first.name]
    diagnostics.report(
      first.expression?.position ?? first.position,
      "the feature \"\(first.name)\" is computed from itself: "
        + ordered.joined(separator: " → "), hint: "break the circle at one of them")
  }

  /// An exact `since` moves with every millisecond: nothing could say when to look again.
  private func checkExactness() {
    for decision in playbook.decisions where decision.at == .changes {
      switch decision.trigger {
      case .score(let mention, _):
        guard let score = playbook.scores.first(where: { $0.name == mention.name }),
          case .logistic(_, let weights) = score.model
        else { continue }
        let features = weights.compactMap { weight in
          playbook.features.first { $0.name == weight.feature.name }
        }
        refuseExact(features, "the decision \"\(decision.name)\"", decision.triggerPosition, true)
      case .becomes(let cel):
        refuseExact(
          values(in: cel), "the decision \"\(decision.name)\"", cel.position, true)
      case .moment, .window: break
      }
    }
    for moment in playbook.moments {
      let what = "the moment \"\(moment.name)\""
      switch moment.kind {
      case .becomes(let cel): refuseExact(values(in: cel), what, cel.position, false)
      case .atLeast(let atLeast):
        for indicator in atLeast.indicators {
          if case .becomes(let cel) = indicator.condition {
            refuseExact(values(in: cel), what, cel.position, false)
          }
        }
      case .sequence: break
      }
    }
  }

  private func refuseExact(
    _ features: [Playbook.Feature], _ what: String, _ position: SourcePosition, _ canSayAt: Bool
  ) {
    var seen: Set<String> = []
    func firstExact(_ features: [Playbook.Feature]) -> String? {
      for feature in features where seen.insert(feature.name).inserted {
        if feature.exact { return feature.name }
        if let expression = feature.expression, let found = firstExact(values(in: expression)) {
          return found
        }
      }
      return nil
    }
    guard let exact = firstExact(features) else { return }
    diagnostics.report(
      position,
      "\(what) goes by \"\(exact)\", which is exact and moves at every instant",
      hint: canSayAt
        ? "write at: events, or leave \"exact\" away" : "leave \"exact\" of \"\(exact)\" away")
  }
}
