extension CelFunction {
  /// What an accessor reads off a clock; nil if this is none, or takes no such arguments.
  func applyTime(
    _ arguments: [CelValue], zones: ZoneTable
  ) throws(FunctionFailure) -> CelValue? {
    switch arguments.first {
    case .timestamp(let time) where arguments.count == 1:
      return field(of: CivilTime(milliseconds: time.milliseconds)).map { .int($0) }
    case .timestamp(let time) where arguments.count == 2:
      guard isClockField, case .string(let name) = arguments[1] else { return nil }
      guard let zone = zones.zone(named: name) else {
        throw FunctionFailure("there is no time zone '\(name)'")
      }
      return field(of: zones.civil(ms: time.milliseconds, zone: zone)).map { .int($0) }
    case .duration(let length) where arguments.count == 1:
      return part(ofMilliseconds: length.nanoseconds / 1_000_000).map { .int($0) }
    default: return nil
    }
  }

  /// Whether this reads a field off a clock or a calendar.
  var isClockField: Bool {
    switch self {
    case .getFullYear, .getMonth, .getDate, .getDayOfMonth, .getDayOfWeek, .getDayOfYear,
      .getHours, .getMinutes, .getSeconds, .getMilliseconds:
      true
    default: false
    }
  }

  /// Months, days of the month and of the year count from 0, except that `getDate` counts from 1;
  /// day 0 of the week is Sunday.
  func field(of civil: CivilTime) -> Int64? {
    switch self {
    case .getFullYear: Int64(civil.year)
    case .getMonth: Int64(civil.month - 1)
    case .getDate: Int64(civil.day)
    case .getDayOfMonth: Int64(civil.day - 1)
    case .getDayOfWeek: Int64(civil.weekday)
    case .getDayOfYear: Int64(civil.yearDay)
    case .getHours: Int64(civil.hour)
    case .getMinutes: Int64(civil.minute)
    case .getSeconds: Int64(civil.second)
    case .getMilliseconds: Int64(civil.millisecond)
    default: nil
    }
  }

  /// Of a duration: all of its whole hours, minutes or seconds, but of its milliseconds only those
  /// beyond the last whole second.
  func part(ofMilliseconds milliseconds: Int64) -> Int64? {
    switch self {
    case .getHours: milliseconds / 3_600_000
    case .getMinutes: milliseconds / 60000
    case .getSeconds: milliseconds / 1000
    case .getMilliseconds: milliseconds % 1000
    default: nil
    }
  }
}
