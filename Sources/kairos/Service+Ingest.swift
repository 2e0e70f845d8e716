import Console
import Ingest
import Log

/// The thread that takes events in.
extension Service {
  func ingest(_ gate: Gate, _ watch: LoopWatch) throws {
    let pulse = health.pulse("ingest", boundSeconds: 240)
    watch.follow(pulse)
    defer { health.end(pulse) }
    let loop = try IngestLoop(
      log: log, sources: sources,
      topics: .init(
        journalPartitions: journalPartitions,
        deadLetterPartitions: try log.partitionCount(of: TopicContract.deadLetters.name) ?? 1))
    defer { loop.close() }
    let meter = EngineMeter(metrics)
    defer { meter.close() }
    gate.open()
    var stopped = StoppedSources(health)
    defer { stopped.show([:], meter) }
    var before = loop.counts
    var shown: Set<TopicPartition> = []
    let inbox = (log as? EmbeddedLog).map { Inbox(log: $0.directory) }
    var nextInbox = UInt64(0)
    while !drain.isRequested {
      pulse.beat()
      let start = MonotonicClock.nanoseconds()
      if let inbox, start >= nextInbox {
        nextInbox = try takeIn(inbox) ? start : start + 500_000_000
      }
      let written = try loop.step(timeoutMs: 100, clock: WallClock.milliseconds)
      for notice in loop.takeNotices() { lines.warning("ingest", ["notice": .text(notice)]) }
      stopped.show(loop.stoppedSources, meter)
      if let waiting = loop.waiting {
        gate.close("waiting: \(waiting.cause)")
        watch.wait(LogError(.retry, waiting.cause), drain)
      } else {
        gate.open()
        watch.goesOn()
      }
      let counts = loop.counts
      report(counts, before, meter)
      before = counts
      if written > 0 { meter.commit(nanoseconds: MonotonicClock.nanoseconds() - start) }
      let lags = loop.lags
      for (partition, records) in lags {
        meter.setLag(topic: partition.topic, partition: partition.partition, records: records)
      }
      let now = Set(lags.map(\.partition))
      for partition in shown.subtracting(now) {
        meter.dropLag(topic: partition.topic, partition: partition.partition)
      }
      shown = now
    }
  }

  /// Takes in what others have left for the log that we hold. True: there is more.
  private func takeIn(_ inbox: Inbox) throws -> Bool {
    let taken = try inbox.take(into: log, now: WallClock.milliseconds())
    for complaint in taken.complaints {
      lines.repeated(.warning, "inbox", ["cause": .text(complaint)])
    }
    return taken.isMore
  }

  private func report(
    _ counts: IngestStage.Counts, _ before: IngestStage.Counts, _ meter: EngineMeter
  ) {
    let refused = counts.refusedControls - before.refusedControls
    if refused > 0 {
      let (topic, reason) = (TopicContract.control.name, Rejection.Reason.control.rawValue)
      meter.rejects(source: topic, reason: reason, UInt64(refused))
      lines.repeated(.warning, "dead letters: \(topic): no order", ["source": .text(topic)])
    }
    for (index, source) in sources.enumerated() {
      let new = counts.bySource[index].events - before.bySource[index].events
      if new > 0 { meter.events(source: source.name, UInt64(new)) }
      for (place, reason) in Rejection.Reason.allCases.enumerated() {
        let new =
          counts.bySource[index].rejected[place] - before.bySource[index].rejected[place]
        guard new > 0 else { continue }
        meter.rejects(source: source.name, reason: reason.rawValue, UInt64(new))
        lines.repeated(
          .warning, "dead letters: \(source.name): \(reason.rawValue)",
          ["source": .text(source.name), "reason": .text(reason.rawValue)])
      }
    }
  }
}

/// Shows, in the metrics and on the page that says whether this process is ready, which sources are
/// not read.
private struct StoppedSources {
  private let health: Health
  private var gates: [String: Gate] = [:]

  init(_ health: Health) { self.health = health }

  mutating func show(_ stopped: [String: String], _ meter: EngineMeter) {
    for (source, why) in stopped where gates[source]?.reason != why {
      gates[source] = gates[source] ?? health.gate("source \(source)", closedBecause: why)
      gates[source]?.close(why)
      meter.setStopped(source: source, true)
    }
    for (source, gate) in gates where stopped[source] == nil {
      health.remove(gate)
      gates[source] = nil
      meter.setStopped(source: source, false)
    }
  }
}
