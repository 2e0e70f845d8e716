import Foundation
import Log
import Testing

@Suite struct `Record batches` {
  static func randomRecord(_ random: inout Seeded) -> Plain {
    let key: [UInt8]? = random.below(4) == 0 ? nil : random.bytes(random.below(20))
    let value: [UInt8]? = random.below(5) == 0 ? nil : random.text(random.below(300))
    let headers = (0..<random.below(4)).map { "h\($0)=\(random.bytes(random.below(5)))" }
    return Plain(
      offset: 0, timestamp: Int64(random.below(1 << 41)) - 1000, key: key, value: value,
      headers: headers)
  }

  static func pack(
    _ records: [Plain], at base: Int64, codec: RecordBatchFormat.Codec = .lz4
  ) -> [UInt8] {
    var builder = RecordBatchBuilder()
    for record in records {
      builder.append(
        key: record.key, value: record.value,
        headers: record.headers.map { text in
          let parts = text.split(separator: "=")
          let bytes = parts[1].dropFirst().dropLast().split(separator: ",").compactMap {
            UInt8($0.trimmingCharacters(in: .whitespaces))
          }
          return (String(parts[0]), bytes)
        }, timestamp: record.timestamp)
    }
    var bytes = builder.finish(codec: codec)
    RecordBatchFormat.place(&bytes, at: base)
    return bytes
  }

  static func unpack(_ bytes: [UInt8], from: Int64 = 0) throws -> RecordBatch {
    var batch = RecordBatch(source: TopicPartition("t", 0))
    switch RecordBatchHeader.read(bytes, at: 0, end: bytes.count) {
    case .header(let header):
      if let damage = RecordBatchFormat.decode(header, bytes, at: 0, from: from, into: &batch) {
        throw damage
      }
    case .incomplete(let needed): throw BatchDamage(bytes.count, "needs \(needed)")
    case .damaged(let damage): throw damage
    }
    RecordBatchFormat.pad(&batch)
    return batch
  }

  @Test(arguments: [RecordBatchFormat.Codec.none, .lz4], 1...40)
  func `what is written is read`(codec: RecordBatchFormat.Codec, seed: Int) throws {
    var random = Seeded(UInt64(seed))
    let base = Int64(random.below(1 << 50))
    var records = (0...random.below(200)).map { _ in Self.randomRecord(&random) }
    for place in records.indices { records[place].offset = base + Int64(place) }
    let bytes = Self.pack(records, at: base, codec: codec)
    let batch = try Self.unpack(bytes)
    #expect(plain(batch) == records)
    #expect(batch.nextOffset == base + Int64(records.count))
    #expect(batch.bytes.suffix(RecordBatch.padding) == ArraySlice(repeating: 0, count: 64))
    let middle = base + Int64(records.count / 2)
    #expect(plain(try Self.unpack(bytes, from: middle)) == records.filter { $0.offset >= middle })
  }

  @Test func `the checksum by instruction equals the one by table`() {
    #expect(Crc32c.of(Array("123456789".utf8)) == 0xE306_9283)
    var random = Seeded(7)
    for count in 0..<200 {
      let bytes = random.bytes(count)
      let range = random.below(count + 1)..<count
      #expect(Crc32c.of(bytes, range) == Crc32c.byTable(bytes, range))
    }
  }

  @Test func `any flipped bit is noticed, or the bytes end too early`() throws {
    var random = Seeded(3)
    let records = (0..<5).map { _ in Self.randomRecord(&random) }
    let good = Self.pack(records, at: 1000, codec: .none)
    for place in good.indices where !(0..<8).contains(place) && !(12..<16).contains(place) {
      var bad = good
      bad[place] ^= 1 << UInt8(random.below(8))
      #expect(throws: BatchDamage.self, "byte \(place)") { try Self.unpack(bad) }
    }
  }

  @Test func `a batch cut short says how much it needs`() {
    let bytes = Self.pack([Plain(offset: 0, timestamp: 0, value: [1, 2, 3])], at: 0)
    for count in 0..<61 {
      #expect(
        RecordBatchHeader.read(bytes, at: 0, end: count) == .incomplete(needed: 61))
    }
    for count in 61..<bytes.count {
      #expect(
        RecordBatchHeader.read(bytes, at: 0, end: count) == .incomplete(needed: bytes.count))
    }
  }

  /// Bytes changed, cut and repeated, with the checksum made right again so that the records behind
  /// it are met too.
  @Test(arguments: 0..<20) func `hostile bytes are refused within bounds`(seed: Int) {
    var random = Seeded(UInt64(seed) + 100)
    var refused = 0
    for _ in 0..<500 {
      let records = (0...random.below(20)).map { _ in Self.randomRecord(&random) }
      var bytes = Self.pack(records, at: 5, codec: random.below(2) == 0 ? .none : .lz4)
      for _ in 0...random.below(4) { Self.mutate(&bytes, &random) }
      if bytes.count >= 61 {
        Self.store(UInt32(bytes.count - 12), at: 8, &bytes)
        bytes[16] = 2
        bytes[22] = bytes[22] & 0xF8 | UInt8(random.below(6))
        Self.store(Crc32c.of(bytes, 21..<bytes.count), at: 17, &bytes)
      }
      var batch = RecordBatch(source: TopicPartition("t", 0))
      let limits = RecordBatchFormat.Limits(batchBytes: 1 << 20)
      guard
        case .header(let header) = RecordBatchHeader.read(
          bytes, at: 0, end: bytes.count, limits: limits)
      else {
        refused += 1
        continue
      }
      let damage = RecordBatchFormat.decode(header, bytes, at: 0, limits: limits, into: &batch)
      #expect(batch.bytes.count <= limits.batchBytes)
      if damage != nil {
        refused += 1
        #expect(batch.entries.isEmpty && batch.bytes.isEmpty && batch.headers.isEmpty)
      }
      for entry in batch.entries {
        #expect((entry.value?.upperBound ?? 0) <= batch.bytes.count)
        #expect((entry.key?.upperBound ?? 0) <= batch.bytes.count)
      }
    }
    #expect(refused > 250)
  }

  static func store(_ value: UInt32, at place: Int, _ bytes: inout [UInt8]) {
    for index in 0..<4 {
      bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
    }
  }

  static func mutate(_ bytes: inout [UInt8], _ random: inout Seeded) {
    guard bytes.count > 62 else { return }
    let place = random.below(bytes.count)
    switch random.below(6) {
    case 0: bytes[place] ^= 1 << UInt8(random.below(8))
    case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)]
    case 2: bytes.removeSubrange(max(61, place)...)
    case 3: bytes.insert(contentsOf: random.bytes(random.below(12)), at: place)
    case 4:
      store(UInt32(truncatingIfNeeded: random.next()), at: min(place, bytes.count - 4), &bytes)
    default: bytes.append(contentsOf: bytes[place...].prefix(40))
    }
  }

  @Test func `what unpacks to too much is refused`() throws {
    let zeros = Plain(offset: 0, timestamp: 0, value: [UInt8](repeating: 0, count: 1 << 20))
    let bytes = Self.pack([zeros], at: 0)
    #expect(bytes.count < 10_000)
    guard case .header(let header) = RecordBatchHeader.read(bytes, at: 0, end: bytes.count) else {
      Issue.record("no header")
      return
    }
    var batch = RecordBatch(source: TopicPartition("t", 0))
    let limits = RecordBatchFormat.Limits(batchBytes: 1 << 20)
    let damage = RecordBatchFormat.decode(header, bytes, at: 0, limits: limits, into: &batch)
    #expect(damage?.what.contains("unpacks to more than 1048576 bytes") == true)
  }

  @Test func `an unknown codec is named`() throws {
    var bytes = Self.pack([Plain(offset: 0, timestamp: 0, value: [1])], at: 9)
    bytes[22] = 5
    Self.store(Crc32c.of(bytes, 21..<bytes.count), at: 17, &bytes)
    do {
      _ = try Self.unpack(bytes)
      Issue.record("it was read")
    } catch let damage as BatchDamage {
      #expect(damage.what.contains("offset 9") && damage.what.contains("codec, number 5"))
    }
  }

  @Test func `a control batch gives no records but moves on`() throws {
    var bytes = Self.pack([Plain(offset: 0, timestamp: 0, key: [0, 0, 0, 1], value: [0])], at: 9)
    bytes[22] = 0x30
    Self.store(Crc32c.of(bytes, 21..<bytes.count), at: 17, &bytes)
    let batch = try Self.unpack(bytes)
    #expect(batch.entries.isEmpty)
    #expect(batch.nextOffset == 10)
  }

  /// Three records, packed by the usual tools.
  @Test(arguments: [
    (
      1,
      "H4sIAAAAAAACAzvHxMDAwHiAqSwxpzRVwUBhsNIM55gYmJjgDjVUGKw0yKEsLHCHGikMVpoBAAxtRLz7AQAA"
    ),
    (
      4,
      "KLUv/QRohQEA6M4CAAAAAcACdmFsdWUgMCAAzgIAAgIxIAQEMiAABgAVl2JQCK5AcRSzXlFUUncJKc8Tfg=="
    ),
  ])
  func `what others packed with gzip or zstd is read`(codec: UInt8, packed: String) throws {
    let records = [UInt8](try #require(Data(base64Encoded: packed)))
    var bytes = Self.pack((0..<3).map { Plain(offset: $0, timestamp: 7) }, at: 100, codec: .none)
    bytes.removeSubrange(61...)
    bytes += records
    bytes[22] = codec
    func seal() {
      Self.store(UInt32(bytes.count - 12), at: 8, &bytes)
      Self.store(Crc32c.of(bytes, 21..<bytes.count), at: 17, &bytes)
    }
    seal()
    let read = plain(try Self.unpack(bytes))
    #expect(read.map(\.offset) == [100, 101, 102])
    #expect(read.map(\.timestamp) == [7, 8, 9])
    #expect(read[2].value == Array(String(repeating: "value 2 ", count: 20).utf8))
    for count in 1..<records.count - 1 {
      bytes.removeLast()
      seal()
      #expect(throws: BatchDamage.self, "\(count) bytes less") { try Self.unpack(bytes) }
    }
  }
}
