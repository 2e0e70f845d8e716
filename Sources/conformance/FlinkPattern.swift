internal import Events

/// A case's pattern as a playbook of one moment.
struct FlinkPattern {
  let pattern: JsonTree
  /// The stages' names; a stage is called `s` and its place in this list in the playbook.
  private(set) var names: [String] = []
  private var steps: [JsonTree] = []
  /// The smallest window that counts from a match's first event.
  private var within: Int64?
  /// The largest window that counts from the previous event.
  private var longest: Int64 = 0
  /// Where the language differs from Flink on purpose: a difference is then none of the engine's.
  private(set) var departure: String?

  init(_ pattern: JsonTree) throws {
    self.pattern = pattern
    let skip = pattern["skip"]?.string ?? "noSkip"
    if skip != "noSkip" {
      throw NotApplicable("the skip strategy \(skip) is not in the language")
    }
    let stages = pattern["stages"]?.array ?? []
    for (index, stage) in stages.enumerated() {
      let before = index == 0 ? nil : stages[index - 1]
      steps.append(try step(stage, after: before, isLast: index == stages.count - 1))
    }
    if let ms = pattern["within_ms"]?.int, !isPrevious(pattern) { narrow(ms) }
  }

  /// The playbook's text is the tree's: JSON is YAML.
  func playbook(matchesAll: Bool) -> JsonTree {
    var moment: [JsonTree.Member] = [.init("sequence", .array(steps))]
    if let within { moment.append(.init("within", duration(within))) }
    if matchesAll {
      moment.append(.init("matches", .string("all")))
      moment.append(.init("max_partial", .int(100_000)))
    }
    return .object([
      .init("kairos", .int(1)), .init("name", .string("case")),
      .init("moments", .object([.init("match", .object(moment))])),
    ])
  }

  /// Where the language asks for more than Flink, as its page says; nil: it does not here.
  var ownRefusal: String? {
    let stages = pattern["stages"]?.array ?? []
    if stages.allSatisfy({ isOptional($0) || isAbsence($0) }) {
      return "a sequence of optional steps only is refused"
    }
    return groupRefusal(stages)
  }

  /// Where Flink asks for more than the language; nil: it does not here.
  var ownLicence: String? {
    guard let within, longest > within else { return nil }
    return "a step's window may be longer than that of the whole: it has no effect then"
  }

  private func groupRefusal(_ stages: [JsonTree]) -> String? {
    for stage in stages {
      guard let inner = stage["group"]?["stages"]?.array else { continue }
      if let last = inner.last, isAbsence(last) {
        return "a group that ends with an absence is refused"
      }
      if inner.allSatisfy({ isOptional($0) }) { return "a group of optional steps only is refused" }
      if let reason = groupRefusal(inner) { return reason }
    }
    return nil
  }

  private func isOptional(_ stage: JsonTree) -> Bool {
    stage["optional"] == .bool(true) || stage["quantifier"]?["n"]?.int == 0
  }

  private func isAbsence(_ stage: JsonTree) -> Bool {
    ["notNext", "notFollowedBy"].contains(stage["contiguity"]?.string)
  }

  private func isPrevious(_ part: JsonTree) -> Bool {
    part["within_type"]?.string == "previousAndCurrent"
  }

  private func duration(_ ms: Int64) -> JsonTree { .string("\(ms)ms") }

  private mutating func narrow(_ ms: Int64) { within = min(within ?? ms, ms) }

  private mutating func step(
    _ stage: JsonTree, after before: JsonTree?, isLast: Bool
  ) throws -> JsonTree {
    var members: [JsonTree.Member] = []
    if let group = stage["group"]?["stages"]?.array {
      let inner = try group.enumerated().map { index, inner in
        try step(inner, after: index == 0 ? before : group[index - 1], isLast: false)
      }
      members.append(.init("steps", .array(inner)))
    } else {
      let name = stage["name"]?.string ?? ""
      if !names.contains(name) { names.append(name) }
      members.append(.init("as", .string("s\(names.firstIndex(of: name) ?? 0)")))
      members.append(.init(isAbsence(stage) ? "absent" : "on", .string("any")))
      if let condition = stage["where"] {
        members.append(.init("where", .string(try celText(ofCondition: condition))))
      }
    }
    switch stage["contiguity"]?.string {
    case "next", "notNext": members.append(.init("next", .bool(true)))
    case "followedByAny": members.append(.init("any", .bool(true)))
    default: break
    }
    try window(stage, after: before, isLast: isLast, &members)
    if let quantifier = stage["quantifier"] { members.append(try times(quantifier)) }
    for (flag, key) in [
      ("optional", "optional"), ("greedy", "greedy"), ("consecutive", "consecutive"),
      ("allowCombinations", "combinations"),
    ] where stage[flag] == .bool(true) {
      members.append(.init(key, .bool(true)))
    }
    if let until = stage["until"] {
      members.append(.init("until", .string(try celText(ofCondition: until))))
    }
    return .object(members)
  }

  /// The stage's own window, and on the last stage that of the pattern if it counts from the
  /// previous event.
  private mutating func window(
    _ stage: JsonTree, after before: JsonTree?, isLast: Bool,
    _ members: inout [JsonTree.Member]
  ) throws {
    var own: Int64?
    if let ms = stage["within_ms"]?.int {
      if isPrevious(stage) { own = ms } else { narrow(ms) }
    }
    if isLast, let ms = pattern["within_ms"]?.int, isPrevious(pattern) {
      own = min(own ?? ms, ms)
    }
    // Before the first event there is none to count from.
    guard let own, let before else { return }
    longest = max(longest, own)
    if isPassedOver(stage, before) {
      departure =
        "Flink passes over the window of a repeated stage, or of one after an optional or "
        + "repeated stage; here a step's window counts from the previous step's event"
    }
    if !isAbsence(stage) {
      members.append(.init("within", duration(own)))
    } else if isLast, stage["contiguity"]?.string == "notFollowedBy" {
      members.append(.init("for", duration(own)))
    } else {
      throw NotApplicable("an absence between two steps has no window of its own")
    }
  }

  private func isPassedOver(_ stage: JsonTree, _ before: JsonTree) -> Bool {
    let quantifier = before["quantifier"]
    let isFixed = quantifier?["kind"]?.string == "times" && quantifier?["m"] == nil
    return stage["quantifier"] != nil || stage["group"] != nil || before["group"] != nil
      || isOptional(before) || (quantifier != nil && !isFixed)
  }

  private func times(_ quantifier: JsonTree) throws -> JsonTree.Member {
    if quantifier["within_ms"] != nil {
      throw NotApplicable("a window for a repetition is not in the language")
    }
    let n = quantifier["n"]?.int ?? 1
    switch quantifier["kind"]?.string {
    case "oneOrMore": return .init("times", .object([.init("at_least", .int(1))]))
    case "timesOrMore": return .init("times", .object([.init("at_least", .int(n))]))
    case "times":
      let most = quantifier["m"]?.int ?? max(1, n)
      if n == most { return .init("times", .int(n)) }
      return .init(
        "times", .object([.init("at_least", .int(n)), .init("at_most", .int(most))]))
    default: throw CaseError("a quantifier is not in the format")
    }
  }
}
