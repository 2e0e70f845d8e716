/// A clock on somebody's wall: how far it is from UTC, and when.
package enum ZoneClock: Equatable, Sendable {
  case utc
}

extension ZoneClock {
  /// Milliseconds since 1970 of a moment that this clock shows as `local` (milliseconds as if it
  /// were UTC's). Shown twice: the first of the two. Never shown: as far behind the jump as written.
  func utcMilliseconds(local: Int64) -> Int64 {
    switch self {
    case .utc: local
    }
  }
}
