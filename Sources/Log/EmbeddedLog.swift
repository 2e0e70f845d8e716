/// The log in one directory, for one process that writes and any number that look on.
///
///     lock             held by the writer; its process number
///     topics           names, partitions, settings
///     checkpoint       which segments every partition has; groups' offsets until then
///     write-ahead      every commit since that checkpoint: the truth until it is in the segments
///     NAME-P/N.log     segments: Kafka's record batches and nothing else
///
/// A commit is one write to `write-ahead` and one sync. From time to time (`writeAheadBytes`, on
/// opening and on closing) everything goes to the segments, they are synced, the checkpoint is
/// replaced, and only then does `write-ahead` start again. So a crash at any moment leaves the
/// segments up to a checkpoint, and behind it whole commits.
///
/// Whatever fails leaves the log as it was, and the next call tries again. After a failed sync no
/// byte counts that was written to that file since its last good one: what is not safe is written
/// again, from memory, into new files (`checkpoint`, `EmbeddedWriteAheadWriter.startAnew`).
///
/// `upkeep` compacts and retires segments, in small steps.
///
/// Any thread may call the log; each reader and writer belongs to one thread. Three locks, taken in
/// this order: `upkeeping` for a step of upkeep; `commits` lets one commit pass at a time and is held
/// during I/O; `lock` guards what readers see, for the blink of an eye.
package final class EmbeddedLog: Log, @unchecked Sendable {
  package enum Mode: Sendable { case readWrite, readOnly }

  package struct Options: Sendable {
    /// A segment is closed before it would grow beyond this.
    package var segmentBytes = 256 << 20
    /// The same for topics that are compacted: what the newest segment holds is not.
    package var compactedSegmentBytes = 16 << 20
    /// How much the write-ahead file may hold before all goes to the segments.
    package var writeAheadBytes = 64 << 20
    /// A writer closes a batch when it has so many bytes, unpacked.
    package var batchBytes = 1 << 20
    package var codec = RecordBatchFormat.Codec.lz4
    /// How much a step of upkeep reads at most.
    package var upkeepBytes = 4 << 20
    /// How many keys a compaction knows at a time, 32 bytes each.
    package var compactionKeys = 1 << 20
    /// Topics that are emptied on opening, whether their files can be read or not. Offsets go on.
    package var clearing: Set<String> = []
    package var disk = EmbeddedDisk()
    package init() {}
  }

  package let directory: String
  package let mode: Mode
  package let options: Options
  /// What opening had to cut off or found odd, one line each; to be shown to a person.
  package let notes: [String]

  let lock: EmbeddedLock
  let commits = EmbeddedLock()
  let upkeeping = EmbeddedLock()
  private var lockFile: EmbeddedFile?
  /// Guarded by `upkeeping`.
  var chores = EmbeddedChores()
  /// Guarded by `commits`: the checkpoint as it was written last, and files that go behind the next.
  private var written: EmbeddedCheckpoint
  private var doomed: [String] = []
  /// A later one may lie on the disk in its place: writing it has failed.
  private var isWrittenInDoubt = false
  private var writeAhead: EmbeddedWriteAheadWriter?
  /// Guarded by `lock`.
  private var state: EmbeddedState

  /// Opens the log in `directory`; for writing, it is made if it is not there.
  package static func open(
    directory: String, mode: Mode = .readWrite, options: Options = Options()
  ) throws(LogError) -> EmbeddedLog {
    switch mode {
    case .readWrite: try EmbeddedLog(writing: directory, options)
    case .readOnly: try EmbeddedLog(reading: directory, options)
    }
  }

  private init(writing directory: String, _ options: Options) throws(LogError) {
    let disk = options.disk
    if try disk.makeDirectory(directory) { try disk.syncDirectory(of: directory) }
    lockFile = try EmbeddedLog.takeLock(directory, disk)
    // Also a log whose making was interrupted: the write-ahead file comes last.
    let beginnings: Set<String> = ["lock", "topics", "topics.new", "checkpoint.new", "inbox"]
    if beginnings.isSuperset(of: try disk.names(in: directory) ?? []) {
      try disk.replace("\(directory)/topics", with: EmbeddedTopics().encode())
      try disk.replace("\(directory)/checkpoint", with: EmbeddedCheckpoint().encode())
    }
    let image = try EmbeddedState.checkpoint(directory, disk)
    let path = "\(directory)/write-ahead"
    // In a log without any commit its making may have been interrupted before this file.
    let file = try disk.open(path, image.sequence == 0 ? .create : .readWrite)
    if image.sequence == 0 { try disk.syncDirectory(of: path) }
    var (state, leftovers) = try EmbeddedState.load(directory, disk, clearing: options.clearing)
    // What is cleared goes only behind a checkpoint without it.
    if options.clearing.isEmpty { try EmbeddedLog.cut(leftovers, state, disk) }
    let tail = try EmbeddedWriteAhead.read(
      try file.read(at: 0, count: try file.size()), path: path, after: state.sequence)
    for commit in tail.commits { try state.apply(commit, path: path) }
    self.directory = directory
    mode = .readWrite
    self.options = options
    notes = tail.note.map { [$0] } ?? []
    lock = EmbeddedLock()
    written = image
    writeAhead = try EmbeddedWriteAheadWriter(
      file: file, end: tail.end, growth: min(1 << 20, max(4096, options.writeAheadBytes / 16)))
    self.state = state
    if !options.clearing.isEmpty {
      try commits.withLock { () throws(LogError) in try checkpoint() }
      try EmbeddedLog.cut(leftovers, self.state, disk)
      return
    }
    guard !tail.commits.isEmpty else { return }
    do {
      try commits.withLock { () throws(LogError) in try checkpoint() }
    } catch {
      // On a full disk the log is as good as before, and can be read; a commit tries again.
      guard error.remedy == .retry else { throw error }
    }
  }

  private init(reading directory: String, _ options: Options) throws(LogError) {
    self.directory = directory
    mode = .readOnly
    self.options = options
    lock = EmbeddedLock()
    let (state, note) = try EmbeddedState.look(directory, options.disk)
    self.state = state
    written = EmbeddedCheckpoint()
    notes = note.map { [$0] } ?? []
  }

  private static func takeLock(
    _ directory: String, _ disk: EmbeddedDisk
  ) throws(LogError) -> EmbeddedFile {
    let file = try disk.open("\(directory)/lock", .create)
    guard try file.lock() else {
      let holder = String(decoding: try file.read(at: 0, count: 20), as: UTF8.self)
        .prefix { $0.isNumber }
      let name = holder.isEmpty ? "another process" : "process \(holder)"
      throw LogError(
        .stop, "the log at \(directory) is in use by \(name); stop it or choose another --log")
    }
    try file.truncate(to: 0)
    do { try file.write(Array("\(processNumber())\n".utf8), at: 0) } catch {
      // The number is for people only: a full disk can be opened and read without.
      guard error.remedy == .retry else { throw error }
    }
    return file
  }

  /// Whether some process holds the log in `directory` for writing. Ask it after opening has failed,
  /// for it is an attempt to take the lock.
  package static func isHeld(_ directory: String) -> Bool {
    do throws(LogError) {
      let file = try EmbeddedDisk().openIfPresent("\(directory)/lock", .readWrite)
      return try file.map { file throws(LogError) in try !file.lock() } ?? false
    } catch {
      return false
    }
  }

  /// Takes away what a crash left behind the last checkpoint; the write-ahead file has it.
  private static func cut(
    _ leftovers: [String], _ state: EmbeddedState, _ disk: EmbeddedDisk
  ) throws(LogError) {
    for path in leftovers {
      try disk.remove(path)
      try disk.syncDirectory(of: path)
    }
    for partition in state.partitions.values {
      for segment in partition.segments {
        let file = try disk.open(segment.path, .readWrite)
        if try file.size() > segment.byteCount { try file.truncate(to: segment.byteCount) }
      }
    }
  }

  /// Moves everything to the segments and lets the directory go. Readers and writers of this log
  /// fail from then on.
  package func close() throws(LogError) {
    try upkeeping.withLock { () throws(LogError) in try closeNow() }
  }

  private func closeNow() throws(LogError) {
    try commits.withLock { () throws(LogError) in
      let wasOpen = lock.withLock { state.trouble == nil }
      defer {
        lock.withLock {
          if state.trouble == nil {
            state.trouble = LogError(.stop, "the log at \(directory) is closed; open it again")
          }
          lock.announce()
        }
        writeAhead = nil
        lockFile = nil
      }
      guard mode == .readWrite, wasOpen else { return }
      try checkpoint()
      try writeAhead?.release()
    }
  }

  // MARK: Log

  package func partitionCount(of topic: String) throws(LogError) -> Int? {
    try look { state throws(LogError) in state.topics.byName[topic]?.partitions }
  }

  /// All topics with their settings, by name.
  package func topics() throws(LogError) -> [TopicSettings] {
    try look { state throws(LogError) in
      state.topics.byName.values.sorted { $0.name < $1.name }
    }
  }

  package func createTopic(_ settings: TopicSettings) throws(LogError) {
    if let complaint = EmbeddedTopics.complaint(settings) { throw LogError(.stop, complaint) }
    try commits.withLock { () throws(LogError) in
      var topics = try look { state throws(LogError) in state.topics }
      if let present = topics.byName[settings.name] {
        guard present.partitions == settings.partitions else {
          throw LogError(
            .stop,
            "topic \(settings.name) has \(present.partitions) partitions, not "
              + "\(settings.partitions); set that number, or choose another --log")
        }
        return
      }
      try mustBeWritable()
      topics.byName[settings.name] = settings
      try options.disk.replace("\(directory)/topics", with: topics.encode())
      lock.withLock { state.add(settings, log: directory) }
    }
  }

  package func reader(
    from positions: [TopicPartition: Int64]
  ) throws(LogError) -> any LogReader {
    let reader = EmbeddedReader(self)
    try reader.start(positions)
    return reader
  }

  package func groupReader(
    group: String, topics: [String]
  ) throws(LogError) -> any GroupReader {
    if let complaint = groupComplaint(group) { throw LogError(.stop, complaint) }
    let sources = try look { state throws(LogError) in
      var sources: [TopicPartition] = []
      for topic in topics {
        guard let settings = state.topics.byName[topic] else { throw state.missing(topic) }
        sources += (0..<settings.partitions).map { TopicPartition(topic, Int32($0)) }
      }
      return sources
    }
    let generation = lock.withLock {
      state.generations["group \(group)", default: 0] += 1
      return state.generations["group \(group)", default: 0]
    }
    return EmbeddedGroupReader(self, group: group, generation: generation, sources)
  }

  package func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    try look { state throws(LogError) in
      guard let offsets = state.offsets[group] else { return [:] }
      return offsets.filter { partitions.contains($0.key) }
    }
  }

  package func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    try look { state throws(LogError) in
      guard let found = state.partitions[partition] else { throw state.missing(partition) }
      return found.start..<found.end
    }
  }

  package func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    try mustBeWritable()
    let generation = lock.withLock {
      state.generations["writer \(id)", default: 0] += 1
      return state.generations["writer \(id)", default: 0]
    }
    return EmbeddedWriter(self, fence: EmbeddedFence(key: "writer \(id)", generation: generation))
  }

  package func plainWriter() throws(LogError) -> any LogWriter {
    try mustBeWritable()
    return EmbeddedWriter(self, fence: nil)
  }

  // MARK: for readers and writers

  /// The offset after the partition's last record. Called with `lock` held.
  func end(of partition: TopicPartition) -> Int64? { state.partitions[partition]?.end }

  /// Called with `lock` held.
  func isCurrent(_ fence: EmbeddedFence) -> Bool { fence.isCurrent(state) }

  /// Looks at the state; fails if the log is closed or broken.
  func look<Result>(
    _ body: (EmbeddedState) throws(LogError) -> Result
  ) throws(LogError) -> Result {
    try lock.withLock { () throws(LogError) in
      if let trouble = state.trouble { throw trouble }
      return try body(state)
    }
  }

  /// Returns what `body` finds, called again after each commit, or nil at the deadline.
  func wait<Result>(
    until deadline: EmbeddedLock.Deadline, _ body: (EmbeddedState) throws(LogError) -> Result?
  ) throws(LogError) -> Result? {
    try lock.withLock { () throws(LogError) in
      while true {
        if let trouble = state.trouble { throw trouble }
        if let result = try body(state) { return result }
        guard lock.wait(until: deadline) else { return nil }
      }
    }
  }

  /// Reads again what another process has written (`readOnly`).
  func refresh() throws(LogError) {
    try commits.withLock { () throws(LogError) in
      let before = try look { state throws(LogError) in state }
      let (after, _) = try EmbeddedState.look(directory, options.disk, since: before)
      lock.withLock { state = after }
    }
  }

  /// Makes these batches (all with base offset 0) and offsets last and visible, all or none.
  func commit(
    _ batches: [EmbeddedCommit.Batch], _ offsets: [EmbeddedCommit.GroupOffset],
    fences: [EmbeddedFence]
  ) throws(LogError) {
    try commits.withLock { () throws(LogError) in
      try mustBeWritable()
      try look { state throws(LogError) in for fence in fences { try fence.check(state) } }
      if let writeAhead, writeAhead.isUnsettled || writeAhead.end >= options.writeAheadBytes {
        try checkpoint()
      }
      let last = try look { state throws(LogError) in state.sequence }
      var commit = EmbeddedCommit(sequence: last + 1, batches: batches, offsets: offsets)
      try assignOffsets(&commit)
      try writeAhead?.append(commit.encode())
      try lock.withLock { () throws(LogError) in
        try state.apply(commit, path: directory)
        lock.announce()
      }
    }
  }

  private func assignOffsets(_ commit: inout EmbeddedCommit) throws(LogError) {
    var ends: [TopicPartition: Int64] = [:]
    for place in commit.batches.indices {
      let source = commit.batches[place].source
      var base = ends[source] ?? 0
      if ends[source] == nil { base = try bounds(of: source).upperBound }
      RecordBatchFormat.place(&commit.batches[place].bytes, at: base)
      ends[source] =
        base + 1 + Int64(commit.batches[place].bytes.load(bigEndian: Int32.self, at: 23))
    }
  }

  private func mustBeWritable() throws(LogError) {
    guard mode == .readWrite else {
      throw LogError(.stop, "the log at \(directory) was opened for reading only")
    }
    try look { state throws(LogError) in }
  }

  /// Moves the tails to the segments. Called with `commits` held. Where it fails all is as before,
  /// and it can be tried again.
  ///
  /// If the write-ahead file is unsettled, what became of its last commit, which nobody was told of,
  /// is settled here: its number is passed over, so it never was, and a new file begins.
  private func checkpoint() throws(LogError) {
    let disk = options.disk
    let isUnsettled = writeAhead?.isUnsettled ?? false
    try settleCheckpoint()
    let before = lock.withLock { state }
    var needed = 0
    for partition in before.partitions.values {
      for batch in partition.tail { needed += batch.bytes.count }
    }
    var touched: [EmbeddedFile] = []
    var filled: [TopicPartition: [EmbeddedSegment]] = [:]
    for (source, partition) in before.partitions where !partition.tail.isEmpty {
      let policy = EmbeddedPolicy(before.topics.byName[source.topic], options)
      let first = touched.count
      filled[source] = try partition.fill(disk, policy, needed: needed, touched: &touched)
      for file in touched[first...] {
        do { try file.sync() } catch {
          lock.withLock { state.partitions[source]?.isLastClosed = true }
          throw error
        }
      }
    }
    var image = before.checkpoint(filled)
    if isUnsettled { image.sequence += 1 }
    try write(image)
    lock.withLock {
      for (source, segments) in filled { state.partitions[source]?.settle(segments) }
      state.sequence = image.sequence
    }
    if isUnsettled { try writeAhead?.startAnew(disk) } else { writeAhead?.startAgain() }
    removeDoomed()
  }

  /// Called with `commits` held.
  private func write(_ image: EmbeddedCheckpoint) throws(LogError) {
    isWrittenInDoubt = true
    lock.withLock { state.revision = image.revision }
    try options.disk.replace("\(directory)/checkpoint", with: image.encode())
    written = image
    isWrittenInDoubt = false
  }

  /// Where two checkpoints may be on the disk, puts the known one there, before any file is touched
  /// that the other one names.
  private func settleCheckpoint() throws(LogError) {
    guard isWrittenInDoubt else { return }
    var image = written
    image.revision = lock.withLock { state.revision } + 1
    try write(image)
  }

  /// Files that no checkpoint names any more. What cannot be removed now is tried again later.
  private func removeDoomed() {
    if isWrittenInDoubt { return }
    doomed.removeAll { path in
      do throws(LogError) {
        try options.disk.remove(path)
        return true
      } catch {
        return false
      }
    }
  }

  // MARK: for upkeep

  /// Puts `new` in the place of neighbouring segments of a partition, in the checkpoint and for
  /// readers, then removes the old files. Where it fails all is as before.
  func replace(
    _ old: [EmbeddedSegment], of source: TopicPartition, by new: EmbeddedSegment?,
    compacted: EmbeddedCheckpoint.Compacted?
  ) throws(LogError) {
    try commits.withLock { () throws(LogError) in
      try mustBeWritable()
      try settleCheckpoint()
      let before = lock.withLock { state }
      guard var partition = before.partitions[source] else { throw before.missing(source) }
      if !old.isEmpty { partition.replace(old, by: new) }
      partition.compacted = compacted
      var after = before
      after.partitions[source] = partition
      var image = after.checkpoint([:])
      image.sequence = written.sequence
      image.offsets = written.offsets
      try write(image)
      lock.withLock { state.partitions[source] = partition }
      doomed += old.map(\.path)
      removeDoomed()
    }
  }

  /// A file that upkeep began and gave up. It stays while a checkpoint may name it.
  func discard(_ path: String) {
    commits.withLock {
      doomed.append(path)
      removeDoomed()
    }
  }

  /// Nothing more is written into the partition's last segment.
  func closeLast(of source: TopicPartition) {
    commits.withLock { lock.withLock { state.partitions[source]?.isLastClosed = true } }
  }
}
