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
    guard range.count >= JournalRecord.headerSize else { throw .truncated }
    guard bytes[start] == JournalRecord.version else { throw .version(bytes[start]) }
    guard let kind = JournalRecord.Kind(rawValue: bytes[start + 1]) else {
      throw .kind(bytes[start + 1])
    }
    func u16(_ at: Int) -> Int { Int(bytes[start + at]) | Int(bytes[start + at + 1]) << 8 }
    func u32(_ at: Int) -> UInt32 { UInt32(u16(at)) | UInt32(u16(at + 2)) << 16 }
    func i64(_ at: Int) -> Int64 {
      Int64(bitPattern: UInt64(u32(at)) | UInt64(u32(at + 4)) << 32)
    }
    self.kind = kind
    keyId = u32(4)
    time = EventTime(milliseconds: i64(8))
    originOffset = i64(16)
    originPartition = Int32(bitPattern: u32(24))
    originIncarnation = u32(28)
    var at = start + JournalRecord.headerSize
    func next(_ count: Int) -> Range<Int> {
      defer { at += count }
      return at..<(at + count)
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
