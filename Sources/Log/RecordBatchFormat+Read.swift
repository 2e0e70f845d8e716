extension RecordBatchFormat {
  /// Appends the records of the batch at `place` from offset `from` on to `batch`, unpacked: its
  /// bytes in one piece, no copy per record. Call `pad` when the last batch is in. On damage
  /// `batch` stays as it was.
  package static func decode(
    _ header: RecordBatchHeader, _ bytes: [UInt8], at place: Int, from: Int64 = 0,
    limits: Limits = .init(), into batch: inout RecordBatch
  ) -> BatchDamage? {
    if let damage = header.damage(bytes, at: place) { return damage }
    if header.isControl {
      batch.nextOffset = header.nextOffset
      return nil
    }
    guard header.recordCount >= 0, Int(header.recordCount) <= Int(header.lastOffsetDelta) + 1 else {
      return BatchDamage(place + 57, "a number of records of \(header.recordCount)")
    }
    let marks = (batch.bytes.count, batch.entries.count, batch.headers.count)
    let packed = (place + headerBytes)..<(place + header.byteCount)
    do {
      try unpack(header, bytes, packed, limits: limits, into: &batch.bytes)
      try readRecords(
        header, batch.bytes, marks.0, packed: packed.lowerBound, from: from,
        entries: &batch.entries, headers: &batch.headers)
    } catch {
      batch.bytes.removeSubrange(marks.0...)
      batch.entries.removeSubrange(marks.1...)
      batch.headers.removeSubrange(marks.2...)
      return error
    }
    batch.nextOffset = header.nextOffset
    return nil
  }

  /// Adds the readable bytes that must follow the last value.
  package static func pad(_ batch: inout RecordBatch) {
    batch.bytes.append(zeros: RecordBatch.padding)
  }

  private static func unpack(
    _ header: RecordBatchHeader, _ bytes: [UInt8], _ packed: Range<Int>, limits: Limits,
    into target: inout [UInt8]
  ) throws(BatchDamage) {
    let bound = limits.batchBytes
    let failure: String?
    switch Codec(rawValue: header.codecNumber) {
    case .some(.none):
      target.append(contentsOf: bytes[packed])
      failure = nil
    case .lz4: failure = Lz4.unpack(bytes, packed, bound: bound, into: &target)
    case .gzip: failure = Gzip.unpack(bytes, packed, bound: bound, into: &target)
    case .zstd: failure = Zstandard.unpack(bytes, packed, bound: bound, into: &target)
    case .snappy: failure = Snappy.unpack(bytes, packed, bound: bound, into: &target)
    case nil: failure = "it is packed with an unknown codec, number \(header.codecNumber)"
    }
    if let failure {
      throw BatchDamage(packed.lowerBound, "the batch at offset \(header.baseOffset): \(failure)")
    }
  }

  private static func readRecords(
    _ header: RecordBatchHeader, _ unpacked: [UInt8], _ start: Int, packed: Int, from: Int64,
    entries: inout [RecordBatch.Entry], headers: inout [RecordBatch.Header]
  ) throws(BatchDamage) {
    let bytes = unpacked.span
    let end = bytes.count
    let count = Int(header.recordCount)
    guard count * leastRecordBytes <= end - start else {
      throw BatchDamage(
        packed,
        "the batch at offset \(header.baseOffset) says \(count) records but holds "
          + "\(end - start) bytes")
    }
    entries.reserveCapacity(entries.count + count)
    var place = start
    var previous: Int64 = -1
    for index in 0..<count {
      guard
        let record = readRecord(header, bytes, &place, end: end, headers: &headers),
        record.offset - header.baseOffset > previous
      else {
        throw BatchDamage(
          packed,
          "record \(index) of the batch at offset \(header.baseOffset) is malformed near "
            + "byte \(place - start) of its records")
      }
      previous = record.offset - header.baseOffset
      if record.offset >= from { entries.append(record) }
    }
    guard place == end else {
      throw BatchDamage(
        packed,
        "the batch at offset \(header.baseOffset) has \(end - place) bytes after its last "
          + "record")
    }
  }

  /// Nil: malformed, and `place` is where it was noticed.
  @inline(__always)
  private static func readRecord(
    _ header: RecordBatchHeader, _ bytes: Span<UInt8>, _ place: inout Int, end: Int,
    headers: inout [RecordBatch.Header]
  ) -> RecordBatch.Entry? {
    guard let length = Varint.read(bytes, &place, end: end), length > 0,
      length <= Int64(end - place)
    else { return nil }
    let recordEnd = place + Int(length)
    place += 1  // attributes, all unused
    guard let timestampDelta = Varint.read(bytes, &place, end: recordEnd),
      let offsetDelta = Varint.read(bytes, &place, end: recordEnd),
      offsetDelta >= 0, offsetDelta <= Int64(header.lastOffsetDelta)
    else { return nil }
    var key: Range<Int>?
    var value: Range<Int>?
    guard readField(bytes, &place, end: recordEnd, &key),
      readField(bytes, &place, end: recordEnd, &value),
      let headerCount = Varint.read(bytes, &place, end: recordEnd),
      headerCount >= 0, headerCount <= Int64(recordEnd - place)
    else { return nil }
    let firstHeader = headers.count
    for _ in 0..<headerCount {
      var name: Range<Int>?
      var content: Range<Int>?
      guard readField(bytes, &place, end: recordEnd, &name), let name,
        readField(bytes, &place, end: recordEnd, &content)
      else { return nil }
      headers.append(RecordBatch.Header(name: name, value: content))
    }
    guard place == recordEnd else { return nil }
    return RecordBatch.Entry(
      offset: header.baseOffset + offsetDelta,
      timestamp: header.hasAppendTime
        ? header.maxTimestamp : header.baseTimestamp &+ timestampDelta,
      key: key, value: value, headers: firstHeader..<headers.count)
  }

  /// A length and so many bytes; length -1 is null. False: malformed.
  @inline(__always)
  private static func readField(
    _ bytes: Span<UInt8>, _ place: inout Int, end: Int, _ field: inout Range<Int>?
  ) -> Bool {
    guard let length = Varint.read(bytes, &place, end: end), length >= -1,
      length <= Int64(end - place)
    else { return false }
    if length >= 0 {
      field = place..<(place + Int(length))
      place += Int(length)
    }
    return true
  }
}
