import Log
import TestSupport

/// Fetches partitions from given offsets, as `KafkaFetcher` does: some partition's next records,
/// without control records and aborted ones.
struct ModelFetcher {
  private struct Lane {
    var position: Int64
    /// Where the partition ended when the reader last stood there; nil: not since its start, or the
    /// connection has been lost since.
    var end: Int64?
    /// The high watermark, as last heard.
    var high: Int64?
  }
  private let log: ModelLog
  private var lanes: [TopicPartition: Lane] = [:]
  private var order: [TopicPartition] = []
  private var lossesSeen: Int
  private var world: World { log.process.world }

  init(_ log: ModelLog) {
    self.log = log
    lossesSeen = log.process.losses
  }

  mutating func start(_ partition: TopicPartition, at offset: Int64) {
    precondition(offset >= 0, "an offset to start from is not negative")
    lanes[partition] = Lane(position: offset)
    order = lanes.keys.sorted { $0 < $1 }
  }

  mutating func stop(_ partition: TopicPartition) {
    lanes[partition] = nil
    order = lanes.keys.sorted { $0 < $1 }
  }

  func knownEnd(of partition: TopicPartition) -> Int64? {
    guard let lane = lanes[partition] else { return nil }
    if let end = lane.end, end == lane.position { return end }
    return lane.high.flatMap { $0 > lane.position ? $0 : nil }
  }

  mutating func poll(into batch: inout RecordBatch) throws(LogError) -> Bool {
    if lossesSeen != log.process.losses {
      lossesSeen = log.process.losses
      for partition in order { lanes[partition]!.end = nil }
    }
    guard log.process.isConnected, !order.isEmpty else { return false }
    if world.happens(world.profile.idlePoll) { return false }
    let first = world.random.number(in: 0..<order.count)
    for index in order.indices {
      if try take(order[(first + index) % order.count], into: &batch) { return true }
    }
    return false
  }

  private mutating func take(
    _ name: TopicPartition, into batch: inout RecordBatch
  ) throws(LogError) -> Bool {
    let stored = world.cluster[name]
    let seen = world.cluster.visibleEnd(of: stored)
    var lane = lanes[name]!
    guard lane.position <= stored.end else {
      throw LogError(.stop, "\(name) never held offset \(lane.position); choose another start")
    }
    lane.high = stored.end
    defer { lanes[name] = lane }
    guard lane.position < seen else {
      lane.end = lane.position
      return false
    }
    batch.removeAll()
    batch.source = name
    let most = world.random.chance(50) ? 200 : world.random.number(in: 1..<12)
    var place = stored.place(of: lane.position)
    while place < stored.records.count, batch.entries.count < most {
      let record = stored.records[place]
      if record.offset >= seen { break }
      place += 1
      guard record.kind == .data, !record.isAborted || seen > stored.stable else { continue }
      batch.append(record)
      lane.position = record.offset + 1
    }
    // What is left are control records and gaps: the end may be heard with the batch, or later.
    let isAtEnd = !stored.records[place...].contains {
      $0.offset < seen && $0.kind == .data && !$0.isAborted
    }
    if isAtEnd, batch.entries.isEmpty || world.random.chance(50) {
      lane.position = seen
      lane.end = seen
    }
    batch.bytes.append(contentsOf: repeatElement(0, count: RecordBatch.padding))
    batch.nextOffset = lane.position
    return true
  }
}

extension RecordBatch {
  fileprivate mutating func append(_ record: StoredPartition.Record) {
    let firstHeader = headers.count
    for (name, value) in record.headers {
      let names = append(Array(name.utf8))!
      headers.append(Header(name: names, value: append(value)))
    }
    let key = append(record.key)
    let value = append(record.value)
    entries.append(
      Entry(
        offset: record.offset, timestamp: record.timestamp, key: key, value: value,
        headers: firstHeader..<headers.count))
  }

  private mutating func append(_ part: [UInt8]?) -> Range<Int>? {
    guard let part else { return nil }
    bytes.append(contentsOf: part)
    return bytes.count - part.count..<bytes.count
  }
}

/// Reads given partitions from given offsets.
final class ModelReader: LogReader {
  private let log: ModelLog
  private var fetcher: ModelFetcher

  init(_ log: ModelLog, from positions: [TopicPartition: Int64]) {
    self.log = log
    fetcher = ModelFetcher(log)
    for (partition, offset) in positions.inOrder { fetcher.start(partition, at: offset) }
  }

  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    try log.enter()
    if try fetcher.poll(into: &batch) { return true }
    guard timeoutMs > 0 else { return false }
    log.process.world.wait(min(Int64(timeoutMs), 50))
    try log.checkAlive()
    return try fetcher.poll(into: &batch)
  }

  func knownEnd(of partition: TopicPartition) -> Int64? { fetcher.knownEnd(of: partition) }
  func close() {}
}
