import Engine
import Foundation
import Ingest
import Log
import Playbooks
import Replay
import Synchronization
import TestSupport
import Testing

/// A process that dies at its n-th change to the disk: from then on nothing reaches it.
private final class Death: Sendable {
  private let left: Atomic<Int>

  init(at change: Int) { left = Atomic(change) }

  var hasStruck: Bool { left.load(ordering: .relaxed) < 0 }

  func fault(_ operation: EmbeddedDisk.Operation) -> EmbeddedDisk.Fault? {
    let now = left.subtract(1, ordering: .relaxed).newValue
    if now >= 0 { return nil }
    if now == -1, case .write(_, let bytes) = operation { return .cut(bytes: bytes / 2, 5) }
    return .fails(5)
  }
}

/// Ingest, fold and upkeep over one log, in this thread, until all is read and nothing is left to do.
private struct Course {
  let log: EmbeddedLog
  let program: Program
  var now: Int64 = 1_767_300_000_000

  func fold() throws -> FoldLoop {
    var settings = FoldLoop.Settings(writerId: "test", offsetsEvery: 800, decisionsAtOnce: 3)
    settings.restoreRecords = 8
    settings.stateBytesAtOnce = 200
    settings.stateBytesMost = 400
    return try FoldLoop(log: log, program: program, settings: settings)
  }

  /// Ends with the first failure: whether it was death is for the caller to say.
  mutating func run() throws {
    let ingest = try IngestLoop(
      log: log, sources: [.standard],
      topics: .init(journalPartitions: 2, deadLetterPartitions: 1))
    defer { ingest.close() }
    let fold = try fold()
    defer { fold.close() }
    var quiet = 0
    while quiet < 3 {
      now += 400
      let (time, seen) = (now, quiet)
      _ = try ingest.step(timeoutMs: 0) { time }
      let report = try fold.step(timeoutMs: 0) { time }
      let kept = try log.upkeep(now: time)
      let isQuiet = report.records == 0 && ingest.lag == 0 && !kept.isBusy
      quiet = isQuiet ? seen + 1 : 0
    }
  }
}

@Suite struct `A kill at any change to the disk` {
  private static let topics: [(String, Int, [String: String])] = [
    ("events", 1, [:]), ("kairos.journal", 2, [:]), ("kairos.dead-letters", 1, [:]),
    ("decisions", 2, [:]), ("actions.web", 2, [:]), ("kairos.control", 1, [:]),
    ("kairos.state", 2, ["cleanup.policy": "compact"]), ("kairos.hashes", 2, [:]),
    ("kairos.erasures", 2, [:]), ("kairos.sources", 1, ["cleanup.policy": "compact"]),
  ]

  private func open(_ directory: String, _ disk: EmbeddedDisk) throws -> EmbeddedLog {
    var options = EmbeddedLog.Options()
    options.writeAheadBytes = 3000
    options.compactedSegmentBytes = 900
    options.segmentBytes = 4000
    options.upkeepBytes = 1000
    options.disk = disk
    return try EmbeddedLog.open(directory: directory, options: options)
  }

  private func prepare(_ directory: String, _ events: [String]) throws {
    let log = try open(directory, EmbeddedDisk())
    for (name, count, config) in Self.topics {
      try log.createTopic(TopicSettings(name: name, partitions: count, config: config))
    }
    let writer = try log.plainWriter()
    for event in events {
      try writer.append(
        OutRecord(
          topic: "events", partition: 0, key: nil, value: Array(event.utf8),
          timestamp: 1_767_300_000_000))
    }
    try writer.commit(offsets: [:], group: "", reader: nil)
    try log.close()
  }

  @Test func `while state is written, sealed and compacted neither loses nor repeats a decision`()
    throws
  {
    try withTemporaryFolder { folder in
      let busy = try Busy(folder, events: 20)
      let program = try #require(
        Book.load(path: busy.playbook).compile(zones: .system()).program)
      // In memory where that is possible: it is synced thousands of times.
      let memory = "/dev/shm/kairos-test-\(UUID().uuidString)"
      let place = FileManager.default.isWritableFile(atPath: "/dev/shm") ? memory : folder + "/logs"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      defer {
        do { try FileManager.default.removeItem(atPath: place) } catch { Issue.record(error) }
      }
      try prepare(place + "/prepared", busy.events)
      var change = 0
      var wasCompacted = false
      while true {
        let directory = "\(place)/log-\(change)"
        try FileManager.default.copyItem(atPath: place + "/prepared", toPath: directory)
        let death = Death(at: change)
        do {
          let log = try open(directory, EmbeddedDisk { death.fault($0) })
          var course = Course(log: log, program: program)
          try course.run()
          try log.close()
        } catch { #expect(death.hasStruck, "\(error)") }
        let log = try open(directory, EmbeddedDisk())
        var course = Course(log: log, program: program, now: 1_767_300_100_000)
        try course.run()
        try log.close()
        let decisions = try readTopic("decisions", of: directory).map(\.text).sorted()
        let actions = try readTopic("actions.web", of: directory).map(\.text).sorted()
        #expect(decisions == busy.expected, "killed at change \(change)")
        #expect(actions == busy.expected, "killed at change \(change)")
        #expect(try EmbeddedCheck.run(directory: directory).isWhole, "killed at \(change)")
        let names = try FileManager.default.contentsOfDirectory(
          atPath: directory + "/kairos.state-0")
        wasCompacted = wasCompacted || names.contains { $0.utf8.count > 24 }
        try FileManager.default.removeItem(atPath: directory)
        if !death.hasStruck { break }
        change += 1
      }
      #expect(change > 60)
      #expect(wasCompacted)
    }
  }
}
