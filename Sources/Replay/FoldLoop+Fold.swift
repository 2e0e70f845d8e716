internal import Decisions
internal import Engine
internal import Events
internal import Log

// Journal records to decisions.

extension FoldLoop {
  /// Folds what the reader has, until there are decisions to commit and nothing more has come, or it
  /// is time for something else.
  ///
  /// A batch is of one partition, and under a steady load a few records long. So decisions wait for
  /// nothing, but what is there already goes along with them: a commit for each batch would give each
  /// partition its turn only after as many commits as there are others.
  func readOn(
    _ report: inout Report, timeoutMs: Int, _ clock: () -> Int64
  ) throws(LogError) {
    var timeout = timeoutMs
    isIdle = false
    let start = report.records
    let began = clock()
    for _ in 0..<Self.batchesAtOnce where doubtful.isEmpty {
      if place >= batch.entries.count {
        dropBatch()
        guard try poll(timeout, &report) else {
          isIdle = transaction.decisions.isEmpty
          return
        }
        timeout = 0
      }
      while doubtful.isEmpty, try fold(&report, clock()) == .isFull {
        try commit(&report, clock())
      }
      if report.records - start >= Self.recordsAtOnce { return }
      if let first = transaction.decisions.first,
        clock() - began >= Self.gatherMs(first.appendTime, now: began)
      {
        return
      }
    }
  }

  /// What one step reads at most, so that partitions that come and go are looked at in time.
  private static let batchesAtOnce = 1024
  private static let recordsAtOnce = 100_000
  /// How long a decision waits at most for what has come already, ms. One that is late by much, as
  /// after a restart, waits a little more of it: fewer commits work a backlog off sooner.
  private static func gatherMs(_ appendTime: Int64, now: Int64) -> Int64 {
    let age = appendTime == .min ? 0 : max(0, now &- appendTime)
    return min(200, max(20, age / 10))
  }

  private func poll(_ timeoutMs: Int, _ report: inout Report) throws(LogError) -> Bool {
    do {
      guard try reader?.poll(into: &batch, timeoutMs: timeoutMs) ?? false else { return false }
      place = 0
      return true
    } catch {
      guard error.remedy == .abort || error.remedy == .recreate else { throw error }
      loseReader(error, &report)
      return false
    }
  }

  func dropBatch() {
    batch.removeAll()
    place = 0
  }

  private enum Progress { case isFull, isDone }

  /// Folds the batch at hand, from `place` on.
  private func fold(_ report: inout Report, _ now: Int64) throws(LogError) -> Progress {
    let partition = batch.source.partition
    guard let lane = lanes[partition], lane.isReading, lane.stop == nil else {
      dropBatch()
      return .isDone
    }
    var isNew = true
    while place < batch.entries.count {
      // What a record leads to must not get stuck on its way out.
      if isNew { try learnTopics(of: lane.shard.program) }
      isNew = false
      if transaction.decisions.count >= settings.decisionsAtOnce { return .isFull }
      let entry = batch.entries[place]
      guard entry.offset >= lane.position, let range = entry.value else {
        place += 1
        continue
      }
      let control = Shard.control(batch.bytes.span, range)
      if let control, try !admit(control, lane, at: entry.offset, now) {
        if let stop = lane.stop, !stop.isQuiet {
          report.notes.append(
            "\(settings.journal)-\(partition) stands still at offset \(entry.offset): "
              + stop.message)
        }
        dropBatch()
        return .isDone
      }
      isNew = control != nil
      place += 1
      if place + Shard.expectsAhead <= batch.entries.count,
        let ahead = batch.entries[place + Shard.expectsAhead - 1].value
      {
        lane.shard.expect(batch.bytes.span, ahead)
      }
      lane.shard.read(
        batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
      lane.position = entry.offset + 1
      if control != nil, let damage = lane.shard.damage { throw unreadable(lane, damage) }
      report.records += 1
      let published = lane.shard.takeOutput()
      let activations = lane.shard.takeActivations()
      if lane.isReady {
        report.activations += activations.map { "\(settings.journal)-\(partition): \($0.line)" }
      }
      if !lane.isReady {
        if lane.position >= lane.mutedUntil, let damage = lane.shard.damage {
          throw unreadable(lane, damage)
        }
        lane.settle()
      } else if !published.isEmpty {
        for decision in published { try write(decision, partition, now) }
        transaction.decisions += published
        transaction.contributors.insert(partition)
      }
    }
    lane.position = max(lane.position, batch.nextOffset)
    if let damage = lane.shard.damage { throw unreadable(lane, damage) }
    lane.settle()
    return .isDone
  }

  /// Makes the shard ready for a control record. False: this partition cannot read it, and stops.
  private func admit(
    _ control: Control, _ lane: FoldLane, at offset: Int64, _ now: Int64
  ) throws(LogError) -> Bool {
    switch control {
    case .journal(_, let number), .semantics(let number):
      if settings.semantics.contains(number) { return true }
      lane.stop = FoldLane.Stop(
        message: "the journal goes on with semantics \(number), and this build knows "
          + "\(settings.semantics.lowerBound) to \(settings.semantics.upperBound): deploy one that "
          + "knows it", retryAt: nil)
      return false
    case .book(let hash, _), .activate(let hash):
      do {
        let program = try programs.find(hash)
        lane.shard.know(program)
        guard case .activate = control else { return true }
        return try admitActivation(program, lane, at: offset, now)
      } catch {
        guard error.remedy == .stop else { throw error }
        lane.stop = FoldLane.Stop(
          message: error.message, retryAt: now + settings.retryStopped)
        return false
      }
    case .incarnation: return true
    }
  }

  private func write(
    _ published: Shard.Published, _ journalPartition: Int32, _ now: Int64
  ) throws(LogError) {
    let record = published.record
    let headers = record.headers(
      journal: (journalPartition, published.position), watermark: published.watermark)
    for topic in [settings.decisions, record.actionTopic].compactMap({ $0 }) {
      let count = try partitionCount(of: topic)
      transaction.records.append(
        OutRecord(
          topic: topic,
          partition: Int32(Events.partition(ofKey: record.customer.span, count: count)),
          key: record.customer, value: record.value, headers: headers, timestamp: now))
    }
  }

  /// How many partitions those topics have that the program's decisions go to.
  private func learnTopics(of program: Program) throws(LogError) {
    guard !learned.contains(program.hash) else { return }
    _ = try partitionCount(of: settings.decisions)
    for decision in program.checks.decisions { _ = try partitionCount(of: decision.topic) }
    learned.insert(program.hash)
  }

  private func partitionCount(of topic: String) throws(LogError) -> Int {
    if let known = partitionCounts[topic] { return known }
    guard let count = try log.partitionCount(of: topic) else {
      throw LogError(.stop, "the topic \(topic) is missing; create it: kairos topics apply")
    }
    partitionCounts[topic] = count
    return count
  }
}
