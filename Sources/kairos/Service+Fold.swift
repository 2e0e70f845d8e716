import Console
import Decisions
import Engine
import Foundation
import Log
import Replay

// The thread that folds, and what it shows of itself.

extension Service {
  func fold(_ gate: Gate, _ watch: LoopWatch) throws {
    let pulse = health.pulse("fold", boundSeconds: 240)
    watch.follow(pulse)
    defer { health.end(pulse) }
    gate.close("waiting for partitions")
    var settings = FoldLoop.Settings(writerId: "kairos-fold-\(member)")
    settings.rebuildsState = rebuildsState
    let programs = try programs()
    if programs.isEmpty {
      lines.warning(
        "there is no book: events go to the journal, and nothing is decided; say --book PATH")
      settings.state = nil
    }
    let loop = try FoldLoop(log: log, programs: programs, settings: settings)
    defer { loop.close() }
    let meter = EngineMeter(metrics)
    defer { meter.close() }
    var shown = Shown()
    var nextLook = UInt64(0)
    // One process more than partitions is not unready for ever.
    let patience = MonotonicClock.nanoseconds() + 10_000_000_000
    while !drain.isRequested {
      pulse.beat()
      do {
        let report = try loop.step(timeoutMs: 100, clock: WallClock.milliseconds)
        watch.goesOn()
        publish(report, meter)
      } catch {
        guard error.remedy == .retry else { throw error }
        gate.close("waiting: \(error)")
        watch.wait(error, drain)
        continue
      }
      let now = MonotonicClock.nanoseconds()
      if now >= nextLook {
        nextLook = now + 500_000_000
        look(loop, gate, meter, &shown)
        if !loop.hasJoined, now < patience { gate.close("waiting for partitions") }
        lines.flushRepeated(now: now)
      }
    }
    try loop.drain(clock: WallClock.milliseconds)
  }

  /// What the metrics say already.
  private struct Shown {
    var partitions: Set<Int32> = []
    var counts: [Int32: Shard.Counts] = [:]
    var totals = FoldLoop.Totals()
  }

  private func publish(_ report: FoldLoop.Report, _ meter: EngineMeter) {
    let now = WallClock.milliseconds()
    for line in report.activations { lines.info("book", ["note": .text(line)]) }
    for note in report.notes { lines.repeated(.warning, "fold", ["note": .text(note)]) }
    for published in report.decisions {
      meter.decisions(published.record.name, outcome: published.record.outcome.text)
      guard published.appendTime != .min else { continue }
      meter.decisionLatency(nanoseconds: UInt64(max(0, now - published.appendTime)) * 1_000_000)
    }
  }

  private func look(
    _ loop: FoldLoop, _ gate: Gate, _ meter: EngineMeter, _ shown: inout Shown
  ) {
    let partitions = loop.partitions
    say(partitions, gate)
    // Also one that went before it was ready.
    let held = Set(partitions.map(\.number))
    for number in shown.partitions.subtracting(held) {
      meter.dropWatermarkDelay(partition: number)
      meter.dropLag(topic: TopicContract.journal.name, partition: number)
      shown.counts[number] = nil
    }
    shown.partitions = held
    let now = WallClock.milliseconds()
    for partition in partitions {
      if partition.watermark != .min {
        meter.setWatermarkDelay(
          partition: partition.number, seconds: Double(max(0, now - partition.watermark)) / 1000)
      }
      if let lag = partition.lag {
        meter.setLag(
          topic: TopicContract.journal.name, partition: partition.number, records: lag)
      }
      meter.setUnsealed(partition: partition.number, records: partition.unsealed)
      meter.setStopped(partition: partition.number, partition.stopped != nil)
      // What a restore folds again was counted by whoever folded it first.
      guard partition.isReady else { continue }
      let counts = partition.counts
      let before = shown.counts[partition.number] ?? partition.countsAtStart
      if counts.late > before.late { meter.lateEvents(UInt64(counts.late - before.late)) }
      if counts.duplicates > before.duplicates {
        meter.duplicateEvents(UInt64(counts.duplicates - before.duplicates))
      }
      if counts.dropped > before.dropped {
        meter.dropped(UInt64(counts.dropped - before.dropped))
      }
      if counts.limited > before.limited {
        meter.limitedCustomers(UInt64(counts.limited - before.limited))
      }
      if counts.celErrors > before.celErrors {
        meter.celErrors(UInt64(counts.celErrors - before.celErrors))
      }
      shown.counts[partition.number] = counts
    }
    meter.setState(
      customers: partitions.reduce(0) { $0 + $1.customers },
      bytes: partitions.reduce(0) { $0 + $1.stateBytes },
      partialMatches: partitions.reduce(0) { $0 + $1.partialMatches })
    meter.setRestore(
      dirtyCustomers: partitions.reduce(0) { $0 + $1.dirtyCustomers },
      left: partitions.reduce(0) { $0 + $1.restoreLeft },
      loadedBytes: partitions.reduce(0) { $0 + $1.loadedBytes })
    let (before, totals) = (shown.totals, loop.totals)
    meter.wrote(
      stateRecords: totals.stateRecords - before.stateRecords,
      stateBytes: totals.stateBytes - before.stateBytes, seals: totals.seals - before.seals,
      hashPoints: totals.hashPoints - before.hashPoints,
      erasures: totals.erasures - before.erasures)
    shown.totals = totals
  }

  /// A partition that stands still is said first: the others go on without a person.
  private func say(_ partitions: [FoldLoop.Partition], _ gate: Gate) {
    if let stopped = partitions.first(where: { $0.stopped != nil }) {
      return gate.close("partition \(stopped.number) stands still: \(stopped.stopped ?? "")")
    }
    let waiting = partitions.count { !$0.isReady }
    guard waiting > 0 else { return gate.open() }
    let left = partitions.reduce(0) { $0 + $1.restoreLeft }
    gate.close(
      "partitions are being restored: \(waiting) of \(partitions.count), \(left) records left")
  }
}
