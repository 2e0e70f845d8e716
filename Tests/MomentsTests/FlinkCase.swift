import Events
import Foundation
import Moments

/// A case of `conformance/flinkcep`: a pattern, events, and the matches that Flink gives.
struct FlinkCase: Decodable {
  struct Event: Decodable {
    var id: Int64
    var name: String
    var price: Double?
    var timeMs: Int64
    var type: String?
    var volume: Double?
  }
  struct Pattern: Decodable {
    var stages: [Stage]
    var withinMs: Int64?
    var withinType: String?
    var skip: String?
  }
  struct Group: Decodable { var stages: [Stage] }
  struct Quantifier: Decodable {
    var kind: String
    var n: Int?
    var m: Int?
    var withinMs: Int64?
  }
  struct Stage: Decodable {
    var name: String?
    var contiguity: String?
    var `where`: FlinkCondition?
    var quantifier: Quantifier?
    var optional: Bool?
    var greedy: Bool?
    var consecutive: Bool?
    var allowCombinations: Bool?
    var until: FlinkCondition?
    var withinMs: Int64?
    var withinType: String?
    var group: Group?
  }
  struct Match: Decodable, Hashable {
    var stages: [String: [Int64]]
    var atMs: Int64
    /// The completing event; nil: completed by time, at a deadline not after `atMs`.
    var byEvent: Int64?
  }
  var name: String
  var pattern: Pattern
  var events: [Event]
  var finalWatermarkMs: Int64?
  var expected: [Match]?
  var expectedError: String?

  static func load(_ text: String) throws -> [FlinkCase] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try text.split(separator: "\n").map {
      try decoder.decode(FlinkCase.self, from: Data($0.utf8))
    }
  }
}

/// A predicate of such a case.
indirect enum FlinkCondition: Decodable {
  enum Value: Decodable {
    case number(Double)
    case text(String)
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try container.decode(String.self))
      }
    }
  }
  struct Reference: Decodable {
    var stage: String
    var field: String
    var pick: String
  }
  struct Aggregate: Decodable {
    var stage: String
    var field: String?
  }

  case compare(field: String, op: String, value: Value)
  case reference(field: String, op: String, Reference)
  case sum(Aggregate, op: String, value: Double)
  case count(Aggregate, op: String, value: Double)
  case and([FlinkCondition])
  case or([FlinkCondition])
  case not(FlinkCondition)

  private enum Key: String, CodingKey { case field, op, value, ref, sum, count, and, or, not }

  init(from decoder: any Decoder) throws {
    let keys = try decoder.container(keyedBy: Key.self)
    if let all = try keys.decodeIfPresent([FlinkCondition].self, forKey: .and) {
      self = .and(all)
    } else if let some = try keys.decodeIfPresent([FlinkCondition].self, forKey: .or) {
      self = .or(some)
    } else if let other = try keys.decodeIfPresent(FlinkCondition.self, forKey: .not) {
      self = .not(other)
    } else {
      let op = try keys.decode(String.self, forKey: .op)
      if let sum = try keys.decodeIfPresent(Aggregate.self, forKey: .sum) {
        self = .sum(sum, op: op, value: try keys.decode(Double.self, forKey: .value))
      } else if let count = try keys.decodeIfPresent(Aggregate.self, forKey: .count) {
        self = .count(count, op: op, value: try keys.decode(Double.self, forKey: .value))
      } else if let ref = try keys.decodeIfPresent(Reference.self, forKey: .ref) {
        self = .reference(field: try keys.decode(String.self, forKey: .field), op: op, ref)
      } else {
        self = .compare(
          field: try keys.decode(String.self, forKey: .field), op: op,
          value: try keys.decode(Value.self, forKey: .value))
      }
    }
  }

  /// Whether it looks at the events taken so far.
  var isContextual: Bool {
    switch self {
    case .compare: false
    case .reference, .sum, .count: true
    case .and(let all), .or(let all): all.contains(where: \.isContextual)
    case .not(let other): other.isContextual
    }
  }

  func holds(_ event: FlinkCase.Event, _ taken: [String: [FlinkCase.Event]]) -> Bool {
    switch self {
    case .and(let all): all.allSatisfy { $0.holds(event, taken) }
    case .or(let some): some.contains { $0.holds(event, taken) }
    case .not(let other): !other.holds(event, taken)
    case .compare(let field, let op, .number(let value)):
      Self.compare(event.number(field), op, value)
    case .compare(let field, let op, .text(let value)):
      Self.compare(field == "name" ? event.name : event.type ?? "", op, value)
    case .reference(let field, let op, let ref):
      (ref.pick == "first" ? taken[ref.stage]?.first : taken[ref.stage]?.last)
        .map { Self.compare(event.number(field), op, $0.number(ref.field)) } ?? false
    case .sum(let sum, let op, let value):
      Self.compare(
        (taken[sum.stage] ?? []).reduce(0) { $0 + $1.number(sum.field ?? "") }, op, value)
    case .count(let count, let op, let value):
      Self.compare(Double(taken[count.stage]?.count ?? 0), op, value)
    }
  }

  private static func compare(_ a: Double, _ op: String, _ b: Double) -> Bool {
    switch op {
    case "eq": a == b
    case "ne": a != b
    case "lt": a < b
    case "le": a <= b
    case "gt": a > b
    case "ge": a >= b
    default: fatalError("operator \(op)")
    }
  }

  private static func compare(_ a: String, _ op: String, _ b: String) -> Bool {
    switch op {
    case "eq": a == b
    case "ne": a != b
    case "contains": a.contains(b)
    case "startsWith": a.hasPrefix(b)
    default: fatalError("operator \(op)")
    }
  }
}

extension FlinkCase.Event {
  func number(_ field: String) -> Double {
    switch field {
    case "price": price ?? 0
    case "volume": volume ?? 0
    case "id": Double(id)
    default: fatalError("field \(field)")
    }
  }
}

/// A case translated into a plan and its conditions.
struct FlinkTranslation {
  /// Why a case cannot be put in the language.
  struct NotApplicable: Error { var reason: String }

  private(set) var parts: [SequencePart] = []
  /// By number: the stage's name and its condition, nil for "every event".
  private(set) var conditions: [(name: String, condition: FlinkCondition?)] = []
  private(set) var contextual: UInt64 = 0
  private(set) var within: Int64?
  private let pattern: FlinkCase.Pattern

  init(_ pattern: FlinkCase.Pattern) throws {
    self.pattern = pattern
    if let skip = pattern.skip, skip != "noSkip" {
      throw NotApplicable(reason: "skip strategy \(skip) is not in the language")
    }
    parts = try pattern.stages.map { try self.part($0) }
    try applyWindow()
  }

  private mutating func applyWindow() throws {
    let stages = pattern.stages
    var whole: [Int64] = []
    for stage in stages where stage.withinType != "previousAndCurrent" {
      if let ms = stage.withinMs { whole.append(ms) }
    }
    if let ms = pattern.withinMs {
      if pattern.withinType == "previousAndCurrent" {
        let last = parts.count - 1
        if isAbsence(parts[last]) { setLasting(last, ms) } else { parts[last].within = ms }
      } else {
        whole.append(ms)
      }
    }
    within = whole.min()
  }

  private func isAbsence(_ part: SequencePart) -> Bool {
    if case .absent = part.kind { true } else { false }
  }

  private mutating func setLasting(_ index: Int, _ ms: Int64) {
    if case .absent(let condition, _) = parts[index].kind {
      parts[index].kind = .absent(condition: condition, lasting: ms)
    }
  }

  private mutating func number(_ name: String, _ condition: FlinkCondition?) -> Int {
    conditions.append((name, condition))
    if condition?.isContextual == true { contextual |= 1 << (conditions.count - 1) }
    return conditions.count - 1
  }

  private mutating func part(_ stage: FlinkCase.Stage) throws -> SequencePart {
    let kind: SequencePart.Kind
    if let group = stage.group {
      kind = .group(try group.stages.map { try self.part($0) })
    } else {
      let condition = number(stage.name!, stage.where)
      switch stage.contiguity {
      case "notFollowedBy":
        kind = .absent(
          condition: condition,
          lasting: stage.withinType == "previousAndCurrent" ? stage.withinMs : nil)
      case "notNext": kind = .notNext(condition: condition)
      default: kind = .on(condition: condition)
      }
    }
    var part = SequencePart(kind, contiguity(stage.contiguity))
    if stage.withinType == "previousAndCurrent" { part.within = stage.withinMs }
    part.inner =
      stage.consecutive == true ? .next : stage.allowCombinations == true ? .any : .followedBy
    part.isOptional = stage.optional == true
    part.isGreedy = stage.greedy == true
    if let until = stage.until { part.until = number("until", until) }
    if let quantifier = stage.quantifier { apply(quantifier, &part) }
    return part
  }

  private func contiguity(_ text: String?) -> SequencePart.Contiguity {
    switch text {
    case "next": .next
    case "followedByAny": .any
    default: .followedBy
    }
  }

  private func apply(_ quantifier: FlinkCase.Quantifier, _ part: inout SequencePart) {
    part.innerWithin = quantifier.withinMs
    switch quantifier.kind {
    case "oneOrMore":
      part.atMost = nil
    case "timesOrMore":
      part.atLeast = max(1, quantifier.n ?? 1)
      part.atMost = nil
      if quantifier.n == 0 { part.isOptional = true }
    default:
      let n = quantifier.n ?? 1
      part.atLeast = max(1, n)
      part.atMost = quantifier.m ?? max(1, n)
      if n == 0 { part.isOptional = true }
    }
  }
}

/// Runs a case through a plan.
struct FlinkRun {
  let translation: FlinkTranslation
  let plan: SequencePlan
  private var byPosition: [FlinkCase.Event] = []
  private(set) var words: [Int64] = []
  private(set) var matches: [SequenceMatch] = []
  private var scratch = SequenceScratch()

  init(_ translation: FlinkTranslation, mode: SequencePlan.Mode) throws {
    self.translation = translation
    plan = try SequencePlan(
      translation.parts, mode: mode, within: translation.within,
      contextual: translation.contextual, maxPartials: 100_000)
  }

  /// Applies the events by time, stably, and lets time pass before each new time and at the end.
  mutating func run(_ events: [FlinkCase.Event], until end: Int64?) {
    let sorted = events.enumerated().sorted { ($0.1.timeMs, $0.0) < ($1.1.timeMs, $1.0) }
    for (_, event) in sorted {
      let now = EventTime(milliseconds: event.timeMs)
      if plan.nextDeadline(words) <= now {
        plan.advanceTime(&words, to: now, into: &matches)
      }
      apply(event)
    }
    if let end {
      plan.advanceTime(&words, to: EventTime(milliseconds: end), into: &matches)
    }
  }

  private mutating func apply(_ event: FlinkCase.Event) {
    byPosition.append(event)
    var mask: UInt64 = 0
    for (index, entry) in translation.conditions.enumerated() {
      let holds = entry.condition.map { $0.isContextual || $0.holds(event, [:]) } ?? true
      if holds { mask |= 1 << index }
    }
    if mask & plan.conditions == 0, !plan.wantsEveryEvent(words) { return }
    plan.advance(
      &words, at: EventTime(milliseconds: event.timeMs), position: Int64(byPosition.count - 1),
      matches: mask, scratch: &scratch, into: &matches
    ) { [translation, byPosition] condition, taken in
      var stages: [String: [FlinkCase.Event]] = [:]
      for index in 0..<taken.count {
        let entry = taken[index]
        stages[translation.conditions[entry.step].name, default: []]
          .append(byPosition[Int(entry.position)])
      }
      return translation.conditions[condition].condition!.holds(event, stages)
    }
  }

  /// The matches in the shape of the case file.
  var answers: [FlinkCase.Match] {
    matches.map { match in
      var stages: [String: [Int64]] = [:]
      for taken in match.evidence {
        stages[translation.conditions[taken.step].name, default: []]
          .append(byPosition[Int(taken.position)].id)
      }
      return FlinkCase.Match(stages: stages, atMs: match.at.milliseconds, byEvent: nil)
    }
  }
}
