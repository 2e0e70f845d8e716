import Events
import Moments
import Testing

@Suite final class `At least so many indicators` {
  let three = AtLeast(needed: 3, of: 5, within: 100)
  var words = AtLeast(needed: 3, of: 5, within: 100).initialState
  var position: Int64 = 0

  func see(_ indicator: Int, at t: Int64, now: Int64? = nil) -> Bool {
    position += 1
    var state = words
    defer { words = state }
    var span = state.mutableSpan
    return three.advance(
      &span, at: EventTime(milliseconds: t), position: position, indicators: 1 << indicator,
      now: EventTime(milliseconds: now ?? t))
  }

  func pass(to t: Int64) -> Bool {
    var state = words
    defer { words = state }
    var span = state.mutableSpan
    three.advanceTime(&span, to: EventTime(milliseconds: t))
    return three.holds(span.span)
  }

  func evidence(now t: Int64) -> [Taken] {
    let state = words
    return three.evidence(state.span, now: EventTime(milliseconds: t))
  }

  func exit(now t: Int64) -> Int64 {
    let state = words
    return three.nextExit(state.span, now: EventTime(milliseconds: t)).milliseconds
  }

  @Test func `different ones count, the same one three times does not`() {
    #expect(!see(0, at: 10))
    #expect(!see(0, at: 20))
    #expect(!see(0, at: 30))
    #expect(!see(1, at: 40))
    #expect(see(2, at: 50))
    let evidence = evidence(now: 50)
    #expect(evidence.map(\.step) == [0, 1, 2])
    #expect(evidence.map(\.position) == [3, 4, 5])
  }

  @Test(arguments: [(Int64(109), true), (110, false)])
  func `an event counts for less than the time`(t: Int64, fires: Bool) {
    _ = see(0, at: 10)
    _ = see(1, at: 60)
    #expect(see(2, at: t) == fires)
  }

  @Test func `it fires when it becomes true, and again after it has ceased`() {
    _ = see(0, at: 10)
    _ = see(1, at: 20)
    #expect(see(2, at: 30))
    #expect(!see(3, at: 40))
    #expect(!see(0, at: 50))
    #expect(exit(now: 50) == 120)
    #expect(pass(to: 129))
    #expect(!pass(to: 130))
    #expect(see(4, at: 139))
    #expect(!see(1, at: 139))
  }

  @Test func `at one instant what leaves goes before what comes`() {
    _ = see(0, at: 10)
    _ = see(1, at: 60)
    #expect(see(2, at: 70))
    #expect(see(3, at: 110))
  }

  @Test func `a late event counts with its own time`() {
    _ = see(0, at: 100)
    _ = see(1, at: 150)
    #expect(!see(2, at: 50, now: 150))
    #expect(see(2, at: 51, now: 150))
    #expect(!see(2, at: 40, now: 150))
    #expect(exit(now: 150) == 151)
  }

  @Test func `nothing seen leaves nothing`() {
    #expect(exit(now: 0) == .max)
    #expect(evidence(now: 0).isEmpty)
    var positions: [Int64] = []
    let state = words
    three.livePositions(state.span) { positions.append($0) }
    #expect(positions.isEmpty)
  }
}
