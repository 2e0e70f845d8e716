internal import Cel
internal import Decisions
internal import Engine
internal import Features
internal import Moments
internal import Scores
internal import Yaml

extension ProgramCompiler {
  mutating func compileDecisions(_ index: Int) {
    let playbook = book.playbooks[index]
    for decision in playbook.decisions {
      guard let trigger = trigger(decision, index) else { continue }
      triggers.append(trigger)
      playbookOf.append(index)
      let all = numbers(nil)
      let value = Limits(isCondition: false)
      decisions.append(
        DecisionPlan(
          name: decision.name, playbook: playbook.name, playbookVersion: hex(playbook.version),
          condition: decision.condition.flatMap {
            expression($0, playbook: index, types: all)
          },
          topic: decision.action.topic, channel: decision.action.channel,
          channelText: texts.internForever(decision.action.channel),
          template: decision.action.template,
          fields: decision.action.fields.compactMap { field in
            expression(field.value, playbook: index, types: all, value)
              .map { .init(name: field.name, expression: $0) }
          },
          purpose: decision.purpose, purposeText: texts.internForever(decision.purpose),
          authority: authority(decision.authority),
          owner: decision.owner.flatMap {
            expression($0, playbook: index, types: all, value)
          },
          account: decision.account.flatMap {
            expression($0, playbook: index, types: all, value)
          },
          expires: decision.expires ?? longest(decision, index), coolDown: decision.coolDown,
          priority: decision.priority,
          zone: scopes[index].zone))
    }
  }

  /// Without an expiry of its own: a day, or as long as its window is open.
  private func longest(_ decision: Playbook.Decision, _ index: Int) -> Int64 {
    guard case .window(let mention) = decision.trigger,
      let window = scopes[index].windows[mention.name]
    else { return 86_400_000 }
    return windows[window].plan.closes - windows[window].plan.opens
  }

  private func authority(_ authority: Playbook.Decision.Authority) -> DecisionPlan.Authority {
    switch authority {
    case .always(.human): .always(.human)
    case .always(.automatic): .always(.automatic)
    case .always(.monitor): .always(.monitor)
    case .byScore(let human, let automatic, let monitor):
      .byScore(human: human, automatic: automatic, monitor: monitor)
    }
  }

  private mutating func trigger(
    _ decision: Playbook.Decision, _ index: Int
  ) -> DecisionTrigger? {
    let eventsOnly = decision.at == .events
    switch decision.trigger {
    case .moment(let mention):
      return scopes[index].moments[mention.name].map { .moment($0) }
    case .window(let mention):
      return scopes[index].windows[mention.name].map { .window($0) }
    case .becomes(let text):
      return condition(text, index, eventsOnly: eventsOnly).map { .becomes(watch: $0) }
    case .score(let mention, let change):
      guard let score = scopes[index].scores[mention.name] else { return nil }
      let watch = watch(
        .score(score), eventsOnly: eventsOnly,
        as: definitions[index].watch(score: mention.name, eventsOnly: eventsOnly))
      switch change {
      case .risesAbove(let threshold):
        return .score(
          watch: watch, ScoreTrigger(score: score, change: .risesAbove(logit(threshold))),
          rise: nil)
      case .fallsBelow(let threshold):
        return .score(
          watch: watch, ScoreTrigger(score: score, change: .fallsBelow(logit(threshold))),
          rise: nil)
      case .risesBy(let by, let within):
        watches[watch].rises.append(RisePlan(by: by, within: within))
        return .score(
          watch: watch, ScoreTrigger(score: score, change: .risesBy(by, within: within)),
          rise: watches[watch].rises.count - 1)
      }
    }
  }

  // MARK: Policy

  private func policy() -> PolicyPlan {
    var plan = PolicyPlan()
    let policy = book.policy
    plan.unknownConsentAllows = policy.unknownConsent == .allow
    plan.time = policy.policyTime == .event ? .event : .append
    plan.holdout = policy.holdout.map { .init(share: $0.shareBasisPoints, salt: $0.salt) }
    if let zone = policy.timezone { plan.zone = zones.zone(named: zone.name) }
    plan.caps = policy.caps.map { cap($0, of: nil) }
    plan.quietHours = policy.quietHours.map { quiet($0, of: nil) }
    for index in book.playbooks.indices {
      let tightening = book.playbooks[index].tightening
      plan.caps += tightening.caps.map { cap($0, of: index) }
      plan.quietHours += tightening.quietHours.map { quiet($0, of: index) }
    }
    return plan
  }

  private func cap(_ cap: Policy.Cap, of playbook: Int?) -> PolicyPlan.Cap {
    let (what, scope, covers): (String, PolicyPlan.Cap.Scope, (Int) -> Bool) =
      switch cap.scope {
      case .any: ("any", .any, { _ in true })
      case .channel(let name): (name, .channel(name), { decisions[$0].channel == name })
      case .decision(let mention, let owner):
        (
          mention.name, .decision(mention.name, playbook: owner),
          {
            decisions[$0].name == mention.name
              && (owner == nil || decisions[$0].playbook == owner)
          }
        )
      }
    let (per, period): (String, PolicyPlan.Period) =
      switch cap.period {
      case .rolling(let ms): (durationText(ms), .rolling(ms))
      case .calendar(.day): ("day", .calendar(.day))
      case .calendar(.week): ("week", .calendar(.week))
      case .calendar(.month): ("month", .calendar(.month))
      }
    return PolicyPlan.Cap(
      rule: "\(what): \(cap.atMost) per \(per)", scope: scope,
      playbook: playbook.map { book.playbooks[$0].name },
      decisions: decisions.indices.map {
        covers($0) && (playbook == nil || playbookOf[$0] == playbook)
      },
      atMost: cap.atMost, period: period)
  }

  private func quiet(_ quiet: Policy.QuietHours, of playbook: Int?) -> PolicyPlan.QuietHours {
    PolicyPlan.QuietHours(
      decisions: decisions.indices.map { index in
        (quiet.channels?.contains(decisions[index].channel) ?? true)
          && (playbook == nil || playbookOf[index] == playbook)
      },
      from: quiet.from, to: quiet.to)
  }

  /// Each stream gets an equal part of what one customer's state may take.
  private mutating func shareLimit() {
    let rings = sources.indices.filter { sources[$0].keepsRing && !sources[$0].isCounter }
    for index in rings {
      let bytes = Int(book.policy.customerLimit) / rings.count
      let limit = max(64, bytes / (8 * sources[index].carries.width))
      // Each event looks through all that it may repeat.
      sources[index].limit =
        sources[index].carries == .uniqueHash ? min(limit, SourcePlan.uniqueLimit) : limit
    }
  }

  // MARK: Places in the block

  mutating func layOut() -> Program {
    shareLimit()
    var next = Program.headerWords
    for index in facts.indices {
      facts[index].offset = next
      next += 3
    }
    let table = FeatureTable(
      sources: sources, features: features, names: featureNames, leaves: featureLeaves,
      zones: zones, start: next)
    next = table.end
    for index in watches.indices {
      watches[index].offset = next
      next += WatchPlan.words
      for rise in watches[index].rises.indices {
        watches[index].rises[rise].offset = next
        next += RisePlan.words
      }
    }
    for index in sequences.indices {
      sequences[index].offset = next
      next += 2
    }
    for index in gatherings.indices {
      gatherings[index].offset = next
      next += gatherings[index].plan.stateWords
    }
    for index in windows.indices {
      windows[index].offset = next
      next += 3
    }
    let checks = Checks(decisions: decisions, policy: policy(), zones: zones)
    var program = Program(zones: zones, features: table, checks: checks)
    program.texts = texts
    program.typeOfText = typeOfText
    program.types = types
    program.fields = fields
    program.slots = slots
    program.predicates = predicates
    program.facts = facts
    program.watches = watches
    program.sequences = sequences
    program.gatherings = gatherings
    program.windows = windows
    program.moments = moments
    program.scores = scores
    program.triggers = triggers
    program.blockWords = next
    program.dedup = book.policy.dedup
    program.hash = hex(book.hash)
    program.playbookNames = book.playbooks.map(\.name)
    program.playbookZones = scopes.map { scope in
      (scope.zone, scope.zoneName, scope.facts["timezone"].map { facts[$0].slot })
    }
    program.policyFields = policyFields
    program.playbookOf = playbookOf
    program.items = allItems()
    return program
  }
}

extension ProgramCompiler {
  /// In the order of the tables: streams and watches are there, as each was made once.
  private func allItems() -> ProgramItems {
    var items = items
    for definition in definitions {
      let playbook = definition.playbook
      items.facts += playbook.facts.map { definition.fact($0) }
      items.features += playbook.features.map { definition.feature($0) }
      items.scores += playbook.scores.map { definition.score($0) }
      for moment in playbook.moments {
        let item = definition.moment(moment)
        items.moments.append(item)
        switch moment.kind {
        case .sequence: items.sequences.append(item)
        case .atLeast: items.gatherings.append(item)
        case .becomes: break
        }
      }
      items.windows += playbook.windows.map { definition.window($0) }
      items.decisions += playbook.decisions.map { definition.decision($0) }
    }
    items.policy = policyParts()
    return items
  }
}

/// A duration in the largest unit that says it exactly: 7d, 36h, 90s.
package func durationText(_ ms: Int64) -> String {
  let units: [(Int64, String)] = [
    (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"),
  ]
  for (size, name) in units where ms % size == 0 && ms >= size { return "\(ms / size)\(name)" }
  return "0s"
}
