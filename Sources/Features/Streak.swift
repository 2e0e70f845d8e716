internal import Cel
internal import Events

// Days in a row, as runs of days (first, last) in order. A late event may extend a run or join two.

extension FeatureTable {
  /// Runs older than this many cannot be joined any more by a late event.
  static let runsKept = 16

  func mark(day: Int64, _ feature: FeaturePlan, _ block: Words, _ memory: inout StateMemory) {
    let runs = runs(feature, block)
    // `index(after:)` looks at the first word, the run's first day.
    let after = runs.index(after: day, memory)
    let before = after &- 1
    if after != runs.head {
      let run = runs.element(before, memory)
      if day <= run[1] { return }
      if day == run[1] + 1 {
        run[1] = day
        if after != runs.tail, runs.element(after, memory)[0] == day + 1 {
          run[1] = runs.element(after, memory)[1]
          runs.remove(at: after, memory)
        }
        return
      }
    }
    if after != runs.tail, runs.element(after, memory)[0] == day + 1 {
      runs.element(after, memory)[0] = day
      return
    }
    if runs.count == Self.runsKept {
      if after == runs.head { return }
      runs.dropFirst(to: runs.head &+ 1)
    }
    if runs.isFull { runs.grow(&memory) }
    let words = runs.open(at: after, memory)
    words[0] = day
    words[1] = day
  }

  /// The length of the run that ends today, or yesterday if today has none yet.
  func streak(
    _ feature: FeaturePlan, at clock: Int64, zone: ZoneId, _ block: Words,
    _ memory: borrowing StateMemory
  ) -> Int64 {
    let runs = runs(feature, block)
    guard runs.count > 0 else { return 0 }
    let last = runs.element(runs.tail &- 1, memory)
    let today = zones.localDay(ms: clock, zone: zone)
    return last[1] >= today - 1 ? last[1] - last[0] + 1 : 0
  }

  /// The instant at which the streak breaks if nothing comes: the start of the day after the next.
  func streakEnd(
    _ feature: FeaturePlan, after clock: Int64, zone: ZoneId, _ block: Words,
    _ memory: borrowing StateMemory
  ) -> Int64 {
    let runs = runs(feature, block)
    guard runs.count > 0 else { return .max }
    let last = runs.element(runs.tail &- 1, memory)
    let end = zones.startOfDay(last[1] + 2, zone: zone)
    return end > clock ? end : .max
  }
}
