/// What one time zone's clocks have shown and will show: the changes listed in a TZif file
/// (RFC 8536), and the rule at its end for the time after them.
package struct ZoneRules: Sendable, Equatable {
  /// Instants of change, in seconds since 1970, ascending.
  private var changes: [Int64] = []
  /// The offset from UTC in seconds that holds from the change of the same place.
  private var offsets: [Int32] = []
  /// The offset before the first change.
  private var first: Int32
  private var rule: PosixZone?

  /// Always `offset` seconds east of UTC.
  package init(offset: Int32) { first = offset }

  /// A TZif file of version 1 to 4. Nil if it is not one.
  package init?(tzif bytes: [UInt8]) {
    guard let head = TzifHeader(bytes, at: 0) else { return nil }
    guard head.version >= UInt8(ascii: "2") else {
      guard head.end(wide: false) <= bytes.count else { return nil }
      self.init(bytes, head, wide: false)
      return
    }
    guard let second = TzifHeader(bytes, at: head.end(wide: false)) else { return nil }
    let end = second.end(wide: true)
    guard end < bytes.count, bytes[end] == 10 else { return nil }
    let footer = bytes[(end + 1)...].prefix { $0 != 10 }
    guard end + 1 + footer.count < bytes.count else { return nil }
    self.init(bytes, second, wide: true)
    guard !footer.isEmpty else { return }
    guard let rule = PosixZone(parsing: Array(footer)) else { return nil }
    self.rule = rule
  }

  private init?(_ bytes: [UInt8], _ head: TzifHeader, wide: Bool) {
    let width = wide ? 8 : 4
    let kinds = head.body + head.changes * width
    let types = kinds + head.changes
    guard head.types > 0 else { return nil }
    var table: [Int32] = []
    for index in 0..<head.types {
      let offset = Int32(truncatingIfNeeded: bigEndian(bytes, at: types + index * 6, width: 4))
      guard abs(Int(offset)) < 26 * 3600 else { return nil }
      table.append(offset)
    }
    first = table[0]
    for index in 0..<head.changes {
      let time = bigEndian(bytes, at: head.body + index * width, width: width)
      let kind = Int(bytes[kinds + index])
      guard kind < table.count, changes.last.map({ $0 < time }) ?? true else { return nil }
      changes.append(time)
      offsets.append(table[kind])
    }
  }

  /// Seconds east of UTC at an instant in seconds since 1970.
  package func offset(at seconds: Int64) -> Int32 {
    if let rule, seconds >= (changes.last ?? .min) { return rule.offset(at: seconds) }
    var low = 0
    var high = changes.count
    while low < high {
      let middle = (low + high) / 2
      if changes[middle] <= seconds { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? first : offsets[low - 1]
  }

  /// The instant at which this zone's clock shows `local` (seconds since 1970 on that clock). Shown
  /// twice, as when clocks go back: the earlier. Never shown, as when they go forward: as much
  /// later as they skip, so 02:30 in a gap of an hour is what then shows 03:30.
  package func instant(local: Int64) -> Int64 {
    let before = Int64(offset(at: local - 86400))
    let after = Int64(offset(at: local + 86400))
    let early = local - before
    let late = local - after
    let earlyFits = Int64(offset(at: early)) == before
    let lateFits = Int64(offset(at: late)) == after
    if earlyFits && lateFits { return min(early, late) }
    if lateFits { return late }
    return early
  }
}

private struct TzifHeader {
  var version: UInt8
  var changes: Int
  var types: Int
  private var leaps: Int
  private var characters: Int
  private var standard: Int
  private var universal: Int
  /// Where the data begins.
  var body: Int

  init?(_ bytes: [UInt8], at start: Int) {
    guard start + 44 <= bytes.count, bytes[start..<(start + 4)].elementsEqual("TZif".utf8) else {
      return nil
    }
    func count(_ place: Int) -> Int {
      Int(UInt32(truncatingIfNeeded: bigEndian(bytes, at: start + 20 + place * 4, width: 4)))
    }
    version = bytes[start + 4]
    universal = count(0)
    standard = count(1)
    leaps = count(2)
    changes = count(3)
    types = count(4)
    characters = count(5)
    body = start + 44
  }

  /// Where the data ends.
  func end(wide: Bool) -> Int {
    let width = wide ? 8 : 4
    return body + changes * (width + 1) + types * 6 + characters + leaps * (width + 4) + standard
      + universal
  }
}

/// A signed number of `width` bytes; bytes beyond the end read as 0.
private func bigEndian(_ bytes: [UInt8], at start: Int, width: Int) -> Int64 {
  var value: UInt64 = 0
  for index in start..<(start + width) {
    value = value << 8 | UInt64(index < bytes.count ? bytes[index] : 0)
  }
  return width == 4
    ? Int64(Int32(bitPattern: UInt32(truncatingIfNeeded: value))) : Int64(bitPattern: value)
}
