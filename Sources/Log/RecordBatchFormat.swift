/// Kafka's record batches, format v2: 61 bytes of header, big-endian, then the records, which may be
/// compressed as a whole. The checksum covers everything from the attributes on, so a batch can be
/// sealed before its base offset is known.
///
///      0  base offset            i64      27  base timestamp     i64
///      8  length of the rest     i32      35  greatest timestamp i64
///     12  partition leader epoch i32      43  producer id        i64
///     16  magic = 2              i8       51  producer epoch     i16
///     17  CRC-32C                u32      53  base sequence      i32
///     21  attributes             i16      57  number of records  i32
///     23  last offset delta      i32      61  records
package enum RecordBatchFormat {
  package static let headerBytes = 61
  /// What `length of the rest` does not count.
  package static let lengthPrefixBytes = 12
  static let checksumFrom = 21
  /// The least that a record takes: its length, attributes, two deltas, key, value and headers.
  static let leastRecordBytes = 7

  /// How far a reader lets hostile bytes go.
  package struct Limits: Sendable {
    /// The longest batch as stored, and the longest that one may unpack to.
    package var batchBytes = 128 << 20
    package init(batchBytes: Int = 128 << 20) { self.batchBytes = batchBytes }
  }

  package enum Codec: Int, Sendable {
    case none = 0
    case gzip
    case snappy
    case lz4
    case zstd
  }
}

/// What is wrong with some bytes, and where. Bad data, hence a value.
package struct BatchDamage: Error, Equatable, Sendable, CustomStringConvertible {
  /// Of the first byte that is wrong, or of the batch it makes unreadable, in the bytes given.
  package var position: Int
  package var what: String
  package init(_ position: Int, _ what: String) {
    self.position = position
    self.what = what
  }
  package var description: String { "byte \(position): \(what)" }
}

package struct RecordBatchHeader: Equatable, Sendable {
  package var baseOffset: Int64
  /// The whole batch, header and length prefix with it.
  package var byteCount: Int
  package var leaderEpoch: Int32
  package var checksum: UInt32
  package var attributes: Int16
  package var lastOffsetDelta: Int32
  package var baseTimestamp: Int64
  package var maxTimestamp: Int64
  package var producerId: Int64
  package var producerEpoch: Int16
  package var baseSequence: Int32
  package var recordCount: Int32

  /// Written by the broker: the end of a transaction, no records for anybody.
  package var isControl: Bool { attributes & 0x20 != 0 }
  package var isTransactional: Bool { attributes & 0x10 != 0 }
  /// Every record then has `maxTimestamp`.
  package var hasAppendTime: Bool { attributes & 0x08 != 0 }
  package var codecNumber: Int { Int(attributes & 0x07) }
  package var nextOffset: Int64 { baseOffset + Int64(lastOffsetDelta) + 1 }

  package enum Reading: Equatable, Sendable {
    case header(RecordBatchHeader)
    /// This many bytes, from the batch's start, are needed to say more.
    case incomplete(needed: Int)
    case damaged(BatchDamage)
  }

  /// Reads the header of the batch at `place`. `header` comes back only if the whole batch lies
  /// before `end`; its checksum is not yet compared.
  package static func read(
    _ bytes: [UInt8], at place: Int, end: Int, limits: RecordBatchFormat.Limits = .init()
  ) -> Reading {
    precondition(place >= 0 && place <= end && end <= bytes.count)
    guard end - place >= RecordBatchFormat.headerBytes else {
      return .incomplete(needed: RecordBatchFormat.headerBytes)
    }
    switch parse(bytes, at: place, limits: limits) {
    case .header(let header) where header.byteCount > end - place:
      return .incomplete(needed: header.byteCount)
    case let other: return other
    }
  }

  /// The same for the header alone, whether or not the records lie in `bytes`.
  package static func parse(
    _ bytes: [UInt8], at place: Int, limits: RecordBatchFormat.Limits = .init()
  ) -> Reading {
    let magic = bytes[place + 16]
    guard magic == 2 else {
      let hint = magic < 2 ? " (written before Kafka 0.11: rewrite it with a newer broker)" : ""
      return .damaged(BatchDamage(place + 16, "record format \(magic), not 2\(hint)"))
    }
    let rest = Int(bytes.load(bigEndian: Int32.self, at: place + 8))
    let byteCount = rest + RecordBatchFormat.lengthPrefixBytes
    guard byteCount >= RecordBatchFormat.headerBytes, byteCount <= limits.batchBytes else {
      return .damaged(
        BatchDamage(place + 8, "a batch length of \(rest), which is beyond what a batch can have"))
    }
    let header = RecordBatchHeader(
      baseOffset: bytes.load(bigEndian: Int64.self, at: place), byteCount: byteCount,
      leaderEpoch: bytes.load(bigEndian: Int32.self, at: place + 12),
      checksum: bytes.load(bigEndian: UInt32.self, at: place + 17),
      attributes: bytes.load(bigEndian: Int16.self, at: place + 21),
      lastOffsetDelta: bytes.load(bigEndian: Int32.self, at: place + 23),
      baseTimestamp: bytes.load(bigEndian: Int64.self, at: place + 27),
      maxTimestamp: bytes.load(bigEndian: Int64.self, at: place + 35),
      producerId: bytes.load(bigEndian: Int64.self, at: place + 43),
      producerEpoch: bytes.load(bigEndian: Int16.self, at: place + 51),
      baseSequence: bytes.load(bigEndian: Int32.self, at: place + 53),
      recordCount: bytes.load(bigEndian: Int32.self, at: place + 57))
    guard header.baseOffset >= 0, header.baseOffset < Int64.max - Int64(Int32.max) - 1 else {
      return .damaged(BatchDamage(place, "a base offset of \(header.baseOffset)"))
    }
    guard header.lastOffsetDelta >= 0 else {
      return .damaged(
        BatchDamage(place + 23, "a last offset delta of \(header.lastOffsetDelta)"))
    }
    return .header(header)
  }

  /// Compares the checksum of the batch at `place`, all of which must be there.
  package func damage(_ bytes: [UInt8], at place: Int) -> BatchDamage? {
    let found = Crc32c.of(
      bytes, (place + RecordBatchFormat.checksumFrom)..<(place + byteCount))
    guard found != checksum else { return nil }
    return BatchDamage(
      place,
      "the batch at offset \(baseOffset) fails its checksum (\(hex(found)), stored "
        + "\(hex(checksum)))")
  }
}

func hex(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 8 - digits.count) + digits
}
