/// Reads partitions in turn: from the segments, and behind them from what is still in memory.
class EmbeddedReader: LogReader {
  struct Cursor {
    var source: TopicPartition
    /// The next offset to deliver.
    var next: Int64
    /// Where that is in a segment; nil: not looked up yet.
    var spot: EmbeddedSpot?
  }
  /// What the state has for one cursor.
  fileprivate enum Supply {
    case tail([EmbeddedPartition.TailBatch])
    case segment(EmbeddedSegment)
  }

  let log: EmbeddedLog
  private var cursors: [Cursor] = []
  private var turn = 0
  private var isClosed = false

  /// A batch is handed out when it has so many bytes, unpacked.
  static let enoughBytes = 1 << 20
  /// How often a log that another process writes is looked at, in milliseconds.
  private static let lookEveryMs = 50

  init(_ log: EmbeddedLog) { self.log = log }

  func start(_ positions: [TopicPartition: Int64]) throws(LogError) {
    for (source, offset) in positions.sorted(by: { $0.key < $1.key }) {
      let bounds = try log.bounds(of: source)
      guard offset >= bounds.lowerBound, offset <= bounds.upperBound else {
        throw LogError(
          .stop,
          "\(source.topic)-\(source.partition) cannot be read from offset \(offset): it holds "
            + "\(bounds.lowerBound) to \(bounds.upperBound - 1), next \(bounds.upperBound); begin "
            + "within these, or restore the log from a copy that is newer")
      }
      cursors.removeAll { $0.source == source }
      cursors.append(Cursor(source: source, next: offset))
    }
  }

  func stop() { cursors.removeAll() }

  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    guard !isClosed else { throw LogError(.recreate, "this reader is closed; make a new one") }
    let deadline = EmbeddedLock.Deadline(millisecondsFromNow: timeoutMs)
    var left = timeoutMs
    while true {
      let isForeign = log.mode == .readOnly
      let patience =
        isForeign
        ? EmbeddedLock.Deadline(millisecondsFromNow: min(left, Self.lookEveryMs)) : deadline
      if try deliver(into: &batch, until: patience) { return true }
      guard isForeign else { return false }
      try log.refresh()
      left -= Self.lookEveryMs
      if left <= 0 {
        return try deliver(
          into: &batch, until: EmbeddedLock.Deadline(millisecondsFromNow: 0))
      }
    }
  }

  private func deliver(
    into batch: inout RecordBatch, until deadline: EmbeddedLock.Deadline
  ) throws(LogError) -> Bool {
    while true {
      let found = try log.wait(until: deadline) { state throws(LogError) in try supply(state) }
      guard let (place, supply) = found else { return false }
      turn = place + 1
      batch.removeAll()
      batch.source = cursors[place].source
      switch supply {
      case .tail(let batches): try take(batches, place, into: &batch)
      case .segment(let segment): try take(segment, place, into: &batch)
      }
      // None are left where a compaction has taken them all.
      if batch.entries.isEmpty { continue }
      batch.nextOffset = cursors[place].next
      RecordBatchFormat.pad(&batch)
      return true
    }
  }

  /// The next partition in turn that has something, and what.
  private func supply(_ state: EmbeddedState) throws(LogError) -> (Int, Supply)? {
    for step in 0..<cursors.count {
      let place = (turn + step) % cursors.count
      let next = cursors[place].next
      guard let partition = state.partitions[cursors[place].source], next != partition.end else {
        continue
      }
      guard next >= partition.start, next < partition.end else {
        throw outside(partition, next)
      }
      if next >= partition.tailStart {
        let first = partition.tailIndex(of: next)
        var bytes = 0
        var last = first
        while last < partition.tail.count, bytes < Self.enoughBytes {
          bytes += partition.tail[last].bytes.count
          last += 1
        }
        return (place, .tail(Array(partition.tail[first..<last])))
      }
      let index = partition.segmentIndex(of: next)
      return (place, .segment(partition.segments[index]))
    }
    return nil
  }

  private func outside(_ partition: EmbeddedPartition, _ next: Int64) -> LogError {
    let name = "\(partition.source.topic)-\(partition.source.partition)"
    guard next < partition.start else {
      return LogError(
        .recreate,
        "\(name) ends at \(partition.end), before \(next): what was read there was never committed; "
          + "read again from what is")
    }
    return LogError(
      .stop,
      "\(name) begins at \(partition.start) now, and \(next) is due: the topic's retention took "
        + "what lies between; begin there, or keep records longer (retention.ms)")
  }

  private func take(
    _ batches: [EmbeddedPartition.TailBatch], _ place: Int, into batch: inout RecordBatch
  ) throws(LogError) {
    cursors[place].spot = nil
    for stored in batches where batch.bytes.count < Self.enoughBytes {
      let reading = RecordBatchHeader.read(stored.bytes, at: 0, end: stored.bytes.count)
      guard case .header(let header) = reading else {
        fatalError("a committed batch at \(stored.base) has no header")
      }
      if let damage = RecordBatchFormat.decode(
        header, stored.bytes, at: 0, from: cursors[place].next, into: &batch)
      {
        throw LogError(.stop, "a commit in memory is damaged: \(damage); start again")
      }
      cursors[place].next = header.nextOffset
    }
  }

  private func take(
    _ segment: EmbeddedSegment, _ place: Int, into batch: inout RecordBatch
  ) throws(LogError) {
    var spot = cursors[place].spot
    cursors[place].spot = nil
    if spot?.path != segment.path {
      spot = try EmbeddedSpot(segment, of: cursors[place].next, log.options.disk)
    }
    guard var spot else { return try look(for: segment, of: cursors[place].source) }
    try spot.take(segment, next: &cursors[place].next, enough: Self.enoughBytes, into: &batch)
    cursors[place].spot = spot
  }

  /// A segment's file is gone: fine if the log has others in its place by now.
  private func look(
    for segment: EmbeddedSegment, of source: TopicPartition
  ) throws(LogError) {
    if log.mode == .readOnly { try log.refresh() }
    let isWanted = try log.look { state in
      state.partitions[source]?.segments.contains { $0.path == segment.path } ?? false
    }
    guard isWanted else { return }
    throw LogError(.stop, "\(segment.path) is missing; restore it from a copy of the log")
  }

  func knownEnd(of partition: TopicPartition) -> Int64? {
    log.lock.withLock { log.end(of: partition) }
  }

  func close() {
    isClosed = true
    cursors.removeAll()
  }
}

/// A place in a segment file to read on from.
struct EmbeddedSpot {
  private var walk: EmbeddedWalk
  var path: String { walk.path }

  /// Finds the batch that holds `offset`, or the first one behind it, from the nearest mark before
  /// it. Nil: the file is gone.
  init?(_ segment: EmbeddedSegment, of offset: Int64, _ disk: EmbeddedDisk) throws(LogError) {
    let mark = segment.marks.last { $0.offset <= offset }
    guard let found = try EmbeddedWalk(segment, from: mark?.place ?? 0, disk) else { return nil }
    walk = found
    while let header = try walk.header() {
      if header.nextOffset > offset { return }
      // In a gap nothing else would tell that a damaged length or offset led past it.
      if segment.isSparse { try walk.check(header) }
      walk.pass(header)
    }
  }

  /// Unpacks batches from here on until it is enough, in the order that the offsets demand.
  mutating func take(
    _ segment: EmbeddedSegment, next: inout Int64, enough: Int, into batch: inout RecordBatch
  ) throws(LogError) {
    walk.byteCount = segment.byteCount
    while batch.bytes.count < enough, let header = try walk.header() {
      let follows = segment.isSparse || header.baseOffset <= next
      guard follows, header.nextOffset > next, header.nextOffset <= segment.next else {
        throw walk.damage("a batch at offset \(header.baseOffset) where \(next) is due")
      }
      try walk.decode(header, from: next, into: &batch)
      next = header.nextOffset
      walk.pass(header)
    }
    guard walk.isAtEnd, next < segment.next else { return }
    guard segment.isSparse else {
      throw walk.damage("the segment ends where offset \(next) is due")
    }
    next = segment.next
  }
}
