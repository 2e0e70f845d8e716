/// Milliseconds since 1970 as RFC 3339 text in UTC, for people; `2026-03-01T09:30:00.000Z`.
package enum UtcText {
  package static func dateTime(_ milliseconds: Int64) -> String {
    let (date, time) = parts(milliseconds)
    return "\(date)T\(time)Z"
  }

  /// `2026-03-01 09:30:00`, for a column of a table.
  package static func short(_ milliseconds: Int64) -> String {
    let (date, time) = parts(milliseconds)
    return "\(date) \(time.prefix(8))"
  }

  private static func parts(_ milliseconds: Int64) -> (date: String, time: String) {
    var days = milliseconds / 86_400_000
    var rest = milliseconds % 86_400_000
    if rest < 0 {
      days -= 1
      rest += 86_400_000
    }
    // Howard Hinnant's civil_from_days: years of 400-year eras that begin in March.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    let seconds = rest / 1000
    let clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }
    return (date, "\(clock.joined(separator: ":")).\(padded(rest % 1000, 3))")
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number.magnitude)
    let zeros = String(repeating: "0", count: max(0, width - digits.count))
    return (number < 0 ? "-" : "") + zeros + digits
  }
}
