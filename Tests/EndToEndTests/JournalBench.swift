import Engine
import Events
import Foundation
import Ingest
import Log
import Playbooks
import Replay
import TestSupport

/// An embedded log with a journal of two partitions, to be folded in this thread, on a clock that
/// steps.
final class JournalBench {
  let busy: Busy
  let program: Program
  let directory: String
  let log: EmbeddedLog
  private(set) var now: Int64 = 1_767_300_000_000
  static let partitions = 2

  init(_ folder: String, events count: Int) throws {
    busy = try Busy(folder, events: count)
    program = try Book.load(path: busy.playbook).program(zones: .system())
    directory = folder + "/log"
    log = try EmbeddedLog.open(directory: directory)
    for contract in TopicContract.required {
      try log.createTopic(contract.settings(journalPartitions: Self.partitions))
    }
    for name in ["events", "actions.web"] {
      try log.createTopic(TopicSettings(name: name, partitions: 1))
    }
  }

  func tick(_ milliseconds: Int64) { now += milliseconds }

  /// Puts events into the journal.
  func take(_ events: some Sequence<String>) throws {
    let writer = try log.plainWriter()
    for event in events {
      try writer.append(
        OutRecord(
          topic: "events", partition: 0, key: nil, value: Array(event.utf8), timestamp: now))
    }
    try writer.commit(offsets: [:], group: "", reader: nil)
    writer.close()
    let ingest = try IngestLoop(
      log: log, sources: [.standard],
      topics: .init(journalPartitions: Self.partitions, deadLetterPartitions: 8))
    defer { ingest.close() }
    _ = try ingest.step(timeoutMs: 0) { now }
    while ingest.lag > 0 { _ = try ingest.step(timeoutMs: 0) { now } }
  }

  /// Puts an order into the journal, as ingest copies it.
  func order(_ control: Control, offset: Int64, partitions: [Int32] = [0, 1]) throws {
    let writer = try log.plainWriter()
    for partition in partitions {
      var value: [UInt8] = []
      JournalRecord(
        kind: .control, time: EventTime(milliseconds: now),
        origin: .init(name: Array("kairos.control".utf8), partition: 0, offset: offset),
        payload: control.payload
      ).encode(into: &value)
      try writer.append(
        OutRecord(
          topic: "kairos.journal", partition: partition, key: nil, value: value, timestamp: now))
    }
    try writer.commit(offsets: [:], group: "", reader: nil)
    writer.close()
  }

  func settings() -> FoldLoop.Settings {
    var settings = FoldLoop.Settings(writerId: "test", offsetsEvery: 100, decisionsAtOnce: 50)
    settings.restoreRecords = 100
    settings.stateBytesAtOnce = 1 << 10
    return settings
  }

  func loop(
    _ settings: FoldLoop.Settings? = nil, on other: (any Log)? = nil
  ) throws -> FoldLoop {
    try FoldLoop(log: other ?? log, program: program, settings: settings ?? self.settings())
  }

  /// Steps until nothing comes any more. Returns how many records were folded.
  @discardableResult
  func settle(_ loop: FoldLoop) throws -> Int {
    var records = 0
    var quiet = 0
    while quiet < 4 {
      tick(60)
      let report = try loop.step(timeoutMs: 0) { now }
      records += report.records
      quiet = report.records == 0 && !report.committed ? quiet + 1 : 0
    }
    return records
  }

  func decisions() throws -> [String] { try texts("decisions") }

  /// The values of all records of a topic, sorted.
  func texts(_ topic: String) throws -> [String] {
    try readTopic(topic, of: directory).map(\.text).sorted()
  }
}
