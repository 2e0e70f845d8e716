internal import Decisions
package import Engine
package import Log

/// Drives the fold over a log's journal: restores each partition that it is given, folds what comes,
/// and commits in one transaction what one step led to: decisions, slices of state, where the state
/// stands, hash points, proofs of erasures, and the journal offset.
///
/// One thread. An error with the remedy `.retry` leaves everything in place: call `step` again later.
/// A transaction that is aborted, or whose end is not known, is settled inside: a new writer fences
/// the old one, the committed offsets are read back, and partitions that stand elsewhere are
/// restored. What is thrown as `.stop` needs a person.
///
///     FoldLoop+Assignments   partitions come and go
///     FoldLoop+Restore       state is loaded, and the journal folded up to what is committed
///     FoldLoop+Fold          records to decisions
///     FoldLoop+Backfill      new items of a new book are filled from the journal
///     FoldLoop+Commit        what a transaction holds, and how it ends
///     FoldLoop+Recover       after one that did not end well
package final class FoldLoop {
  /// What one step did.
  package struct Report {
    /// Journal records that were folded.
    package var records = 0
    /// What was published and is committed.
    package var decisions: [Shard.Published] = []
    /// A commit took place.
    package var committed = false
    /// What a person may want to know, one line each.
    package var notes: [String] = []
    /// Books that came into force, one line each.
    package var activations: [String] = []
  }

  /// One journal partition in our hands.
  package struct Partition: Sendable {
    package var number: Int32
    /// Its state is loaded, and everything that was committed is folded.
    package var isReady: Bool
    /// Why it stands still; nil: it does not.
    package var stopped: String?
    package var watermark: Int64
    package var lag: Int64?
    package var customers: Int
    /// Customers whose state has changed since it was last written.
    package var dirtyCustomers: Int
    package var stateBytes: Int
    package var partialMatches: Int
    /// Records since the last seal: what a restore would fold.
    package var unsealed: Int64
    /// State records still to be read, and journal records still to be folded, until it is ready.
    package var restoreLeft: Int64
    /// Bytes of state records that the restore has read.
    package var loadedBytes: Int
    package var counts: Shard.Counts
    /// As they were when the restore ended.
    package var countsAtStart: Shard.Counts
  }

  /// What has been published since this loop began.
  package struct Totals: Equatable, Sendable {
    package var hashPoints = 0
    package var erasures = 0
    package var seals = 0
    package var stateRecords = 0
    package var stateBytes = 0
    package init() {}
  }

  /// How long journal and state wait for each other while state is being loaded.
  static let loadingMs = 5
  /// How long the state of a lost partition is kept, ms.
  static let asideMs: Int64 = 60_000

  let log: any Log
  let programs: any ProgramSource
  let settings: Settings
  /// Nil: to be made anew.
  var reader: (any GroupReader)?
  var writer: (any LogWriter)?
  var lanes: [Int32: FoldLane] = [:]
  /// Partitions that were lost a moment ago, in case that they come back as they were.
  var aside: [Int32: FoldLane] = [:]
  var asideSince = Int64.max
  /// Partitions of ours of which it is not known yet where the group stands; their lanes are empty.
  var unplaced: Set<Int32> = []
  /// How long the next question for that may take, and when it is asked, ms.
  var askMs = FoldLoop.askMs
  var askAt = Int64.min
  static let askMs = 100
  static let askMostMs = 800
  /// What the reader has said of partitions and was not yet carried out.
  var changes: [Assignment] = []
  var loaders: [StateLoader] = []
  /// The batch at hand, folded up to the entry of that place.
  var batch: RecordBatch
  var place = 0
  var transaction = Transaction()
  /// Partitions of which a transaction may or may not have been committed.
  var doubtful: Set<Int32> = []
  /// Those of them whose output was in it.
  var gaveOutput: Set<Int32> = []
  /// Those of them whose slices were in it. The committed offset does not tell whether they were
  /// written: another process may have come to the same offset.
  var gaveState: Set<Int32> = []
  /// Partitions whose old state has been overwritten (`rebuildsState`).
  var rebuilt: Set<Int32> = []
  var lastCommit = Int64.min
  var partitionCounts: [String: Int] = [:]
  /// Programs whose topics are all in `partitionCounts`, by hash.
  var learned: Set<String> = []
  /// Whose state is written first in the next commit.
  var turn: Int32 = 0
  /// The last look found nothing to read.
  var isIdle = false
  /// The log has given us partitions, now or before.
  package internal(set) var hasJoined = false
  package internal(set) var totals = Totals()

  package init(
    log: any Log, programs: any ProgramSource, settings: Settings
  ) throws(LogError) {
    self.log = log
    self.programs = programs
    self.settings = settings
    batch = RecordBatch(source: TopicPartition(settings.journal, 0))
    try open()
  }

  package convenience init(
    log: any Log, program: Program, settings: Settings
  ) throws(LogError) {
    try self.init(log: log, programs: SingleProgram(program), settings: settings)
  }

  /// The writer first: it fences a predecessor, whose transaction would hide committed offsets.
  private func open() throws(LogError) {
    if writer == nil { writer = try log.transactionalWriter(id: settings.writerId) }
    if reader == nil {
      reader = try log.groupReader(group: settings.group, topics: [settings.journal])
    }
  }

  /// Takes what the log has, waiting up to `timeoutMs` for something: partitions, state, journal
  /// records; and commits. `clock`: milliseconds since 1970, the append time of what is written.
  package func step(timeoutMs: Int, clock: () -> Int64) throws(LogError) -> Report {
    var report = Report()
    try open()
    try settleDoubts(clock())
    try takeAssignments(&report, clock)
    try placeLanes(&report, clock)
    // What a passing failure has left.
    if transaction.isComposed { try commit(&report, clock()) }
    let hasLoaded = try load(&report, clock)
    try startReading()
    try resumeStopped(clock())
    let isFilling = try followBackfills(clock())
    let patience =
      hasLoaded || isFilling ? 0 : loaders.isEmpty ? timeoutMs : min(timeoutMs, Self.loadingMs)
    try readOn(&report, timeoutMs: patience, clock)
    if doubtful.isEmpty, mustCommit(clock()) { try commit(&report, clock()) }
    return report
  }

  /// Commits what has been folded, for a good end.
  package func drain(clock: () -> Int64) throws(LogError) {
    var report = Report()
    if transaction.isOpen || lanes.values.contains(where: \.hasMoved) {
      try commit(&report, clock())
    }
  }

  package func close() {
    reader?.close()
    writer?.close()
    for loader in loaders { loader.reader.close() }
    loaders = []
  }

  func journal(_ partition: Int32) -> TopicPartition { TopicPartition(settings.journal, partition) }

  package var partitions: [Partition] { lanes.keys.sorted().map { describe(lanes[$0]!) } }

  private func describe(_ lane: FoldLane) -> Partition {
    let end = reader?.knownEnd(of: journal(lane.partition))
    return Partition(
      number: lane.partition, isReady: lane.isReady, stopped: lane.stop?.message,
      watermark: lane.shard.watermark, lag: end.map { max(0, $0 - lane.position) },
      customers: lane.shard.customerCount, dirtyCustomers: lane.shard.dirtyCount,
      stateBytes: lane.shard.stateBytes, partialMatches: lane.shard.partialMatches,
      unsealed: max(0, lane.next - lane.pace.sealed),
      restoreLeft: lane.left + lane.toLoad, loadedBytes: lane.loadedBytes,
      counts: lane.shard.counts, countsAtStart: lane.countsAtStart)
  }
}
