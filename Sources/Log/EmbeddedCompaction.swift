/// One compaction of one partition, in small steps: of each key only the latest record stays, with its
/// offset. As in Kafka's log cleaner, two passes:
///
///     indexing   the records since the last compaction ([from, covered)): the latest offset per key
///     copying    all segments up to there, from the first on, without what the index has later
///
/// New segments take the places of old ones from the first on, each for good before the next. So
/// when a tombstone goes, all older records of its key are gone already, whatever crashes: an older
/// value cannot come back. Before `from` no key occurs twice; that is noted at the end only, and an
/// unfinished compaction is simply begun again.
struct EmbeddedCompaction {
  enum Step {
    case more
    /// A finished, synced file for these neighbouring segments.
    case swap([EmbeddedSegment], by: EmbeddedSegment)
    case done(EmbeddedCheckpoint.Compacted)
  }

  private struct Output {
    var segment: EmbeddedSegment
    let file: EmbeddedFile
    var inputs: [EmbeddedSegment] = []
    /// Built, not written yet.
    var pending: [UInt8] = []
    var dropped = 0
  }

  let source: TopicPartition
  private let directory: String
  private let policy: EmbeddedPolicy
  private let options: EmbeddedLog.Options
  private let now: Int64
  private var inputs: [EmbeddedSegment]
  private let from: Int64
  /// Records from here on are not in the index, and stay.
  private(set) var covered: Int64
  private var index = EmbeddedKeyIndex()
  private var isIndexing = true
  /// Of the input that is being read.
  private var place: Int
  private var walk: EmbeddedWalk?
  private var scratch: RecordBatch
  private var output: Output?
  private var builder = RecordBatchBuilder()
  private var builderBase: Int64 = 0
  /// Of the next file.
  private(set) var generation: Int
  private var tombstone: Int64?
  private(set) var bytesBefore = 0
  private(set) var bytesAfter = 0

  /// A batch of less is put together with its neighbours, bytes.
  private static let smallBatch = 64 << 10

  /// `inputs`: the partition's segments from the first on, to which nothing is added any more.
  /// `generation`: greater than any in the partition.
  init(
    _ partition: EmbeddedPartition, inputs: [EmbeddedSegment], _ policy: EmbeddedPolicy,
    _ options: EmbeddedLog.Options, generation: Int, now: Int64
  ) {
    precondition(!inputs.isEmpty, "nothing to compact")
    source = partition.source
    directory = partition.directory
    self.policy = policy
    self.options = options
    self.now = now
    self.inputs = inputs
    self.generation = generation
    from = max(partition.compacted?.until ?? 0, inputs[0].base)
    covered = inputs[inputs.count - 1].next
    place = inputs.firstIndex { $0.next > (partition.compacted?.until ?? 0) } ?? inputs.count
    scratch = RecordBatch(source: source)
  }

  /// A file that is not finished; to be removed if this compaction is given up.
  var unfinished: String? { output?.segment.path }

  mutating func step() throws(LogError) -> Step {
    var budget = options.upkeepBytes
    while budget > 0 {
      if isIndexing {
        guard try indexNext(&budget) else {
          isIndexing = false
          inputs.removeAll { $0.base >= covered }
          place = 0
          walk = nil
          continue
        }
      } else if place == inputs.count {
        return .done(.init(until: covered, tombstone: tombstone))
      } else if let swap = try copyNext(&budget) {
        return swap
      }
    }
    return .more
  }

  private func open(_ segment: EmbeddedSegment) throws(LogError) -> EmbeddedWalk {
    guard let walk = try EmbeddedWalk(segment, options.disk) else {
      throw LogError(.stop, "\(segment.path) is missing; restore it from a copy of the log")
    }
    return walk
  }

  // MARK: indexing

  /// The next batch into the index. False: that was the last, or the index is full.
  private mutating func indexNext(_ budget: inout Int) throws(LogError) -> Bool {
    guard place < inputs.count else { return false }
    if walk == nil { walk = try open(inputs[place]) }
    guard let header = try walk?.header() else {
      walk = nil
      place += 1
      return true
    }
    budget -= header.byteCount
    if header.nextOffset > from {
      if index.count > 0, index.count + Int(header.recordCount) > options.compactionKeys {
        covered = header.baseOffset
        return false
      }
      scratch.removeAll()
      try walk?.decode(header, from: from, into: &scratch)
      for entry in scratch.entries {
        guard let key = entry.key else { continue }
        index.set(EmbeddedKeyIndex.Hash(scratch.bytes.span.extracting(key)), entry.offset)
      }
    }
    walk?.pass(header)
    return true
  }

  // MARK: copying

  /// Copies the next batch. A swap, where that finished a file that is worth it.
  private mutating func copyNext(_ budget: inout Int) throws(LogError) -> Step? {
    if walk == nil { walk = try open(inputs[place]) }
    if output == nil { try begin() }
    guard let header = try walk?.header() else {
      walk = nil
      output?.inputs.append(inputs[place])
      place += 1
      let size = (output?.segment.byteCount ?? 0) + builder.byteCount
      if place < inputs.count, size + inputs[place].byteCount <= policy.segmentBytes { return nil }
      return try finish()
    }
    budget -= header.byteCount
    try copy(header)
    walk?.pass(header)
    return nil
  }

  private mutating func begin() throws(LogError) {
    let first = inputs[place]
    let segment = EmbeddedSegment(
      base: first.base, generation: generation, directory: directory, next: first.base)
    generation += 1
    try options.disk.remove(segment.path)
    output = Output(segment: segment, file: try options.disk.open(segment.path, .create))
  }

  private mutating func copy(_ header: RecordBatchHeader) throws(LogError) {
    scratch.removeAll()
    try walk?.decode(header, into: &scratch)
    var kept: [RecordBatch.Entry] = []
    kept.reserveCapacity(scratch.entries.count)
    for entry in scratch.entries where stays(entry) { kept.append(entry) }
    output?.dropped += scratch.entries.count - kept.count
    if kept.count == scratch.entries.count, header.byteCount >= Self.smallBatch {
      try finishBatch()
      guard var bytes = try walk?.bytes(header) else { return }
      RecordBatchFormat.seal(&bytes, at: header.baseOffset)
      return try add(bytes)
    }
    for entry in kept { try append(entry) }
  }

  private mutating func stays(_ entry: RecordBatch.Entry) -> Bool {
    guard entry.offset < covered, let key = entry.key else { return true }
    let latest = index.latest(EmbeddedKeyIndex.Hash(scratch.bytes.span.extracting(key)))
    if let latest, latest > entry.offset { return false }
    guard entry.value == nil else { return true }
    // The partition's last record stays in any case, so that readers see how far it goes.
    if entry.offset + 1 == covered { return true }
    if entry.timestamp <= now - policy.tombstoneMs { return false }
    tombstone = min(tombstone ?? .max, entry.timestamp)
    return true
  }

  private mutating func append(_ entry: RecordBatch.Entry) throws(LogError) {
    if builder.recordCount > 0,
      builder.byteCount >= options.batchBytes || entry.offset - builderBase > 1 << 30
    {
      try finishBatch()
    }
    if builder.recordCount == 0 { builderBase = entry.offset }
    let bytes = scratch.bytes
    builder.append(
      key: entry.key.map { Array(bytes[$0]) }, value: entry.value.map { Array(bytes[$0]) },
      headers: scratch.headers[entry.headers].map { header in
        (
          String(decoding: bytes[header.name], as: UTF8.self),
          header.value.map { Array(bytes[$0]) } ?? []
        )
      }, timestamp: entry.timestamp, offsetDelta: Int(entry.offset - builderBase))
  }

  private mutating func finishBatch() throws(LogError) {
    guard builder.recordCount > 0 else { return }
    var bytes = builder.finish(codec: options.codec)
    RecordBatchFormat.seal(&bytes, at: builderBase)
    try add(bytes)
  }

  private mutating func add(_ bytes: [UInt8]) throws(LogError) {
    guard case .header(let header) = RecordBatchHeader.parse(bytes, at: 0) else {
      fatalError("a batch was built without a header")
    }
    output?.segment.add(header)
    output?.pending.append(contentsOf: bytes)
    if (output?.pending.count ?? 0) >= 1 << 20 { try flush() }
  }

  private mutating func flush() throws(LogError) {
    guard let pending = output?.pending, !pending.isEmpty, let output else { return }
    try output.file.write(pending, at: output.segment.byteCount - pending.count)
    self.output?.pending.removeAll(keepingCapacity: true)
  }

  private mutating func finish() throws(LogError) -> Step? {
    try finishBatch()
    try flush()
    guard var output, let last = output.inputs.last else { return nil }
    let before = output.inputs.reduce(0) { $0 + $1.byteCount }
    bytesBefore += before
    guard output.dropped > 0 || output.inputs.count > 1 else {
      bytesAfter += before
      try options.disk.remove(output.segment.path)
      self.output = nil
      return nil
    }
    output.segment.next = last.next
    bytesAfter += output.segment.byteCount
    try output.file.sync()
    try options.disk.syncDirectory(of: output.segment.path)
    self.output = nil
    return .swap(output.inputs, by: output.segment)
  }
}
