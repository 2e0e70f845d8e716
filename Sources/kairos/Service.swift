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
  /// What the process ends with, once a thread could not go on.
  private let failure = Mutex<ExitCode?>(nil)

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
      if createsTopics { try createTopics() } else { try demandTopics() }
      try JournalHead(partitions: journalPartitions)
        .settle(in: log, topic: TopicContract.journal.name, now: WallClock.milliseconds())
    } catch {
      throw CommandFailure(error.remedy == .retry ? .temporary : .unavailable, error.message)
    }
  }

  private var actionTopics: [String] { Set(program.checks.decisions.map(\.topic)).sorted() }

  private func createTopics() throws(LogError) {
    for contract in TopicContract.required {
      try log.createTopic(
        contract.settings(topic: contract.name, journalPartitions: journalPartitions))
    }
    for topic in actionTopics {
      var settings = TopicContract.actions.settings(topic: TopicContract.actions.name + "any")
      settings.name = topic
      try log.createTopic(settings)
    }
    for source in sources where try log.partitionCount(of: source.topic) == nil {
      try log.createTopic(TopicSettings(name: source.topic, partitions: 1))
    }
  }

  /// On a cluster topics are not made in passing: their settings are a contract.
  private func demandTopics() throws(LogError) {
    var missing: [String] = []
    for topic in TopicContract.required.map(\.name) + actionTopics
    where try log.partitionCount(of: topic) == nil { missing.append(topic) }
    guard missing.isEmpty else {
      throw LogError(
        .stop,
        "the cluster lacks \(Self.words(missing)); create what is missing: "
          + "kairos topics apply --book BOOK")
    }
    for source in sources where try log.partitionCount(of: source.topic) == nil {
      missing.append(source.topic)
    }
    guard missing.isEmpty else {
      throw LogError(
        .stop,
        "there is no source topic \(Self.words(missing)); create it, or correct the "
          + "configuration's sources")
    }
  }

  private static func words(_ names: [String]) -> String { names.joined(separator: ", ") }

  func run() -> ExitCode {
    let done = DispatchGroup()
    let ingestGate = health.gate("ingest", closedBecause: "not connected")
    let foldGate = health.gate("fold", closedBecause: "not connected")
    start("ingest", ingestGate, done) { try $0.ingest(ingestGate) }
    start("fold", foldGate, done) { try $0.fold(foldGate) }
    done.wait()
    return failure.withLock { $0 } ?? .success
  }

  private func start(
    _ name: String, _ gate: Gate, _ done: DispatchGroup,
    _ body: @escaping @Sendable (Service) throws -> Void
  ) {
    done.enter()
    let thread = Thread { [self] in
      keepGoing(name, gate) { try body(self) }
      gate.close("ended")
      done.leave()
    }
    thread.name = name
    thread.start()
  }

  /// Runs `body` until it drains. A passing failure is tried again, with pauses that double up to
  /// 30 s; one that a person must mend, or too many in a row, ends the process.
  private func keepGoing(_ name: String, _ gate: Gate, _ body: () throws -> Void) {
    var attempts = 0
    while !drain.isRequested {
      let start = MonotonicClock.nanoseconds()
      do {
        try body()
        return
      } catch {
        gate.close("starting again")
        let remedy = (error as? LogError)?.remedy ?? .stop
        if MonotonicClock.nanoseconds() - start > 60_000_000_000 { attempts = 0 }
        attempts += 1
        guard remedy != .stop, attempts < Self.attemptsMax else {
          lines.error("\(name) cannot go on", ["cause": .text("\(error)")])
          failure.withLock { $0 = $0 ?? (remedy == .stop ? .unavailable : .temporary) }
          drain.request()
          return
        }
        lines.repeated(.warning, "\(name) starts again", ["cause": .text("\(error)")])
        _ = drain.wait(milliseconds: Int32(min(500 << attempts, 30_000)))
      }
    }
  }

  // MARK: Ingest

  private func ingest(_ gate: Gate) throws {
    let pulse = health.pulse("ingest", boundSeconds: 120)
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

  // MARK: Fold

  private func fold(_ gate: Gate) throws {
    let pulse = health.pulse("fold", boundSeconds: 120)
    defer { health.end(pulse) }
    gate.close("waiting for partitions")
    let loop = try FoldLoop(
      log: log, program: program, settings: .init(writerId: "kairos-fold-\(member)"))
    defer { loop.close() }
    let meter = EngineMeter(metrics)
    defer { meter.close() }
    var known: [Int32: Shard.Counts] = [:]
    var shown: Set<Int32> = []
    var nextLook = UInt64(0)
    // One process more than partitions is not unready for ever.
    let patience = MonotonicClock.nanoseconds() + 10_000_000_000
    while !drain.isRequested {
      pulse.beat()
      let report = try loop.step(timeoutMs: 100, clock: WallClock.milliseconds)
      publish(report, meter)
      let now = MonotonicClock.nanoseconds()
      if now >= nextLook {
        nextLook = now + 500_000_000
        look(loop, gate, meter, &known, &shown)
        if !loop.hasJoined, now < patience { gate.close("waiting for partitions") }
        lines.flushRepeated(now: now)
      }
    }
    try loop.drain(clock: WallClock.milliseconds)
  }

  private func publish(_ report: FoldLoop.Report, _ meter: EngineMeter) {
    let now = WallClock.milliseconds()
    for published in report.decisions {
      meter.decisions(published.record.name, outcome: published.record.outcome.text)
      guard published.appendTime != .min else { continue }
      meter.decisionLatency(nanoseconds: UInt64(max(0, now - published.appendTime)) * 1_000_000)
    }
  }

  private func look(
    _ loop: FoldLoop, _ gate: Gate, _ meter: EngineMeter, _ known: inout [Int32: Shard.Counts],
    _ shown: inout Set<Int32>
  ) {
    let partitions = loop.partitions
    let waiting = partitions.filter { !$0.isReady }
    if waiting.isEmpty {
      gate.open()
    } else {
      gate.close("partitions are being restored: \(waiting.count) of \(partitions.count)")
    }
    // Also one that went before it was ready.
    let held = Set(partitions.map(\.number))
    for number in shown.subtracting(held) {
      meter.dropWatermarkDelay(partition: number)
      meter.dropLag(topic: TopicContract.journal.name, partition: number)
      known[number] = nil
    }
    shown = held
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
      // What a restore folds again was counted by whoever folded it first.
      guard partition.isReady else { continue }
      let counts = partition.counts
      let before = known[partition.number] ?? partition.countsAtStart
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
      bytes: partitions.reduce(0) { $0 + $1.stateBytes },
      partialMatches: partitions.reduce(0) { $0 + $1.partialMatches })
  }
}
