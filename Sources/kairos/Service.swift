import Cel
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
  let log: any Log
  /// Nil: events go to the journal, and what was published is in force.
  let given: GivenBook?
  let zones: ZoneTable
  let sources: [SourceSettings]
  let journalPartitions: Int
  private let createsTopics: Bool
  let member: String
  let lines: LineLog
  let drain: DrainSignal
  /// State is overwritten and built anew from the journal.
  let rebuildsState: Bool
  /// What the process ends with, once a thread could not go on.
  private let failure = Mutex<ExitCode?>(nil)

  init(
    log: any Log, book: GivenBook?, zones: ZoneTable, sources: [SourceSettings],
    journalPartitions: Int, createsTopics: Bool, member: String, rebuildsState: Bool,
    lines: LineLog, drain: DrainSignal
  ) {
    self.log = log
    given = book
    self.zones = zones
    self.sources = sources
    self.journalPartitions = journalPartitions
    self.createsTopics = createsTopics
    self.member = member
    self.rebuildsState = rebuildsState
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
      try publishGiven()
    } catch {
      throw CommandFailure(error.remedy == .retry ? .temporary : .unavailable, error.message)
    }
  }

  private var actionTopics: [String] { given.map { Self.actionTopics($0.program) } ?? [] }

  private func createTopics() throws(LogError) {
    for contract in TopicContract.required {
      try log.createTopic(
        contract.settings(topic: contract.name, journalPartitions: journalPartitions))
    }
    for topic in actionTopics {
      try log.createTopic(Self.actionSettings(topic))
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
    let what = log is EmbeddedLog ? "disk" : "brokers"
    let ingestGate = health.gate("ingest", closedBecause: "not connected")
    let foldGate = health.gate("fold", closedBecause: "not connected")
    let ingestWatch = LoopWatch("ingest", what: what, metrics, lines)
    let foldWatch = LoopWatch("fold", what: what, metrics, lines)
    start("ingest", ingestGate, ingestWatch, done) { try $0.ingest(ingestGate, ingestWatch) }
    start("fold", foldGate, foldWatch, done) { try $0.fold(foldGate, foldWatch) }
    if let embedded = log as? EmbeddedLog { startUpkeep(of: embedded, done) }
    while done.wait(timeout: .now() + 1) == .timedOut {
      ingestWatch.look()
      foldWatch.look()
    }
    return failure.withLock { $0 } ?? .success
  }

  private func start(
    _ name: String, _ gate: Gate, _ watch: LoopWatch, _ done: DispatchGroup,
    _ body: @escaping @Sendable (Service) throws -> Void
  ) {
    done.enter()
    let thread = Thread { [self] in
      keepGoing(name, gate, watch) { try body(self) }
      watch.follow(nil)
      gate.close("ended")
      done.leave()
    }
    thread.name = name
    thread.start()
  }

  /// Runs `body` until it drains. A passing failure never ends it: it is tried again, however long it
  /// takes. One that a person must mend ends the process.
  private func keepGoing(
    _ name: String, _ gate: Gate, _ watch: LoopWatch, _ body: () throws -> Void
  ) {
    while !drain.isRequested {
      do {
        try body()
        return
      } catch {
        let cause = error as? LogError ?? LogError(.stop, "\(error)")
        guard cause.remedy != .stop else {
          lines.error("\(name) cannot go on", ["cause": .text(cause.message)])
          failure.withLock { $0 = $0 ?? .unavailable }
          drain.request()
          return
        }
        gate.close("starting again: \(cause)")
        watch.wait(cause, drain)
      }
    }
  }
}
