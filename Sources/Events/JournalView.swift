/// What the bytes of a journal record say, as places in those bytes: nothing is copied.
package struct JournalView: Sendable {
  package enum Damage: Error, Equatable, Sendable {
    /// Fewer bytes than the header or its lengths promise.
    case truncated
    /// Written by a newer version than this one knows.
    case version(UInt8)
    case kind(UInt8)
  }

  package let kind: JournalRecord.Kind
  package let keyId: UInt32
  package let time: EventTime
  package let originOffset: Int64
  package let originPartition: Int32
  package let originIncarnation: UInt32
  package let originName: Range<Int>
  package let source: Range<Int>
  package let type: Range<Int>
  package let id: Range<Int>
  package let customer: Range<Int>
  package let payload: Range<Int>
  /// Within the record's bytes, not within the payload. Empty: there is no data.
  package let data: Range<Int>
  package let delay: UInt32

  /// Reads the record that fills `range` of `bytes`.
  package init(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(Damage) {
    let start = range.lowerBound
    precondition(start >= 0 && range.upperBound <= bytes.count)
    guard range.count >= JournalRecord.headerSize else { throw .truncated }
    let raw = unsafe bytes.bytes
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ at: Int, _: T.Type) -> T {
      // The header's bytes are there.
      unsafe T(
        littleEndian: raw.unsafeLoadUnaligned(fromUncheckedByteOffset: start &+ at, as: T.self))
    }
    func u16(_ at: Int) -> Int { Int(load(at, UInt16.self)) }
    func u32(_ at: Int) -> UInt32 { load(at, UInt32.self) }
    func i64(_ at: Int) -> Int64 { load(at, Int64.self) }
    let version = load(0, UInt8.self)
    guard version == JournalRecord.version else { throw .version(version) }
    guard let kind = JournalRecord.Kind(rawValue: load(1, UInt8.self)) else {
      throw .kind(load(1, UInt8.self))
    }
    self.kind = kind
    keyId = u32(4)
    time = EventTime(milliseconds: i64(8))
    originOffset = i64(16)
    originPartition = Int32(bitPattern: u32(24))
    originIncarnation = u32(28)
    var at = start + JournalRecord.headerSize
    func next(_ count: Int) -> Range<Int> {
      defer { at &+= count }
      return unsafe Range(uncheckedBounds: (at, at &+ count))
    }
    originName = next(u16(32))
    source = next(u16(34))
    type = next(u16(36))
    id = next(u16(38))
    customer = next(u16(40))
    payload = next(Int(u32(44)))
    let dataStart = payload.lowerBound + Int(u32(48))
    delay = u32(56)
    data = dataStart..<(dataStart + Int(u32(52)))
    guard at <= range.upperBound, data.upperBound <= payload.upperBound else { throw .truncated }
  }
}
