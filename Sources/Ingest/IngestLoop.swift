package import Log

/// Drives one `IngestStage` between a log and the clock: reads sources, appends to the journal and
/// to the dead letters, and commits source offsets once that is durable.
///
/// One thread. After an error it is of no more use; a new one goes on from what is committed, and
/// what was already written is written again and dropped by the fold, which knows its origins.
package final class IngestLoop {
  private let log: any Log
  private let group: String
  private let reader: any GroupReader
  private let writer: any LogWriter
  private var stage: IngestStage
  private var batch = RecordBatch(source: TopicPartition("", 0))
  private var out: [OutRecord] = []
  private var committed: [TopicPartition: Int64] = [:]

  /// After so many records read a step commits, whatever else is there to read.
  package static let recordsAtOnce = 10_000
  /// The same in bytes.
  package static let bytesAtOnce = 16 << 20

  /// Joins the group that reads all sources and the control topic. Their topics must exist, and so
  /// must the journal, with its heads (`JournalHead.settle`).
  package init(
    log: any Log, sources: [SourceSettings], topics: IngestStage.Topics,
    group: String = "kairos-ingest"
  ) throws(LogError) {
    self.log = log
    self.group = group
    if let count = try log.partitionCount(of: topics.control), count != 1 {
      throw LogError(
        .stop,
        "the topic \(topics.control) has \(count) partitions, and orders have one order only with "
          + "one: delete it, then kairos topics apply")
    }
    stage = IngestStage(sources: sources, topics: topics)
    writer = try log.plainWriter()
    reader = try log.groupReader(group: group, topics: sources.map(\.topic) + [topics.control])
  }

  package var counts: IngestStage.Counts { stage.counts }

  /// How many records of each of our source partitions are known to be unread.
  package var lags: [(partition: TopicPartition, records: Int64)] {
    stage.positions.compactMap { partition, position in
      reader.knownEnd(of: partition).map { (partition, max(0, $0 - position)) }
    }
  }

  /// How many records of our source partitions are known to be unread.
  package var lag: Int64 {
    var sum: Int64 = 0
    for (partition, position) in stage.positions {
      sum += max(0, (reader.knownEnd(of: partition) ?? position) - position)
    }
    return sum
  }

  /// Reads what is there, waiting up to `timeoutMs` for something, and makes it durable. `clock`:
  /// milliseconds since 1970. Returns how many records it wrote.
  package func step(timeoutMs: Int, clock: () -> Int64) throws(LogError) -> Int {
    try takeAssignments()
    out.removeAll(keepingCapacity: true)
    var timeout = timeoutMs
    var (records, bytes) = (0, 0)
    while records < Self.recordsAtOnce, bytes < Self.bytesAtOnce,
      try reader.poll(into: &batch, timeoutMs: timeout)
    {
      records += batch.entries.count
      bytes += batch.bytes.count
      stage.take(batch, now: clock(), into: &out)
      timeout = 0
    }
    let now = clock()
    for partition in stage.positions.keys {
      stage.observe(partition, end: reader.knownEnd(of: partition), now: now)
    }
    stage.tick(now: now, into: &out)
    try commit()
    return out.count
  }

  private func commit() throws(LogError) {
    if !out.isEmpty {
      for record in out { try writer.append(record) }
      try writer.commit(offsets: [:], group: group, reader: nil)
    }
    let moved = stage.positions.filter { committed[$0.key] != $0.value }
    guard !moved.isEmpty else { return }
    try reader.commit(moved)
    for (partition, position) in moved { committed[partition] = position }
  }

  /// Nothing is under way between two steps, so a lost partition needs no farewell.
  private func takeAssignments() throws(LogError) {
    for change in reader.takeAssignments() {
      switch change {
      case .lost(let partitions):
        for partition in partitions {
          stage.lost(partition)
          committed[partition] = nil
        }
      case .gained(let partitions):
        var positions = try log.committed(group: group, partitions)
        for partition in partitions {
          let bounds = try log.bounds(of: partition)
          let known = positions[partition] ?? bounds.lowerBound
          guard known <= bounds.upperBound else {
            throw LogError(
              .stop,
              "\(partition.topic)-\(partition.partition) ends at \(bounds.upperBound), and "
                + "\(known) of it were read: it was made anew; give the source a new name")
          }
          positions[partition] = max(known, bounds.lowerBound)
        }
        try reader.start(positions)
        for (partition, position) in positions {
          committed[partition] = position
          stage.gained(partition, at: position)
        }
      }
    }
  }

  package func close() {
    reader.close()
    writer.close()
  }
}
