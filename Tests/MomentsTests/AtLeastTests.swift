import Events
import Moments
import Testing

@Suite struct `At least so many indicators` {
  let three = AtLeast(needed: 3, of: 5, within: 100)
  var words = AtLeast(needed: 3, of: 5, within: 100).initialState
  var position: Int64 = 0

  mutating func see(_ indicator: Int, at t: Int64, now: Int64? = nil) -> Bool {
    position += 1
    var span = words.mutableSpan
    return three.advance(
      &span, at: EventTime(milliseconds: t), position: position, indicators: 1 << indicator,
      now: EventTime(milliseconds: now ?? t))
  }

  func exit(now t: Int64) -> Int64 {
    three.nextExit(words.span, now: EventTime(milliseconds: t)).milliseconds
  }

  @Test mutating func `different ones count, the same one three times does not`() {
    #expect(!see(0, at: 10))
    #expect(!see(0, at: 20))
    #expect(!see(0, at: 30))
    #expect(!see(1, at: 40))
    #expect(see(2, at: 50))
    let evidence = three.evidence(words.span, now: EventTime(milliseconds: 50))
    #expect(evidence.map(\.step) == [0, 1, 2])
    #expect(evidence.map(\.position) == [3, 4, 5])
  }

  @Test(arguments: [(Int64(109), true), (110, false)])
  mutating func `an event counts for less than the time`(t: Int64, fires: Bool) {
    _ = see(0, at: 10)
    _ = see(1, at: 60)
    #expect(see(2, at: t) == fires)
  }

  @Test mutating func `it fires when it becomes true, and again after it has ceased`() {
    _ = see(0, at: 10)
    _ = see(1, at: 20)
    #expect(see(2, at: 30))
    #expect(!see(3, at: 40))
    #expect(!see(0, at: 50))
    #expect(exit(now: 50) == 120)
    // Of 0@50, 1@20, 2@30 and 3@40 two are left at 130.
    #expect(see(4, at: 130) == false)
    var span = words.mutableSpan
    three.advanceTime(&span, to: EventTime(milliseconds: 141))
    #expect(!three.holds(words.span))
    #expect(see(1, at: 145))
  }

  @Test mutating func `a late event counts with its own time`() {
    _ = see(0, at: 100)
    _ = see(1, at: 150)
    #expect(!see(2, at: 50, now: 150))
    #expect(see(2, at: 51, now: 150))
    #expect(!see(2, at: 40, now: 150))
    #expect(exit(now: 150) == 151)
  }

  @Test func `nothing seen leaves nothing`() {
    #expect(three.nextExit(words.span, now: .end) == .end)
    #expect(three.evidence(words.span, now: EventTime(milliseconds: 0)).isEmpty)
    var positions: [Int64] = []
    three.livePositions(words.span) { positions.append($0) }
    #expect(positions.isEmpty)
  }
}
