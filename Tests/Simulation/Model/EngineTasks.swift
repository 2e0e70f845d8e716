import Decisions
import Engine
import Ingest
import Log
import Replay

/// The thread that takes events in, over the production `IngestLoop`.
final class IngestTask: Task {
  private let workload: Workload
  private var log: ModelLog?
  private var loop: IngestLoop?
  /// What was written and read is finished: nothing more is taken in.
  var isDone = false

  init(of process: Process, _ workload: Workload) {
    self.workload = workload
    super.init("ingest", of: process)
  }

  override func step(_ life: Life) throws(LogError) -> Bool {
    if isDone { return false }
    if !process.isPrepared { return try prepare(life) }
    let world = world
    guard let loop else {
      let log = ModelLog(process)
      let made = try IngestLoop(
        log: log, sources: workload.sources,
        topics: .init(
          journalPartitions: workload.journalPartitions,
          deadLetterPartitions: try log.partitionCount(of: TopicContract.deadLetters.name) ?? 1))
      if !life.isOver { loop = made }
      return true
    }
    return try loop.step(timeoutMs: 100, clock: { world.now }) > 0
  }

  /// As `Service.prepare` does; a process that cannot ends, and is started again.
  private func prepare(_ life: Life) throws(LogError) -> Bool {
    do {
      try JournalHead(partitions: workload.journalPartitions)
        .settle(in: ModelLog(process), topic: TopicContract.journal.name, now: world.now)
    } catch {
      guard !life.isOver else { throw error }
      if error.remedy == .stop { throw error }
      process.exit()
      return true
    }
    if !life.isOver { process.isPrepared = true }
    return true
  }

  override func close() {
    loop?.close()
    loop = nil
  }
  override func drop() { loop = nil }
}

/// The thread that folds, over the production `FoldLoop`.
final class FoldTask: Task {
  private let workload: Workload
  private let settings: FoldLoop.Settings
  private var loop: FoldLoop?

  init(of process: Process, _ workload: Workload, _ settings: FoldLoop.Settings) {
    self.workload = workload
    self.settings = settings
    super.init("fold", of: process)
  }

  override func step(_ life: Life) throws(LogError) -> Bool {
    if !process.isPrepared { return false }
    let world = world
    guard let loop else {
      let made = try FoldLoop(
        log: ModelLog(process), program: workload.program, settings: settings)
      if !life.isOver { loop = made }
      return true
    }
    let report = try loop.step(timeoutMs: 100, clock: { world.now })
    for decision in report.decisions {
      world.note(name, "has decided \(decision.record.id.text) at \(decision.position)")
    }
    return report.records > 0
  }

  override func finish() throws(LogError) {
    let world = world
    try loop?.drain(clock: { world.now })
  }
  override func close() {
    loop?.close()
    loop = nil
  }
  override func drop() { loop = nil }
}
