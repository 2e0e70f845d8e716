/// One segment file, named by its first offset as Kafka names them. It only grows.
struct EmbeddedSegment: Sendable {
  let base: Int64
  let path: String
  /// How much of it counts.
  var byteCount: Int
  /// Some batches' offsets and places, ascending, to start a search from.
  var marks: [Mark]

  struct Mark: Equatable, Sendable {
    var offset: Int64
    var place: Int
  }
  /// A mark is set after so many bytes.
  static let markEvery = 64 << 10

  init(base: Int64, path: String, byteCount: Int) {
    self.base = base
    self.path = path
    self.byteCount = byteCount
    marks = [Mark(offset: base, place: 0)]
  }

  static func fileName(_ base: Int64) -> String {
    let digits = String(base)
    return String(repeating: "0", count: 20 - digits.count) + digits + ".log"
  }

  /// The base offset in a file's name; nil: it is no segment.
  static func base(ofFileName name: String) -> Int64? {
    guard name.hasSuffix(".log"), name.utf8.count == 24 else { return nil }
    return Int64(name.dropLast(4))
  }
}

/// One partition: segments, and behind them what so far lies in the write-ahead file alone.
struct EmbeddedPartition: Sendable {
  struct TailBatch: Sendable {
    var base: Int64
    var next: Int64
    var bytes: [UInt8]
  }
  let source: TopicPartition
  let directory: String
  var segments: [EmbeddedSegment] = []
  /// Committed, in order, not in a segment yet. They follow the segments without a gap.
  var tail: [TailBatch] = []
  /// The offset that the next record gets.
  var end: Int64 = 0

  init(source: TopicPartition, log directory: String) {
    self.source = source
    self.directory = "\(directory)/\(source.topic)-\(source.partition)"
  }

  var start: Int64 { segments.first?.base ?? 0 }

  /// Where the tail begins.
  var tailStart: Int64 { tail.first?.base ?? end }

  mutating func append(_ bytes: [UInt8], next: Int64) {
    tail.append(TailBatch(base: end, next: next, bytes: bytes))
    end = next
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

  /// The place of the segment that holds `offset`, which must lie before the tail.
  func segmentIndex(of offset: Int64) -> Int {
    var low = 0
    var high = segments.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if segments[middle].base <= offset { low = middle } else { high = middle }
    }
    return low
  }

  /// Finds the segments that the checkpoint speaks of. The newer leftovers of a crash are returned,
  /// to be cut off and removed by a writer; a reader leaves them alone.
  mutating func load(
    _ disk: EmbeddedDisk, _ state: EmbeddedCheckpoint.Partition?
  ) throws(LogError) -> [String] {
    var leftovers: [String] = []
    let bases = try disk.names(in: directory)?.compactMap(EmbeddedSegment.base) ?? []
    for base in bases.sorted() {
      let path = "\(directory)/\(EmbeddedSegment.fileName(base))"
      guard let state, base <= state.segmentBase else {
        leftovers.append(path)
        continue
      }
      let size = try disk.open(path, .read).size()
      let counts = base == state.segmentBase ? state.segmentBytes : size
      guard size >= counts else {
        throw LogError(
          .stop,
          "\(path) holds \(size) bytes where \(counts) were committed; restore it from a "
            + "copy of the log")
      }
      segments.append(EmbeddedSegment(base: base, path: path, byteCount: counts))
    }
    guard let state else { return leftovers }
    guard segments.last?.base == state.segmentBase else {
      throw LogError(
        .stop,
        "\(directory)/\(EmbeddedSegment.fileName(state.segmentBase)) is missing; restore it "
          + "from a copy of the log")
    }
    end = state.end
    return leftovers
  }

  /// Writes the tail into segment files and returns the segments as they then are; this value stays
  /// as it is until `settle`. Nothing is synced yet: `touched` gets the files.
  func fill(
    _ disk: EmbeddedDisk, segmentBytes: Int, touched: inout [EmbeddedFile]
  ) throws(LogError) -> [EmbeddedSegment] {
    guard !tail.isEmpty else { return segments }
    var filled = segments
    if filled.isEmpty {
      let isNew = try disk.makeDirectory(directory)
      if isNew { try disk.syncDirectory(of: directory) }
    }
    var file: EmbeddedFile?
    var pending: [UInt8] = []
    for batch in tail {
      let last = filled.count - 1
      let isFull =
        last < 0
        || (filled[last].byteCount > 0 && filled[last].byteCount + batch.bytes.count > segmentBytes)
      if isFull {
        try Self.flush(&pending, file, filled.last)
        let path = "\(directory)/\(EmbeddedSegment.fileName(batch.base))"
        filled.append(EmbeddedSegment(base: batch.base, path: path, byteCount: 0))
        file = try disk.open(path, .create)
        try disk.syncDirectory(of: path)
      } else if file == nil {
        file = try disk.open(filled[last].path, .readWrite)
      }
      if let file, touched.last !== file { touched.append(file) }
      let place = filled.count - 1
      let mark = EmbeddedSegment.Mark(offset: batch.base, place: filled[place].byteCount)
      if mark.place - filled[place].marks[filled[place].marks.count - 1].place
        >= EmbeddedSegment.markEvery
      {
        filled[place].marks.append(mark)
      }
      pending.append(contentsOf: batch.bytes)
      filled[place].byteCount += batch.bytes.count
      if pending.count >= 1 << 20 { try Self.flush(&pending, file, filled.last) }
    }
    try Self.flush(&pending, file, filled.last)
    return filled
  }

  private static func flush(
    _ pending: inout [UInt8], _ file: EmbeddedFile?, _ segment: EmbeddedSegment?
  ) throws(LogError) {
    guard !pending.isEmpty, let file, let segment else { return }
    try file.write(pending, at: segment.byteCount - pending.count)
    pending.removeAll(keepingCapacity: true)
  }

  /// The tail is in these segments, for good.
  mutating func settle(_ filled: [EmbeddedSegment]) {
    segments = filled
    tail.removeAll()
  }
}
