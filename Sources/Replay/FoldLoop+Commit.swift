internal import Engine
internal import Log

// What one transaction holds, and how it ends.

/// Records and offsets that become visible together. It is kept until that has happened, so that
/// after a passing failure the same is tried again.
struct Transaction {
  var records: [OutRecord] = []
  /// How many of them the writer has taken.
  var appended = 0
  var offsets: [TopicPartition: Int64] = [:]
  var decisions: [Shard.Published] = []
  /// Partitions whose shards have given something that is in it: decisions, hash points, proofs, state.
  var contributors: Set<Int32> = []
  /// Those of them that have given slices or a seal.
  var sliced: Set<Int32> = []
  /// Partitions whose old state is overwritten.
  var cleared: Set<Int32> = []
  /// State, heads and offsets are in it: nothing is added any more.
  var isComposed = false

  var isOpen: Bool { !records.isEmpty || isComposed }
}

extension FoldLoop {
  func mustCommit(_ now: Int64) -> Bool {
    if transaction.isOpen { return true }
    var hasMoved = false
    for lane in lanes.values where lane.hasMoved {
      hasMoved = true
      // A pass that is late does not wait for the time.
      if due(lane, now) >= settings.stateBytesAtOnce { return true }
    }
    // A clock that was set back starts the time anew.
    return hasMoved && (now >= lastCommit + settings.offsetsEvery || now < lastCommit)
  }

  private var limits: SealPace.Limits {
    let customers = lanes.values.reduce(0) { $0 + ($1.isLoaded ? $1.shard.customerCount : 0) }
    return SealPace.Limits(
      bound: max(settings.restoreRecords, Int64(2 * customers)) / Int64(max(1, lanes.count)),
      every: settings.sealEvery, portion: settings.stateBytesAtOnce, most: settings.stateBytesMost)
  }

  private func due(_ lane: FoldLane, _ now: Int64) -> Int {
    guard settings.state != nil, let pass = lane.shard.pass else { return 0 }
    return lane.pace.due(
      next: lane.next, remaining: pass.remaining, now: now, isIdle: isIdle, limits)
  }

  /// Ends the transaction. `takesState`: it may take slices along; not where somebody waits for it.
  func commit(
    _ report: inout Report, _ now: Int64, takesState: Bool = true
  ) throws(LogError) {
    if !transaction.isComposed { compose(now, takesState: takesState) }
    do {
      try send()
    } catch {
      guard error.remedy == .abort || error.remedy == .recreate else { throw error }
      return try recover(error, &report, now)
    }
    report.decisions += transaction.decisions
    report.committed = true
    for (partition, offset) in transaction.offsets {
      guard let lane = lanes[partition.partition] else { continue }
      lane.committed = offset
      guard lane.isSealing else { continue }
      lane.isSealing = false
      lane.pace.end(now: now)
      totals.seals += 1
    }
    transaction = Transaction()
    lastCommit = now
  }

  private func send() throws(LogError) {
    guard let writer else { throw LogError(.retry, "the log has no writer yet") }
    while transaction.appended < transaction.records.count {
      try writer.append(transaction.records[transaction.appended])
      transaction.appended += 1
    }
    var offsets = transaction.offsets
    if settings.defects.contains(.lostOffset), !transaction.decisions.isEmpty { offsets = [:] }
    try writer.commit(offsets: offsets, group: settings.group, reader: reader)
  }

  /// Adds to the decisions what else belongs to this step: state, hash points, proofs, offsets. Only
  /// partitions whose offset moves take part: whether a transaction was committed can be told by it.
  private func compose(_ now: Int64, takesState: Bool) {
    let losesOffsets =
      settings.defects.contains(.lostOffset) && !transaction.decisions.isEmpty
    var room = settings.stateBytesMost
    let order = lanes.keys.sorted()
    let first = order.firstIndex { $0 >= turn } ?? 0
    for number in order[first...] + order[..<first] {
      guard let lane = lanes[number], lane.hasMoved, !doubtful.contains(number) else { continue }
      addErasures(lane, now)
      addHashPoints(lane, now)
      transaction.offsets[journal(number)] = lane.next
      guard let topic = settings.state, !losesOffsets else { continue }
      if takesState {
        let before = room
        addState(lane, topic, &room, now)
        if room < before { turn = number + 1 }
      }
      add(lane.shard.head(), topic, number, now)
    }
    transaction.isComposed = true
  }

  private func addErasures(_ lane: FoldLane, _ now: Int64) {
    for erasure in lane.shard.takeErasures() {
      transaction.contributors.insert(lane.partition)
      if let topic = settings.erasures {
        transaction.records.append(
          OutRecord(
            topic: topic, partition: lane.partition, key: nil, value: erasure.proof, timestamp: now)
        )
        totals.erasures += 1
      }
      guard let topic = settings.state else { continue }
      add(StateRecord(key: erasure.key, value: nil), topic, lane.partition, now)
    }
  }

  private func addHashPoints(_ lane: FoldLane, _ now: Int64) {
    for point in lane.shard.takeHashPoints() {
      transaction.contributors.insert(lane.partition)
      guard let topic = settings.hashes else { continue }
      transaction.records.append(
        OutRecord(
          topic: topic, partition: lane.partition, key: nil, value: point.json, timestamp: now))
      totals.hashPoints += 1
    }
  }

  /// Slices as far as they are due and there is room, and the seal when all are written.
  private func addState(_ lane: FoldLane, _ topic: String, _ room: inout Int, _ now: Int64) {
    if lane.shard.pass == nil {
      lane.pace.abandon()
      guard lane.pace.mustBegin(next: lane.next, now: now, limits) else { return }
      lane.shard.beginPass()
      lane.pace.begin(
        at: lane.next, customers: lane.shard.pass?.remaining ?? 0, now: now)
    }
    let wanted = min(room, due(lane, now))
    if wanted > 0 {
      var bytes = 0
      let slices = lane.shard.takeSlices(atMostBytes: wanted)
      transaction.contributors.insert(lane.partition)
      transaction.sliced.insert(lane.partition)
      for slice in slices {
        bytes += slice.key.count + (slice.value?.count ?? 0)
        add(slice, topic, lane.partition, now)
      }
      lane.pace.wrote(customers: slices.count, bytes: bytes)
      room -= bytes
    }
    guard lane.shard.pass?.remaining == 0, let seal = lane.shard.takeSeal() else { return }
    transaction.contributors.insert(lane.partition)
    transaction.sliced.insert(lane.partition)
    add(seal, topic, lane.partition, now)
    lane.isSealing = true
  }

  private func add(_ record: StateRecord, _ topic: String, _ partition: Int32, _ now: Int64) {
    transaction.records.append(
      OutRecord(
        topic: topic, partition: partition, key: record.key, value: record.value, timestamp: now))
    totals.stateRecords += 1
    totals.stateBytes += record.key.count + (record.value?.count ?? 0)
  }
}
