/// Times as a person writes them on a command line.
enum TimeText {
  /// `2026-03-01`, `2026-03-01T09:30`, with seconds and a fraction, with `Z` or `+01:00` (none: UTC).
  /// Milliseconds since 1970; nil: not such a text, or no such date.
  static func milliseconds(_ text: String) -> Int64? {
    var scan = Scan(bytes: Array(text.utf8)[...])
    guard let year = scan.digits(4), scan.take("-"), let month = scan.digits(2), scan.take("-"),
      let day = scan.digits(2), (1...12).contains(month), day >= 1, day <= days(month, of: year)
    else { return nil }
    var seconds = daysSince1970(year, month, day) * 86_400
    if scan.isAtEnd { return seconds * 1000 }
    guard scan.take("T") || scan.take("t") || scan.take(" "), let hour = scan.digits(2),
      scan.take(":"), let minute = scan.digits(2), hour < 24, minute < 60
    else { return nil }
    seconds += hour * 3600 + minute * 60
    var fraction: Int64 = 0
    if scan.take(":") {
      guard let second = scan.digits(2), second < 60 else { return nil }
      seconds += second
      if scan.take(".") {
        guard let thousandths = scan.fraction() else { return nil }
        fraction = thousandths
      }
    }
    guard let offset = scan.offset(), scan.isAtEnd else { return nil }
    return (seconds - offset) * 1000 + fraction
  }

  private static func days(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    // Years that begin in March, so that the leap day comes last.
    let y = month <= 2 ? year - 1 : year
    let m = (month + 9) % 12
    let leapDays = y / 4 - y / 100 + y / 400
    return 365 * y + leapDays + (153 * m + 2) / 5 + day - 1 - 719_468
  }

  private struct Scan {
    var bytes: ArraySlice<UInt8>
    var isAtEnd: Bool { bytes.isEmpty }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard bytes.first == UInt8(ascii: character) else { return false }
      bytes.removeFirst()
      return true
    }

    mutating func digit() -> Int64? {
      guard let byte = bytes.first, (0x30...0x39).contains(byte) else { return nil }
      bytes.removeFirst()
      return Int64(byte - 0x30)
    }

    mutating func digits(_ count: Int) -> Int64? {
      var number: Int64 = 0
      for _ in 0..<count {
        guard let digit = digit() else { return nil }
        number = number * 10 + digit
      }
      return number
    }

    /// One digit or more; what is finer than a millisecond is dropped.
    mutating func fraction() -> Int64? {
      guard var number = digit() else { return nil }
      var places = 1
      while let digit = digit() {
        if places < 3 { number = number * 10 + digit }
        places += 1
      }
      for _ in min(places, 3)..<3 { number *= 10 }
      return number
    }

    /// Seconds east of Greenwich.
    mutating func offset() -> Int64? {
      if isAtEnd || take("Z") || take("z") { return 0 }
      let sign: Int64 = take("-") ? -1 : 1
      guard sign == -1 || take("+"), let hours = digits(2), take(":"), let minutes = digits(2),
        hours < 24, minutes < 60
      else { return nil }
      return sign * (hours * 3600 + minutes * 60)
    }
  }
}
