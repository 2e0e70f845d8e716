import TestSupport

/// Writes playbooks and streams from a seed. Times and durations lie on one coarse grid, so that
/// windows' edges, deadlines and events fall together often; now and then an event is a millisecond
/// off.
struct Generator {
  struct Feature {
    var name: String
    var isInt: Bool
    var line: String
  }
  var random: SplitMix64
  static let step: Int64 = 6 * 3_600_000
  /// Three weeks after the first Monday of March: clocks change on the way.
  static let start = hour(21 * 24)
  let types = ["login", "visit", "buy", "ticket", "reply"]
  let spans = ["6h", "12h", "1d", "2d", "3d"]

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  // MARK: Parts

  mutating func type() -> String { random.pick(types) }

  /// One type, or sometimes two, or any.
  mutating func from() -> String {
    if random.chance(75) { return type() }
    if random.chance(30) { return "any" }
    let first = type()
    return "[\(first), \(random.pick(types.filter { $0 != first }))]"
  }

  mutating func condition() -> String {
    let texts = [
      "data.x >= 2.0", "data.x < 2.5", #"data.k == \"a\""#, #"data.k != \"b\""#,
      #"data.x > 1.0 && data.k == \"c\""#, #"data.x > 4.0 || data.k == \"a\""#,
    ]
    return ", where: \"\(random.pick(texts))\""
  }

  mutating func sometimes(_ percent: Int, _ text: (inout Self) -> String) -> String {
    random.chance(percent) ? text(&self) : ""
  }

  // MARK: Features

  /// `wide`: with functions whose values are compared with a tolerance only.
  mutating func features(_ count: Int, wide: Bool) -> [Feature] {
    (0..<count).map { feature("f\($0)", wide: wide) }
  }

  private mutating func feature(_ name: String, wide: Bool) -> Feature {
    let condition = sometimes(30) { $0.condition() }
    let window =
      sometimes(80) { ", over: \($0.random.pick($0.spans))" }
      + sometimes(25) { ", ending: \($0.random.pick($0.spans))" }
    let simple = ["count", "count", "since", "streak", "distinct", "sum", "max", "rate"]
    let function = random.pick(
      simple + (wide ? ["mean", "min", "stddev", "first", "last", "ewm", "slope", "exact"] : []))
    func line(_ inner: String) -> String { "  \(name): { \(inner)\(condition) }\n" }
    switch function {
    case "count": return Feature(name: name, isInt: true, line: line("count: \(from())\(window)"))
    case "since":
      let unit = random.chance(50) ? "in: hours, at_most: 30" : "in: days, at_most: 4"
      return Feature(
        name: name, isInt: true, line: line("since: \(from()), \(unit), default: 30"))
    case "exact":
      return Feature(
        name: name, isInt: false,
        line: line("since: \(from()), in: days, exact: true, default: 9.5"))
    case "streak":
      return Feature(name: name, isInt: true, line: line("streak: \(from()), each: day"))
    case "distinct":
      return Feature(
        name: name, isInt: true, line: line("distinct: data.k, from: \(from())\(window)"))
    case "rate":
      return Feature(
        name: name, isInt: false,
        line: line("rate: \(from()), per: 1d, over: \(random.pick(spans))"))
    case "first", "last":
      let kind = random.chance(50) ? "data.k, type: string, default: none" : "data.x, default: 7.5"
      return Feature(
        name: name, isInt: false, line: line("\(function): \(kind), from: \(from())\(window)"))
    case "ewm":
      return Feature(
        name: name, isInt: false,
        line: line(
          "ewm: data.x, from: \(from()), default: 1.5, half_life: \(random.pick(spans))"))
    case "slope":
      return Feature(
        name: name, isInt: false,
        line: line("slope: data.x, from: \(from()), default: 0.5, per: 1d\(window)"))
    case "sum":
      return Feature(
        name: name, isInt: false, line: line("sum: data.x, from: \(from())\(window)"))
    default:
      return Feature(
        name: name, isInt: false,
        line: line("\(function): data.x, from: \(from()), default: 2.5\(window)"))
    }
  }

  /// A condition over features.
  mutating func predicate(_ features: [Feature]) -> String {
    let first = comparison(features)
    if random.chance(65) { return first }
    return first + (random.chance(50) ? " && " : " || ") + comparison(features)
  }

  private mutating func comparison(_ features: [Feature]) -> String {
    let feature = random.pick(features)
    let sign = random.pick([">=", "<", "=="])
    if feature.isInt { return "\(feature.name) \(sign) \(random.number(in: 0..<4))" }
    return "\(feature.name) \(sign) \(random.pick(["0.5", "1.0", "2.5", "4.0"]))"
  }

  // MARK: Moments, windows

  mutating func moment(_ name: String, _ features: [Feature]) -> String {
    switch random.number(in: 0..<10) {
    case 0..<6: return "  \(name): { \(sequence()) }\n"
    case 6..<9:
      let count = random.number(in: 2..<5)
      var parts: [String] = []
      while parts.count < count {
        let part =
          random.chance(70)
          ? "{ on: \(from())\(sometimes(25) { $0.condition() }) }"
          : "{ becomes: \"\(predicate(features))\" }"
        if !parts.contains(part) { parts.append(part) }
      }
      return "  \(name): { at_least: \(random.number(in: 2..<(count + 1))), "
        + "within: \(random.pick(spans)), of: [ \(parts.joined(separator: ", ")) ] }\n"
    default: return "  \(name): { becomes: \"\(predicate(features))\" }\n"
    }
  }

  private mutating func sequence() -> String {
    var steps = ["{ on: \(type())\(sometimes(30) { $0.condition() }) }"]
    for _ in 0..<random.number(in: 0..<3) {
      let next = type()
      var how = ""
      if random.chance(25) {
        steps.append("{ absent: \(random.pick(types.filter { $0 != next })) }")
        how = sometimes(30) { _ in ", any: true" }
      } else {
        how = random.pick(["", "", ", next: true", ", any: true"])
      }
      let within = sometimes(35) { ", within: \($0.random.pick($0.spans))" }
      steps.append("{ on: \(next)\(sometimes(30) { $0.condition() })\(how)\(within) }")
    }
    var whole = ""
    if steps.count == 1 || random.chance(40) {
      let condition = sometimes(30) { $0.condition() }
      steps.append("{ absent: \(type())\(condition), for: \(random.pick(spans)) }")
    } else {
      whole = sometimes(40) { ", within: \($0.random.pick($0.spans))" }
    }
    return "sequence: [ \(steps.joined(separator: ", ")) ]\(whole)"
  }

  mutating func window(_ name: String, _ moments: [String]) -> String {
    var after = "moment: \(moments.isEmpty ? "" : random.pick(moments))"
    let anchor = type()
    if moments.isEmpty || random.chance(60) {
      after =
        "on: \(anchor)\(sometimes(30) { $0.condition() }), nth: \(random.number(in: 1..<4))"
        + sometimes(70) { ", within: \($0.random.pick($0.spans))" }
    }
    let (opens, closes) = random.pick([
      ("0s", "6h"), ("0s", "1d"), ("6h", "12h"), ("12h", "2d"), ("1d", "3d"),
    ])
    let cancel = sometimes(50) {
      ", cancelled_by: \($0.random.pick($0.types.filter { $0 != anchor }))"
    }
    return "  \(name): { after: { \(after) }, opens: \(opens), closes: \(closes)\(cancel) }\n"
  }

  // MARK: Decisions, policy

  mutating func trigger(
    _ features: [Feature], moments: [String], windows: [String], scores: [String]
  ) -> String {
    let at = sometimes(25) { _ in ", at: events" }
    switch random.number(in: 0..<8) {
    case 0..<3 where !moments.isEmpty: return "moment: \(random.pick(moments))"
    case 3..<5 where !windows.isEmpty: return "window: \(random.pick(windows))"
    case 5..<7 where !scores.isEmpty:
      let change = random.pick([
        "rises_above: 0.5", "rises_above: 0.7", "falls_below: 0.5", "falls_below: 0.3",
        "rises_by: 0.17, within: 12h", "rises_by: 0.31, within: 2d",
      ])
      return "score: \(random.pick(scores)), \(change)\(at)"
    default: return "becomes: \"\(predicate(features))\"\(at)"
    }
  }

  /// A whole playbook; `strict`: with a policy that may hold decisions back.
  mutating func playbook(strict: Bool) -> String {
    let features = features(random.number(in: 2..<5), wide: false)
    let moments = (0..<random.number(in: 0..<3)).map { "m\($0)" }
    let windows = (0..<random.number(in: 0..<3)).map { "w\($0)" }
    let scores = (0..<random.number(in: 0..<2)).map { "s\($0)" }
    var text = "kairos: 1\nname: random\n"
    text += "timezone: \(random.pick(["UTC", "Europe/Berlin", "America/New_York"]))\n"
    text += "features:\n" + features.map(\.line).joined()
    if !moments.isEmpty { text += "moments:\n" }
    for name in moments { text += moment(name, features) }
    if !windows.isEmpty { text += "windows:\n" }
    for name in windows { text += window(name, moments) }
    if !scores.isEmpty { text += "scores:\n" }
    for name in scores { text += score(name, features) }
    text += "decisions:\n"
    for index in 0..<random.number(in: 2..<5) {
      let when = trigger(features, moments: moments, windows: windows, scores: scores)
      text += decision("d\(index)", when, features, strict: strict)
    }
    return text
      + (strict ? policy() : "policy: { consent: { unknown: allow }, policy_time: event }\n")
  }

  private mutating func score(_ name: String, _ features: [Feature]) -> String {
    let weights = features.prefix(random.number(in: 1..<4)).map {
      "\($0.name): \(random.pick(["0.25", "0.5", "1.0", "-0.5"]))"
    }
    return "  \(name): { logistic: { bias: \(random.pick(["-2.0", "-1.0", "0.0"])), "
      + "weights: { \(weights.joined(separator: ", ")) } } }\n"
  }

  private mutating func decision(
    _ name: String, _ when: String, _ features: [Feature], strict: Bool
  ) -> String {
    var line = "  \(name): { when: { \(when) }, action: { topic: actions.test, channel: "
    line += "\(random.pick(["sms", "email"])) }, purpose: \(random.pick(["marketing", "service"]))"
    if strict {
      line += sometimes(30) { ", if: \"\($0.predicate(features))\"" }
      line += sometimes(60) { ", expires: \($0.random.pick(["1h", "6h", "12h", "2d"]))" }
      line += sometimes(30) { ", cool_down: \($0.random.pick($0.spans))" }
      line += sometimes(40) { ", priority: \($0.random.number(in: 1..<4))" }
      line += sometimes(15) { ", authority: \($0.random.pick(["human", "monitor"]))" }
    }
    return line + " }\n"
  }

  private mutating func policy() -> String {
    var parts = ["policy_time: event"]
    parts.append("consent: { unknown: \(random.chance(60) ? "allow" : "deny") }")
    let caps = (0..<random.number(in: 0..<3)).map { _ in
      "{ \(random.pick(["any: true", "channel: sms", "decision: d0"])), "
        + "at_most: \(random.number(in: 1..<3)), per: "
        + random.pick(["12h", "1d", "3d", "calendar day", "calendar week", "calendar month"]) + " }"
    }
    if !caps.isEmpty { parts.append("caps: [ \(caps.joined(separator: ", ")) ]") }
    if random.chance(45) {
      let (from, to) = random.pick([
        ("21:00", "08:00"), ("18:00", "06:00"), ("02:30", "03:30"), ("06:00", "18:00"),
      ])
      let channels = sometimes(50) { _ in "channels: [sms], " }
      parts.append("quiet_hours: { \(channels)from: \"\(from)\", to: \"\(to)\" }")
    }
    if random.chance(20) { parts.append("holdout: { share: 30%, salt: s }") }
    return "policy: { \(parts.joined(separator: ", ")) }\n"
  }

  // MARK: Streams

  /// Events of one customer in order of time; positions and ids are given later.
  mutating func events(_ count: Int, strict: Bool) -> [NaiveEvent] {
    var time = Self.start
    return (0..<count).map { _ in
      if random.chance(65) { time += Int64(random.number(in: 1..<4)) * Self.step }
      let offset: Int64 = random.chance(90) ? 0 : random.chance(50) ? 1 : -1
      return event(at: time + offset, strict: strict)
    }.sorted { $0.time < $1.time }
  }

  mutating func event(at time: Int64, strict: Bool) -> NaiveEvent {
    var event = NaiveEvent(id: "", type: type(), time: time, position: 0, data: .null)
    if strict, random.chance(14) {
      event.type = random.pick([
        "consent.granted", "consent.granted", "consent.withdrawn", "suppression.added",
        "suppression.removed",
      ])
      event.data = .object([
        .init("purpose", .string(random.pick(["marketing", "service"]))),
        .init("channel", .string(random.pick(["sms", "email"]))),
      ])
      return event
    }
    var members: [Json.Member] = []
    if random.chance(90) {
      members.append(.init("x", .number(random.pick(["0.25", "0.5", "1", "2", "2.5", "4.75"]))))
    }
    if random.chance(90) { members.append(.init("k", .string(random.pick(["a", "b", "c"])))) }
    event.data = .object(members)
    return event
  }
}

/// A JSON value as text.
func spelled(_ json: Json) -> String {
  switch json {
  case .null: "null"
  case .bool(let flag): flag ? "true" : "false"
  case .number(let digits): digits
  case .string(let text): "\"\(text)\""
  case .array(let items): "[" + items.map(spelled).joined(separator: ",") + "]"
  case .object(let members):
    "{" + members.map { "\"\($0.name)\":\(spelled($0.value))" }.joined(separator: ",") + "}"
  }
}
