import Console
import Log
import Synchronization

/// Whether one of the engine's loops waits for something outside, and for what: a line when it
/// begins, a line when it is over, and `kairos_waiting` at 1 in between.
///
/// A loop waits when a call has failed in passing (`wait`), or when a call has not come back for a
/// while, which another thread notices (`look`).
final class LoopWatch: Sendable {
  private struct State {
    var cause: String?
    var since: UInt64 = 0
    var attempts = 0
    var pulse: Pulse?
    var isBlocked = false
  }

  private let name: String
  /// What it is that loops wait for: `disk` or `brokers`.
  private let what: String
  private let gauge: Gauge
  private let lines: LineLog
  private let state = Mutex(State())

  private static let longestPause: Int32 = 5_000
  /// A loop that has not turned for so long is waiting, nanoseconds.
  private static let patience: UInt64 = 3_000_000_000

  init(_ name: String, what: String, _ metrics: EngineMetrics, _ lines: LineLog) {
    self.name = name
    self.what = what
    self.lines = lines
    gauge = metrics.waiting(loop: name, what: what)
  }

  func follow(_ pulse: Pulse?) { state.withLock { $0.pulse = pulse } }

  /// A call has failed and may succeed later. Pauses: 100 ms, twice that each time, 5 s at most.
  func wait(_ error: LogError, _ drain: DrainSignal) {
    let (attempts, isNew) = state.withLock { state in
      let isNew = state.cause != error.message
      if state.cause == nil { state.since = MonotonicClock.nanoseconds() }
      state.cause = error.message
      state.attempts += 1
      return (state.attempts, isNew)
    }
    gauge.set(1)
    if isNew { lines.warning("\(name) waits for the \(what)", ["cause": .text(error.message)]) }
    _ = drain.wait(milliseconds: min(50 << Int32(min(attempts, 8)), Self.longestPause))
  }

  func goesOn() {
    let waited = state.withLock { state -> UInt64? in
      guard state.cause != nil else { return nil }
      let since = state.since
      (state.cause, state.attempts) = (nil, 0)
      return MonotonicClock.nanoseconds() - since
    }
    guard let waited else { return }
    gauge.set(0)
    lines.info("\(name) goes on", ["waited_seconds": .integer(Int64(waited / 1_000_000_000))])
  }

  /// From another thread, now and then.
  func look() {
    let now = MonotonicClock.nanoseconds()
    let change = state.withLock { state -> (isBlocked: Bool, seconds: UInt64)? in
      let age = state.pulse?.age(now: now) ?? 0
      let isBlocked = age > Self.patience && state.cause == nil
      guard isBlocked != state.isBlocked else { return nil }
      state.isBlocked = isBlocked
      if state.cause == nil { gauge.set(isBlocked ? 1 : 0) }
      return (isBlocked, age / 1_000_000_000)
    }
    guard let change, change.isBlocked else { return }
    lines.repeated(
      .warning, "\(name) waits for the \(what)",
      ["cause": .text("a call has not come back for \(change.seconds) s")])
  }
}
