// Everything of one kind that a playbook mentions, in the order of the file: what must have a number
// before anything is compiled.

extension Playbook {
  var patterns: [EventPattern] {
    var found: [EventPattern] = []
    func walk(_ steps: [Step]) {
      for step in steps {
        switch step.kind {
        case .event(let pattern), .absent(let pattern, _): found.append(pattern)
        case .group(let inner): walk(inner)
        }
      }
    }
    for moment in moments {
      switch moment.kind {
      case .sequence(let sequence): walk(sequence.steps)
      case .atLeast(let atLeast):
        for indicator in atLeast.indicators {
          if case .event(let pattern) = indicator.condition { found.append(pattern) }
        }
      case .becomes: break
      }
    }
    for window in windows {
      if case .event(let pattern, _, _) = window.anchor { found.append(pattern) }
      found += window.cancelledBy
    }
    return found
  }

  var eventTypes: [EventTypes] {
    facts.map(\.from) + features.compactMap(\.from) + patterns.map(\.on)
  }

  var fieldPaths: [FieldPath] { facts.map(\.field) + features.compactMap(\.field) }

  var expressions: [CelText] {
    var found: [CelText] = facts.compactMap(\.where)
    for feature in features { found += [feature.where, feature.expression].compactMap { $0 } }
    found += patterns.compactMap(\.where)
    func walk(_ steps: [Step]) {
      for step in steps {
        if let until = step.until { found.append(until) }
        if case .group(let inner) = step.kind { walk(inner) }
      }
    }
    for moment in moments {
      switch moment.kind {
      case .sequence(let sequence): walk(sequence.steps)
      case .atLeast(let atLeast):
        for indicator in atLeast.indicators {
          if case .becomes(let text) = indicator.condition { found.append(text) }
        }
      case .becomes(let text): found.append(text)
      }
    }
    for decision in decisions {
      if case .becomes(let text) = decision.trigger { found.append(text) }
      found += [decision.condition, decision.owner, decision.account].compactMap { $0 }
      found += decision.action.fields.map(\.value)
    }
    return found
  }
}
