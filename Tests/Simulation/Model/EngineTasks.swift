import Decisions
import Engine
import Ingest
import Log
import Replay
import TestSupport

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
    // Without a time-out: while it pauses it sleeps in earnest.
    let written = try loop.step(timeoutMs: 0, clock: { world.now })
    for notice in loop.takeNotices() { world.note(name, notice) }
    if let (partition, why) = loop.stopped.first {
      world.fail("\(name) stops \(partition): \(why)")
    }
    return written > 0
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
  private let defects: Set<Defect>
  private var loop: FoldLoop?
  private var shown = ""

  init(of process: Process, _ workload: Workload, _ defects: Set<Defect>) {
    self.workload = workload
    self.defects = defects
    super.init("fold", of: process)
  }

  override var survivesRetry: Bool { true }

  /// Small portions, so that a short run sees many passes, seals and restores.
  private func settings() -> FoldLoop.Settings {
    var settings = FoldLoop.Settings(
      writerId: "kairos-fold-\(process.name)", decisionsAtOnce: world.random.number(in: 1..<6))
    settings.restoreRecords = Int64(world.random.number(in: 4..<400))
    settings.sealEvery = Int64(world.random.number(in: 500..<20_000))
    settings.stateBytesAtOnce = world.random.number(in: 100..<6_000)
    settings.stateBytesMost = 2 * settings.stateBytesAtOnce
    settings.restoresAtOnce = world.random.number(in: 1..<3)
    settings.defects = Set(defects.compactMap(\.ofFold))
    return settings
  }

  override func step(_ life: Life) throws(LogError) -> Bool {
    if !process.isPrepared { return false }
    let world = world
    guard let loop else {
      let made = try FoldLoop(
        log: ModelLog(process), programs: ModelPrograms(workload), settings: settings())
      if !life.isOver { loop = made }
      return true
    }
    let report = try loop.step(timeoutMs: 100, clock: { world.now })
    for note in report.notes { world.note(name, note) }
    for decision in report.decisions {
      world.note(name, "has decided \(decision.record.id.text) at \(decision.position)")
    }
    for partition in loop.partitions {
      if let stopped = partition.stopped { world.fail("\(name) stands still: \(stopped)") }
    }
    if world.traces { show(loop) }
    return report.records > 0
  }

  /// Notes how its partitions stand, where that has changed.
  private func show(_ loop: FoldLoop) {
    let text = loop.partitions.map {
      "\($0.number): \($0.isReady ? "ready" : "\($0.restoreLeft) left") \($0.stopped ?? "")"
    }.joined(separator: ", ")
    if text != shown { world.note(name, "has \(text)") }
    shown = text
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
