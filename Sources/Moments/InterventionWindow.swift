package import Events

/// A span of time after an anchor in which something may be done: `idle -> waiting -> open -> idle`.
///
/// While an instance waits or is open, another anchor is ignored. The state is three words: the
/// phase, and time and position of the anchor.
package struct InterventionWindow: Hashable, Sendable {
  /// From the anchor, in ms; half-open: it is open in [opens, closes).
  package let opens: Int64
  package let closes: Int64

  package init(opens: Int64, closes: Int64) {
    precondition(opens >= 0 && closes > opens)
    self.opens = opens
    self.closes = closes
  }

  package enum Phase: Int64, Hashable, Sendable {
    /// No anchor.
    case idle = 0
    /// Until `opens` after the anchor.
    case waiting = 1
    /// Until `closes` after the anchor.
    case open = 2
  }

  /// What became of an instance.
  package struct Change: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case opened, closed }
    package var kind: Kind
    /// When it was due.
    package var at: EventTime
    package var anchor: EventTime
    package var position: Int64
    /// When the instance closes.
    package var closes: EventTime
  }

  package static let stateWords = 3

  package func phase(_ words: Span<Int64>) -> Phase {
    guard let phase = Phase(rawValue: words[0]) else { fatalError("window phase \(words[0])") }
    return phase
  }

  /// Starts an instance, unless one is under way, and returns whether it did. An anchor at which
  /// the window opens at once is due at once: let time pass afterwards.
  package func anchor(
    _ words: inout MutableSpan<Int64>, at time: EventTime, position: Int64
  ) -> Bool {
    guard phase(words.span) == .idle else { return false }
    words[0] = Phase.waiting.rawValue
    words[1] = time.milliseconds
    words[2] = position
    return true
  }

  /// Ends the instance under way, if its anchor is not later than the event, and returns the phase
  /// in which it was.
  package func cancel(
    _ words: inout MutableSpan<Int64>, at time: EventTime
  ) -> Phase {
    let phase = phase(words.span)
    guard phase != .idle, time.milliseconds >= words[1] else { return .idle }
    words[0] = Phase.idle.rawValue
    return phase
  }

  /// When the window opens or closes next; `.end` if it is idle.
  package func nextDeadline(_ words: Span<Int64>) -> EventTime {
    switch phase(words) {
    case .idle: .end
    case .waiting: due(words, opens)
    case .open: due(words, closes)
    }
  }

  /// Lets time pass up to the watermark and appends what was due, in order.
  package func advanceTime(
    _ words: inout MutableSpan<Int64>, to watermark: EventTime, into changes: inout [Change]
  ) {
    while phase(words.span) != .idle, nextDeadline(words.span) <= watermark {
      let isOpening = phase(words.span) == .waiting
      changes.append(
        Change(
          kind: isOpening ? .opened : .closed, at: nextDeadline(words.span),
          anchor: EventTime(milliseconds: words[1]), position: words[2],
          closes: due(words.span, closes)))
      words[0] = (isOpening ? Phase.open : Phase.idle).rawValue
    }
  }

  /// When the instance under way opens, and when it closes; nil if there is none.
  package func span(_ words: Span<Int64>) -> (opens: EventTime, closes: EventTime)? {
    phase(words) == .idle ? nil : (due(words, opens), due(words, closes))
  }

  /// Calls `visit` with the anchor's position while the state holds one.
  package func livePositions(_ words: Span<Int64>, _ visit: (Int64) -> Void) {
    if phase(words) != .idle { visit(words[2]) }
  }

  private func due(_ words: Span<Int64>, _ after: Int64) -> EventTime {
    let (sum, overflow) = words[1].addingReportingOverflow(after)
    return overflow ? .end : EventTime(milliseconds: sum)
  }
}
