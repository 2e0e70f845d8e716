/// The segment files of one partition, copied off a broker or written by the embedded log, from
/// the first offset to the last. Records of aborted transactions are left out, and those of
/// transactions whose end is not in the files.
///
/// A directory of a living embedded log is better read by `EmbeddedLog`: the newest commits may not
/// be in its segments yet.
package final class SegmentArchive {
  package let source: TopicPartition
  /// What was left out at the end and why, one line each; complete when all was read.
  package private(set) var notes: [String] = []
  private let paths: [String]
  private let limits: RecordBatchFormat.Limits
  private var walk: SegmentWalk
  private var transactions: SegmentTransactions?
  private var next: Int64 = 0
  private var undecided = 0
  private var bytesBefore = 0
  private let bytesTotal: Int

  private static let enoughBytes = 1 << 20

  /// `path`: a directory `TOPIC-PARTITION`, or one segment file.
  package init(path: String, limits: RecordBatchFormat.Limits = .init()) throws(LogError) {
    let disk = EmbeddedDisk()
    var directory = path
    if try disk.isDirectory(path) {
      paths = Self.newest(of: try disk.names(in: path) ?? []).map { "\(path)/\($0)" }
    } else {
      paths = [path]
      directory = path.split(separator: "/").dropLast().joined(separator: "/")
    }
    guard !paths.isEmpty else {
      throw LogError(.stop, "\(path) holds no segment files (20 digits and .log)")
    }
    source = Self.source(directory)
    self.limits = limits
    var total = 0
    for path in paths { total += try disk.open(path, .read).size() }
    bytesTotal = total
    walk = try SegmentWalk(paths, limits)
  }

  /// The segments' files, by offset. Of several that begin at the same offset the embedded log's latest
  /// compaction counts.
  private static func newest(of names: [String]) -> [String] {
    var newest: [Int64: (generation: Int, name: String)] = [:]
    for name in names {
      guard let (base, generation) = EmbeddedSegment.parse(fileName: name),
        generation >= newest[base]?.generation ?? 0
      else { continue }
      newest[base] = (generation, name)
    }
    return newest.sorted { $0.key < $1.key }.map(\.value.name)
  }

  private static func source(_ directory: String) -> TopicPartition {
    let name = directory.split(separator: "/").last.map(String.init) ?? ""
    guard let dash = name.lastIndex(of: "-"), let number = Int32(name[name.index(after: dash)...])
    else { return TopicPartition(name, 0) }
    return TopicPartition(String(name[..<dash]), number)
  }

  package var progress: (read: Int, total: Int) { (min(walk.bytesPassed, bytesTotal), bytesTotal) }

  /// Replaces `batch` by the next records. False: that was all.
  package func next(into batch: inout RecordBatch) throws(LogError) -> Bool {
    batch.removeAll()
    batch.source = source
    while batch.bytes.count < Self.enoughBytes, let header = try walk.header() {
      guard header.baseOffset >= next else {
        throw walk.error(
          BatchDamage(0, "a batch at offset \(header.baseOffset) where \(next) or more is due"))
      }
      if try isWanted(header) { try walk.decode(header, into: &batch) }
      next = header.nextOffset
      batch.nextOffset = next
      walk.pass(header)
    }
    if batch.entries.isEmpty {
      if let note = walk.note, !notes.contains(note) { notes.append(note) }
      if undecided > 0 {
        notes.append(
          "\(source.topic)-\(source.partition): left out \(undecided) batches of transactions that do "
            + "not end in these files")
        undecided = 0
      }
      return false
    }
    RecordBatchFormat.pad(&batch)
    return true
  }

  private func isWanted(_ header: RecordBatchHeader) throws(LogError) -> Bool {
    if header.isControl { return false }
    guard header.isTransactional else { return true }
    if transactions == nil { transactions = try SegmentTransactions(paths, limits) }
    switch transactions?.outcome(of: header) {
    case .committed: return true
    case .aborted: return false
    case nil:
      undecided += 1
      return false
    }
  }
}

/// How the transactions in some segments ended: read once, when the first one is met.
private struct SegmentTransactions {
  enum Outcome { case committed, aborted }
  private var endings: [Int64: [(offset: Int64, outcome: Outcome)]] = [:]

  init(_ paths: [String], _ limits: RecordBatchFormat.Limits) throws(LogError) {
    var walk = try SegmentWalk(paths, limits)
    while let header = try walk.header() {
      if header.isControl {
        var plain = header
        plain.attributes &= ~0x20
        var batch = RecordBatch(source: TopicPartition("", 0))
        try walk.decode(plain, into: &batch)
        // The key: a version and, as the fourth byte, 0 for abort or 1 for commit.
        if let key = batch.entries.first?.key, key.count >= 4 {
          let kind = batch.bytes[key.lowerBound + 3]
          if kind <= 1 {
            endings[header.producerId, default: []].append(
              (header.baseOffset, kind == 1 ? .committed : .aborted))
          }
        }
      }
      walk.pass(header)
    }
  }

  func outcome(of header: RecordBatchHeader) -> Outcome? {
    endings[header.producerId]?.first { $0.offset >= header.nextOffset }?.outcome
  }
}

/// Goes from batch to batch through segment files.
private struct SegmentWalk {
  private let paths: [String]
  private let limits: RecordBatchFormat.Limits
  private var index = 0
  private var file: EmbeddedFile
  private var byteCount: Int
  /// Of the next batch.
  private var place = 0
  private var ahead: [UInt8] = []
  private var aheadPlace = 0
  private(set) var bytesPassed = 0
  /// Why the last file ended early.
  private(set) var note: String?

  private static let readBytes = 512 << 10

  init(_ paths: [String], _ limits: RecordBatchFormat.Limits) throws(LogError) {
    self.paths = paths
    self.limits = limits
    file = try EmbeddedDisk().open(paths[0], .read)
    byteCount = try file.size()
  }

  /// The header of the batch that is due, all of which is there. Nil: that was all.
  mutating func header() throws(LogError) -> RecordBatchHeader? {
    while true {
      if place >= byteCount {
        guard index + 1 < paths.count else { return nil }
        index += 1
        file = try EmbeddedDisk().open(paths[index], .read)
        byteCount = try file.size()
        place = 0
        ahead.removeAll(keepingCapacity: true)
        aheadPlace = 0
        continue
      }
      try readAhead(RecordBatchFormat.headerBytes)
      let at = place - aheadPlace
      if isBlank(at) {
        place = byteCount  // room that a broker had set aside
        continue
      }
      guard ahead.count - at >= RecordBatchFormat.headerBytes else {
        try endEarly()
        continue
      }
      switch RecordBatchHeader.parse(ahead, at: at, limits: limits) {
      case .header(let header) where place + header.byteCount <= byteCount: return header
      case .header, .incomplete: try endEarly()
      case .damaged(let damage): throw error(BatchDamage(damage.position - at, damage.what))
      }
    }
  }

  /// The newest segment of a running broker may be cut within a batch; no other may.
  private mutating func endEarly() throws(LogError) {
    let what = "the file ends within the batch that begins at byte \(place)"
    guard index == paths.count - 1 else { throw error(BatchDamage(0, what)) }
    note = "\(file.path): \(what); it was left out"
    place = byteCount
  }

  private func isBlank(_ at: Int) -> Bool {
    let start = ahead[at...].prefix(RecordBatchFormat.headerBytes)
    return start.count == RecordBatchFormat.headerBytes && start.allSatisfy { $0 == 0 }
  }

  mutating func decode(
    _ header: RecordBatchHeader, into batch: inout RecordBatch
  ) throws(LogError) {
    try readAhead(header.byteCount)
    let at = place - aheadPlace
    if let damage = RecordBatchFormat.decode(
      header, ahead, at: at, limits: limits, into: &batch)
    {
      throw error(BatchDamage(damage.position - at, damage.what))
    }
  }

  mutating func pass(_ header: RecordBatchHeader) {
    place += header.byteCount
    bytesPassed += header.byteCount
  }

  private mutating func readAhead(_ count: Int) throws(LogError) {
    let at = place - aheadPlace
    if at >= 0, ahead.count - at >= count { return }
    try file.read(
      at: place, count: min(byteCount - place, max(count, Self.readBytes)), into: &ahead)
    aheadPlace = place
  }

  /// `damage` counts from the batch that is due.
  func error(_ damage: BatchDamage) -> LogError {
    LogError(
      .stop,
      "\(file.path) is damaged at byte \(place + damage.position): \(damage.what); get a "
        + "good copy of the file")
  }
}
