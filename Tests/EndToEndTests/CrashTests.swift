import Engine
import Foundation
import Ingest
import Log
import Playbooks
import Replay
import Synchronization
import TestSupport
import Testing

/// Says no once: before or after the call of that number. After a crash (`.stop`) nothing of the loop
/// that was hit is used again, as nothing of a process is; with another remedy the fold goes on by
/// itself.
private final class Fate: Sendable {
  private let left: Atomic<Int>
  let isAfter: Bool
  let remedy: LogError.Remedy

  init(call: Int, isAfter: Bool, _ remedy: LogError.Remedy = .stop) {
    left = Atomic(call)
    self.isAfter = isAfter
    self.remedy = remedy
  }

  var hasStruck: Bool { left.load(ordering: .relaxed) < 0 }

  /// Begins a call; true: it is the one, and crashes at its end.
  func begin() throws(LogError) -> Bool {
    let isNow = left.subtract(1, ordering: .relaxed).newValue == -1
    if isNow, !isAfter { throw error }
    return isNow
  }

  var error: LogError { LogError(remedy, "a failure that a test ordered") }
}

/// The embedded log, whose writing calls may crash.
private final class CrashingLog: Log, Sendable {
  let inner: EmbeddedLog
  let fate: Fate

  init(_ inner: EmbeddedLog, _ fate: Fate) {
    self.inner = inner
    self.fate = fate
  }

  func partitionCount(of topic: String) throws(LogError) -> Int? {
    try inner.partitionCount(of: topic)
  }
  func createTopic(_ settings: TopicSettings) throws(LogError) { try inner.createTopic(settings) }
  func reader(from positions: [TopicPartition: Int64]) throws(LogError) -> any LogReader {
    try inner.reader(from: positions)
  }
  func groupReader(group: String, topics: [String]) throws(LogError) -> any GroupReader {
    CrashingReader(try inner.groupReader(group: group, topics: topics), fate)
  }
  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    try inner.commits(group: group, partitions)
  }
  func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    try inner.bounds(of: partition)
  }
  func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    CrashingWriter(try inner.transactionalWriter(id: id), fate)
  }
  func plainWriter() throws(LogError) -> any LogWriter {
    fate.remedy == .stop ? CrashingWriter(try inner.plainWriter(), fate) : try inner.plainWriter()
  }
}

private final class CrashingReader: GroupReader {
  let inner: any GroupReader
  let fate: Fate

  init(_ inner: any GroupReader, _ fate: Fate) {
    self.inner = inner
    self.fate = fate
  }

  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    try inner.poll(into: &batch, timeoutMs: 0)
  }
  func knownEnd(of partition: TopicPartition) -> Int64? { inner.knownEnd(of: partition) }
  func takeAssignments() -> [Assignment] { inner.takeAssignments() }
  func start(_ positions: [TopicPartition: Int64]) throws(LogError) { try inner.start(positions) }
  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError) {
    guard fate.remedy == .stop else { return try inner.commit(positions, metadata: metadata) }
    let isLast = try fate.begin()
    try inner.commit(positions, metadata: metadata)
    if isLast { throw fate.error }
  }
  func close() { inner.close() }
}

private final class CrashingWriter: LogWriter {
  let inner: any LogWriter
  let fate: Fate

  init(_ inner: any LogWriter, _ fate: Fate) {
    self.inner = inner
    self.fate = fate
  }

  func append(_ record: OutRecord) throws(LogError) {
    let isLast = try fate.begin()
    try inner.append(record)
    if isLast { throw fate.error }
  }
  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    let reader = (reader as? CrashingReader)?.inner ?? reader
    let isLast = try fate.begin()
    try inner.commit(offsets: offsets, group: group, reader: reader)
    if isLast { throw fate.error }
  }
  func abort() throws(LogError) { try inner.abort() }
  func close() { inner.close() }
}

/// Ingest and fold over one log, in this thread.
private final class Pair {
  let ingest: IngestLoop
  let fold: FoldLoop

  init(_ log: CrashingLog, _ program: Program) throws {
    ingest = try IngestLoop(
      log: log, sources: [.standard],
      topics: .init(journalPartitions: 2, deadLetterPartitions: 1))
    var settings = FoldLoop.Settings(writerId: "test", offsetsEvery: 800, decisionsAtOnce: 3)
    // State is written all the time, and by bits.
    settings.restoreRecords = 8
    settings.stateBytesAtOnce = 200
    settings.stateBytesMost = 400
    fold = try FoldLoop(log: log, program: program, settings: settings)
  }

  /// True: something was read, or is still to be.
  func step(_ now: Int64) throws -> Bool {
    _ = try ingest.step(timeoutMs: 0) { now }
    let report = try fold.step(timeoutMs: 0) { now }
    return report.records > 0 || ingest.lag > 0
  }

  func close() {
    ingest.close()
    fold.close()
  }
}

/// Steps until all is read and folded, with a clock that steps too, and begins anew after a crash.
private func settle(_ log: CrashingLog, _ program: Program) throws {
  var now: Int64 = 1_767_300_000_000
  var quiet = 0
  var pair = try Pair(log, program)
  while quiet < 3 {
    now += 400
    do {
      quiet = try pair.step(now) ? 0 : quiet + 1
    } catch {
      guard error as? LogError == log.fate.error else { throw error }
      quiet = 0
      if log.fate.remedy == .retry { continue }
      pair.close()
      pair = try Pair(log, program)
      quiet = 0
    }
  }
  pair.close()
}

@Suite struct `A crash at any call` {
  /// How the log's calls went by: the decisions' data, sorted, and whether there was a crash.
  private func run(
    _ busy: Busy, _ fate: Fate
  ) throws -> (decisions: [String], actions: [String], crashed: Bool) {
    try withTemporaryFolder { folder in
      let directory = folder + "/log"
      let program = try #require(
        Book.load(path: busy.playbook).compile(zones: .system()).program)
      let log = try EmbeddedLog.open(directory: directory)
      for (name, count) in [
        ("events", 1), ("kairos.journal", 2), ("kairos.dead-letters", 1), ("decisions", 2),
        ("actions.web", 2), ("kairos.control", 1), ("kairos.state", 2), ("kairos.hashes", 2),
        ("kairos.erasures", 2), ("kairos.sources", 1),
      ] { try log.createTopic(TopicSettings(name: name, partitions: count)) }
      let writer = try log.plainWriter()
      for event in busy.events {
        try writer.append(
          OutRecord(
            topic: "events", partition: 0, key: nil, value: Array(event.utf8),
            timestamp: 1_767_300_000_000))
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      writer.close()
      try settle(CrashingLog(log, fate), program)
      try log.close()
      return (
        try readTopic("decisions", of: directory).map(\.text).sorted(),
        try readTopic("actions.web", of: directory).map(\.text).sorted(), fate.hasStruck
      )
    }
  }

  /// A call that is to be made again has done nothing.
  @Test(arguments: [
    (LogError.Remedy.retry, false), (.abort, false), (.abort, true), (.recreate, false),
    (.recreate, true),
  ])
  func `and any failure that the fold settles itself, does the same`(
    remedy: LogError.Remedy, isAfter: Bool
  ) throws {
    try withTemporaryFolder { folder in
      let busy = try Busy(folder, events: 5)
      var call = 0
      while true {
        let result = try run(busy, Fate(call: call, isAfter: isAfter, remedy))
        #expect(result.decisions == busy.expected, "\(remedy) at call \(call)")
        #expect(result.actions == busy.expected, "\(remedy) at call \(call)")
        if !result.crashed { break }
        call += 1
      }
      #expect(call > 10 + 5)
    }
  }

  @Test(arguments: [false, true])
  func `neither loses a decision nor makes it twice`(isAfter: Bool) throws {
    try withTemporaryFolder { folder in
      let busy = try Busy(folder, events: 8)
      var call = 0
      while true {
        let result = try run(busy, Fate(call: call, isAfter: isAfter))
        #expect(result.decisions == busy.expected, "a crash at call \(call)")
        #expect(result.actions == busy.expected, "a crash at call \(call)")
        if !result.crashed { break }
        call += 1
      }
      // Eight events into the journal, eight decisions into two topics, and the commits.
      #expect(call > 8 + 16 + 5)
    }
  }
}
