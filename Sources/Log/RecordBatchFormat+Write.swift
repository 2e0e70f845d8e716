/// Collects the records of one batch as the bytes that they will be.
package struct RecordBatchBuilder: Sendable {
  /// Headers, then records; the header is filled in by `finish`.
  private var bytes: [UInt8] = []
  package private(set) var recordCount = 0
  private var baseTimestamp: Int64 = 0
  private var maxTimestamp: Int64 = 0
  private var lastDelta = -1

  /// Records of fewer bytes together than this are stored as they are.
  package static let packFrom = 512

  package init() {}

  /// The batch as far as it is written, unpacked.
  package var byteCount: Int { bytes.count }

  /// `offsetDelta`: how far the record is behind the batch's base offset, more than that of the one
  /// before; nil: it follows without a gap.
  package mutating func append(
    key: [UInt8]?, value: [UInt8]?, headers: [(name: String, value: [UInt8])], timestamp: Int64,
    offsetDelta: Int? = nil
  ) {
    let delta = offsetDelta ?? lastDelta + 1
    precondition(delta > lastDelta && delta < Int32.max, "offsets rise within a batch")
    lastDelta = delta
    if recordCount == 0 {
      bytes.append(zeros: RecordBatchFormat.headerBytes)
      baseTimestamp = timestamp
      maxTimestamp = timestamp
    }
    maxTimestamp = max(maxTimestamp, timestamp)
    let timestampDelta = timestamp &- baseTimestamp
    var size = 1 + Varint.size(timestampDelta) + Varint.size(Int64(delta))
    size += Self.fieldSize(key?.count) + Self.fieldSize(value?.count)
    size += Varint.size(Int64(headers.count))
    for header in headers {
      size += Self.fieldSize(header.name.utf8.count) + Self.fieldSize(header.value.count)
    }
    Varint.append(Int64(size), to: &bytes)
    bytes.append(0)
    Varint.append(timestampDelta, to: &bytes)
    Varint.append(Int64(delta), to: &bytes)
    appendField(key)
    appendField(value)
    Varint.append(Int64(headers.count), to: &bytes)
    for header in headers {
      Varint.append(Int64(header.name.utf8.count), to: &bytes)
      bytes.append(contentsOf: header.name.utf8)
      appendField(header.value)
    }
    recordCount += 1
  }

  /// The batch, with base offset 0 (it lies outside the checksum: `RecordBatchFormat.place` sets
  /// it), and this builder empty again. Packed if that makes it shorter.
  package mutating func finish(codec: RecordBatchFormat.Codec) -> [UInt8] {
    precondition(recordCount > 0, "a batch has at least one record")
    precondition(codec == .none || codec == .lz4, "batches are written plain or with lz4")
    var attributes: Int16 = 0
    let header = RecordBatchFormat.headerBytes
    if codec == .lz4, bytes.count - header >= Self.packFrom {
      var packed = [UInt8](repeating: 0, count: header)
      Lz4.pack(bytes, header..<bytes.count, into: &packed)
      if packed.count < bytes.count {
        bytes = packed
        attributes = Int16(RecordBatchFormat.Codec.lz4.rawValue)
      }
    }
    bytes.store(bigEndian: Int32(bytes.count - RecordBatchFormat.lengthPrefixBytes), at: 8)
    bytes[16] = 2
    bytes.store(bigEndian: attributes, at: 21)
    bytes.store(bigEndian: Int32(lastDelta), at: 23)
    bytes.store(bigEndian: baseTimestamp, at: 27)
    bytes.store(bigEndian: maxTimestamp, at: 35)
    bytes.store(bigEndian: Int64(-1), at: 43)  // no producer id, epoch, sequence
    bytes.store(bigEndian: Int16(-1), at: 51)
    bytes.store(bigEndian: Int32(-1), at: 53)
    bytes.store(bigEndian: Int32(recordCount), at: 57)
    bytes.store(
      bigEndian: Crc32c.of(bytes, RecordBatchFormat.checksumFrom..<bytes.count), at: 17)
    recordCount = 0
    lastDelta = -1
    let finished = bytes
    bytes = []
    return finished
  }

  private static func fieldSize(_ count: Int?) -> Int {
    guard let count else { return 1 }
    return Varint.size(Int64(count)) + count
  }

  private mutating func appendField(_ field: [UInt8]?) {
    guard let field else { return Varint.append(-1, to: &bytes) }
    Varint.append(Int64(field.count), to: &bytes)
    bytes.append(contentsOf: field)
  }
}

extension RecordBatchFormat {
  /// Gives a finished batch its base offset.
  package static func place(_ batch: inout [UInt8], at baseOffset: Int64) {
    batch.store(bigEndian: baseOffset, at: 0)
  }

  /// The same for a batch that stands among gaps, where no neighbour shows that its base offset is
  /// right: what the checksum covers says it too. Readers that know no producer id ignore it.
  static func seal(_ batch: inout [UInt8], at baseOffset: Int64) {
    place(&batch, at: baseOffset)
    batch.store(bigEndian: sequence(ofBase: baseOffset), at: 53)
    batch.store(bigEndian: Crc32c.of(batch, checksumFrom..<batch.count), at: 17)
  }

  static func sequence(ofBase offset: Int64) -> Int32 { Int32(offset & 0x7FFF_FFFF) }
}

extension RecordBatchHeader {
  /// A sealed batch repeats the low bits of its base offset where only idempotent producers need the
  /// room, and where the checksum covers them.
  var isSealed: Bool {
    producerId == -1 && baseSequence == RecordBatchFormat.sequence(ofBase: baseOffset)
  }
}
