internal import Cel
internal import Decisions
internal import Engine
internal import Features
internal import Scores
import Yaml

// What is right by grammar and types, and yet can never come to anything.

extension ReportReading {
  func warnings() -> [Diagnostic] {
    var warnings: [Diagnostic] = []
    var number = 0
    for playbook in book.playbooks {
      let dead = deadMoments(playbook)
      for window in playbook.windows {
        if let why = unreachable(window, dead) {
          warnings.append(
            Diagnostic(
              window.position, "no customer can reach the window \"\(window.name)\": \(why)"))
        } else if !isUsed(window, playbook) {
          warnings.append(
            Diagnostic(
              window.position, "no decision waits for the window \"\(window.name)\"",
              hint: "write when: { window: \(window.name) }, or take it out"))
        }
      }
      for decision in playbook.decisions {
        warnings += obstacles(decision, number, playbook, dead)
        number += 1
      }
    }
    return warnings
  }

  // MARK: Moments and windows

  /// Why a moment can never come, by its name.
  private func deadMoments(_ playbook: Playbook) -> [String: String] {
    var dead: [String: String] = [:]
    for moment in playbook.moments {
      switch moment.kind {
      case .sequence(let sequence):
        let step = sequence.steps.first { step in
          if case .event(let pattern) = step.kind, !step.optional { return isNever(pattern.where) }
          return false
        }
        if let step { dead[moment.name] = "its step \"\(step.name)\" is never true" }
      case .atLeast(let atLeast):
        let possible = atLeast.indicators.filter { indicator in
          switch indicator.condition {
          case .event(let pattern): !isNever(pattern.where)
          case .becomes(let text): !isNever(text)
          }
        }
        if possible.count < atLeast.count {
          dead[moment.name] = "only \(possible.count) of its indicators can ever be true"
        }
      case .becomes(let text):
        if isNever(text) { dead[moment.name] = "its condition is never true" }
      }
    }
    return dead
  }

  private func unreachable(_ window: Playbook.Window, _ dead: [String: String]) -> String? {
    switch window.anchor {
    case .moment(let mention):
      return dead[mention.name].map { "the moment \"\(mention.name)\" never comes, \($0)" }
    case .event(let pattern, _, _):
      return isNever(pattern.where) ? "the `where` of its anchor is never true" : nil
    }
  }

  private func isUsed(_ window: Playbook.Window, _ playbook: Playbook) -> Bool {
    playbook.decisions.contains { decision in
      if case .window(let mention) = decision.trigger { mention.name == window.name } else { false }
    }
  }

  /// Whether a condition says false whatever happens: it reads nothing.
  private func isNever(_ text: CelText?) -> Bool {
    guard let text, text.names.isEmpty else { return false }
    do {
      let program = try CelProgram(try CelExpression(parsing: text.text), variables: [])
      switch program.evaluate({ _ in nil }, zones: self.program.zones) {
      case .success(.bool(let value)): return !value
      case .success, .failure: return true
      }
    } catch {
      // It needs a name that this look does not give it, so it reads something after all.
      return false
    }
  }

  // MARK: Decisions

  private func obstacles(
    _ decision: Playbook.Decision, _ number: Int, _ playbook: Playbook, _ dead: [String: String]
  ) -> [Diagnostic] {
    var found: [Diagnostic] = []
    func warn(_ position: SourcePosition, _ why: String, hint: String? = nil) {
      found.append(Diagnostic(position, "\"\(decision.name)\" \(why)", hint: hint))
    }
    switch decision.trigger {
    case .moment(let mention):
      if let why = dead[mention.name] {
        warn(decision.triggerPosition, "never comes up: the moment \"\(mention.name)\": \(why)")
      }
    case .window(let mention):
      if let window = playbook.windows.first(where: { $0.name == mention.name }),
        unreachable(window, dead) != nil
      {
        warn(
          decision.triggerPosition,
          "never comes up: no customer can reach the window \"\(mention.name)\"")
      }
    case .becomes(let text):
      if isNever(text) {
        warn(decision.triggerPosition, "never comes up: its condition is never true")
      }
    case .score:
      if let why = outOfReach(decision, number) {
        warn(decision.triggerPosition, why.0, hint: why.1)
      }
    }
    if let condition = decision.condition, isNever(condition) {
      warn(condition.position, "is always held by eligibility: its `if` is never true")
    }
    if isAlwaysQuiet(number) {
      warn(
        decision.position, "is never released: quiet hours cover the whole day of its channel",
        hint: "leave an hour of the day free, or give the decision another channel")
    }
    return found
  }

  private func isAlwaysQuiet(_ decision: Int) -> Bool {
    let quiet = program.checks.policy.quietHours.filter { $0.decisions[decision] }
    return (0..<1440).allSatisfy { minute in
      quiet.contains { hours in
        hours.from < hours.to
          ? minute >= hours.from && minute < hours.to
          : minute >= hours.from || minute < hours.to
      }
    }
  }

  /// Why a score can never make the decision, or its authority never be given, and what to do.
  private func outOfReach(_ decision: Playbook.Decision, _ number: Int) -> (String, String?)? {
    guard case .score(_, let trigger, _) = program.triggers[number] else { return nil }
    let bounds = bounds(ofScore: trigger.score)
    let (least, greatest) = (logistic(bounds.lowerBound), logistic(bounds.upperBound))
    let range = "between \(rounded(least)) and \(rounded(greatest))"
    let hint = "lower the threshold, or raise bias or weights"
    switch trigger.change {
    case .risesAbove(let threshold):
      if bounds.upperBound < threshold {
        return ("never comes up: its score stays \(range)", hint)
      }
    case .fallsBelow(let threshold):
      if bounds.lowerBound >= threshold {
        return ("never comes up: its score stays \(range)", "raise the threshold")
      }
    case .risesBy(let by, _):
      if greatest - least < by {
        return ("never comes up: its score stays \(range), and so never rises by \(by)", hint)
      }
    }
    guard
      case .byScore(let human, let automatic, let monitor) =
        program.checks.decisions[number].authority
    else { return nil }
    let levels = [human, automatic, monitor].compactMap { $0 }
    if let lowest = levels.min(), greatest < lowest {
      return (
        "is always held by authority: its score stays \(range), and the lowest level is \(lowest)",
        "lower a level of `authority`"
      )
    }
    return nil
  }

  // MARK: Bounds

  /// The score's least and greatest value in logits.
  func bounds(ofScore index: Int) -> ClosedRange<Double> {
    let plan = program.scores[index]
    var (least, greatest) = (plan.bias, plan.bias)
    for weight in plan.weights where weight.weight != 0 {
      let bounds = bounds(ofSlot: weight.slot)
      let ends = [weight.weight * bounds.lowerBound, weight.weight * bounds.upperBound]
      least += min(ends[0], ends[1])
      greatest += max(ends[0], ends[1])
    }
    return least...greatest
  }

  private func bounds(ofSlot slot: Int) -> ClosedRange<Double> {
    guard case .feature(let index) = program.slots[slot] else { return -.infinity ... .infinity }
    let feature = program.features.features[index]
    switch feature.kind {
    case .count, .distinct, .streak, .rate: return 0 ... .infinity
    case .since(_, let atMost, _):
      let fallback = feature.fallback.number ?? 0
      return min(0, fallback)...max(atMost, fallback)
    case .deviation:
      return min(0, feature.fallback.number ?? 0) ... .infinity
    case .value(let expression):
      return program.predicates[expression].general.type == .bool
        ? 0...1 : -.infinity ... .infinity
    default: return -.infinity ... .infinity
    }
  }

  /// Of 1 / (1 + e^-z), at the ends too.
  func logistic(_ z: Double) -> Double {
    z == .infinity ? 1 : z == -.infinity ? 0 : Cel.logistic(z)
  }

  /// A probability with three decimals.
  func rounded(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
}
