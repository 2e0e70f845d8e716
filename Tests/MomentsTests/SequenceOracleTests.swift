import Events
import Moments
import Testing

/// SplitMix64: the same seed gives the same case.
struct Seeded {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// A random sequence and random events.
struct RandomCase {
  var parts: [SequencePart] = []
  var within: Int64?
  var events: [SequenceOracle.Event] = []
  var end: Int64 = 0
  private var random: Seeded
  private var conditions = 0
  /// For each condition, the kinds of events that satisfy it.
  private var kinds: [Int] = []
  private let isPlain: Bool

  /// `isPlain`: nothing that the mode `latest` refuses.
  init(seed: UInt64, isPlain: Bool) {
    random = Seeded(state: seed)
    self.isPlain = isPlain
    var untilTheEnd = false
    let count = 1 + random.below(4)
    for index in 0..<count {
      let part = positive(isFirst: index == 0, depth: 0)
      if index > 0, random.chance(30), parts.last?.isOptional != true,
        !(parts.last?.isGroup ?? false)
      {
        let negated = condition()
        let greedy = parts.last?.isGreedy == true
        parts.append(
          random.chance(30) && !greedy
            ? SequencePart(.notNext(condition: negated))
            : SequencePart(.absent(condition: negated, lasting: nil)))
      }
      parts.append(part)
    }
    forbidGreedBeforeOptional()
    if random.chance(40), parts.last?.isOptional != true, !(parts.last?.isGroup ?? false) {
      let negated = condition()
      let isSilence = parts.last?.isGreedy == true || random.chance(85)
      untilTheEnd = isSilence && !isPlain && random.chance(40)
      let lasting = untilTheEnd ? nil : Int64(1 + random.below(8))
      parts.append(
        isSilence
          ? SequencePart(.absent(condition: negated, lasting: lasting))
          : SequencePart(.notNext(condition: negated)))
    }
    if untilTheEnd || random.chance(40) {
      within = parts.compactMap(\.innerWithin).reduce(Int64(1 + random.below(14)), max)
    }
    var time: Int64 = 0
    for _ in 0..<(3 + random.below(5)) {
      time += Int64([0, 1, 1, 2, 3][random.below(5)])
      let kind = random.below(5)
      let matches = kinds.indices.reduce(UInt64(0)) {
        kinds[$1] & 1 << kind != 0 ? $0 | 1 << $1 : $0
      }
      events.append(SequenceOracle.Event(time: time, matches: matches))
    }
    end = random.chance(50) ? .max : time + Int64(random.below(8))
  }

  private mutating func condition() -> Int {
    kinds.append(1 << random.below(5) | (random.chance(35) ? 1 << random.below(5) : 0))
    conditions += 1
    return conditions - 1
  }

  private mutating func contiguity() -> SequencePart.Contiguity {
    [.followedBy, .followedBy, .followedBy, .next, .any][random.below(5)]
  }

  private mutating func positive(isFirst: Bool, depth: Int) -> SequencePart {
    let kind: SequencePart.Kind
    if depth < 2, random.chance(10) {
      var inner = [positive(isFirst: true, depth: depth + 1)]
      inner[0].isGreedy = false
      for _ in 0..<random.below(2) {
        inner.append(positive(isFirst: false, depth: depth + 1))
        inner[inner.count - 1].isGreedy = false
      }
      if inner.allSatisfy(\.isOptional) { inner[inner.count - 1].isOptional = false }
      kind = .group(inner)
    } else {
      kind = .on(condition: condition())
    }
    var part = SequencePart(kind, contiguity())
    if !isFirst, random.chance(25) { part.within = Int64(1 + random.below(8)) }
    if random.chance(20) { part.isOptional = true }
    if random.chance(35) { repeats(&part) }
    return part
  }

  private mutating func repeats(_ part: inout SequencePart) {
    part.atLeast = 1 + random.below(2)
    part.atMost = part.atLeast + random.below(3)
    part.inner = part.atMost == 1 ? .followedBy : contiguity()
    if random.chance(20) { part.innerWithin = Int64(1 + random.below(6)) }
    if !isPlain, random.chance(50) {
      part.atMost = nil
      if random.chance(30), part.isPlainInside { part.until = condition() }
    }
    if part.inner != .any, part.atLeast != 1 || part.atMost != 1, !part.isGroup,
      random.chance(25)
    {
      part.isGreedy = true
    }
  }

  private mutating func forbidGreedBeforeOptional() {
    for index in parts.indices {
      let next = parts[(index + 1)...].first { !$0.isAbsence }
      if next?.isOptional == true || next?.isGroup == true { parts[index].isGreedy = false }
    }
  }

  /// Runs the case through a plan; `ticks`: let time pass before every event, too.
  func run(_ plan: SequencePlan, ticks: Bool) -> [SequenceMatch] {
    var words: [Int64] = []
    var found: [SequenceMatch] = []
    var scratch = SequenceScratch()
    for (index, event) in events.enumerated() {
      let now = EventTime(milliseconds: event.time)
      if ticks || plan.nextDeadline(words) <= now {
        plan.advanceTime(&words, to: now, into: &found)
      }
      if event.matches & plan.conditions == 0, !plan.wantsEveryEvent(words) { continue }
      plan.advance(
        &words, at: now, position: Int64(index), matches: event.matches, scratch: &scratch,
        into: &found)
    }
    plan.advanceTime(&words, to: EventTime(milliseconds: end), into: &found)
    return found
  }

  /// Runs the case with some events up to `lateness` ms late.
  func runLate(_ plan: SequencePlan, lateness: Int64) -> [SequenceMatch] {
    var random = random
    var words: [Int64] = []
    var found: [SequenceMatch] = []
    var scratch = SequenceScratch()
    for (index, event) in events.enumerated() {
      let watermark = EventTime(milliseconds: event.time - lateness)
      if plan.nextDeadline(words) <= watermark {
        plan.advanceTime(&words, to: watermark, into: &found)
      }
      let time = random.chance(40) ? event.time - Int64(random.below(Int(lateness))) : event.time
      plan.advance(
        &words, at: EventTime(milliseconds: time), position: Int64(index),
        matches: event.matches, scratch: &scratch, into: &found)
    }
    plan.advanceTime(&words, to: .end, into: &found)
    return found
  }

  var oracle: [SequenceOracle.Match] {
    SequenceOracle(parts: parts, within: within, events: events, end: end).matches()
  }
}

extension SequencePart {
  var isAbsence: Bool { if case .absent = kind { true } else { false } }
  /// Not a group, or one of which every step takes one event.
  var isPlainInside: Bool {
    guard case .group(let parts) = kind else { return true }
    return parts.allSatisfy { !$0.isGroup && !$0.isOptional && $0.atLeast == 1 && $0.atMost == 1 }
  }
  var isGroup: Bool { if case .group = kind { true } else { false } }
}

@Suite struct `Sequences against brute force` {
  struct Found: Hashable, CustomStringConvertible {
    var taken: [SequenceOracle.Pair]
    var at: Int64
    var description: String {
      taken.map { "\($0.step)@\($0.event)" }.joined(separator: " ") + " at \(at)"
    }
  }

  static func found(_ matches: [SequenceMatch]) -> [Found: Int] {
    matches.reduce(into: [:]) { counts, match in
      let taken = match.evidence.map {
        SequenceOracle.Pair(step: $0.step, event: Int($0.position))
      }
      counts[Found(taken: taken, at: match.at.milliseconds), default: 0] += 1
    }
  }

  static func all(_ matches: [SequenceOracle.Match]) -> [Found: Int] {
    matches.reduce(into: [:]) { $0[Found(taken: $1.taken, at: $1.at), default: 0] += 1 }
  }

  /// Of each completing event or deadline the match with the latest events.
  static func latest(_ matches: [SequenceOracle.Match]) -> [Found: Int] {
    struct Completion: Hashable {
      var event: Int?
      var at: Int64
    }
    var best: [Completion: SequenceOracle.Match] = [:]
    for match in matches {
      let key = Completion(event: match.completing, at: match.at)
      if let other = best[key], !order(other).lexicographicallyPrecedes(order(match)) { continue }
      best[key] = match
    }
    return all(Array(best.values))
  }

  /// The events from the last backwards, by place and then by step.
  static func order(_ match: SequenceOracle.Match) -> [Int] {
    match.taken.reversed().map { $0.event * 64 + $0.step }
  }

  static func describe(_ item: RandomCase) -> String {
    let parts = item.parts.map(brief).joined(separator: " ")
    let events = item.events.map { "\($0.time):\(String($0.matches, radix: 2))" }
    return "\n  \(parts)\n within \(String(describing: item.within)) end \(item.end) \(events)"
  }

  static func brief(_ part: SequencePart) -> String {
    let what: String =
      switch part.kind {
      case .on(let condition): "\(condition)"
      case .group(let parts): "(" + parts.map(brief).joined(separator: " ") + ")"
      case .absent(let condition, let lasting): "absent \(condition) for \(lasting ?? 0)"
      case .notNext(let condition): "notNext \(condition)"
      }
    let times = "{\(part.atLeast),\(part.atMost.map(String.init) ?? "")}"
    let options = [
      part.isOptional ? "?" : "", part.isGreedy ? "greedy" : "",
      part.until.map { "until \($0)" } ?? "", part.within.map { "within \($0)" } ?? "",
      part.innerWithin.map { "each \($0)" } ?? "",
    ].joined(separator: " ")
    return "[\(part.contiguity) \(what)\(times) inner \(part.inner) \(options)]"
  }

  @Test func `every match of brute force, and no other`() throws {
    var matches = 0
    var failures = 0
    var busy = 0
    for seed in 0..<UInt64(30_000) {
      let item = RandomCase(seed: seed, isPlain: false)
      let plan = try SequencePlan(
        item.parts, mode: .all, within: item.within, maxPartials: 100_000)
      let expected = Self.all(item.oracle)
      let found = Self.found(item.run(plan, ticks: seed % 2 == 0))
      matches += expected.count
      busy += expected.isEmpty ? 0 : 1
      // A repetition of repetitions gives the same events in several ways, and not each is tried.
      let agrees =
        item.parts.contains(where: \.isGroup)
        ? Set(found.keys) == Set(expected.keys) && found.allSatisfy { $1 <= expected[$0]! }
        : found == expected
      guard agrees else {
        Issue.record("seed \(seed): \(found) is not \(expected)\(Self.describe(item))")
        failures += 1
        if failures > 5 { return }
        continue
      }
    }
    print("sequences: 30000 cases, \(busy) with matches, \(matches) matches")
    #expect(busy > 5_000)
  }

  @Test func `the default mode keeps the latest of every completing event or deadline`() throws {
    var compared = 0
    var matches = 0
    var failures = 0
    for seed in 1_000_000..<UInt64(1_040_000) {
      let item = RandomCase(seed: seed, isPlain: true)
      if SequencePlan.requiresAll(item.parts, item.within, 0) != nil { continue }
      let plan = try SequencePlan(item.parts, mode: .latest, within: item.within)
      let expected = Self.latest(item.oracle)
      let found = Self.found(item.run(plan, ticks: seed % 2 == 0))
      compared += 1
      matches += expected.count
      guard found == expected else {
        Issue.record("seed \(seed): \(found) is not \(expected)\(Self.describe(item))")
        failures += 1
        if failures > 5 { return }
        continue
      }
    }
    print("sequences, latest: \(compared) cases, \(matches) matches")
    #expect(compared > 10_000)
  }

  @Test func `with late events steps stay in order, and the default mode finds nothing of its own`()
    throws
  {
    var matches = 0
    for seed in 2_000_000..<UInt64(2_020_000) {
      let item = RandomCase(seed: seed, isPlain: true)
      if SequencePlan.requiresAll(item.parts, item.within, 0) != nil { continue }
      let latest = try SequencePlan(item.parts, mode: .latest, within: item.within)
      let all = try SequencePlan(item.parts, mode: .all, within: item.within, maxPartials: 100_000)
      let found = item.runLate(latest, lateness: 4)
      let every = Set(item.runLate(all, lateness: 4))
      let ordered = every.allSatisfy { match in
        zip(match.evidence, match.evidence.dropFirst()).allSatisfy {
          $0.time <= $1.time && $0.position < $1.position
        }
      }
      matches += found.count
      guard ordered, found.allSatisfy(every.contains) else {
        Issue.record("seed \(seed): \(found)\(Self.describe(item))")
        return
      }
    }
    #expect(matches > 5_000)
  }
}
