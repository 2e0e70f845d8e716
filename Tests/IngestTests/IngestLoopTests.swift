import Events
import Ingest
import Log
import TestSupport
import Testing

private let noon: Int64 = 1_709_164_800_000
private let topics = IngestStage.Topics(journalPartitions: 2, deadLetterPartitions: 1)

private func prepared(_ folder: String) throws -> EmbeddedLog {
  let log = try EmbeddedLog.open(directory: folder)
  try log.createTopic(TopicSettings(name: "events", partitions: 1))
  try log.createTopic(TopicSettings(name: topics.journal, partitions: 2))
  try log.createTopic(TopicSettings(name: topics.control, partitions: 1))
  try log.createTopic(TopicSettings(name: topics.sources, partitions: 1))
  try log.createTopic(TopicSettings(name: topics.deadLetters, partitions: 1))
  return log
}

private func send(_ log: EmbeddedLog, _ texts: [String], topic: String = "events") throws {
  let writer = try log.plainWriter()
  defer { writer.close() }
  for text in texts {
    try writer.append(
      OutRecord(
        topic: topic, partition: 0, key: nil, value: Array(text.utf8), timestamp: noon))
  }
  try writer.commit(offsets: [:], group: "", reader: nil)
}

/// Kinds of all journal records, per partition, and the customers of events.
private func journal(_ log: EmbeddedLog) throws -> [[String]] {
  var all: [[String]] = [[], []]
  for number in 0..<2 {
    let partition = TopicPartition(topics.journal, Int32(number))
    let bounds = try log.bounds(of: partition)
    if bounds.isEmpty { continue }
    let reader = try log.reader(from: [partition: bounds.lowerBound])
    defer { reader.close() }
    var batch = RecordBatch(source: partition)
    var next = bounds.lowerBound
    while next < bounds.upperBound, try reader.poll(into: &batch, timeoutMs: 1000) {
      for entry in batch.entries {
        let value = try #require(entry.value)
        let view = try JournalView(batch.bytes.span, value)
        all[number].append(
          "\(view.kind) " + String(decoding: batch.bytes[view.customer], as: UTF8.self))
      }
      next = batch.nextOffset
    }
  }
  return all
}

private func event(_ id: Int, _ customer: String) -> String {
  #"{"id":"\#(id)","type":"t","time":\#(noon),"customer":"\#(customer)"}"#
}

@Suite struct `Ingest loop` {
  @Test func `events reach the journal once, over a restart, and bad ones the dead letters`()
    throws
  {
    try withTemporaryFolder { folder in
      let log = try prepared(folder)
      try JournalHead(partitions: 2).settle(in: log, topic: topics.journal, now: noon)
      try send(log, [event(0, "ada"), "nonsense", event(1, "bob")])
      for restart in 0..<2 {
        let loop = try IngestLoop(log: log, sources: [.standard], topics: topics)
        while try loop.step(timeoutMs: 100, clock: { noon }) > 0 {}
        #expect(loop.counts.events == (restart == 0 ? 2 : 1))
        #expect(loop.counts[reason: .notJson] == (restart == 0 ? 1 : 0))
        #expect(loop.lag == 0)
        loop.close()
        if restart == 0 { try send(log, [event(2, "ada")]) }
      }
      let written = try journal(log)
      #expect(written.allSatisfy { $0.first == "control " })
      #expect(
        written.joined().filter { $0.hasPrefix("event") }.sorted() == [
          "event ada", "event ada", "event bob",
        ])
      let dead = try log.bounds(of: TopicPartition(topics.deadLetters, 0))
      #expect(dead == 0..<1)
      try log.close()
    }
  }

  @Test func `orders reach every journal partition once and in order, over a restart`() throws {
    try withTemporaryFolder { folder in
      let log = try prepared(folder)
      try send(log, [#"{"control":"semantics","number":2}"#, "{}"], topic: topics.control)
      for restart in 0..<2 {
        let loop = try IngestLoop(log: log, sources: [.standard], topics: topics)
        while try loop.step(timeoutMs: 0, clock: { noon }) > 0 {}
        #expect(loop.counts.controls == 1 && loop.counts.refusedControls == 1 - restart)
        loop.close()
        if restart == 0 { try send(log, [#"{"control":"other"}"#], topic: topics.control) }
      }
      for written in try journal(log) {
        #expect(written.filter { $0.hasPrefix("control") }.count == 2)
      }
      #expect(try log.bounds(of: TopicPartition(topics.deadLetters, 0)) == 0..<1)
      try log.close()
    }
  }

  @Test func `a control topic of several partitions is refused`() throws {
    try withTemporaryFolder { folder in
      let log = try prepared(folder)
      try log.createTopic(TopicSettings(name: "wide", partitions: 2))
      var topics = topics
      topics.control = "wide"
      #expect(throws: LogError.self) {
        try IngestLoop(log: log, sources: [.standard], topics: topics)
      }
      try log.close()
    }
  }

  @Test func `a journal's heads are written once, and another count or number is refused`() throws {
    try withTemporaryFolder { folder in
      let log = try prepared(folder)
      let head = JournalHead(partitions: 2)
      for _ in 0..<2 { try head.settle(in: log, topic: topics.journal, now: noon) }
      #expect(try journal(log) == [["control "], ["control "]])
      let newer = JournalHead(partitions: 2, semantics: 2)
      #expect(throws: LogError.self) {
        try newer.settle(in: log, topic: topics.journal, now: noon)
      }
      #expect(throws: LogError.self) {
        try JournalHead(partitions: 3).settle(in: log, topic: topics.journal, now: noon)
      }
      #expect(throws: LogError.self) { try head.settle(in: log, topic: "nowhere", now: noon) }
      #expect(throws: LogError.self, "not a journal") {
        try send(log, ["x"])
        try JournalHead(partitions: 1).settle(in: log, topic: "events", now: noon)
      }
      try log.close()
    }
  }
}
