import Log

/// Whatever is refused leaves nothing behind; whatever is read lies within its bounds; and the
/// size that a batch unpacks to is limited.
func feedBatch(_ bytes: [UInt8]) {
  read(bytes)
  guard bytes.count > RecordBatchFormat.headerBytes else { return }
  // Again with the length and the checksum made right, so that what lies behind them is reached.
  var sealed = bytes
  store(UInt32(sealed.count - RecordBatchFormat.lengthPrefixBytes), at: 8, &sealed)
  sealed[16] = 2
  store(Crc32c.of(sealed, 21..<sealed.count), at: 17, &sealed)
  read(sealed)
}

private func store(_ value: UInt32, at place: Int, _ bytes: inout [UInt8]) {
  for index in 0..<4 {
    bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index))
  }
}

private func read(_ bytes: [UInt8]) {
  let limits = RecordBatchFormat.Limits(batchBytes: 1 << 20)
  guard
    case .header(let header) = RecordBatchHeader.read(
      bytes, at: 0, end: bytes.count, limits: limits)
  else { return }
  var batch = RecordBatch(source: TopicPartition("t", 0))
  let damage = RecordBatchFormat.decode(header, bytes, at: 0, limits: limits, into: &batch)
  precondition(batch.bytes.count <= limits.batchBytes, "more than may be")
  if damage != nil {
    precondition(batch.entries.isEmpty && batch.bytes.isEmpty && batch.headers.isEmpty)
  }
  for entry in batch.entries {
    precondition((entry.key?.upperBound ?? 0) <= batch.bytes.count)
    precondition((entry.value?.upperBound ?? 0) <= batch.bytes.count)
    precondition(entry.headers.upperBound <= batch.headers.count)
    for header in batch.headers[entry.headers] {
      precondition(header.name.upperBound <= batch.bytes.count)
      precondition((header.value?.upperBound ?? 0) <= batch.bytes.count)
    }
  }
}
