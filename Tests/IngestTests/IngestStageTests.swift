import Events
import Ingest
import Log
import Testing

private let noon: Int64 = 1_709_164_800_000
private let source = SourceSettings(
  name: "crm", topic: "crm.events", format: .json(.plain), outOfOrderMs: 10_000, idleMs: 30_000)
private let topics = IngestStage.Topics(journalPartitions: 2, deadLetterPartitions: 1)

/// A customer of each of two journal partitions.
private let ada = ["ada", "ben", "cy", "dot", "eve"].first { place($0) == 0 } ?? ""
private let bob = ["ada", "ben", "cy", "dot", "eve"].first { place($0) == 1 } ?? ""
private func place(_ customer: String) -> Int {
  let bytes = Array(customer.utf8)
  return partition(ofKey: bytes.span, count: 2)
}

private func batch(
  _ events: [(offset: Int64, customer: String, time: Int64)], partition: Int32 = 0
) -> RecordBatch {
  var batch = RecordBatch(source: TopicPartition("crm.events", partition))
  for event in events {
    let text =
      #"{"id":"\#(event.offset)","type":"t","time":\#(event.time),"customer":"\#(event.customer)"}"#
    let start = batch.bytes.count
    batch.bytes.append(contentsOf: text.utf8)
    batch.entries.append(
      .init(
        offset: event.offset, timestamp: 0, key: nil, value: start..<batch.bytes.count,
        headers: 0..<0))
    batch.nextOffset = event.offset + 1
  }
  return batch
}

/// What was written: `event 1 ada@5`, `tick 0 crm/0=7`, `dead no_id`.
private func shown(_ records: [OutRecord]) throws -> [String] {
  try records.map { record in
    let value = record.value ?? []
    if record.topic == topics.deadLetters {
      return "dead " + String(decoding: record.headers[0].value, as: UTF8.self)
    }
    #expect(record.topic == topics.journal)
    let view = try JournalView(value.span, 0..<value.count)
    guard view.kind == .tick else {
      #expect(record.key == Array(value[view.customer]))
      return "event \(record.partition) "
        + String(decoding: value[view.customer], as: UTF8.self) + "@\(view.originOffset)"
    }
    #expect(record.key == nil)
    guard let tick = Tick(value.span, view.payload) else { return "not a tick" }
    return "tick \(record.partition)"
      + tick.entries.map { entry in
        let mark = entry.watermark.milliseconds
        return " \(String(decoding: entry.name, as: UTF8.self))/\(entry.partition)="
          + (mark == .min ? "never" : "\(mark - noon)")
      }.joined()
  }
}

private func stage(partitions: [Int32] = [0], at position: Int64 = 0) -> IngestStage {
  var stage = IngestStage(sources: [source], topics: topics)
  for partition in partitions {
    stage.gained(TopicPartition("crm.events", partition), at: position)
  }
  return stage
}

extension IngestStage {
  fileprivate mutating func tick(_ now: Int64) throws -> [String] {
    var out: [OutRecord] = []
    tick(now: now, into: &out)
    #expect(out.allSatisfy { $0.timestamp == now })
    return try shown(out)
  }
  fileprivate mutating func take(_ batch: RecordBatch, _ now: Int64) throws -> [String] {
    var out: [OutRecord] = []
    take(batch, now: now, into: &out)
    return try shown(out)
  }
}

extension IngestStage {
  /// Looks once a second, as a loop that is not asleep.
  fileprivate mutating func observe(
    _ partition: TopicPartition, end: Int64?, from: Int64, through: Int64
  ) {
    for second in 0...(through - from) / 1000 {
      observe(partition, end: end, now: from + second * 1000)
    }
    observe(partition, end: end, now: through)
  }
}

@Suite struct `Ingest stage` {
  @Test func `source partitions are announced before their first event`() throws {
    var stage = stage(partitions: [0, 3])
    #expect(
      try stage.take(batch([(5, ada, noon)]), noon) == [
        "tick 0 crm/0=never crm/3=never", "tick 1 crm/0=never crm/3=never", "event 0 \(ada)@5",
      ])
    stage.gained(TopicPartition("crm.events", 4), at: 0)
    #expect(
      try stage.tick(noon + 1) == [
        "tick 0 crm/4=never", "tick 1 crm/0=-10000 crm/4=never",
      ], "not held back by the second between ticks")
  }

  @Test func `only what a journal partition has not been told is ticked, once a second`() throws {
    var stage = stage()
    _ = try stage.tick(noon)
    #expect(
      try stage.take(batch([(0, ada, noon), (1, bob, noon - 4000)]), noon)
        == ["event 0 \(ada)@0", "event 1 \(bob)@1"])
    #expect(try stage.tick(noon + 999) == [])
    #expect(
      try stage.tick(noon + 1000) == ["tick 1 crm/0=-10000"], "partition 0 has it from the event")
    #expect(try stage.tick(noon + 60_000) == [], "nothing has changed")
    #expect(try stage.take(batch([(2, ada, noon - 9000)]), noon + 60_000) == ["event 0 \(ada)@2"])
    #expect(try stage.tick(noon + 62_000) == [], "a late event moves nothing")
  }

  @Test func `a watermark never passes the append time`() throws {
    var stage = stage()
    _ = try stage.tick(noon)
    // 50 s ahead, less 10 s: still ahead of its append.
    _ = try stage.take(batch([(0, ada, noon + 50_000)]), noon)
    #expect(try stage.tick(noon + 1000) == ["tick 1 crm/0=0"])
  }

  @Test func `silence at the log's end moves time, less what may be out of order`() throws {
    let partition = TopicPartition("crm.events", 0)
    var stage = stage(at: 7)
    _ = try stage.tick(noon)
    stage.observe(partition, end: 7, from: noon, through: noon + 29_999)
    #expect(try stage.tick(noon + 29_999) == [])
    stage.observe(partition, end: 7, now: noon + 30_000)
    #expect(
      try stage.tick(noon + 30_000) == ["tick 0 crm/0=20000", "tick 1 crm/0=20000"])
    stage.observe(partition, end: 7, now: noon + 31_000)
    #expect(
      try stage.tick(noon + 31_000) == ["tick 0 crm/0=21000", "tick 1 crm/0=21000"])
  }

  @Test(arguments: [8, nil] as [Int64?])
  func `behind or disconnected is never idle`(_ end: Int64?) throws {
    let partition = TopicPartition("crm.events", 0)
    var stage = stage(at: 7)
    _ = try stage.tick(noon)
    for second in 0..<120 { stage.observe(partition, end: end, now: noon + Int64(second) * 1000) }
    #expect(try stage.tick(noon + 120_000) == [])
    // Caught up again: its idle time begins now.
    stage.observe(partition, end: 7, from: noon + 120_000, through: noon + 149_999)
    #expect(try stage.tick(noon + 149_999) == [])
    stage.observe(partition, end: end, now: noon + 149_999)
    stage.observe(partition, end: 7, now: noon + 150_000)
    #expect(try stage.tick(noon + 150_000) == [], "the break begins it anew")
    stage.observe(partition, end: 7, from: noon + 151_000, through: noon + 180_000)
    #expect(try stage.tick(noon + 180_000).count == 2)
  }

  @Test func `who slept has verified nothing, whatever it remembers of a log's end`() throws {
    let partition = TopicPartition("crm.events", 0)
    var stage = stage(at: 7)
    _ = try stage.tick(noon)
    stage.observe(partition, end: 7, from: noon, through: noon + 20_000)
    // Stopped for an hour, and put out of its group meanwhile.
    let later = noon + 3_600_000
    stage.observe(partition, end: 7, now: later)
    #expect(try stage.tick(later) == [])
    stage.observe(partition, end: 7, from: later + 1000, through: later + 29_000)
    #expect(try stage.tick(later + 29_999) == [])
    stage.observe(partition, end: 7, now: later + 30_000)
    #expect(try stage.tick(later + 30_000).count == 2)
  }

  @Test func `a record ends the silence`() throws {
    let partition = TopicPartition("crm.events", 0)
    var stage = stage(at: 0)
    _ = try stage.tick(noon)
    stage.observe(partition, end: 0, now: noon)
    _ = try stage.take(batch([(0, ada, noon)]), noon + 29_000)
    stage.observe(partition, end: 1, now: noon + 30_000)
    _ = try stage.tick(noon + 30_000)
    stage.observe(partition, end: 1, from: noon + 31_000, through: noon + 59_999)
    #expect(try stage.tick(noon + 59_999) == [])
    stage.observe(partition, end: 1, now: noon + 60_000)
    #expect(
      try stage.tick(noon + 60_000) == ["tick 0 crm/0=50000", "tick 1 crm/0=50000"])
  }

  @Test func `what was read already is not read again`() throws {
    var stage = stage(at: 2)
    _ = try stage.tick(noon)
    let taken = try stage.take(batch([(0, ada, noon), (1, ada, noon), (2, ada, noon)]), noon)
    #expect(taken == ["event 0 \(ada)@2"])
    #expect(stage.positions == [TopicPartition("crm.events", 0): 3])
    stage.lost(TopicPartition("crm.events", 0))
    #expect(try stage.take(batch([(3, ada, noon)]), noon) == [])
    #expect(try stage.tick(noon + 5000) == [])
    #expect(stage.positions.isEmpty)
  }

  @Test func `a bad record goes to the dead letters with its origin, and the stream goes on`()
    throws
  {
    var stage = stage()
    _ = try stage.tick(noon)
    var batch = batch([(7, ada, noon), (8, ada, noon)])
    let good = batch.entries
    let start = batch.bytes.count
    batch.bytes.append(contentsOf: Array("key{\"id\"traceabc".utf8))
    batch.headers = [
      .init(name: (start + 8)..<(start + 13), value: (start + 13)..<(start + 16))
    ]
    batch.entries = [
      good[0],
      .init(
        offset: 8, timestamp: 0, key: start..<(start + 3), value: (start + 3)..<(start + 8),
        headers: 0..<1), good[1],
    ]
    batch.entries[2].offset = 9
    batch.nextOffset = 10
    var out: [OutRecord] = []
    stage.take(batch, now: noon, into: &out)
    #expect(try shown(out) == ["event 0 \(ada)@7", "dead not_json", "event 0 \(ada)@9"])
    let dead = out[1]
    #expect(dead.key == Array("key".utf8))
    #expect(dead.value == Array("{\"id\"".utf8))
    #expect(
      dead.headers.map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self))" } == [
        "kairos_reason=not_json", "kairos_detail=the record is not JSON, at byte 5",
        "kairos_source=crm", "kairos_topic=crm.events", "kairos_partition=0", "kairos_offset=8",
        "kairos_size=5", "trace=abc",
      ])
    #expect(stage.counts[reason: .notJson] == 1)
    #expect(stage.counts.events == 2)
  }

  @Test func `a dead letter keeps a mebibyte of what nobody could read`() throws {
    var stage = stage()
    _ = try stage.tick(noon)
    var batch = RecordBatch(source: TopicPartition("crm.events", 0))
    batch.bytes = Array(repeating: 0x20, count: 10 << 20)
    batch.entries = [
      .init(
        offset: 0, timestamp: 0, key: 0..<(100 << 10), value: 0..<(10 << 20), headers: 0..<0)
    ]
    batch.nextOffset = 1
    var out: [OutRecord] = []
    stage.take(batch, now: noon, into: &out)
    #expect(out[0].value?.count == 1 << 20)
    #expect(out[0].key == nil)
    let size = out[0].headers.first { $0.name == "kairos_size" }
    #expect(size.map { String(decoding: $0.value, as: UTF8.self) } == "10485760")
    #expect(stage.counts[reason: .tooLarge] == 1)
  }

  @Test func `every reason is a word that a header may hold`() {
    for reason in Rejection.Reason.allCases {
      #expect(reason.rawValue.allSatisfy { $0 == "_" || ($0 >= "a" && $0 <= "z") })
    }
  }
}
