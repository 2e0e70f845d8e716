/// One partition: segments, and behind them what so far lies in the write-ahead file alone.
struct EmbeddedPartition: Sendable {
  struct TailBatch: Sendable {
    var header: RecordBatchHeader
    var bytes: [UInt8]
    var base: Int64 { header.baseOffset }
    var next: Int64 { header.nextOffset }
  }
  let source: TopicPartition
  let directory: String
  /// Each begins where the one before ends.
  var segments: [EmbeddedSegment] = []
  /// Committed, in order, not in a segment yet. They follow the segments without a gap.
  var tail: [TailBatch] = []
  /// The offset that the next record gets.
  var end: Int64 = 0
  /// How far the latest compaction came; nil: there was none.
  var compacted: EmbeddedCheckpoint.Compacted?
  /// Nothing more is written into the last segment: it was compacted, or a sync of it has failed.
  var isLastClosed = false

  init(source: TopicPartition, log directory: String) {
    self.source = source
    self.directory = "\(directory)/\(source.topic)-\(source.partition)"
  }

  var start: Int64 { segments.first?.base ?? tailStart }

  /// Where the tail begins.
  var tailStart: Int64 { tail.first?.base ?? end }

  mutating func append(_ header: RecordBatchHeader, _ bytes: [UInt8]) {
    tail.append(TailBatch(header: header, bytes: bytes))
    end = header.nextOffset
  }

  /// The place in the tail of the batch that holds `offset`, which must not lie before the tail.
  func tailIndex(of offset: Int64) -> Int {
    var low = 0
    var high = tail.count
    while low < high {
      let middle = (low + high) / 2
      if tail[middle].next <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The place of the segment that stands for `offset`, which must lie between start and tail.
  func segmentIndex(of offset: Int64) -> Int {
    var low = 0
    var high = segments.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if segments[middle].base <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// Finds the segments that the checkpoint speaks of. Other files, which a crash left behind, are
  /// returned, to be removed by a writer; a reader leaves them alone.
  mutating func load(
    _ disk: EmbeddedDisk, _ state: EmbeddedCheckpoint.Partition?, leniently: Bool = false
  ) throws(LogError) -> [String] {
    var files: [String] = []
    for name in try disk.names(in: directory) ?? []
    where EmbeddedSegment.parse(fileName: name) != nil { files.append("\(directory)/\(name)") }
    guard let state else { return files }
    segments = state.segments(directory)
    if state.isOld { try find(state, among: files, disk) }
    for segment in segments where !leniently {
      let size = try disk.open(segment.path, .read).size()
      guard size >= segment.byteCount else {
        throw LogError(
          .stop,
          "\(segment.path) holds \(size) bytes where \(segment.byteCount) were committed; restore "
            + "it from a copy of the log")
      }
    }
    end = state.end
    compacted = state.compacted
    isLastClosed = segments.last?.isSparse ?? false
    let known = Set(segments.map(\.path))
    return files.filter { !known.contains($0) }
  }

  /// The first format of the checkpoint names the last segment only.
  private mutating func find(
    _ state: EmbeddedCheckpoint.Partition, among files: [String], _ disk: EmbeddedDisk
  ) throws(LogError) {
    guard let last = segments.first else { return }
    var earlier: [EmbeddedSegment] = []
    for path in files {
      let name = String(path.dropFirst(directory.utf8.count + 1))
      guard let (base, generation) = EmbeddedSegment.parse(fileName: name), generation == 0,
        base < last.base
      else { continue }
      let size = try disk.open(path, .read).size()
      earlier.append(
        EmbeddedSegment(base: base, directory: directory, byteCount: size, next: last.base))
    }
    earlier.sort { $0.base < $1.base }
    for place in earlier.indices.dropLast() { earlier[place].next = earlier[place + 1].base }
    segments = earlier + segments
  }

  /// Writes the tail into segment files and returns the segments as they then are; this value stays
  /// as it is until `settle`. Nothing is synced yet: `touched` gets the files. `needed`: the room that
  /// this and other partitions take, for the error, bytes.
  func fill(
    _ disk: EmbeddedDisk, _ policy: EmbeddedPolicy, needed: Int, touched: inout [EmbeddedFile]
  ) throws(LogError) -> [EmbeddedSegment] {
    guard !tail.isEmpty else { return segments }
    var filled = segments
    if filled.isEmpty {
      let isNew = try disk.makeDirectory(directory)
      if isNew { try disk.syncDirectory(of: directory) }
    }
    var file: EmbeddedFile?
    var pending: [UInt8] = []
    var isFirst = true
    for batch in tail {
      let mayGrow = !(isFirst && isLastClosed)
      isFirst = false
      if let last = filled.last, mayGrow, Self.hasRoom(last, for: batch, policy) {
        if file == nil { file = try disk.open(last.path, .readWrite) }
      } else {
        try Self.flush(&pending, file, filled.last, needed)
        let new = EmbeddedSegment(base: batch.base, directory: directory, next: batch.base)
        try disk.remove(new.path)  // what an attempt that failed has left is never written on
        file = try disk.open(new.path, .create)
        try disk.syncDirectory(of: new.path)
        filled.append(new)
      }
      if let file, touched.last !== file { touched.append(file) }
      pending.append(contentsOf: batch.bytes)
      filled[filled.count - 1].add(batch.header)
      if pending.count >= 1 << 20 { try Self.flush(&pending, file, filled.last, needed) }
    }
    try Self.flush(&pending, file, filled.last, needed)
    return filled
  }

  private static func hasRoom(
    _ segment: EmbeddedSegment, for batch: TailBatch, _ policy: EmbeddedPolicy
  ) -> Bool {
    if segment.byteCount == 0 { return true }
    guard segment.byteCount + batch.bytes.count <= policy.segmentBytes else { return false }
    guard let limit = policy.segmentMs, let times = segment.times else { return true }
    return batch.header.maxTimestamp.subtractingReportingOverflow(times.lowerBound).partialValue
      <= limit
  }

  private static func flush(
    _ pending: inout [UInt8], _ file: EmbeddedFile?, _ segment: EmbeddedSegment?, _ needed: Int
  ) throws(LogError) {
    guard !pending.isEmpty, let file, let segment else { return }
    try file.write(pending, at: segment.byteCount - pending.count, needed: needed)
    pending.removeAll(keepingCapacity: true)
  }

  /// The tail is in these segments, for good.
  mutating func settle(_ filled: [EmbeddedSegment]) {
    if filled.count > segments.count { isLastClosed = false }
    segments = filled
    tail.removeAll()
  }

  /// Puts `new` in the place of some neighbours, or of nothing where none is given.
  mutating func replace(_ old: [EmbeddedSegment], by new: EmbeddedSegment?) {
    guard let first = old.first,
      let place = segments.firstIndex(where: { $0.path == first.path })
    else { fatalError("a segment to be replaced is not there") }
    let isLast = place + old.count == segments.count
    segments.replaceSubrange(place..<(place + old.count), with: new.map { [$0] } ?? [])
    if isLast { isLastClosed = new != nil }
  }
}
