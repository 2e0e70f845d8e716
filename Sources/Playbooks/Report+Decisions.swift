internal import Decisions
internal import Engine
import Yaml

extension ReportReading {
  func decision(_ decision: Playbook.Decision, _ number: Int) -> BookReport.Decision {
    let plan = program.checks.decisions[number]
    let action = decision.action
    var text = "\(action.channel) by topic \(action.topic)"
    if let template = action.template { text += ", template \(template)" }
    if !action.fields.isEmpty {
      text += ", with \(action.fields.map(\.name).joined(separator: ", "))"
    }
    return BookReport.Decision(
      name: decision.name, trigger: trigger(decision),
      condition: decision.condition.map { oneLine($0.text) }, action: text, topic: action.topic,
      checks: checks(plan, number))
  }

  private func trigger(_ decision: Playbook.Decision) -> String {
    let only = decision.at == .events ? ", looked at with events only" : ""
    switch decision.trigger {
    case .moment(let mention): return "moment \(mention.name)"
    case .window(let mention): return "window \(mention.name) opens"
    case .becomes(let condition): return "it becomes true that \(oneLine(condition.text))\(only)"
    case .score(let mention, .risesAbove(let threshold)):
      return "\(mention.name) rises above \(threshold)\(only)"
    case .score(let mention, .fallsBelow(let threshold)):
      return "\(mention.name) falls below \(threshold)\(only)"
    case .score(let mention, .risesBy(let by, let within)):
      return "\(mention.name) rises by \(by) within \(durationText(within))\(only)"
    }
  }

  private func checks(_ plan: DecisionPlan, _ number: Int) -> [(name: String, text: String)] {
    let policy = program.checks.policy
    let unknown = policy.unknownConsentAllows ? "allows" : "denies"
    let quiet = policy.quietHours.filter { $0.decisions[number] }
      .map { "\(clock($0.from)) to \(clock($0.to))" }
    let caps = policy.caps.filter { $0.decisions[number] }.map(\.rule)
    return [
      ("expiry", "good for \(durationText(plan.expires)) from its instant"),
      ("eligibility", plan.condition == nil ? "no condition" : "its if"),
      ("consent", "\(plan.purpose) by \(plan.channel); unknown \(unknown)"),
      ("suppression", plan.channel),
      (
        "holdout",
        policy.holdout.map { "\(percent($0.share)) are held out, salt \($0.salt)" } ?? "none"
      ),
      ("authority", authority(plan.authority)),
      ("quiet_hours", quiet.isEmpty ? "none" : quiet.joined(separator: ", ")),
      ("cool_down", plan.coolDown.map { durationText($0) } ?? "none"),
      ("caps", caps.isEmpty ? "none" : caps.joined(separator: ", ")),
    ]
  }

  private func authority(_ authority: DecisionPlan.Authority) -> String {
    switch authority {
    case .always(.automatic): return "automatic"
    case .always(.human): return "a person approves"
    case .always(.monitor): return "monitored only: never released"
    case .byScore(let human, let automatic, let monitor):
      let levels = [("a person", human), ("automatic", automatic), ("monitored", monitor)]
      return levels.compactMap { name, from in from.map { "\(name) from \($0)" } }
        .joined(separator: ", ")
    }
  }

  private func clock(_ minute: Int) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(two(minute / 60)):\(two(minute % 60))"
  }

  private func percent(_ basisPoints: Int) -> String {
    basisPoints % 100 == 0 ? "\(basisPoints / 100)%" : "\(Double(basisPoints) / 100)%"
  }
}
