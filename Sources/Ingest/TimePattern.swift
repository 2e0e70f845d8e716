/// A time's spelling as a source declares it: `yyyy-MM-dd HH:mm:ss`, `dd/MM/yyyy HH:mm`.
///
/// Letters, as in Unicode's date patterns: `yyyy`, `M MM MMM` (English, three letters), `d dd`,
/// `H HH`, `h hh` with `a` (AM or PM), `mm`, `ss`, `S…` (any number of fraction digits), `X` (`Z`,
/// ±hh, ±hhmm or ±hh:mm). A single letter takes one or two digits. Everything that is not a letter,
/// and what stands in single quotes, stands for itself.
package struct TimePattern: Equatable, Sendable {
  private enum Part: Equatable, Sendable {
    case year
    case month(exact: Bool)
    case monthName
    case day(exact: Bool)
    case hour(exact: Bool)
    case halfDayHour(exact: Bool)
    case halfDay
    case minute, second, fraction, offset
    case literal(UInt8)
  }
  private var parts: [Part]
  /// The text says how far its clock is from UTC: no zone is needed.
  package var hasOffset: Bool { parts.contains(.offset) }

  /// What is wrong with a pattern.
  package struct Mistake: Error, Equatable, Sendable {
    package var message: String
  }

  package init(_ pattern: String) throws(Mistake) {
    parts = []
    var rest = Array(pattern.utf8)[...]
    var has: Set<UInt8> = []
    while let letter = rest.first {
      if letter == UInt8(ascii: "'") {
        let quoted = rest.dropFirst().prefix { $0 != UInt8(ascii: "'") }
        guard quoted.endIndex < rest.endIndex else {
          throw Mistake(message: "a quote is not closed")
        }
        let literal = quoted.isEmpty ? [UInt8(ascii: "'")][...] : quoted
        parts.append(contentsOf: literal.map { .literal($0) })
        rest = rest[(quoted.endIndex + 1)...]
        continue
      }
      guard letter | 0x20 >= UInt8(ascii: "a"), letter | 0x20 <= UInt8(ascii: "z") else {
        parts.append(.literal(letter))
        rest = rest.dropFirst()
        continue
      }
      let count = rest.prefix { $0 == letter }.count
      rest = rest.dropFirst(count)
      guard let part = Self.part(letter, count) else {
        let run = String(repeating: String(UnicodeScalar(letter)), count: count)
        throw Mistake(message: "\"\(run)\" is no part of a time pattern")
      }
      guard has.insert(letter).inserted else {
        throw Mistake(message: "\"\(UnicodeScalar(letter))\" stands twice")
      }
      parts.append(part)
    }
    for letter in "yMd".utf8 where !has.contains(letter) {
      throw Mistake(
        message: "\"\(UnicodeScalar(letter))\" is missing: a date needs year, month and day")
    }
    if has.contains(UInt8(ascii: "h")) != has.contains(UInt8(ascii: "a")) {
      throw Mistake(
        message: "\"h\" and \"a\" (AM or PM) need each other; a 24-hour clock is \"HH\"")
    }
    if has.contains(UInt8(ascii: "h")) && has.contains(UInt8(ascii: "H")) {
      throw Mistake(message: "\"h\" and \"H\" exclude each other")
    }
  }

  private static func part(_ letter: UInt8, _ count: Int) -> Part? {
    switch (letter, count) {
    case (UInt8(ascii: "y"), 4): .year
    case (UInt8(ascii: "M"), 1), (UInt8(ascii: "M"), 2): .month(exact: count == 2)
    case (UInt8(ascii: "M"), 3): .monthName
    case (UInt8(ascii: "d"), 1), (UInt8(ascii: "d"), 2): .day(exact: count == 2)
    case (UInt8(ascii: "H"), 1), (UInt8(ascii: "H"), 2): .hour(exact: count == 2)
    case (UInt8(ascii: "h"), 1), (UInt8(ascii: "h"), 2): .halfDayHour(exact: count == 2)
    case (UInt8(ascii: "a"), 1): .halfDay
    case (UInt8(ascii: "m"), 2): .minute
    case (UInt8(ascii: "s"), 2): .second
    case (UInt8(ascii: "S"), _): .fraction
    case (UInt8(ascii: "X"), 1): .offset
    default: nil
    }
  }

  /// The clock's milliseconds as if it were UTC's, and how far it is from UTC if the text says so;
  /// nil if the text is not spelled like this, or there is no such time.
  package func read(
    _ text: Span<UInt8>, _ range: Range<Int>
  ) -> (local: Int64, offset: Int64?)? {
    var time = CivilTime()
    var afternoon: Bool?
    var offset: Int64?
    var at = range.lowerBound
    let end = range.upperBound
    func number(_ width: Int, exact: Bool) -> Int64? {
      let behind = exact ? at + width : min(digitsEnd(text, at, end), at + width)
      guard behind <= end, let value = digits(text, at, behind) else { return nil }
      at = behind
      return value
    }
    func assign(_ part: inout Int64, _ value: Int64?) -> Bool {
      guard let value else { return false }
      part = value
      return true
    }
    for part in parts {
      let fits: Bool
      switch part {
      case .year: fits = assign(&time.year, number(4, exact: true))
      case .month(let exact): fits = assign(&time.month, number(2, exact: exact))
      case .monthName: fits = assign(&time.month, monthName(text, &at, end))
      case .day(let exact): fits = assign(&time.day, number(2, exact: exact))
      case .hour(let exact): fits = assign(&time.hour, number(2, exact: exact))
      case .halfDayHour(let exact):
        fits = assign(&time.hour, number(2, exact: exact)) && time.hour >= 1 && time.hour <= 12
      case .halfDay:
        afternoon = halfDay(text, &at, end)
        fits = afternoon != nil
      case .minute: fits = assign(&time.minute, number(2, exact: true))
      case .second: fits = assign(&time.second, number(2, exact: true))
      case .fraction:
        let behind = digitsEnd(text, at, end)
        fits = assign(&time.millisecond, fraction(text, at, behind))
        at = behind
      case .offset:
        offset = zone(text, &at, end)
        fits = offset != nil
      case .literal(let byte):
        fits = at < end && text[at] == byte
        at += 1
      }
      if !fits { return nil }
    }
    if let afternoon { time.hour = time.hour % 12 + (afternoon ? 12 : 0) }
    guard at == end, let local = time.milliseconds else { return nil }
    return (local, offset)
  }

  private func monthName(_ text: Span<UInt8>, _ at: inout Int, _ end: Int) -> Int64? {
    guard at + 3 <= end else { return nil }
    let names = "janfebmaraprmayjunjulaugsepoctnovdec".utf8
    let typed = (at..<(at + 3)).map { text[$0] | 0x20 }
    at += 3
    var month: Int64 = 1
    var rest = Array(names)[...]
    while !rest.isEmpty {
      if rest.prefix(3).elementsEqual(typed) { return month }
      rest = rest.dropFirst(3)
      month += 1
    }
    return nil
  }

  private func halfDay(_ text: Span<UInt8>, _ at: inout Int, _ end: Int) -> Bool? {
    guard at + 2 <= end, text[at + 1] | 0x20 == UInt8(ascii: "m") else { return nil }
    let letter = text[at] | 0x20
    at += 2
    if letter == UInt8(ascii: "a") { return false }
    return letter == UInt8(ascii: "p") ? true : nil
  }

  private func zone(_ text: Span<UInt8>, _ at: inout Int, _ end: Int) -> Int64? {
    guard at < end else { return nil }
    let sign = text[at]
    at += 1
    if sign == UInt8(ascii: "Z") { return 0 }
    guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), at + 2 <= end,
      let hours = digits(text, at, at + 2), hours <= 23
    else { return nil }
    at += 2
    var minutes: Int64 = 0
    let colon = at < end && text[at] == UInt8(ascii: ":") ? 1 : 0
    if at + colon + 2 <= end, let part = digits(text, at + colon, at + colon + 2) {
      minutes = part
      at += colon + 2
    }
    guard minutes <= 59 else { return nil }
    let offset = (hours * 60 + minutes) * 60_000
    return sign == UInt8(ascii: "-") ? -offset : offset
  }
}
