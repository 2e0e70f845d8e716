internal import Cel
internal import Events

extension PolicyPlan {
  /// How often the cap has been used at `now`, and from when on this cap alone would let one more
  /// through if nothing else were released.
  func use(
    of cap: Cap, by file: CustomerFile, at now: Int64, zone: ZoneId, _ zones: ZoneTable
  ) -> (used: Int, nextAllowed: Int64?) {
    let counted = file.releases.filter { cap.counts($0) }
    switch cap.period {
    case .rolling(let per):
      let times = counted.map(\.time).filter { $0 > now - per && $0 <= now }
      guard times.count >= cap.atMost else { return (times.count, nil) }
      if cap.atMost == 0 { return (times.count, .max) }
      return (times.count, times[times.count - cap.atMost] + per)
    case .calendar(let unit):
      let start = periodStart(unit, containing: now, zone, zones)
      let used = counted.filter { $0.time >= start && $0.time <= now }.count
      guard used >= cap.atMost else { return (used, nil) }
      return (used, periodEnd(unit, containing: now, zone, zones))
    }
  }

  private func periodStart(
    _ unit: Calendar, containing now: Int64, _ zone: ZoneId, _ zones: ZoneTable
  ) -> Int64 {
    zones.startOfDay(firstDay(unit, of: zones.localDay(ms: now, zone: zone)), zone: zone)
  }

  private func periodEnd(
    _ unit: Calendar, containing now: Int64, _ zone: ZoneId, _ zones: ZoneTable
  ) -> Int64 {
    let first = firstDay(unit, of: zones.localDay(ms: now, zone: zone))
    let next: Int64
    switch unit {
    case .day: next = first + 1
    case .week: next = first + 7
    case .month: next = firstDay(.month, of: first + 31)
    }
    return zones.startOfDay(next, zone: zone)
  }

  /// Weeks begin on Monday; day 0, 1970-01-01, was a Thursday.
  private func firstDay(_ unit: Calendar, of day: Int64) -> Int64 {
    switch unit {
    case .day: return day
    case .week: return day - (day + 3 - floorDivide(day + 3, 7) * 7)
    case .month: return day - Int64(civilFromDays(day).day - 1)
    }
  }
}
