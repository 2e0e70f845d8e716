internal import Glibc

/// What a loop waits for, because the log failed in passing.
package struct Waiting: Equatable, Sendable {
  /// The log's own words.
  package var cause: String
  /// Milliseconds since 1970.
  package var since: Int64
  /// How often it was tried.
  package var attempts: Int
}

/// Pauses between attempts that double from a tenth of a second up to five.
struct Patience {
  private(set) var waiting: Waiting?
  private var until = Int64.min
  private static let longestMs: Int64 = 5_000

  mutating func begin(_ cause: String, at now: Int64) {
    let before = waiting
    let attempts = (before?.attempts ?? 0) + 1
    waiting = Waiting(cause: cause, since: before?.since ?? now, attempts: attempts)
    until = now + min(Self.longestMs, 50 << Int64(min(attempts, 8)))
  }

  mutating func end() {
    waiting = nil
    until = .min
  }

  func isPausing(at now: Int64) -> Bool { waiting != nil && now < until }

  static func sleep(milliseconds: Int) {
    if milliseconds > 0 { _ = usleep(UInt32(clamping: milliseconds * 1000)) }
  }
}
