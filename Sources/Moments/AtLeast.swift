package import Events

/// At least so many different indicators within a time: `false -> true -> false`.
///
/// Of each indicator the latest event counts, while its time lies in (t − within, t]. The state is
/// `stateWords` words: whether the condition holds, then position and time for each indicator.
package struct AtLeast: Hashable, Sendable {
  /// How many indicators must count; at least 1.
  package let needed: Int
  /// How many there are; at most 64.
  package let indicators: Int
  package let within: Int64

  package init(needed: Int, of indicators: Int, within: Int64) {
    precondition(needed >= 1 && indicators >= 1 && indicators <= 64 && within > 0)
    self.needed = needed
    self.indicators = indicators
    self.within = within
  }

  package var stateWords: Int { 1 + 2 * indicators }

  /// A state in which no indicator has been seen.
  package var initialState: [Int64] {
    [0] + (0..<indicators).flatMap { _ in [-1, Int64.min] }
  }

  /// Applies an event at `time` that satisfies the indicators in the mask, when the customer's clock
  /// stands at `now`, and returns whether the condition became true.
  package func advance(
    _ words: inout MutableSpan<Int64>, at time: EventTime, position: Int64, indicators mask: UInt64,
    now: EventTime
  ) -> Bool {
    advanceTime(&words, to: now)
    for indicator in 0..<indicators where mask & 1 << indicator != 0 {
      let index = 1 + 2 * indicator
      let t = time.milliseconds
      if t > words[index + 1] || t == words[index + 1] && position > words[index] {
        words[index] = position
        words[index + 1] = t
      }
    }
    guard words[0] == 0, count(words.span, now) >= needed else { return false }
    words[0] = 1
    return true
  }

  /// Lets time pass: the condition may cease.
  package func advanceTime(_ words: inout MutableSpan<Int64>, to now: EventTime) {
    if words[0] != 0, count(words.span, now) < needed { words[0] = 0 }
  }

  /// Whether the condition held when it was last looked at.
  package func holds(_ words: Span<Int64>) -> Bool { words[0] != 0 }

  /// The next time at which an indicator that counts at `now` will not; `.end` if none does.
  package func nextExit(_ words: Span<Int64>, now: EventTime) -> EventTime {
    var exit = Int64.max
    for indicator in 0..<indicators where counts(words, indicator, now) {
      exit = min(exit, words[2 + 2 * indicator] &+ within)
    }
    return EventTime(milliseconds: exit)
  }

  /// The events that count, by indicator. (An indicator that became true by time alone has the
  /// position that `advance` was given for it.)
  package func evidence(_ words: Span<Int64>, now: EventTime) -> [Taken] {
    var evidence: [Taken] = []
    for indicator in 0..<indicators where counts(words, indicator, now) {
      evidence.append(
        Taken(
          step: indicator, position: words[1 + 2 * indicator],
          time: EventTime(milliseconds: words[2 + 2 * indicator])))
    }
    return evidence
  }

  /// Calls `visit` with each journal position that the state still holds.
  package func livePositions(_ words: Span<Int64>, _ visit: (Int64) -> Void) {
    for indicator in 0..<indicators where words[1 + 2 * indicator] >= 0 {
      visit(words[1 + 2 * indicator])
    }
  }

  private func count(_ words: Span<Int64>, _ now: EventTime) -> Int {
    var count = 0
    for indicator in 0..<indicators where counts(words, indicator, now) { count += 1 }
    return count
  }

  /// Whether the latest event of an indicator lies in (now − within, now].
  private func counts(_ words: Span<Int64>, _ indicator: Int, _ now: EventTime) -> Bool {
    let time = words[2 + 2 * indicator]
    let (end, overflow) = time.addingReportingOverflow(within)
    return time != .min && time <= now.milliseconds && (overflow || now.milliseconds < end)
  }
}
