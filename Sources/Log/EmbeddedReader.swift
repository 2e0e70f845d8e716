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
    case segment(EmbeddedSegment, isLast: Bool)
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
      let found = try log.wait(until: deadline) { state throws(LogError) in supply(state) }
      guard let (place, supply) = found else { return false }
      turn = place + 1
      batch.removeAll()
      batch.source = cursors[place].source
      switch supply {
      case .tail(let batches): try take(batches, place, into: &batch)
      case .segment(let segment, let isLast):
        try take(segment, isLast: isLast, place, into: &batch)
      }
      if batch.entries.isEmpty { continue }
      batch.nextOffset = cursors[place].next
      RecordBatchFormat.pad(&batch)
      return true
    }
  }

  /// The next partition in turn that has something, and what.
  private func supply(_ state: EmbeddedState) -> (Int, Supply)? {
    for step in 0..<cursors.count {
      let place = (turn + step) % cursors.count
      let next = cursors[place].next
      guard let partition = state.partitions[cursors[place].source], next < partition.end else {
        continue
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
      return (
        place, .segment(partition.segments[index], isLast: index == partition.segments.count - 1)
      )
    }
    return nil
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
    _ segment: EmbeddedSegment, isLast: Bool, _ place: Int, into batch: inout RecordBatch
  ) throws(LogError) {
    var spot = cursors[place].spot
    cursors[place].spot = nil
    if spot?.segmentBase != segment.base {
      spot = try EmbeddedSpot(segment, of: cursors[place].next, log.options.disk)
    }
    guard var spot else { return }
    try spot.take(segment, next: &cursors[place].next, enough: Self.enoughBytes, into: &batch)
    cursors[place].spot = spot
  }

  func knownEnd(of partition: TopicPartition) -> Int64? {
    log.lock.withLock { log.end(of: partition) }
  }

  func close() {
    isClosed = true
    cursors.removeAll()
  }
}

/// A place in a segment file, and what was read ahead from there.
struct EmbeddedSpot {
  let segmentBase: Int64
  private let file: EmbeddedFile
  /// Of the next batch.
  private var place: Int
  private var ahead: [UInt8] = []
  /// Of the first byte of `ahead`.
  private var aheadPlace = 0

  private static let readBytes = 512 << 10

  /// Finds the batch that holds `offset`, from the nearest mark before it.
  init(_ segment: EmbeddedSegment, of offset: Int64, _ disk: EmbeddedDisk) throws(LogError) {
    segmentBase = segment.base
    file = try disk.open(segment.path, .read)
    let mark = segment.marks.last { $0.offset <= offset }
    place = mark?.place ?? 0
    while place < segment.byteCount {
      let header = try header(segment)
      if header.nextOffset > offset { return }
      place += header.byteCount
    }
  }

  private mutating func header(_ segment: EmbeddedSegment) throws(LogError) -> RecordBatchHeader {
    try readAhead(segment, RecordBatchFormat.headerBytes)
    let at = place - aheadPlace
    guard ahead.count - at >= RecordBatchFormat.headerBytes else {
      throw damage(segment, BatchDamage(0, "the segment ends within a batch"))
    }
    switch RecordBatchHeader.parse(ahead, at: at) {
    case .header(let header):
      guard place + header.byteCount <= segment.byteCount else {
        throw damage(segment, BatchDamage(at + 8, "a batch length beyond the segment's end"))
      }
      return header
    case .damaged(let damage): throw self.damage(segment, damage)
    case .incomplete: throw damage(segment, BatchDamage(at, "the segment ends within a batch"))
    }
  }

  /// Makes `count` bytes from `place` on lie in `ahead`, as far as the segment has them.
  private mutating func readAhead(
    _ segment: EmbeddedSegment, _ count: Int
  ) throws(LogError) {
    let at = place - aheadPlace
    if at >= 0, ahead.count - at >= count { return }
    let rest = segment.byteCount - place
    try file.read(at: place, count: min(rest, max(count, Self.readBytes)), into: &ahead)
    aheadPlace = place
  }

  /// Unpacks batches from here on until it is enough, in the order that the offsets demand.
  mutating func take(
    _ segment: EmbeddedSegment, next: inout Int64, enough: Int, into batch: inout RecordBatch
  ) throws(LogError) {
    while place < segment.byteCount, batch.bytes.count < enough {
      let header = try header(segment)
      try readAhead(segment, header.byteCount)
      let at = place - aheadPlace
      guard ahead.count - at >= header.byteCount else {
        throw damage(segment, BatchDamage(at, "the file ends within a batch"))
      }
      guard header.baseOffset <= next, header.nextOffset > next else {
        throw damage(
          segment, BatchDamage(at, "a batch at offset \(header.baseOffset) where \(next) is due"))
      }
      if let damage = RecordBatchFormat.decode(header, ahead, at: at, from: next, into: &batch) {
        throw self.damage(segment, damage)
      }
      next = header.nextOffset
      place += header.byteCount
    }
    guard place < segment.byteCount || !batch.entries.isEmpty else {
      throw damage(
        segment, BatchDamage(place - aheadPlace, "the segment ends where offset \(next) is due"))
    }
  }

  private func damage(_ segment: EmbeddedSegment, _ damage: BatchDamage) -> LogError {
    LogError(
      .stop,
      "\(segment.path) is damaged at byte \(aheadPlace + damage.position): \(damage.what); "
        + "restore the file from a copy of the log")
  }
}
