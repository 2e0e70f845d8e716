/// A zone's rule for all years, in the form of POSIX's TZ variable: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixZone: Sendable, Equatable {
  /// A day of a year, and seconds after its midnight.
  struct Change: Sendable, Equatable {
    enum Day: Sendable, Equatable {
      /// 1 to 365; the 29th of February is never counted.
      case julian(Int)
      /// 0 to 365, the 29th of February counted.
      case zeroBased(Int)
      /// The `week`-th (5: the last) `weekday` of a month.
      case weekday(month: Int, week: Int, weekday: Int)
    }
    var day: Day
    var seconds: Int

    /// Seconds since 1970 on the clock that holds before the change.
    func local(in year: Int) -> Int64 {
      let days: Int64
      switch day {
      case .julian(let number):
        let leap = isLeapYear(year) && number >= 60 ? 1 : 0
        days = daysFromCivil(year: year, month: 1, day: 1) + Int64(number - 1 + leap)
      case .zeroBased(let number):
        days = daysFromCivil(year: year, month: 1, day: 1) + Int64(number)
      case .weekday(let month, let week, let weekday):
        let start = daysFromCivil(year: year, month: month, day: 1)
        var day = (weekday - weekdayOfDays(start) + 7) % 7 + (week - 1) * 7
        while day >= daysInMonth(year: year, month: month) { day -= 7 }
        days = start + Int64(day)
      }
      return days * 86400 + Int64(seconds)
    }
  }

  struct Summer: Sendable, Equatable {
    var offset: Int32
    var begin: Change
    var end: Change
  }

  /// Seconds east of UTC.
  private var standard: Int32
  private var summer: Summer?

  func offset(at seconds: Int64) -> Int32 {
    guard let summer else { return standard }
    let year = civilFromDays(floorDivide(seconds + Int64(standard), by: 86400).quotient).year
    let begin = summer.begin.local(in: year) - Int64(standard)
    let end = summer.end.local(in: year) - Int64(summer.offset)
    let isSummer =
      begin < end ? begin <= seconds && seconds < end : !(end <= seconds && seconds < begin)
    return isSummer ? summer.offset : standard
  }

  init?(parsing bytes: [UInt8]) {
    var rest = bytes[...]
    guard PosixZone.skipName(&rest), let west = PosixZone.time(&rest, hoursMax: 24) else {
      return nil
    }
    standard = Int32(-west)
    guard !rest.isEmpty else { return }
    guard PosixZone.skipName(&rest) else { return nil }
    var offset = Int(standard) + 3600
    if rest.first != UInt8(ascii: ",") {
      guard let west = PosixZone.time(&rest, hoursMax: 24) else { return nil }
      offset = -west
    }
    guard let begin = PosixZone.change(&rest), let end = PosixZone.change(&rest), rest.isEmpty
    else { return nil }
    summer = Summer(offset: Int32(offset), begin: begin, end: end)
  }

  private static func skipName(_ rest: inout ArraySlice<UInt8>) -> Bool {
    if rest.first == UInt8(ascii: "<") {
      guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
      rest = rest[(end + 1)...]
      return true
    }
    let name = rest.prefix { isLetter($0) && $0 != UInt8(ascii: "_") }
    rest = rest.dropFirst(name.count)
    return name.count >= 3
  }

  private static func number(_ rest: inout ArraySlice<UInt8>) -> Int? {
    let digits = rest.prefix(while: isDigit)
    guard (1...3).contains(digits.count) else { return nil }
    rest = rest.dropFirst(digits.count)
    return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
  }

  private static func skip(_ rest: inout ArraySlice<UInt8>, _ sign: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: sign) else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// `[+-]hh[:mm[:ss]]` in seconds.
  private static func time(_ rest: inout ArraySlice<UInt8>, hoursMax: Int) -> Int? {
    let negative = skip(&rest, "-")
    if !negative { _ = skip(&rest, "+") }
    guard let hours = number(&rest), hours <= hoursMax else { return nil }
    var seconds = hours * 3600
    for unit in [60, 1] where skip(&rest, ":") {
      guard let value = number(&rest), value < 60 else { return nil }
      seconds += value * unit
    }
    return negative ? -seconds : seconds
  }

  private static func change(_ rest: inout ArraySlice<UInt8>) -> Change? {
    guard skip(&rest, ",") else { return nil }
    let day: Change.Day
    if skip(&rest, "M") {
      guard let month = number(&rest), skip(&rest, "."), let week = number(&rest),
        skip(&rest, "."), let weekday = number(&rest), (1...12).contains(month),
        (1...5).contains(week), weekday <= 6
      else { return nil }
      day = .weekday(month: month, week: week, weekday: weekday)
    } else if skip(&rest, "J") {
      guard let number = number(&rest), (1...365).contains(number) else { return nil }
      day = .julian(number)
    } else {
      guard let number = number(&rest), number <= 365 else { return nil }
      day = .zeroBased(number)
    }
    var seconds = 2 * 3600
    if skip(&rest, "/") {
      guard let time = time(&rest, hoursMax: 167) else { return nil }
      seconds = time
    }
    return Change(day: day, seconds: seconds)
  }
}
