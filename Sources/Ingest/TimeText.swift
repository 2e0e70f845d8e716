/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar.
func daysFromCivil(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
  // Years begin in March here, so that the leap day is a year's last.
  let y = month <= 2 ? year - 1 : year
  let era = (y >= 0 ? y : y - 399) / 400
  let yearOfEra = y - era * 400
  let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
  let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
  if month == 2 {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
}

/// The parts of a date and time as somebody wrote them.
struct CivilTime {
  var year: Int64 = 1970
  var month: Int64 = 1
  var day: Int64 = 1
  var hour: Int64 = 0
  var minute: Int64 = 0
  /// 60 is a leap second, and counts as the next minute's first.
  var second: Int64 = 0
  var millisecond: Int64 = 0

  /// Milliseconds since 1970 as if the clock were UTC's. Nil: there is no such time.
  var milliseconds: Int64? {
    guard month >= 1, month <= 12, day >= 1, day <= daysInMonth(year, month), hour <= 23,
      minute <= 59, second <= 60
    else { return nil }
    let seconds = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * 1000 + millisecond
  }
}

/// The number that `from..<to` spells in decimal digits and nothing else; nil if it does not.
func digits(_ text: Span<UInt8>, _ from: Int, _ to: Int) -> Int64? {
  guard from < to, to <= text.count, to - from <= 18 else { return nil }
  var value: Int64 = 0
  for index in from..<to {
    let digit = text[index] &- 0x30
    guard digit < 10 else { return nil }
    value = value * 10 + Int64(digit)
  }
  return value
}

/// Past the decimal digits that begin at `from`.
func digitsEnd(_ text: Span<UInt8>, _ from: Int, _ end: Int) -> Int {
  var at = from
  while at < end, text[at] &- 0x30 < 10 { at += 1 }
  return at
}

/// Milliseconds of a second's fraction, whose digits are `from..<to`; what is finer is cut off.
func fraction(_ text: Span<UInt8>, _ from: Int, _ to: Int) -> Int64? {
  guard from < to else { return nil }
  var value: Int64 = 0
  for place in 0..<3 {
    let index = from + place
    value = value * 10 + (index < to ? Int64(text[index] &- 0x30) : 0)
  }
  return value
}

/// `Z`, `z` or ±hh:mm at the end of a text, as milliseconds east of Greenwich.
private func zoneOffset(_ text: Span<UInt8>, _ at: Int, _ end: Int) -> Int64? {
  guard at < end else { return nil }
  if text[at] | 0x20 == UInt8(ascii: "z") { return at + 1 == end ? 0 : nil }
  guard text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-"), at + 6 == end,
    text[at + 3] == UInt8(ascii: ":"), let hours = digits(text, at + 1, at + 3), hours <= 23,
    let minutes = digits(text, at + 4, at + 6), minutes <= 59
  else { return nil }
  let offset = (hours * 60 + minutes) * 60_000
  return text[at] == UInt8(ascii: "-") ? -offset : offset
}

/// Milliseconds since 1970 of a time by RFC 3339, as `2024-02-29T23:59:59.123+05:45`; nil if
/// `range` holds anything else. A blank may stand for the `T`; what is finer than a millisecond is
/// cut off.
package func rfc3339Milliseconds(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
  let at = range.lowerBound
  let end = range.upperBound
  guard range.count >= 20, text[at + 4] == UInt8(ascii: "-"), text[at + 7] == UInt8(ascii: "-"),
    text[at + 10] | 0x20 == UInt8(ascii: "t") || text[at + 10] == UInt8(ascii: " "),
    text[at + 13] == UInt8(ascii: ":"), text[at + 16] == UInt8(ascii: ":"),
    let year = digits(text, at, at + 4), let month = digits(text, at + 5, at + 7),
    let day = digits(text, at + 8, at + 10), let hour = digits(text, at + 11, at + 13),
    let minute = digits(text, at + 14, at + 16), let second = digits(text, at + 17, at + 19)
  else { return nil }
  var time = CivilTime(
    year: year, month: month, day: day, hour: hour, minute: minute, second: second)
  var next = at + 19
  if text[next] == UInt8(ascii: ".") {
    let behind = digitsEnd(text, next + 1, end)
    guard let part = fraction(text, next + 1, behind) else { return nil }
    time.millisecond = part
    next = behind
  }
  guard let offset = zoneOffset(text, next, end), let local = time.milliseconds else {
    return nil
  }
  return local - offset
}
