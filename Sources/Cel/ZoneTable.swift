/// A zone of a `ZoneTable`, resolved once, or an offset that never changes.
package struct ZoneId: Hashable, Sendable {
  /// Not negative: a place in the table. Negative: `-1 - (minutes + 1440)` of a fixed offset.
  fileprivate let raw: Int32

  package static let utc = ZoneId(fixedMinutes: 0)

  fileprivate init(place: Int) { raw = Int32(place) }
  fileprivate init(fixedMinutes: Int) { raw = Int32(-1 - (fixedMinutes + 1440)) }
  fileprivate var fixedMinutes: Int { Int(-1 - raw) - 1440 }
}

/// All zones that an engine knows, by name. `UTC` and offsets such as `+02:00` need no entry.
package struct ZoneTable: Sendable {
  private var names: [[UInt8]] = []
  private var rules: [ZoneRules] = []
  /// Open addressing by the name's stable hash; 0 is an empty slot, else a place + 1.
  private var slots: [Int32] = [0, 0]

  /// No zones but fixed ones.
  package init() {}

  /// The contents of TZif files by the names of their zones. Throws the first that is none.
  package init(_ files: [(name: String, bytes: [UInt8])]) throws(ZoneError) {
    var size = 2
    while size < files.count * 2 { size *= 2 }
    slots = Array(repeating: 0, count: size)
    for file in files {
      guard let rules = ZoneRules(tzif: file.bytes) else { throw ZoneError(name: file.name) }
      add(Array(file.name.utf8), rules)
    }
  }

  private mutating func add(_ name: [UInt8], _ rules: ZoneRules) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: stableHash(name.span)) & mask
    while slots[slot] != 0 {
      if names[Int(slots[slot]) - 1] == name {
        self.rules[Int(slots[slot]) - 1] = rules
        return
      }
      slot = (slot + 1) & mask
    }
    names.append(name)
    self.rules.append(rules)
    slots[slot] = Int32(names.count)
  }

  package func zone(named name: String) -> ZoneId? {
    let bytes = Array(name.utf8)
    return zone(named: bytes.span)
  }

  /// `Europe/Berlin`, `UTC`, or an offset `+02:00`, `-02:30`, `02:00`.
  package func zone(named name: Span<UInt8>) -> ZoneId? {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: stableHash(name)) & mask
    while slots[slot] != 0 {
      let place = Int(slots[slot]) - 1
      if isSame(names[place], name) { return ZoneId(place: place) }
      slot = (slot + 1) & mask
    }
    return ZoneTable.fixed(name)
  }

  /// Every name in the table, sorted.
  package var sortedNames: [String] {
    names.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
  }

  /// Seconds east of UTC.
  package func offset(atMs milliseconds: Int64, zone: ZoneId) -> Int64 {
    if zone.raw < 0 { return Int64(zone.fixedMinutes) * 60 }
    let seconds = floorDivide(milliseconds, by: 1000).quotient
    return Int64(rules[Int(zone.raw)].offset(at: seconds))
  }

  /// What a clock in `zone` shows at an instant in milliseconds since 1970.
  package func civil(ms milliseconds: Int64, zone: ZoneId) -> CivilTime {
    CivilTime(milliseconds: milliseconds + offset(atMs: milliseconds, zone: zone) * 1000)
  }

  /// The instant at which a clock in `zone` shows `civil` (its weekday and day of the year do not
  /// matter): the earlier of two, and moved forward out of a gap; see `ZoneRules.instant`.
  package func milliseconds(of civil: CivilTime, zone: ZoneId) -> Int64 {
    let local = civil.milliseconds
    if zone.raw < 0 { return local - Int64(zone.fixedMinutes) * 60000 }
    let (seconds, rest) = floorDivide(local, by: 1000)
    return rules[Int(zone.raw)].instant(local: seconds) * 1000 + rest
  }

  private func isSame(_ held: [UInt8], _ name: Span<UInt8>) -> Bool {
    guard held.count == name.count else { return false }
    for index in name.indices where held[index] != name[index] { return false }
    return true
  }

  private static func fixed(_ name: Span<UInt8>) -> ZoneId? {
    if name.count == 3 && name[0] == 85 && name[1] == 84 && name[2] == 67 { return .utc }
    guard name.count >= 5 else { return nil }
    let signed = name[0] == UInt8(ascii: "+") || name[0] == UInt8(ascii: "-")
    let start = signed ? 1 : 0
    guard name.count == start + 5, name[start + 2] == UInt8(ascii: ":") else { return nil }
    for index in [0, 1, 3, 4] where !isDigit(name[start + index]) { return nil }
    func pair(_ place: Int) -> Int { Int(name[place] - 48) * 10 + Int(name[place + 1] - 48) }
    let hours = pair(start)
    let minutes = pair(start + 3)
    guard hours <= 23, minutes <= 59 else { return nil }
    let size = hours * 60 + minutes
    return ZoneId(fixedMinutes: name[0] == UInt8(ascii: "-") ? -size : size)
  }
}

/// A zone's file is not a TZif file.
package struct ZoneError: Error, Equatable, Sendable {
  package var name: String
  package var message: String {
    "the time zone '\(name)' is not a TZif file (RFC 8536): reinstall tzdata"
  }
}
