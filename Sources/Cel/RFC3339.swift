/// The instant that an RFC 3339 text names, such as `2026-03-01T09:30:00.25+01:00`; nil if it is
/// not exactly of that form.
///
/// Strict: every field in its range, the day one of that month, one to nine digits of a fraction,
/// an offset that is `Z` or `±hh:mm`, `T` and `Z` in either case, years 1 to 9999 (in UTC).
/// A second of 60 is refused: no time scale used here has a place for it.
package func parseRFC3339(_ bytes: Span<UInt8>) -> (seconds: Int64, nanos: Int32)? {
  var reader = TimeReader(position: 0)
  guard let year = reader.number(bytes, digits: 4), reader.skip(bytes, "-"),
    let month = reader.number(bytes, digits: 2), reader.skip(bytes, "-"),
    let day = reader.number(bytes, digits: 2), reader.skip(bytes, "T", "t"),
    let hour = reader.number(bytes, digits: 2), reader.skip(bytes, ":"),
    let minute = reader.number(bytes, digits: 2), reader.skip(bytes, ":"),
    let second = reader.number(bytes, digits: 2)
  else { return nil }
  guard let nanos = reader.fraction(bytes), let offset = reader.offset(bytes),
    reader.position == bytes.count
  else { return nil }
  guard (1...12).contains(month), day >= 1, day <= daysInMonth(year: year, month: month),
    hour <= 23, minute <= 59, second <= 59
  else { return nil }
  let days = daysFromCivil(year: year, month: month, day: day)
  let local = days * 86400 + Int64(hour * 3600 + minute * 60 + second)
  let seconds = local - Int64(offset)
  guard (CelTimestamp.secondsMin...CelTimestamp.secondsMax).contains(seconds) else { return nil }
  return (seconds, nanos)
}

extension CelTimestamp {
  /// An RFC 3339 text; see `parseRFC3339`.
  package init?(parsing text: String) {
    let bytes = Array(text.utf8)
    guard let (seconds, nanos) = parseRFC3339(bytes.span) else { return nil }
    self.init(seconds: seconds, nanos: nanos)
  }
}

private struct TimeReader {
  var position: Int

  mutating func number(_ bytes: Span<UInt8>, digits: Int) -> Int? {
    guard position + digits <= bytes.count else { return nil }
    var value = 0
    for _ in 0..<digits {
      guard isDigit(bytes[position]) else { return nil }
      value = value * 10 + Int(bytes[position] - 48)
      position += 1
    }
    return value
  }

  mutating func skip(_ bytes: Span<UInt8>, _ signs: Unicode.Scalar...) -> Bool {
    guard position < bytes.count else { return false }
    for sign in signs where bytes[position] == UInt8(ascii: sign) {
      position += 1
      return true
    }
    return false
  }

  /// Nanoseconds; 0 where there is no fraction.
  mutating func fraction(_ bytes: Span<UInt8>) -> Int32? {
    guard skip(bytes, ".") else { return 0 }
    var value: Int32 = 0
    var count = 0
    while position < bytes.count && isDigit(bytes[position]) {
      guard count < 9 else { return nil }
      value = value * 10 + Int32(bytes[position] - 48)
      count += 1
      position += 1
    }
    guard count > 0 else { return nil }
    for _ in count..<9 { value *= 10 }
    return value
  }

  /// Seconds to subtract from the local time.
  mutating func offset(_ bytes: Span<UInt8>) -> Int? {
    if skip(bytes, "Z", "z") { return 0 }
    let west = skip(bytes, "-")
    guard west || skip(bytes, "+"), let hours = number(bytes, digits: 2), skip(bytes, ":"),
      let minutes = number(bytes, digits: 2), hours <= 23, minutes <= 59
    else { return nil }
    let size = hours * 3600 + minutes * 60
    return west ? -size : size
  }
}
