internal import Engine
internal import Events
internal import Log

// The back-fill of a new book's items: beside the fold a shadow folds the journal again, and when it
// has caught up the fold appends to its own journal partition the record that puts the book in force.
// At that record the fold waits until the shadow has read all before it: live that is at once.

extension FoldLoop {
  /// How many records a shadow folds in one step, so that the others keep their pace.
  private static let backfillRecords = 4000
  /// An order that did not come back in the journal is given again after this, ms; one too many
  /// changes nothing.
  private static let orderAgainMs: Int64 = 10_000

  /// Lets every shadow read on. True: one of them has more to read.
  func followBackfills(_ now: Int64) throws(LogError) -> Bool {
    var isBusy = false
    for number in lanes.keys.sorted() {
      guard let lane = lanes[number], lane.isLoaded else { continue }
      guard let feed = try backfill(of: lane, now) else { continue }
      let end = lane.awaitsShadowAt ?? lane.next
      guard try feed.read(upTo: end, records: Self.backfillRecords) else {
        isBusy = true
        continue
      }
      if lane.awaitsShadowAt == nil, lane.isReady, now >= lane.orderAgainAt {
        lane.orderAgainAt = now + Self.orderAgainMs
        order(feed.shadow.program, lane, now)
      }
    }
    return isBusy
  }

  /// What feeds the lane's shadow; nil: it has none, or its book is not to be had.
  private func backfill(of lane: FoldLane, _ now: Int64) throws(LogError) -> ShadowFeed? {
    guard let wanted = lane.shard.backfill else {
      lane.feed = nil
      return nil
    }
    if let feed = lane.feed, lane.feedPosition == wanted.position { return feed }
    lane.feed = nil
    guard lane.stop == nil || lane.awaitsShadowAt != nil else { return nil }
    do {
      lane.feed = try ShadowFeed(
        try programs.find(wanted.hash), since: wanted.since, log: log,
        journal: journal(lane.partition))
    } catch {
      guard error.remedy == .stop else { throw error }
      lane.stop = FoldLane.Stop(
        message: error.message, retryAt: now + settings.retryStopped)
      return nil
    }
    lane.feedPosition = wanted.position
    lane.orderAgainAt = .min
    return lane.feed
  }

  private func order(_ program: Program, _ lane: FoldLane, _ now: Int64) {
    var record: [UInt8] = []
    JournalRecord(
      kind: .control, time: EventTime(milliseconds: now),
      origin: JournalRecord.Origin(name: [], partition: 0, offset: 0),
      payload: Control.activate(hash: program.hash).payload
    ).encode(into: &record)
    transaction.records.append(
      OutRecord(
        topic: settings.journal, partition: lane.partition, key: nil, value: record, timestamp: now)
    )
    transaction.contributors.insert(lane.partition)
  }

  /// Before the record at `offset` that puts a filled book in force: gives the shard its shadow. False:
  /// the shadow has more to read, and the lane waits.
  func admitActivation(
    _ program: Program, _ lane: FoldLane, at offset: Int64, _ now: Int64
  ) throws(LogError) -> Bool {
    guard lane.shard.backfill?.hash == program.hash else { return true }
    lane.awaitsShadowAt = offset
    guard let feed = try backfill(of: lane, now),
      try feed.read(upTo: offset, records: Self.backfillRecords)
    else {
      if lane.stop == nil {
        lane.stop = FoldLane.Stop(
          message: "the new items of the book \(program.hash.prefix(12)) are being filled",
          retryAt: now + 100, isQuiet: true)
      }
      return false
    }
    lane.awaitsShadowAt = nil
    lane.shard.know(feed.shadow)
    return true
  }
}

extension Activation {
  /// One line for a person.
  var line: String {
    "book \(to.prefix(12)) is in force since offset \(position), after \(from.prefix(12)): of its "
      + "items \(kept) keep their state, \(begun) \(isFilled ? "are filled" : "start empty"), "
      + "\(dropped) are dropped, \(revoked) decisions are revoked"
  }
}
