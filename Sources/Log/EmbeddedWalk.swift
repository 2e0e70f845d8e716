/// Goes from batch to batch through one segment file, as far as it counts.
struct EmbeddedWalk {
  let path: String
  private let base: Int64
  private let isSparse: Bool
  private let file: EmbeddedFile
  /// As much as counts; the newest segment grows.
  var byteCount: Int
  /// Of the next batch.
  private(set) var place: Int
  private var ahead: [UInt8] = []
  /// Of the first byte of `ahead`.
  private var aheadPlace = 0

  private static let readBytes = 512 << 10

  /// Nil: there is no such file.
  init?(
    _ segment: EmbeddedSegment, from place: Int = 0, _ disk: EmbeddedDisk
  ) throws(LogError) {
    guard let file = try disk.openIfPresent(segment.path, .read) else { return nil }
    path = segment.path
    base = segment.base
    isSparse = segment.isSparse
    self.file = file
    byteCount = segment.byteCount
    self.place = place
  }

  var isAtEnd: Bool { place >= byteCount }

  /// The header of the batch that is due, all of which lies in the file. Nil: that was all.
  mutating func header() throws(LogError) -> RecordBatchHeader? {
    guard place < byteCount else { return nil }
    try readAhead(RecordBatchFormat.headerBytes)
    let at = place - aheadPlace
    guard ahead.count - at >= RecordBatchFormat.headerBytes else {
      throw damage("the segment ends within a batch")
    }
    switch RecordBatchHeader.parse(ahead, at: at) {
    case .header(let header):
      guard place + header.byteCount <= byteCount else {
        throw damage("a batch length beyond the segment's end", at: 8)
      }
      // What no checksum covers: the base offset, where offsets may be missing, and the epoch.
      guard header.leaderEpoch == 0 else {
        throw damage("a leader epoch, which is never set", at: 12)
      }
      guard !isSparse || header.isSealed, header.baseOffset >= base else {
        throw damage("a batch at offset \(header.baseOffset), which it was not written at")
      }
      return header
    case .damaged(let damage): throw self.damage(damage.what, at: damage.position - at)
    case .incomplete: throw damage("the segment ends within a batch")
    }
  }

  /// Makes the bytes of the batch that is due readable, at the place returned.
  private mutating func load(_ header: RecordBatchHeader) throws(LogError) -> Int {
    try readAhead(header.byteCount)
    let at = place - aheadPlace
    guard ahead.count - at >= header.byteCount else {
      throw damage("the file ends within a batch")
    }
    return at
  }

  /// Compares the checksum.
  mutating func check(_ header: RecordBatchHeader) throws(LogError) {
    let at = try load(header)
    if let damage = header.damage(ahead, at: at) { throw self.damage(damage.what) }
  }

  /// Appends the batch's records from offset `from` on.
  mutating func decode(
    _ header: RecordBatchHeader, from: Int64 = 0, into batch: inout RecordBatch
  ) throws(LogError) {
    let at = try load(header)
    if let damage = RecordBatchFormat.decode(header, ahead, at: at, from: from, into: &batch) {
      throw self.damage(damage.what, at: damage.position - at)
    }
  }

  /// The batch's bytes as they are stored.
  mutating func bytes(_ header: RecordBatchHeader) throws(LogError) -> [UInt8] {
    let at = try load(header)
    return Array(ahead[at..<(at + header.byteCount)])
  }

  /// Behind a damaged batch: goes on to the next place where a whole batch of this segment begins.
  /// False: there is none.
  mutating func seekBatch() throws(LogError) -> Bool {
    place += 1
    while place + RecordBatchFormat.headerBytes <= byteCount {
      try readAhead(RecordBatchFormat.headerBytes)
      let at = place - aheadPlace
      guard ahead.count - at >= RecordBatchFormat.headerBytes else { break }  // a file that was cut
      // Format 2 at its place, before anything dearer is looked at.
      if ahead[at + 16] == 2,
        case .header(let header) = RecordBatchHeader.parse(ahead, at: at),
        header.leaderEpoch == 0, header.baseOffset >= base,
        place + header.byteCount <= byteCount
      {
        try readAhead(header.byteCount)
        let whole = place - aheadPlace
        if ahead.count - whole >= header.byteCount, header.damage(ahead, at: whole) == nil {
          return true
        }
      }
      place += 1
    }
    place = byteCount
    return false
  }

  mutating func pass(_ header: RecordBatchHeader) { place += header.byteCount }

  /// Makes `count` bytes from `place` on lie in `ahead`, as far as the segment has them.
  private mutating func readAhead(_ count: Int) throws(LogError) {
    let at = place - aheadPlace
    if at >= 0, ahead.count - at >= count { return }
    let rest = byteCount - place
    try file.read(at: place, count: min(rest, max(count, Self.readBytes)), into: &ahead)
    aheadPlace = place
  }

  /// `at`: counted from the batch that is due.
  func damage(_ what: String, at: Int = 0) -> LogError {
    LogError(
      .stop,
      "\(path) is damaged at byte \(place + at): \(what); `kairos log check` says what is whole; "
        + "restore the file from a copy of the log")
  }
}
