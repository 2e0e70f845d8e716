internal import Cel
internal import Events

extension PolicyPlan.QuietHours {
  private static let minute: Int64 = 60_000
  private static let day: Int64 = 1_440

  /// Minute of the local day.
  private func localMinute(_ time: Int64, _ zone: ZoneId, _ zones: ZoneTable) -> Int64 {
    let minutes = floorDivide(time + zones.offset(ms: time, zone: zone), Self.minute)
    return minutes - floorDivide(minutes, Self.day) * Self.day
  }

  func isQuiet(at time: Int64, zone: ZoneId, _ zones: ZoneTable) -> Bool {
    let minute = Int(localMinute(time, zone, zones))
    return from < to ? minute >= from && minute < to : minute >= from || minute < to
  }

  /// The first minute from `time` on, `time` being quiet, that is not.
  func end(after time: Int64, zone: ZoneId, _ zones: ZoneTable) -> Int64 {
    boundary(to, after: time, zone, zones) { !isQuiet(at: $0, zone: zone, zones) }
  }

  /// The first minute after `time`, `time` not being quiet, that is.
  func start(after time: Int64, zone: ZoneId, _ zones: ZoneTable) -> Int64 {
    boundary(from, after: time, zone, zones) { isQuiet(at: $0, zone: zone, zones) }
  }

  /// Straight to the minute of the day where the zone's offset stays the same; minute by minute
  /// where the clocks change on the way.
  private func boundary(
    _ minuteOfDay: Int, after time: Int64, _ zone: ZoneId, _ zones: ZoneTable,
    isReached: (Int64) -> Bool
  ) -> Int64 {
    let start = floorDivide(time, Self.minute) * Self.minute
    let wait = (Int64(minuteOfDay) - localMinute(time, zone, zones) + Self.day) % Self.day
    let there = start + (wait == 0 ? Self.day : wait) * Self.minute
    if zones.offset(ms: there, zone: zone) == zones.offset(ms: time, zone: zone) { return there }
    var next = start + Self.minute
    while !isReached(next), next < start + 3 * Self.day * Self.minute { next += Self.minute }
    return next
  }
}

extension PolicyPlan {
  /// The first instant from `now` on at which no quiet time holds the decision back.
  func quietUntil(_ now: Int64, decision: Int, zone: ZoneId, _ zones: ZoneTable) -> Int64 {
    var time = now
    var settled = false
    var rounds = 0
    while !settled, rounds < 32 {
      settled = true
      rounds += 1
      for quiet in quietHours
      where quiet.decisions[decision] && quiet.isQuiet(at: time, zone: zone, zones) {
        time = quiet.end(after: time, zone: zone, zones)
        settled = false
      }
    }
    return time
  }

  /// The first quiet instant after `now`, or nil if the decision knows no quiet time.
  func nextQuiet(_ now: Int64, decision: Int, zone: ZoneId, _ zones: ZoneTable) -> Int64? {
    var first: Int64?
    for quiet in quietHours where quiet.decisions[decision] {
      let start = quiet.start(after: now, zone: zone, zones)
      first = min(first ?? .max, start)
    }
    return first
  }
}
