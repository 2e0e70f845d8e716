internal import Engine
internal import Log

// After a transaction that did not end well. What the log has is asked of the log; a partition that
// stands elsewhere in memory is restored.

extension FoldLoop {
  /// Gives the transaction up: it is aborted, or its writer is dropped and the next one fences it.
  func discard(_ error: LogError, _ report: inout Report) {
    report.notes.append("a transaction was given up: \(error)")
    doubtful.formUnion(transaction.offsets.keys.map(\.partition))
    doubtful.formUnion(transaction.cleared)
    doubtful.formUnion(transaction.contributors)
    gaveOutput.formUnion(transaction.contributors)
    gaveState.formUnion(transaction.sliced)
    transaction = Transaction()
    guard let writer else { return }
    if error.remedy == .abort {
      do {
        return try writer.abort()
      } catch {
        report.notes.append("it could not be aborted, so its writer is replaced: \(error)")
      }
    }
    writer.close()
    self.writer = nil
  }

  func recover(_ error: LogError, _ report: inout Report, _ now: Int64) throws(LogError) {
    if settings.defects.contains(.doubleCommit), error.remedy == .recreate {
      writer?.close()
      writer = nil
      transaction.appended = 0
      return
    }
    discard(error, &report)
  }

  /// Reads back what became of the partitions of a transaction that was given up, and restores those
  /// that it would have moved.
  func settleDoubts(_ now: Int64) throws(LogError) {
    guard !doubtful.isEmpty else { return }
    let partitions = doubtful.filter { lanes[$0] != nil }.sorted().map(journal)
    let committed = try log.committed(group: settings.group, partitions)
    let bounds = try log.bounds(of: partitions)
    var again: [FoldLane] = []
    for partition in partitions {
      guard let lane = lanes[partition.partition] else { continue }
      let known = committed[partition] ?? bounds[partition]!.lowerBound
      // Nothing was lost of one that has only moved.
      let hasOnlyMoved = !gaveOutput.contains(lane.partition) && known == lane.committed
      let isWritten = !gaveState.contains(lane.partition) && lane.canGoOn(at: known)
      if lane.isLoaded, hasOnlyMoved || isWritten {
        lane.committed = known
        if lane.isSealing {
          lane.isSealing = false
          lane.pace.end(now: now)
        }
      } else {
        again.append(FoldLane(partition.partition, programs.initial, committed: known, now: now))
      }
    }
    for lane in again {
      forget(lane.partition)
      lanes[lane.partition] = lane
    }
    do {
      try load(again, now)
    } catch {
      // They have nothing that loads them yet: the next call begins again.
      doubtful.formUnion(again.map(\.partition))
      throw error
    }
    doubtful = []
    gaveOutput = []
    gaveState = []
  }

  /// The reader is of no more use, and our generation with it.
  func loseReader(_ error: LogError, _ report: inout Report) {
    if transaction.isOpen { discard(LogError(.abort, error.message), &report) }
    report.notes.append("the group is joined again: \(error)")
    reader?.close()
    reader = nil
    changes = []
    for lane in lanes.values
    where lane.isLoaded && lane.stop == nil && !doubtful.contains(lane.partition) {
      lane.isReading = false
      aside[lane.partition] = lane
    }
    for number in lanes.keys { forget(number) }
    lanes = [:]
  }
}
