import Console
import Decisions
import Engine
import Foundation
import Ingest
import Log
import Replay
import Synchronization

/// The running engine: one thread takes events in, one folds, both on the same log, until a signal
/// drains them or one of them cannot go on.
final class Service: Sendable {
  let metrics: EngineMetrics
  let health = Health()
  private let log: any Log
  private let program: Engine.Program
  private let sources: [SourceSettings]
  private let journalPartitions: Int
  private let createsTopics: Bool
  private let member: String
  private let lines: LineLog
  private let drain: DrainSignal
  private let failed = Atomic(false)

  /// After so many failures in a row a thread gives up, and the process ends.
  private static let attemptsMax = 10

  init(
    log: any Log, program: Engine.Program, sources: [SourceSettings], journalPartitions: Int,
    createsTopics: Bool, member: String, lines: LineLog, drain: DrainSignal
  ) {
    self.log = log
    self.program = program
    self.sources = sources
    self.journalPartitions = journalPartitions
    self.createsTopics = createsTopics
    self.member = member
    self.lines = lines
    self.drain = drain
    metrics = EngineMetrics(Metrics(), version: BuildVersion.text)
  }

  /// Topics, and the journal's heads.
  func prepare() throws(CommandFailure) {
    do {
      if createsTopics {
        let contracts: [TopicContract] = [.journal, .decisions, .deadLetters]
        for contract in contracts {
          try log.createTopic(
            contract.settings(topic: contract.name, journalPartitions: journalPartitions))
        }
        for topic in Set(program.checks.decisions.map(\.topic)).sorted() {
          guard let contract = TopicContract.of(topic) else { continue }
          try log.createTopic(contract.settings(topic: topic, journalPartitions: journalPartitions))
        }
        for source in sources where try log.partitionCount(of: source.topic) == nil {
          try log.createTopic(TopicSettings(name: source.topic, partitions: 1))
        }
      }
      try JournalHead(partitions: journalPartitions)
        .settle(in: log, topic: TopicContract.journal.name, now: WallClock.milliseconds())
    } catch {
      throw CommandFailure(error.remedy == .retry ? .temporary : .unavailable, error.message)
    }
  }

  func run() -> ExitCode {
    let done = DispatchGroup()
    start("ingest", done) { try $0.ingest() }
    start("fold", done) { try $0.fold() }
    done.wait()
    return failed.load(ordering: .acquiring) ? .unavailable : .success
  }

  private func start(
    _ name: String, _ done: DispatchGroup, _ body: @escaping @Sendable (Service) throws -> Void
  ) {
    done.enter()
    let thread = Thread { [self] in
      keepGoing(name) { try body(self) }
      done.leave()
    }
    thread.name = name
    thread.start()
  }

  /// Runs `body` until it drains. A passing failure is tried again, with pauses that double up to
  /// 30 s; one that a person must mend, or too many in a row, ends the process.
  private func keepGoing(_ name: String, _ body: () throws -> Void) {
    var attempts = 0
    while !drain.isRequested {
      let start = MonotonicClock.nanoseconds()
      do {
        try body()
        return
      } catch {
        let remedy = (error as? LogError)?.remedy ?? .stop
        if MonotonicClock.nanoseconds() - start > 60_000_000_000 { attempts = 0 }
        attempts += 1
        guard remedy != .stop, attempts < Self.attemptsMax else {
          lines.error("\(name) cannot go on", ["cause": .text("\(error)")])
          failed.store(true, ordering: .releasing)
          drain.request()
          return
        }
        lines.repeated(.warning, "\(name) starts again", ["cause": .text("\(error)")])
        _ = drain.wait(milliseconds: Int32(min(500 << attempts, 30_000)))
      }
    }
  }

  // MARK: Ingest

  private func ingest() throws {
    let pulse = health.pulse("ingest", boundSeconds: 120)
    let gate = health.gate("ingest", closedBecause: "not connected")
    defer {
      health.end(pulse)
      health.remove(gate)
    }
    let loop = try IngestLoop(
      log: log, sources: sources,
      topics: .init(
        journalPartitions: journalPartitions,
        deadLetterPartitions: try log.partitionCount(of: TopicContract.deadLetters.name) ?? 1))
    defer { loop.close() }
    let meter = EngineMeter(metrics)
    defer { meter.close() }
    gate.open()
    var before = loop.counts
    while !drain.isRequested {
      pulse.beat()
      let start = MonotonicClock.nanoseconds()
      let written = try loop.step(timeoutMs: 100, clock: WallClock.milliseconds)
      let counts = loop.counts
      report(counts, before, meter)
      before = counts
      if written > 0 { meter.commit(nanoseconds: MonotonicClock.nanoseconds() - start) }
      for (partition, records) in loop.lags {
        meter.setLag(topic: partition.topic, partition: partition.partition, records: records)
      }
    }
  }

  private func report(
    _ counts: IngestStage.Counts, _ before: IngestStage.Counts, _ meter: EngineMeter
  ) {
    for (index, source) in sources.enumerated() {
      let new = counts.bySource[index].events - before.bySource[index].events
      if new > 0 { meter.events(source: source.name, UInt64(new)) }
      for (place, reason) in Rejection.Reason.allCases.enumerated() {
        let new =
          counts.bySource[index].rejected[place] - before.bySource[index].rejected[place]
        guard new > 0 else { continue }
        meter.rejects(source: source.name, reason: reason.rawValue, UInt64(new))
        lines.repeated(
          .warning, "dead letters",
          ["source": .text(source.name), "reason": .text(reason.rawValue)])
      }
    }
  }

  // MARK: Fold

  private func fold() throws {
    let pulse = health.pulse("fold", boundSeconds: 120)
    let gate = health.gate("fold", closedBecause: "partitions are being restored")
    defer {
      health.end(pulse)
      health.remove(gate)
    }
    let loop = try FoldLoop(
      log: log, program: program, settings: .init(writerId: "kairos-fold-\(member)"))
    defer { loop.close() }
    let meter = EngineMeter(metrics)
    defer { meter.close() }
    var known: [Int32: Shard.Counts] = [:]
    var nextLook = UInt64(0)
    while !drain.isRequested {
      pulse.beat()
      let report = try loop.step(timeoutMs: 100, clock: WallClock.milliseconds)
      publish(report, meter)
      let now = MonotonicClock.nanoseconds()
      if now >= nextLook {
        nextLook = now + 500_000_000
        look(loop, gate, meter, &known)
      }
    }
    try loop.drain(clock: WallClock.milliseconds)
  }

  private func publish(_ report: FoldLoop.Report, _ meter: EngineMeter) {
    let now = WallClock.milliseconds()
    for published in report.decisions {
      let name = program.checks.decisions[published.record.decision].name
      meter.decisions(name, outcome: published.record.outcome.text)
      guard published.appendTime != .min else { continue }
      meter.decisionLatency(nanoseconds: UInt64(max(0, now - published.appendTime)) * 1_000_000)
    }
  }

  private func look(
    _ loop: FoldLoop, _ gate: Gate, _ meter: EngineMeter, _ known: inout [Int32: Shard.Counts]
  ) {
    let partitions = loop.partitions
    let waiting = partitions.filter { !$0.isReady }
    if waiting.isEmpty {
      gate.open()
    } else {
      gate.close("partitions are being restored: \(waiting.count) of \(partitions.count)")
    }
    for number in known.keys where !partitions.contains(where: { $0.number == number }) {
      meter.dropWatermarkDelay(partition: number)
      meter.dropLag(topic: TopicContract.journal.name, partition: number)
      known[number] = nil
    }
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
      let before = known[partition.number] ?? Shard.Counts()
      let counts = partition.counts
      if counts.late > before.late { meter.lateEvents(UInt64(counts.late - before.late)) }
      if counts.duplicates > before.duplicates {
        meter.duplicateEvents(UInt64(counts.duplicates - before.duplicates))
      }
      if counts.celErrors > before.celErrors {
        meter.celErrors(UInt64(counts.celErrors - before.celErrors))
      }
      known[partition.number] = counts
    }
    meter.setState(
      customers: partitions.reduce(0) { $0 + $1.customers },
      bytes: partitions.reduce(0) { $0 + $1.stateBytes }, partialMatches: 0)
  }
}
