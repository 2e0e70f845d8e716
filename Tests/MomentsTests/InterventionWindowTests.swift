import Events
import Moments
import Testing

@Suite final class `An intervention window` {
  let window = InterventionWindow(opens: 19, closes: 37)
  var words: [Int64] = [0, 0, 0]

  func anchor(_ t: Int64, _ position: Int64) -> Bool {
    var state = words
    defer { words = state }
    var span = state.mutableSpan
    return window.anchor(&span, at: EventTime(milliseconds: t), position: position)
  }

  func pass(to t: Int64) -> [InterventionWindow.Change] {
    var changes: [InterventionWindow.Change] = []
    var state = words
    defer { words = state }
    var span = state.mutableSpan
    window.advanceTime(&span, to: EventTime(milliseconds: t), into: &changes)
    return changes
  }

  func cancel(_ t: Int64) -> InterventionWindow.Phase {
    var state = words
    defer { words = state }
    var span = state.mutableSpan
    return window.cancel(&span, at: EventTime(milliseconds: t))
  }

  var deadline: Int64 {
    let state = words
    return window.nextDeadline(state.span).milliseconds
  }

  var isIdle: Bool {
    let state = words
    return window.span(state.span) == nil
  }

  @Test func `opens and closes on time without an event`() {
    #expect(anchor(100, 7))
    #expect(deadline == 119)
    #expect(pass(to: 118) == [])
    let opened = pass(to: 119)
    #expect(opened.map(\.kind) == [.opened])
    #expect(opened.map(\.at.milliseconds) == [119])
    #expect(opened.map(\.closes.milliseconds) == [137])
    #expect(opened.map(\.position) == [7])
    #expect(deadline == 137)
    #expect(pass(to: 136) == [])
    #expect(pass(to: 137).map(\.kind) == [.closed])
    #expect(deadline == .max)
  }

  @Test func `both are due when time jumps`() {
    _ = anchor(100, 7)
    #expect(pass(to: 1_000).map(\.at.milliseconds) == [119, 137])
    #expect(pass(to: 1_000) == [])
  }

  @Test func `another anchor is ignored while an instance waits or is open`() {
    #expect(anchor(100, 7))
    #expect(!anchor(110, 8))
    _ = pass(to: 120)
    #expect(!anchor(121, 9))
    _ = pass(to: 137)
    #expect(anchor(137, 10))
    #expect(deadline == 156)
  }

  @Test func `it is cancelled before and after opening, not by what came before`() {
    #expect(cancel(50) == .idle)
    _ = anchor(100, 7)
    #expect(cancel(99) == .idle)
    #expect(cancel(100) == .waiting)
    #expect(pass(to: 1_000) == [])
    _ = anchor(2_000, 8)
    _ = pass(to: 2_019)
    #expect(cancel(2_020) == .open)
    #expect(isIdle)
    #expect(deadline == .max)
  }
}
