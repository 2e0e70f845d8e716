import Events
import Moments
import Testing

/// A sequence under test: events are named by the conditions that they satisfy.
final class Watched {
  let plan: SequencePlan
  var words: [Int64] = []
  var scratch = SequenceScratch()
  private var position: Int64 = 0

  init(
    _ parts: [SequencePart], _ mode: SequencePlan.Mode = .latest, within: Int64? = nil,
    maxOpen: Int = 64, maxPartials: Int = 1_000
  ) throws {
    plan = try SequencePlan(
      parts, mode: mode, within: within, maxOpen: maxOpen, maxPartials: maxPartials)
  }

  /// Applies an event and returns what became true: positions (from 1) and time.
  @discardableResult func see(_ conditions: Int..., at t: Int64) -> [String] {
    position += 1
    var found: [SequenceMatch] = []
    plan.advance(
      &words, at: EventTime(milliseconds: t), position: position,
      matches: conditions.reduce(0) { $0 | 1 << $1 }, scratch: &scratch, into: &found)
    return found.map(text)
  }

  func pass(to t: Int64) -> [String] {
    var found: [SequenceMatch] = []
    plan.advanceTime(&words, to: EventTime(milliseconds: t), into: &found)
    return found.map(text)
  }

  private func text(_ match: SequenceMatch) -> String {
    match.evidence.map { "\($0.position)" }.joined(separator: ",") + "@\(match.at.milliseconds)"
  }

  var deadline: Int64 { plan.nextDeadline(words).milliseconds }

  var positions: [Int64] {
    var positions: [Int64] = []
    plan.livePositions(words) { positions.append($0) }
    return positions
  }
}

@Suite struct `Sequences` {
  static func on(
    _ condition: Int, _ contiguity: SequencePart.Contiguity = .followedBy, within: Int64? = nil
  ) -> SequencePart {
    SequencePart(.on(condition: condition), contiguity, within: within)
  }

  static func absent(_ condition: Int, for lasting: Int64? = nil) -> SequencePart {
    SequencePart(.absent(condition: condition, lasting: lasting))
  }

  @Test(arguments: [(109, ["1,2@109"]), (110, [])] as [(Int64, [String])])
  func `a step comes in less than its time after the one before`(t: Int64, found: [String]) throws {
    let watched = try Watched([Self.on(0), Self.on(1, within: 10)])
    watched.see(0, at: 100)
    #expect(watched.see(1, at: t) == found)
  }

  @Test(arguments: [(119, ["1,2,3@119"]), (120, [])] as [(Int64, [String])])
  func `the whole comes in less than its time after its first`(t: Int64, found: [String]) throws {
    let watched = try Watched([Self.on(0), Self.on(1), Self.on(2)], within: 20)
    watched.see(0, at: 100)
    watched.see(1, at: 115)
    #expect(watched.see(2, at: t) == found)
  }

  @Test func `once per completing event, with the latest evidence`() throws {
    let parts = [Self.on(0), Self.on(1)]
    let latest = try Watched(parts)
    let all = try Watched(parts, .all)
    for watched in [latest, all] {
      watched.see(0, at: 1)
      watched.see(0, at: 1)
    }
    #expect(latest.see(1, at: 2) == ["2,3@2"])
    #expect(all.see(1, at: 2) == ["1,3@2", "2,3@2"])
    #expect(latest.see(1, at: 3) == [])
    #expect(latest.words.isEmpty)
  }

  @Test(arguments: [(171, []), (172, ["1,2@172"]), (173, ["1,2@172"])] as [(Int64, [String])])
  func `an absence at the end fires at its deadline`(negated: Int64, found: [String]) throws {
    let watched = try Watched([Self.on(0), Self.on(1, within: 72), Self.absent(2, for: 72)])
    watched.see(0, at: 90)
    watched.see(1, at: 100)
    #expect(watched.deadline == 172)
    #expect(watched.pass(to: 171) == [])
    var all = negated >= 172 ? watched.pass(to: 172) : []
    all += watched.see(2, at: negated)
    all += watched.pass(to: .max)
    #expect(all == found)
    #expect(watched.deadline == .max)
  }

  @Test(arguments: [(109, []), (110, ["1,3@110"])] as [(Int64, [String])])
  func `an absence at the end without a time of its own lasts as long as the whole may`(
    negated: Int64, found: [String]
  ) throws {
    let parts = [Self.on(0), Self.on(1), Self.absent(2)]
    let watched = try Watched(parts, .all, within: 10)
    watched.see(0, at: 100)
    watched.see(0, at: 103)
    watched.see(1, at: 105)
    #expect(watched.deadline == 110)
    #expect(watched.pass(to: 109) == [])
    var all = negated >= 110 ? watched.pass(to: 110) : []
    all += watched.see(2, at: negated)
    #expect(all + watched.pass(to: .max) == found)
    watched.see(0, at: 200)
    watched.see(0, at: 203)
    watched.see(1, at: 209)
    #expect(watched.pass(to: 212) == ["5,7@210"])
    #expect(watched.pass(to: 213) == ["6,7@213"])
    watched.see(0, at: 300)
    watched.see(1, at: 310)
    #expect(watched.pass(to: .max) == [])
  }

  @Test func `which after several events needs every match kept`() throws {
    let one = try Watched([Self.on(0), Self.absent(1)], within: 10)
    one.see(0, at: 100)
    one.see(0, at: 103)
    #expect(one.pass(to: 113) == ["1@110", "2@113"])
    #expect(throws: SequenceRefusal.self) {
      try Watched([Self.on(0), Self.on(1), Self.absent(2)], within: 10)
    }
  }

  @Test func `an event at the deadline does not cancel, even before time has passed`() throws {
    let watched = try Watched([Self.on(0), Self.absent(1, for: 10)])
    watched.see(0, at: 5)
    #expect(watched.see(1, at: 15) == [])
    #expect(watched.pass(to: 14) == [])
    #expect(watched.pass(to: 15) == ["1@15"])
  }

  @Test func `an absence in the middle is watched until the next step is taken`() throws {
    let watched = try Watched([Self.on(0), Self.absent(1), Self.on(2), Self.on(3)])
    watched.see(0, at: 1)
    watched.see(1, at: 2)
    #expect(watched.see(2, at: 3) == [])
    watched.see(0, at: 4)
    watched.see(2, at: 5)
    watched.see(1, at: 6)
    #expect(watched.see(3, at: 7) == ["4,5,7@7"])
  }

  @Test func `next looks at the very next event, of whatever type`() throws {
    let watched = try Watched([Self.on(0), Self.on(1, .next)])
    #expect(!watched.plan.wantsEveryEvent(watched.words))
    watched.see(0, at: 1)
    #expect(watched.plan.wantsEveryEvent(watched.words))
    watched.see(at: 2)
    #expect(!watched.plan.wantsEveryEvent(watched.words))
    #expect(watched.see(1, at: 3) == [])
    watched.see(0, at: 4)
    #expect(watched.see(1, at: 4) == ["4,5@4"])
  }

  @Test func `deadlines fire in their order, and equal ones once`() throws {
    let watched = try Watched([Self.on(0), Self.absent(1, for: 10)])
    watched.see(0, at: 1)
    watched.see(0, at: 2)
    watched.see(0, at: 2)
    #expect(watched.positions == [1, 3])
    #expect(watched.pass(to: 100) == ["1@11", "3@12"])
    #expect(watched.words.isEmpty)
  }

  @Test func `of open absences beyond the bound the newest are dropped and counted`() throws {
    let watched = try Watched([Self.on(0), Self.absent(1, for: 10)], maxOpen: 2)
    for t in 1...5 { watched.see(0, at: Int64(t)) }
    #expect(watched.scratch.dropped == 3)
    #expect(watched.pass(to: .max) == ["1@11", "2@12"])
  }

  @Test func `of partial matches beyond the bound the newest are dropped and counted`() throws {
    let watched = try Watched([Self.on(0), Self.on(1)], .all, maxPartials: 2)
    for t in 1...5 { watched.see(0, at: Int64(t)) }
    #expect(watched.scratch.dropped == 3)
    #expect(watched.plan.partials(watched.words) == 2)
    #expect(watched.see(1, at: 6) == ["1,6@6", "2,6@6"])
  }

  @Test func `what can no longer match is forgotten`() throws {
    let watched = try Watched([Self.on(0), Self.on(1, within: 10)], .all)
    watched.see(0, at: 1)
    watched.see(0, at: 5)
    _ = watched.pass(to: 10)
    #expect(watched.positions == [1, 2])
    _ = watched.pass(to: 11)
    #expect(watched.positions == [2])
    _ = watched.pass(to: 15)
    #expect(watched.words.isEmpty)
  }

  @Test(arguments: [SequencePlan.Mode.latest, .all])
  func `a state copied after every event goes on as if nothing had been`(
    mode: SequencePlan.Mode
  ) throws {
    let parts = [Self.on(0), Self.absent(3), Self.on(1, .any), Self.absent(2, for: 7)]
    let one = try Watched(parts, mode)
    let other = try Watched(parts, mode)
    for t in 1...200 {
      let condition = (t * 7919 >> 3) % 4
      let found = one.pass(to: Int64(t)) + one.see(condition, at: Int64(t))
      other.words = one.words.map { $0 }
      let copy = try Watched(parts, mode)
      copy.words = other.words
      #expect(copy.pass(to: .max) == other.pass(to: .max))
      #expect(found.count < 100)
    }
  }
}

@Suite struct `The outline of a sequence` {
  @Test func `says what each place waits for and what ends it`() throws {
    let plan = try SequencePlan(
      [
        SequencePart(.on(condition: 0)), SequencePart(.absent(condition: 1, lasting: nil)),
        SequencePart(.on(condition: 2), within: 72),
        SequencePart(.absent(condition: 3, lasting: 10)),
      ], mode: .latest)
    let names = ["replied", "complained", "visited", "asked"]
    #expect(
      plan.outline { names[$0] } == [
        "start: replied -> 1",
        "1: complained ends it; visited within 72 ms -> 2; not visited stays",
        "2: asked ends it; not asked stays; after 10 ms it is complete",
      ])
  }

  @Test func `shows what completes a match and goes on`() throws {
    let plan = try SequencePlan(
      [SequencePart(.on(condition: 0)), SequencePart(.on(condition: 1), .next, atMost: nil)],
      mode: .all)
    #expect(
      plan.outline { ["a", "b"][$0] } == [
        "start: a -> 1", "1: b -> 2; b completes it",
        "2: b -> 2; b completes it; not b -> 3",
        "3: b -> 2; b completes it; not b stays",
      ])
  }
}

@Suite struct `Sequences and late events` {
  static func on(_ condition: Int, within: Int64? = nil) -> SequencePart {
    SequencePart(.on(condition: condition), within: within)
  }

  @Test(arguments: [(9, []), (10, ["1,2@10"])] as [(Int64, [String])])
  func `a late event is never a step before one already taken`(t: Int64, found: [String]) throws {
    for mode in [SequencePlan.Mode.latest, .all] {
      let watched = try Watched([Self.on(0), Self.on(1)], mode)
      watched.see(0, at: 10)
      #expect(watched.see(1, at: t) == found)
    }
  }

  @Test(arguments: [(Int64(9), true), (10, false), (19, false), (20, true)])
  func `it cancels an absence at the end if it falls into its time`(t: Int64, fires: Bool) throws {
    let watched = try Watched([Self.on(0), SequencePart(.absent(condition: 1, lasting: 10))])
    watched.see(0, at: 10)
    watched.see(at: 25)
    watched.see(1, at: t)
    #expect(watched.pass(to: .max).isEmpty != fires)
  }

  @Test(arguments: [(Int64(9), true), (10, false), (14, false), (15, true)])
  func `it breaks an absence between two steps already taken`(t: Int64, fires: Bool) throws {
    for mode in [SequencePlan.Mode.latest, .all] {
      let watched = try Watched(
        [Self.on(0), SequencePart(.absent(condition: 1, lasting: nil)), Self.on(2), Self.on(3)],
        mode)
      watched.see(0, at: 10)
      watched.see(2, at: 15)
      watched.see(1, at: t)
      #expect(watched.see(3, at: 20).isEmpty != fires)
    }
  }

  @Test func `of two starts the later time wins, not the later arrival`() throws {
    let watched = try Watched([Self.on(0), Self.on(1, within: 10)])
    watched.see(0, at: 20)
    watched.see(0, at: 15)
    #expect(watched.see(1, at: 29) == ["1,3@29"])
  }

  @Test func `it leaves a strict step waiting`() throws {
    let watched = try Watched([Self.on(0), SequencePart(.on(condition: 1), .next)])
    watched.see(0, at: 20)
    watched.see(at: 15)
    #expect(watched.see(1, at: 21) == ["1,3@21"])
  }
}

@Suite struct `Sequences that are refused` {
  static let step = SequencePart(.on(condition: 0))

  static func reason(
    _ parts: [SequencePart], _ mode: SequencePlan.Mode = .all, within: Int64? = nil,
    contextual: UInt64 = 0
  ) -> String? {
    do throws(SequenceRefusal) {
      _ = try SequencePlan(parts, mode: mode, within: within, contextual: contextual)
      return nil
    } catch {
      return "\(error.part): \(error.reason)"
    }
  }

  @Test(arguments: [
    ([], "0: a sequence begins with a step that takes an event"),
    (
      [SequencePart(.absent(condition: 0, lasting: 5))],
      "0: a sequence begins with a step that takes an event"
    ),
    (
      [step, SequencePart(.absent(condition: 1, lasting: nil))],
      "1: an absence at the end needs a duration: write `for:`"
    ),
    (
      [step, SequencePart(.absent(condition: 1, lasting: 5)), SequencePart(.on(condition: 2))],
      "1: an absence between two steps lasts until the next one: leave out `for:`"
    ),
    (
      [
        step, SequencePart(.on(condition: 1), isOptional: true),
        SequencePart(.notNext(condition: 2)),
      ],
      "1: an optional step cannot stand before an absence"
    ),
    ([step, SequencePart(.on(condition: 0))], "1: each step has a condition of its own"),
    ([step, SequencePart(.on(condition: 64))], "1: a sequence has 64 conditions at most"),
    (
      [SequencePart(.on(condition: 0), isGreedy: true), SequencePart(.on(condition: 1))],
      "0: only a repetition can be greedy"
    ),
    (
      [SequencePart(.on(condition: 0), inner: .next)],
      "0: consecutive or all combinations belongs to a repetition"
    ),
  ])
  func `with a reason that says what to write`(parts: [SequencePart], reason: String) {
    #expect(Self.reason(parts) == reason)
  }

  @Test func `a repetition slower than the whole may be`() {
    let slow = [SequencePart(.on(condition: 0), atLeast: 2, atMost: 2, innerWithin: 11)]
    #expect(Self.reason(slow, within: 11) == nil)
    #expect(
      Self.reason(slow, within: 10)
        == "0: the time between repetitions is longer than `within` of the whole")
  }

  @Test func `in the default mode only, where it could not be exact`() {
    let loop = [SequencePart(.on(condition: 0), atMost: nil), SequencePart(.on(condition: 1))]
    #expect(Self.reason(loop) == nil)
    #expect(
      Self.reason(loop, .latest)
        == "0: a repetition without an upper bound needs `matches: all`")
    let optional = [Self.step, SequencePart(.on(condition: 1), isOptional: true)]
    #expect(Self.reason(optional, .latest) == nil)
    #expect(
      Self.reason(optional, .latest, within: 5)
        == "1: `within` of a whole sequence with optional steps needs `matches: all`")
    #expect(
      Self.reason([Self.step], .latest, contextual: 1)
        == "0: a step that looks at earlier steps needs `matches: all`")
  }
}
