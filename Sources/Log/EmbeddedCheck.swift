/// What is whole in an embedded log and what is not: every byte that counts is read and held against
/// its checksum, its neighbours and the checkpoint. Nothing is changed, and the log may be in use.
package struct EmbeddedCheck: Sendable {
  package struct Partition: Sendable {
    package var source: TopicPartition
    package var segments: Int
    package var byteCount: Int
    package var records: Int64
    /// Offsets that can be read, ascending; where records were compacted away or retired they are not
    /// missed.
    package var intact: [Range<Int64>]
    /// The first damaged place, with file, byte and what is wrong; nil: all is whole.
    package var damage: String?
  }
  package var partitions: [Partition] = []
  /// What is wrong with the log as a whole: the checkpoint, the topics, the write-ahead file. Without
  /// them partitions may not be known.
  package var damage: [String] = []
  /// What a crash leaves, and does no harm.
  package var notes: [String] = []

  package var isWhole: Bool { damage.isEmpty && partitions.allSatisfy { $0.damage == nil } }

  /// Reads the log in `directory`. Fails where there is none, or where it cannot be read.
  package static func run(
    directory: String, options: EmbeddedLog.Options = .init(),
    progress: (_ byteCount: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(LogError) -> EmbeddedCheck {
    let disk = options.disk
    guard try disk.names(in: directory)?.contains("checkpoint") ?? false else {
      throw LogError(.stop, "there is no log at \(directory): it has no file checkpoint")
    }
    var attempts = 0
    while true {
      var check = EmbeddedCheck()
      let isMoved = try check.read(directory, disk, progress)
      attempts += 1
      // Who holds the log has compacted meanwhile, and files are gone: what is read anew is another.
      if isMoved, attempts < 5 { continue }
      return check
    }
  }

  /// True: the log has changed its files meanwhile, and something was not there.
  private mutating func read(
    _ directory: String, _ disk: EmbeddedDisk, _ progress: (Int, Int) -> Void
  ) throws(LogError) -> Bool {
    let state: EmbeddedState
    let before: EmbeddedCheckpoint
    do throws(LogError) {
      before = try EmbeddedState.checkpoint(directory, disk)
      state = try lookLeniently(directory, disk)
    } catch {
      guard error.remedy == .stop else { throw error }
      damage.append(error.message)
      return false
    }
    let total = state.partitions.values.reduce(0) { sum, partition in
      sum + partition.segments.reduce(0) { $0 + $1.byteCount }
    }
    var passed = 0
    for source in state.partitions.keys.sorted() {
      guard let partition = state.partitions[source], partition.end > 0 else { continue }
      partitions.append(
        try Self.check(partition, disk) { bytes in
          passed += bytes
          progress(passed, total)
        })
    }
    if isWhole { return false }
    return try EmbeddedState.checkpoint(directory, disk) != before
  }

  /// The write-ahead file and, where that is damaged, what is in the segments all the same.
  private mutating func lookLeniently(
    _ directory: String, _ disk: EmbeddedDisk
  ) throws(LogError) -> EmbeddedState {
    do throws(LogError) {
      let (state, note) = try EmbeddedState.look(directory, disk)
      if let note { notes.append(note) }
      return state
    } catch {
      guard error.remedy == .stop else { throw error }
      let (state, _) = try EmbeddedState.load(directory, disk, leniently: true)
      damage.append(error.message)
      return state
    }
  }

  private static func check(
    _ partition: EmbeddedPartition, _ disk: EmbeddedDisk, _ progress: (Int) -> Void
  ) throws(LogError) -> Partition {
    var result = Partition(
      source: partition.source, segments: partition.segments.count, byteCount: 0, records: 0,
      intact: [])
    func add(_ range: Range<Int64>) {
      if let last = result.intact.last, last.upperBound == range.lowerBound {
        result.intact[result.intact.count - 1] = last.lowerBound..<range.upperBound
      } else if !range.isEmpty {
        result.intact.append(range)
      }
    }
    for segment in partition.segments {
      result.byteCount += segment.byteCount
      var scan = SegmentScan(segment, partition.source)
      do throws(LogError) {
        try scan.read(disk)
      } catch {
        guard error.remedy == .stop else { throw error }
        result.damage = result.damage ?? error.message
      }
      result.records += scan.records
      for range in scan.intact { add(range) }
      progress(segment.byteCount)
    }
    for batch in partition.tail {
      result.byteCount += batch.bytes.count
      result.records += Int64(batch.header.recordCount)
      add(batch.base..<batch.next)
    }
    return result
  }
}

/// One segment from end to end. Behind a damaged batch it goes on, as far as the next one is found.
private struct SegmentScan {
  let segment: EmbeddedSegment
  var records: Int64 = 0
  var intact: [Range<Int64>] = []
  private var scratch: RecordBatch

  init(_ segment: EmbeddedSegment, _ source: TopicPartition) {
    self.segment = segment
    scratch = RecordBatch(source: source)
  }

  /// Throws the first damage, when all was read.
  mutating func read(_ disk: EmbeddedDisk) throws(LogError) {
    guard var walk = try EmbeddedWalk(segment, disk) else {
      throw LogError(.stop, "\(segment.path) is missing; restore it from a copy of the log")
    }
    var next = segment.base
    var first: LogError?
    var isBroken = false
    while !walk.isAtEnd {
      do throws(LogError) {
        guard let header = try walk.header() else { break }
        scratch.removeAll()
        try walk.decode(header, into: &scratch)
        let fits =
          segment.isSparse || isBroken ? header.baseOffset >= next : header.baseOffset == next
        guard fits, header.nextOffset <= segment.next else {
          throw walk.damage("a batch at offset \(header.baseOffset) where \(next) is due")
        }
        let from = segment.isSparse && !isBroken ? next : header.baseOffset
        intact.append(from..<header.nextOffset)
        records += Int64(scratch.entries.count)
        next = header.nextOffset
        isBroken = false
        walk.pass(header)
      } catch {
        guard error.remedy == .stop else { throw error }
        first = first ?? error
        isBroken = true
        guard try walk.seekBatch() else { break }
      }
    }
    if first == nil, next < segment.next {
      if segment.isSparse {
        intact.append(next..<segment.next)
      } else {
        first = walk.damage("the segment ends where offset \(next) is due")
      }
    }
    if let first { throw first }
  }
}
