/// What events do not imply of the watermark: for each source partition that one ingest process
/// reads, the time below which nothing will come. The payload of a `tick` record is its JSON-free
/// binary form: u32 count, then per entry u16 name length, name, u32 incarnation, i32 partition,
/// i64 watermark (ms; `Int64.max`: the source has ended), all little-endian.
package struct Tick: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    package var name: [UInt8]
    package var incarnation: UInt32
    package var partition: Int32
    package var watermark: EventTime
    package init(name: [UInt8], incarnation: UInt32, partition: Int32, watermark: EventTime) {
      self.name = name
      self.incarnation = incarnation
      self.partition = partition
      self.watermark = watermark
    }
  }
  package var entries: [Entry]
  package init(entries: [Entry]) { self.entries = entries }

  package func encode() -> [UInt8] {
    var out: [UInt8] = []
    func put(_ value: UInt64, _ bytes: Int) {
      for index in 0..<bytes { out.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
    put(UInt64(entries.count), 4)
    for entry in entries {
      put(UInt64(entry.name.count), 2)
      out.append(contentsOf: entry.name)
      put(UInt64(entry.incarnation), 4)
      put(UInt64(UInt32(bitPattern: entry.partition)), 4)
      put(UInt64(bitPattern: entry.watermark.milliseconds), 8)
    }
    return out
  }

  /// Nil: the bytes are not a tick.
  package init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var at = range.lowerBound
    func take(_ count: Int) -> UInt64? {
      guard range.upperBound - at >= count else { return nil }
      var value: UInt64 = 0
      for index in 0..<count { value |= UInt64(bytes[at + index]) << UInt64(8 * index) }
      at += count
      return value
    }
    guard let count = take(4), count <= UInt64(range.count) else { return nil }
    entries = []
    for _ in 0..<count {
      guard let length = take(2), range.upperBound - at >= Int(length) else { return nil }
      let name = (at..<(at + Int(length))).map { bytes[$0] }
      at += Int(length)
      guard let incarnation = take(4), let partition = take(4), let mark = take(8) else {
        return nil
      }
      entries.append(
        Entry(
          name: name, incarnation: UInt32(incarnation),
          partition: Int32(bitPattern: UInt32(partition)),
          watermark: EventTime(milliseconds: Int64(bitPattern: mark))))
    }
    guard at == range.upperBound else { return nil }
  }
}
