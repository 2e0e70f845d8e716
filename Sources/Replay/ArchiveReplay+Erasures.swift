internal import Engine
internal import Log

// A journal remembers whom it was told to forget: a replay reads it through for these orders first, and
// then tells nothing of those people from before.

/// Where each erased customer's last order to erase stands, by the hash of the id.
struct ErasureOrders {
  private var offsets: [UInt64: Int64] = [:]

  mutating func add(_ batch: borrowing RecordBatch) {
    for entry in batch.entries {
      guard let range = entry.value, let customer = Shard.erased(batch.bytes.span, range)
      else { continue }
      offsets[customer] = entry.offset
    }
  }

  func mute(_ shard: inout Shard) {
    for (customer, offset) in offsets { shard.mute(customer, before: offset) }
  }
}

extension ErasureOrders {
  /// Of one partition of a log.
  init(_ partition: TopicPartition, in log: any Log) throws(LogError) {
    let bounds = try log.bounds(of: partition)
    let reader = try log.reader(from: [partition: bounds.lowerBound])
    defer { reader.close() }
    var batch = RecordBatch(source: partition)
    var position = bounds.lowerBound
    while position < bounds.upperBound, try reader.poll(into: &batch, timeoutMs: 1000) {
      add(batch)
      position = batch.nextOffset
    }
  }
}
