/// A date and a time of day, without a zone. The calendar is the Gregorian one for all years.
package struct CivilTime: Equatable, Sendable {
  package var year: Int
  /// 1 to 12.
  package var month: Int
  /// 1 to 31.
  package var day: Int
  package var hour: Int
  package var minute: Int
  package var second: Int
  package var millisecond: Int
  /// 0 is Sunday.
  package var weekday: Int
  /// 0 is the first of January.
  package var yearDay: Int

  /// The date and time that a clock shows `milliseconds` after midnight of 1970-01-01.
  package init(milliseconds: Int64) {
    let (days, rest) = floorDivide(milliseconds, by: 86_400_000)
    let date = civilFromDays(days)
    year = date.year
    month = date.month
    day = date.day
    hour = Int(rest / 3_600_000)
    minute = Int(rest / 60000 % 60)
    second = Int(rest / 1000 % 60)
    millisecond = Int(rest % 1000)
    weekday = weekdayOfDays(days)
    yearDay = Int(days - daysFromCivil(year: date.year, month: 1, day: 1))
  }

  /// `month` and `day` must name a day that there is; weekday and day of the year follow.
  package init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0,
    millisecond: Int = 0
  ) {
    let days = daysFromCivil(year: year, month: month, day: day)
    let clock = Int64(hour) * 3_600_000 + Int64(minute) * 60000 + Int64(second) * 1000
    self.init(milliseconds: days * 86_400_000 + clock + Int64(millisecond))
  }

  /// Milliseconds from midnight of 1970-01-01 on the same clock. Fields beyond their range carry
  /// over (hour 24 is the next day's 0), except the month.
  package var milliseconds: Int64 {
    let days = daysFromCivil(year: year, month: month, day: day)
    let seconds = Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)
    return days * 86_400_000 + seconds * 1000 + Int64(millisecond)
  }
}

/// Days from 1970-01-01. Years count from March inside, so that the leap day ends a year; 400
/// years are always 146,097 days.
package func daysFromCivil(year: Int, month: Int, day: Int) -> Int64 {
  let shifted = Int64(month <= 2 ? year - 1 : year)
  let (era, yearOfEra) = floorDivide(shifted, by: 400)
  let monthFromMarch = Int64(month > 2 ? month - 3 : month + 9)
  let dayOfYear = (153 * monthFromMarch + 2) / 5 + Int64(day) - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

/// The date that is `days` after 1970-01-01.
package func civilFromDays(_ days: Int64) -> (year: Int, month: Int, day: Int) {
  let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let monthFromMarch = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
  let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return (Int(year), Int(month), Int(day))
}

/// 0 is Sunday. 1970-01-01 was a Thursday.
package func weekdayOfDays(_ days: Int64) -> Int {
  Int(floorDivide(days + 4, by: 7).remainder)
}

package func isLeapYear(_ year: Int) -> Bool {
  year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// 0 for a month that there is not.
package func daysInMonth(year: Int, month: Int) -> Int {
  switch month {
  case 1, 3, 5, 7, 8, 10, 12: 31
  case 4, 6, 9, 11: 30
  case 2: isLeapYear(year) ? 29 : 28
  default: 0
  }
}
