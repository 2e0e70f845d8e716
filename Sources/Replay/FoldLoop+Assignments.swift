internal import Engine
internal import Log

// Partitions come and go.

extension FoldLoop {
  /// A failure on the way leaves the rest for the next call. A partition that is lost is given up
  /// whatever happens: the group goes on only after that.
  func takeAssignments(_ report: inout Report, _ clock: () -> Int64) throws(LogError) {
    changes += reader?.takeAssignments() ?? []
    if !aside.isEmpty, clock() - asideSince > Self.asideMs { aside.removeAll() }
    while let change = changes.first {
      switch change {
      case .lost(let partitions): try lose(partitions, &report, clock)
      case .gained(let partitions): try gain(partitions, &report, clock)
      }
      changes.removeFirst()
    }
  }

  /// Commits what is folded while the generation is still ours, and keeps the state for a while.
  private func lose(
    _ partitions: [TopicPartition], _ report: inout Report, _ clock: () -> Int64
  ) throws(LogError) {
    let numbers = Set(partitions.map(\.partition))
    let isUncommitted =
      transaction.isOpen
      || numbers.contains { !doubtful.contains($0) && lanes[$0]?.hasMoved ?? false }
    if isUncommitted {
      do {
        try commit(&report, clock(), takesState: false)
      } catch {
        if error.remedy == .stop { throw error }
        discard(error, &report)
      }
    }
    for number in numbers.sorted() {
      guard let lane = lanes.removeValue(forKey: number) else { continue }
      // Slices that it gave to a transaction which was given up, are written nowhere.
      let isSound = !doubtful.contains(number)
      forget(number)
      lane.isReading = false
      if isSound, lane.isLoaded, lane.stop == nil { aside[number] = lane }
    }
    asideSince = clock()
  }

  /// Drops what is under way for a partition: records at hand, state being loaded.
  func forget(_ number: Int32) {
    if batch.source.partition == number { dropBatch() }
    for loader in loaders { loader.ends[number] = nil }
    doubtful.remove(number)
    unplaced.remove(number)
  }

  /// Those whose state is still here go on at once; where the others stand may be long in coming.
  private func gain(
    _ partitions: [TopicPartition], _ report: inout Report, _ clock: () -> Int64
  ) throws(LogError) {
    let known = partitions.filter { aside[$0.partition] != nil }
    let committed = try log.committed(group: settings.group, known)
    let bounds = try log.bounds(of: known)
    var fresh: [FoldLane] = []
    var starts: [TopicPartition: Int64] = [:]
    var kept: [FoldLane] = []
    for partition in known {
      guard let lane = aside[partition.partition] else { continue }
      let range = bounds[partition]!
      let known = committed[partition] ?? range.lowerBound
      try check(partition, range, committed: known)
      if lane.canGoOn(at: known) || isStale(lane) {
        lane.committed = known
        if isStale(lane) { lane.position = max(lane.position, known) }
        starts[partition] = lane.position
        kept.append(lane)
      } else {
        fresh.append(
          FoldLane(partition.partition, programs.initial, committed: known, now: clock()))
      }
    }
    try reader?.start(starts)
    for lane in kept { lane.isReading = true }
    try load(fresh, clock())
    for lane in fresh + kept { lanes[lane.partition] = lane }
    aside.removeAll()
    for partition in partitions where lanes[partition.partition] == nil {
      lanes[partition.partition] = FoldLane(
        partition.partition, programs.initial, committed: 0, now: clock())
      unplaced.insert(partition.partition)
    }
    askMs = Self.askMs
    askAt = clock()
    hasJoined = true
    try placeLanes(&report, clock)
  }

  /// Begins with the partitions of which it was not known where the group stands, once it is. A process
  /// that died within a transaction keeps that unknown until the brokers give the transaction up, and
  /// what we have besides goes on meanwhile.
  func placeLanes(_ report: inout Report, _ clock: () -> Int64) throws(LogError) {
    let now = clock()
    // A clock that was set back asks at once.
    guard !unplaced.isEmpty, now >= askAt || askAt - now > 8 * Self.askMostMs else { return }
    let partitions = unplaced.sorted().map(journal)
    guard let committed = try log.commits(group: settings.group, partitions, withinMs: askMs) else {
      if askMs == Self.askMostMs {
        report.notes.append(
          "where \(partitions.count) partitions stand is not known yet: the brokers do not answer, or "
            + "wait for a transaction that a dead process has left open")
      }
      askAt = now + Int64(4 * askMs)
      askMs = min(Self.askMostMs, 2 * askMs)
      return
    }
    let bounds = try log.bounds(of: partitions)
    var fresh: [FoldLane] = []
    for partition in partitions {
      let range = bounds[partition]!
      let known = committed[partition]?.offset ?? range.lowerBound
      try check(partition, range, committed: known)
      fresh.append(FoldLane(partition.partition, programs.initial, committed: known, now: now))
    }
    try load(fresh, now)
    for lane in fresh { lanes[lane.partition] = lane }
    unplaced = []
  }

  private func isStale(_ lane: FoldLane) -> Bool {
    settings.defects.contains(.staleState) && lane.isReady
  }

  /// A journal that is not the one that was folded, or not all of it, would give other decisions.
  private func check(
    _ partition: TopicPartition, _ bounds: Range<Int64>, committed: Int64
  ) throws(LogError) {
    let name = "\(partition.topic)-\(partition.partition)"
    guard committed <= bounds.upperBound else {
      throw LogError(
        .stop,
        "\(name) ends at \(bounds.upperBound), and \(committed) of it were folded by the group "
          + "\(settings.group): it was made anew; restore the journal, or begin with new topics and "
          + "without that group's offsets")
    }
    guard bounds.lowerBound == 0 else {
      throw LogError(
        .stop,
        "\(name) begins at \(bounds.lowerBound): its first records are gone, and state cannot be "
          + "built without them; set its retention.ms and retention.bytes to -1, and replay the "
          + "sources into a new journal")
    }
  }
}
