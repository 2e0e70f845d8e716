internal import Engine
internal import Events
internal import Log

/// Reads the state of partitions that were gained together.
final class StateLoader {
  let reader: any LogReader
  /// By partition still to be read to its end: that end.
  var ends: [Int32: Int64]
  var batch = RecordBatch(source: TopicPartition("", 0))

  init(_ log: any Log, topic: String, _ bounds: [Int32: Range<Int64>]) throws(LogError) {
    ends = bounds.mapValues(\.upperBound)
    var positions: [TopicPartition: Int64] = [:]
    for (partition, range) in bounds {
      positions[TopicPartition(topic, partition)] = range.lowerBound
    }
    reader = try log.reader(from: positions)
  }
}

extension FoldLane {
  /// Takes a batch of state records.
  func load(_ batch: RecordBatch) {
    for entry in batch.entries {
      guard let key = entry.key else { continue }
      loadedBytes += key.count + (entry.value?.count ?? 0)
      let bytes = batch.bytes.span
      if let value = entry.value {
        restore!.read(key: bytes.extracting(key), value: bytes.extracting(value))
      } else {
        restore!.read(key: bytes.extracting(key), value: nil)
      }
    }
    guard let restore = restore.take() else { return }
    stateAsOf = restore.headAsOf
    lacksHead = restore.lacksHead
    self.restore = consume restore
  }
}
