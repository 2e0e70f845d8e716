/// What keeps the log small, for the process that holds it: compaction of topics with
/// `cleanup.policy=compact`, and retention by `retention.ms` and `retention.bytes` of the others.
///
/// Readers and writers go on meanwhile. A step reads at most `upkeepBytes`; only putting a finished
/// file into the checkpoint holds commits up.

package struct EmbeddedUpkeep: Sendable {
  /// There is more to do at once; else once a second is often enough.
  package var isBusy = false
  /// What was finished, one line each, for a person.
  package var notes: [String] = []
}

/// What upkeep remembers between its steps.
struct EmbeddedChores {
  var compaction: EmbeddedCompaction?
  /// Of the next file that a compaction writes; never one that a checkpoint on the disk may name.
  var generation = 1
  /// Partitions that cannot be compacted until the log is opened anew.
  var damaged: Set<TopicPartition> = []
  /// The newest append time in segments of an older version, by path.
  var newest: [String: Int64] = [:]
  /// After a failure nothing is tried before then, ms since 1970.
  var pausedUntil = Int64.min
}

extension EmbeddedLog {
  private static let pauseMs: Int64 = 10_000
  /// What was written is compacted after so long at the latest, ms: so long an erased customer's old
  /// state stays at most, and the tombstone's own time.
  private static let compactWithinMs = EmbeddedPolicy.dayMs

  /// One step. `now`: milliseconds since 1970. After an error, which leaves all as it was, the steps of
  /// the next ten seconds do nothing.
  package func upkeep(now: Int64) throws(LogError) -> EmbeddedUpkeep {
    try upkeeping.withLock { () throws(LogError) in
      guard mode == .readWrite, now >= chores.pausedUntil else { return EmbeddedUpkeep() }
      do throws(LogError) {
        if chores.compaction != nil { return try compact() }
        return try begin(now)
      } catch {
        if let compaction = chores.compaction {
          if let path = compaction.unfinished { discard(path) }
          if error.remedy == .stop { chores.damaged.insert(compaction.source) }
        }
        chores.compaction = nil
        chores.pausedUntil = now + Self.pauseMs
        throw error
      }
    }
  }

  /// Looks for something to do, and does it or begins it.
  private func begin(_ now: Int64) throws(LogError) -> EmbeddedUpkeep {
    let state = try look { state throws(LogError) in state }
    for source in state.partitions.keys.sorted() where !chores.damaged.contains(source) {
      guard let partition = state.partitions[source], !partition.segments.isEmpty else { continue }
      let policy = EmbeddedPolicy(state.topics.byName[source.topic], options)
      do throws(LogError) {
        if let note = try retire(partition, policy, now) {
          return EmbeddedUpkeep(isBusy: true, notes: [note])
        }
      } catch {
        if error.remedy == .stop { chores.damaged.insert(source) }
        throw error
      }
      guard policy.isCompacted, let isWhole = isDue(partition, policy, now) else { continue }
      try beginCompaction(of: source, isWhole: isWhole, policy, now)
      return EmbeddedUpkeep(isBusy: true)
    }
    return EmbeddedUpkeep()
  }

  // MARK: retention

  /// Takes away the oldest segments that have had their time. Nil: there are none.
  private func retire(
    _ partition: EmbeddedPartition, _ policy: EmbeddedPolicy, _ now: Int64
  ) throws(LogError) -> String? {
    var old: [EmbeddedSegment] = []
    if let retention = policy.retentionMs {
      for segment in partition.segments {
        guard try newest(in: segment) < now - retention else { break }
        old.append(segment)
      }
    }
    if let bytes = policy.retentionBytes {
      var rest = partition.segments.reduce(0) { $0 + $1.byteCount }
      for segment in partition.segments.dropLast() {
        rest -= segment.byteCount
        guard rest >= bytes else { break }
        if !old.contains(segment) { old.append(segment) }
      }
    }
    guard let last = old.last else { return nil }
    if last.path == partition.segments.last?.path { closeLast(of: partition.source) }
    // Meanwhile the last one may have grown.
    let current = try look { state throws(LogError) in
      state.partitions[partition.source]?.segments.first { $0.path == last.path }
    }
    guard current?.next == last.next else { return nil }
    try replace(old, of: partition.source, by: nil, compacted: partition.compacted)
    let size = old.reduce(0) { $0 + $1.byteCount }
    return "\(name(partition.source)): retention took \(old.count) segments, \(byteText(size)); it "
      + "begins at \(last.next) now"
  }

  private func newest(in segment: EmbeddedSegment) throws(LogError) -> Int64 {
    if let times = segment.times { return times.upperBound }
    if let known = chores.newest[segment.path] { return known }
    guard var walk = try EmbeddedWalk(segment, options.disk) else {
      throw LogError(.stop, "\(segment.path) is missing; restore it from a copy of the log")
    }
    var newest = Int64.min
    while let header = try walk.header() {
      newest = max(newest, header.maxTimestamp)
      walk.pass(header)
    }
    chores.newest[segment.path] = newest
    return newest
  }

  // MARK: compaction

  /// Nil: not yet. True: the newest segment too, which is closed for that.
  private func isDue(
    _ partition: EmbeddedPartition, _ policy: EmbeddedPolicy, _ now: Int64
  ) -> Bool? {
    let until = partition.compacted?.until ?? 0
    if let oldest = partition.segments.first(where: { $0.next > until })?.times?.lowerBound,
      oldest < now - Self.compactWithinMs
    {
      return true
    }
    let closed = partition.isLastClosed ? partition.segments[...] : partition.segments.dropLast()
    let dirty = closed.filter { $0.next > until }.reduce(0) { $0 + $1.byteCount }
    let clean = closed.reduce(0) { $0 + $1.byteCount } - dirty
    if dirty > 0, dirty >= clean { return false }
    if let tombstone = partition.compacted?.tombstone, tombstone < now - policy.tombstoneMs,
      !closed.isEmpty
    {
      return false
    }
    return nil
  }

  private func beginCompaction(
    of source: TopicPartition, isWhole: Bool, _ policy: EmbeddedPolicy, _ now: Int64
  ) throws(LogError) {
    if isWhole { closeLast(of: source) }
    let found = try look { state throws(LogError) in
      let newest = state.partitions.values.flatMap(\.segments).map(\.generation).max() ?? 0
      chores.generation = max(chores.generation, newest + 1)
      return state.partitions[source]
    }
    guard let partition = found else { return }
    let inputs = partition.isLastClosed ? partition.segments[...] : partition.segments.dropLast()
    chores.compaction = EmbeddedCompaction(
      partition, inputs: Array(inputs), policy, options, generation: chores.generation, now: now)
  }

  private func compact() throws(LogError) -> EmbeddedUpkeep {
    guard let source = chores.compaction?.source, let step = try chores.compaction?.step() else {
      return EmbeddedUpkeep()
    }
    chores.generation = max(chores.generation, chores.compaction?.generation ?? 0)
    switch step {
    case .more: break
    case .swap(let old, let new):
      let compacted = try look { state throws(LogError) in state.partitions[source]?.compacted }
      do { try replace(old, of: source, by: new, compacted: compacted) } catch {
        discard(new.path)
        throw error
      }
    case .done(let compacted):
      try replace([], of: source, by: nil, compacted: compacted)
      guard let done = chores.compaction else { break }
      chores.compaction = nil
      guard done.bytesBefore > done.bytesAfter else { break }
      return EmbeddedUpkeep(
        isBusy: true,
        notes: [
          "\(name(source)): compacted from \(byteText(done.bytesBefore)) to "
            + byteText(done.bytesAfter)
        ])
    }
    return EmbeddedUpkeep(isBusy: true)
  }

  private func name(_ source: TopicPartition) -> String { "\(source.topic)-\(source.partition)" }
}
