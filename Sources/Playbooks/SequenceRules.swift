import Yaml

/// What a sequence must obey beyond its grammar: Flink CEP's own rules, and what would never
/// complete or never end.
struct SequenceRules {
  let diagnostics: Diagnostics
  let what: String

  /// Also fills in which earlier steps each step looks at.
  func check(_ sequence: inout Playbook.Sequence, at position: SourcePosition) {
    checkNames(sequence.steps)
    checkList(sequence.steps, of: sequence, isTop: true)
    if sequence.steps.allSatisfy(\.optional) {
      report(position, "all steps of \(what) are optional", "at least one must happen")
    }
    if let first = sequence.steps.first, let within = first.within {
      report(
        first.position, "the first step has \"within: \(durationText(within))\"",
        "it counts from the step before; put \"within\" beside \"sequence\" for the whole")
    }
    var earlier: [String] = []
    let all = Self.names(sequence.steps)
    lookBack(&sequence.steps, &earlier, all, matchesAll: sequence.matches == .all)
    if sequence.matches == .all, sequence.maxPartial == nil {
      report(
        position, "\(what) keeps every partial match, without bound",
        "add \"max_partial: 1000\", or leave \"matches: all\" away")
    }
  }

  private func report(_ position: SourcePosition, _ message: String, _ hint: String) {
    diagnostics.report(position, message, hint: hint)
  }

  private static func names(_ steps: [Playbook.Step]) -> [String] {
    steps.flatMap { step -> [String] in
      if case .group(let inner) = step.kind { return names(inner) }
      return [step.name]
    }
  }

  private func checkNames(_ steps: [Playbook.Step]) {
    var seen: Set<String> = []
    func visit(_ steps: [Playbook.Step]) {
      for step in steps {
        if case .group(let inner) = step.kind {
          visit(inner)
        } else if !seen.insert(step.name).inserted {
          report(step.position, "two steps of \(what) are named \"\(step.name)\"", "rename one")
        }
      }
    }
    visit(steps)
  }

  private func checkList(
    _ steps: [Playbook.Step], of sequence: Playbook.Sequence, isTop: Bool
  ) {
    if let first = steps.first {
      if first.isAbsence {
        report(
          first.position, "\(what) starts with what does not happen",
          "start with an event that does; an absence is counted from it")
      }
      if first.contiguity != .followedBy, !first.isAbsence {
        let hint = isTop ? "leave it away" : "write it on the group"
        report(first.position, "the first step has no step before it that it could follow", hint)
      }
    }
    for (index, step) in steps.enumerated() {
      let next = index + 1 < steps.count ? steps[index + 1] : nil
      if case .absent(_, let duration) = step.kind {
        checkAbsence(step, duration, isLast: next == nil, isTop: isTop, of: sequence)
      } else {
        checkQuantifier(step, next: next)
      }
      if case .group(let inner) = step.kind { checkList(inner, of: sequence, isTop: false) }
    }
  }

  private func checkAbsence(
    _ step: Playbook.Step, _ duration: Int64?, isLast: Bool, isTop: Bool,
    of sequence: Playbook.Sequence
  ) {
    if step.optional || step.times != nil || step.greedy || step.until != nil
      || step.inner != .relaxed
    {
      report(
        step.position, "an absence happens once: it cannot be repeated or optional",
        "leave times, optional, greedy, consecutive, combinations and until away")
    }
    if step.contiguity == .any {
      report(step.position, "an absence cannot branch", "leave \"any\" away")
    }
    if step.within != nil {
      report(step.position, "an absence has no \"within\"", "did you mean \"for\"?")
    }
    if !isLast {
      if duration != nil {
        report(
          step.position, "an absence between two steps lasts until the next step is taken",
          "leave \"for\" away; bound the next step with \"within\"")
      }
      return
    }
    if !isTop {
      report(
        step.position, "a group cannot end with an absence", "move it behind the group")
    } else if step.contiguity == .next {
      if duration != nil {
        report(
          step.position, "\"next\" looks at the very next event only, whenever it comes",
          "leave \"for\" or \"next\" away")
      }
    } else if let duration {
      if let whole = sequence.within, duration > whole {
        report(
          step.position,
          "the absence lasts \(durationText(duration)), but the whole sequence must be over "
            + "within \(durationText(whole)): it can never complete",
          "lengthen the sequence's within, or leave it away")
      }
    } else if sequence.within == nil {
      report(
        step.position, "an absence at the end must say for how long", "add \"for\", as in for: 72h")
    }
  }

  private func checkQuantifier(_ step: Playbook.Step, next: Playbook.Step?) {
    let isSingle = step.times.map { $0.most == 1 } ?? true
    if step.optional, let next, next.isAbsence {
      report(
        step.position, "an optional step cannot stand before an absence",
        "the absence would have nothing to count from; drop one of the two")
    }
    if step.greedy { checkGreedy(step, next: next, isSingle: isSingle) }
    if step.inner != .relaxed, isSingle {
      report(
        step.position, "the step is taken once, so there is nothing inside it to order",
        "add \"times\", or leave \"consecutive\" and \"combinations\" away")
    }
    if let until = step.until, isSingle || step.times?.most != nil {
      report(
        until.position, "\"until\" ends a repetition that has no end of its own",
        "write times: { at_least: 1 } without at_most")
    }
  }

  private func checkGreedy(_ step: Playbook.Step, next: Playbook.Step?, isSingle: Bool) {
    if case .group = step.kind {
      report(step.position, "a group cannot be greedy", "leave \"greedy\" away")
    } else if isSingle {
      report(
        step.position, "a step that is taken once cannot be greedy",
        "add \"times\", or leave \"greedy\" away")
    }
    if step.inner == .combinations {
      report(
        step.position, "\"greedy\" keeps one run, \"combinations\" all of them",
        "leave one of them away")
    }
    if let next, next.optional {
      report(
        step.position, "a greedy step cannot stand before an optional one",
        "leave \"greedy\" or the other's \"optional\" away")
    }
  }

  /// Which step names an expression mentions, and whether it may.
  private func lookBack(
    _ steps: inout [Playbook.Step], _ earlier: inout [String], _ all: [String], matchesAll: Bool
  ) {
    for index in steps.indices {
      let own = steps[index].name
      switch steps[index].kind {
      case .group(var inner):
        lookBack(&inner, &earlier, all, matchesAll: matchesAll)
        steps[index].kind = .group(inner)
      case .event(let pattern), .absent(let pattern, _):
        if let condition = pattern.where {
          mention(condition, &steps[index], allowed: earlier, all, matchesAll)
        }
        earlier.append(own)
      }
      if let until = steps[index].until {
        mention(until, &steps[index], allowed: earlier, all, matchesAll)
      }
    }
  }

  private func mention(
    _ cel: CelText, _ step: inout Playbook.Step, allowed: [String], _ all: [String],
    _ matchesAll: Bool
  ) {
    for root in cel.roots where all.contains(root.name) {
      let position = cel.position(ofByte: root.offset)
      if !allowed.contains(root.name) {
        report(
          position, "the step \"\(root.name)\" has not been taken yet",
          "an expression can look at earlier steps only")
      } else if !matchesAll {
        report(
          position, "looking at the earlier step \"\(root.name)\" needs every partial match kept",
          "add \"matches: all\" and \"max_partial: 1000\" to \(what)")
      }
      if !step.looksBackAt.contains(root.name) { step.looksBackAt.append(root.name) }
    }
  }
}
