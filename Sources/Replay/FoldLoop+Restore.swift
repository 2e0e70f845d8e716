internal import Engine
internal import Events
internal import Log

// Partitions get ready: their state is loaded, and the journal folded up to what is committed.

extension FoldLoop {
  /// Begins to load the state of these partitions.
  func load(_ fresh: [FoldLane], _ now: Int64) throws(LogError) {
    guard let topic = settings.state else {
      for lane in fresh { lane.begin() }
      return
    }
    let ranges = try log.bounds(of: fresh.map { TopicPartition(topic, $0.partition) })
    var bounds: [Int32: Range<Int64>] = [:]
    for lane in fresh {
      let range = ranges[TopicPartition(topic, lane.partition)]!
      lane.toLoad = Int64(range.count)
      if lane.toLoad > 0 { bounds[lane.partition] = range }
      lane.restore = StateRestore(
        partition: lane.partition, programs: programs.known, initial: programs.initial)
      lane.isClearing = settings.rebuildsState && !rebuilt.contains(lane.partition)
    }
    if !bounds.isEmpty { loaders.append(try StateLoader(log, topic: topic, bounds)) }
    for lane in fresh where lane.toLoad == 0 { try finish(lane, now) }
  }

  /// Reads the state that has come, for a while. True: something came.
  ///
  /// A batch is of one partition: a step for each would give each partition its turn only after as many
  /// commits as there are others.
  func load(
    _ report: inout Report, _ clock: () -> Int64
  ) throws(LogError) -> Bool {
    var came = false
    let began = clock()
    for loader in loaders {
      var timeoutMs = Self.loadingMs / loaders.count
      for _ in 0..<Self.loadsAtOnce where !loader.ends.isEmpty {
        guard try poll(loader, timeoutMs, &report, clock()) else { break }
        timeoutMs = 0
        came = true
        let number = loader.batch.source.partition
        if let end = loader.ends[number], let lane = lanes[number] {
          if !lane.isClearing {
            lane.load(loader.batch)
          } else if lane.toLoad > 0 {
            // What comes after its end are the very records that overwrite it.
            clear(loader.batch, lane)
          }
          lane.toLoad = max(0, end - loader.batch.nextOffset)
        }
        if clock() - began >= Self.loadMs { break }
      }
      for number in loader.ends.keys.sorted() {
        guard let lane = lanes[number], lane.toLoad == 0, try isWhole(lane, clock()) else {
          continue
        }
        loader.ends[number] = nil
        try finish(lane, clock())
      }
      if loader.ends.isEmpty { loader.reader.close() }
    }
    loaders.removeAll { $0.ends.isEmpty }
    return came
  }

  /// What one step reads of state at most, so that partitions that are ready have their turn.
  private static let loadsAtOnce = 1024
  private static let loadMs: Int64 = 50

  private func poll(
    _ loader: StateLoader, _ timeoutMs: Int, _ report: inout Report, _ now: Int64
  ) throws(LogError) -> Bool {
    do {
      return try loader.reader.poll(into: &loader.batch, timeoutMs: timeoutMs)
    } catch {
      guard error.remedy == .abort || error.remedy == .recreate else { throw error }
      report.notes.append("the state is read again: \(error)")
      let again = loader.ends.keys.compactMap { lanes[$0] }
      loader.ends = [:]
      try load(again, now)
      return true
    }
  }

  /// Overwrites what a damaged or foreign state holds, key by key.
  private func clear(_ batch: RecordBatch, _ lane: FoldLane) {
    for entry in batch.entries where entry.value != nil {
      guard let key = entry.key else { continue }
      transaction.records.append(
        OutRecord(
          topic: batch.source.topic, partition: batch.source.partition,
          key: Array(batch.bytes[key]), value: nil, timestamp: entry.timestamp))
    }
    transaction.cleared.insert(lane.partition)
  }

  /// Whether the state is read as far as its commit says. A transaction's records may become readable
  /// a moment after its offsets.
  private func isWhole(_ lane: FoldLane, _ now: Int64) throws(LogError) -> Bool {
    if lane.isClearing { return !transaction.cleared.contains(lane.partition) }
    guard let asOf = lane.stateAsOf else {
      // Somebody else has written a newer one since, behind what we set out to read, and compaction
      // has taken the one before it.
      guard lane.lacksHead else { return true }
      let since = lane.waitingSince ?? now
      lane.waitingSince = since
      return now - since >= settings.stateWait
    }
    if asOf == lane.mutedUntil { return true }
    let name = "\(settings.state ?? "")-\(lane.partition)"
    guard asOf < lane.mutedUntil else {
      if try isOutdated(lane, asOf) { return false }
      throw LogError(
        .stop,
        "\(name) is of journal offset \(asOf), and the group \(settings.group) has committed "
          + "\(lane.mutedUntil) only: its offsets were lost or set back, and going on would decide "
          + "again what is decided; set them as the state says: kafka-consumer-groups --group "
          + "\(settings.group) --topic \(settings.journal):\(lane.partition) --reset-offsets "
          + "--to-offset \(asOf) --execute")
    }
    let since = lane.waitingSince ?? now
    lane.waitingSince = since
    guard now - since < settings.stateWait else {
      throw LogError(
        .stop,
        "\(name) is of journal offset \(asOf), and the group \(settings.group) has committed "
          + "\(lane.mutedUntil): records of it are lost; \(Self.rebuild)")
    }
    return false
  }

  /// Whether the group has gone on without us since we asked where it stands, as it does without a
  /// process that was stopped for a while: then the partition is restored from where it stands now.
  private func isOutdated(_ lane: FoldLane, _ asOf: Int64) throws(LogError) -> Bool {
    let partition = journal(lane.partition)
    let committed = try log.committed(group: settings.group, [partition])[partition] ?? 0
    guard committed > lane.mutedUntil, committed >= asOf else { return false }
    doubtful.insert(lane.partition)
    return true
  }

  /// All that there is of its state has been read.
  private func finish(_ lane: FoldLane, _ now: Int64) throws(LogError) {
    let restore = lane.restore.take()!
    if lane.isClearing {
      lane.isClearing = false
      rebuilt.insert(lane.partition)
    } else if lane.loadedBytes > 0 {
      do throws(SnapshotError) {
        if let shard = try restore.finish(committed: lane.mutedUntil) {
          lane.take(shard)
          if settings.defects.contains(.forgottenTimer) { lane.shard.forgetTimers() }
          return
        }
      } catch {
        if case .offset(let asOf, _) = error, try isOutdated(lane, asOf) { return }
        guard case .book(let hash, _) = error else { throw unreadable(lane, error) }
        lane.stop = FoldLane.Stop(
          message:
            "its state is of the book \(hash), and no artifact holds that: publish it again, "
            + "kairos playbook publish BOOK", retryAt: now + settings.retryStopped)
        return
      }
    }
    lane.begin()
  }

  func unreadable(_ lane: FoldLane, _ error: SnapshotError) -> LogError {
    LogError(
      .stop, "\(settings.state ?? "")-\(lane.partition) cannot be read: \(error); \(Self.rebuild)")
  }

  private static let rebuild =
    "rebuild the state from the journal: kairos run --rebuild-state, once, with the other options "
    + "as they are"

  /// Begins to read the journal for those whose state is loaded: at once where little is left to
  /// fold, else a few at a time, so that those that are ready do not wait long for their turn.
  func startReading() throws(LogError) {
    let waiting = lanes.values.filter { $0.isLoaded && !$0.isReading && $0.stop == nil }
    guard !waiting.isEmpty else { return }
    var long = lanes.values.count { $0.isReading && $0.left > 0 }
    var starts: [TopicPartition: Int64] = [:]
    for lane in waiting.sorted(by: { ($0.left, $0.partition) < ($1.left, $1.partition) }) {
      if lane.left > 10_000 {
        if long >= settings.restoresAtOnce { break }
        long += 1
      }
      starts[journal(lane.partition)] = lane.position
    }
    try reader?.start(starts)
    for partition in starts.keys { lanes[partition.partition]?.isReading = true }
  }

  /// Asks again for what a partition stands still for.
  func resumeStopped(_ now: Int64) throws(LogError) {
    for lane in lanes.values.sorted(by: { $0.partition < $1.partition }) {
      guard let retryAt = lane.stop?.retryAt, now >= retryAt else { continue }
      guard lane.isLoaded else {
        lanes[lane.partition] = FoldLane(
          lane.partition, programs.initial, committed: lane.mutedUntil, now: now)
        try load([lanes[lane.partition]!], now)
        continue
      }
      // The record that it stands before is read again, and says again what it needs.
      lane.stop = nil
      try reader?.start([journal(lane.partition): lane.position])
      lane.isReading = true
    }
  }
}
