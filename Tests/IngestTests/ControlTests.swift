import Events
import Ingest
import Log
import Testing

private let noon: Int64 = 1_709_164_800_000
private let topics = IngestStage.Topics(journalPartitions: 3, deadLetterPartitions: 1)
private let control = TopicPartition("kairos.control", 0)

private func batch(_ texts: [String?], from first: Int64 = 0) -> RecordBatch {
  var batch = RecordBatch(source: control)
  for (index, text) in texts.enumerated() {
    let start = batch.bytes.count
    batch.bytes.append(contentsOf: (text ?? "").utf8)
    batch.entries.append(
      .init(
        offset: first + Int64(index), timestamp: noon - 500, key: nil,
        value: text == nil ? nil : start..<batch.bytes.count, headers: 0..<0))
  }
  batch.bytes += Array(repeating: 0, count: RecordBatch.padding)
  batch.nextOffset = first + Int64(texts.count)
  return batch
}

private func taken(_ batch: RecordBatch, at position: Int64 = 0) -> [OutRecord] {
  var stage = IngestStage(sources: [.standard], topics: topics)
  stage.gained(control, at: position)
  var out: [OutRecord] = []
  stage.take(batch, now: noon, into: &out)
  return out
}

@Suite struct `Control records` {
  @Test func `go to every journal partition with the origin of the control topic`() throws {
    let order = #"{"control":"book","book":"ab12"}"#
    let out = taken(batch([order, #"{"control":"semantics","number":2}"#]))
    #expect(out.map(\.partition) == [0, 1, 2, 0, 1, 2])
    for (index, record) in out.enumerated() {
      let value = try #require(record.value)
      let view = try JournalView(value.span, 0..<value.count)
      #expect(record.topic == topics.journal && record.key == nil && record.timestamp == noon)
      #expect(view.kind == .control && view.time.milliseconds == noon - 500)
      #expect(Array(value[view.originName]) == Array("kairos.control".utf8))
      #expect(view.originPartition == 0 && view.originIncarnation == 0)
      #expect(view.originOffset == Int64(index / 3))
      if index < 3 { #expect(Array(value[view.payload]) == Array(order.utf8)) }
    }
  }

  @Test func `give a copy the same bytes when it is made again`() {
    let records = batch([#"{"control":"halt"}"#])
    #expect(taken(records).map(\.value) == taken(records).map(\.value))
  }

  @Test func `that were copied before are not copied again`() {
    #expect(taken(batch(Array(repeating: #"{"control":"halt"}"#, count: 4)), at: 3).count == 3)
  }

  @Test func `have no part in time`() {
    var stage = IngestStage(sources: [.standard], topics: topics)
    stage.gained(control, at: 0)
    var out: [OutRecord] = []
    stage.take(batch([#"{"control":"halt"}"#]), now: noon, into: &out)
    out.removeAll()
    stage.observe(control, end: 1, now: noon)
    stage.observe(control, end: 1, now: noon + 3_600_000)
    stage.tick(now: noon + 3_600_000, into: &out)
    #expect(out.isEmpty)
    #expect(stage.positions == [control: 1])
    stage.lost(control)
    #expect(stage.positions.isEmpty)
  }

  @Test(
    arguments: [
      nil, "", "nonsense", "[]", "7", "{}", #"{"control":7}"#, #"{"control":""}"#,
      #"{"control":"Book"}"#, #"{"control":"book"}"#, #"{"control":"book","book":7}"#,
      #"{"control":"book","book":"ab","backfill_since":"1"}"#, #"{"control":"semantics"}"#,
      #"{"control":"semantics","number":0}"#, #"{"control":"incarnation","source":"crm"}"#,
      #"{"control":"incarnation","incarnation":1}"#,
      #"{"control":"incarnation","source":"crm","incarnation":4294967296}"#,
      #"{"control":"journal","partitions":3,"semantics":1}"#,
      #"{"control":"activate","book":"ab"}"#, "{\"control\":\"\u{0}\"}",
      #"{"control":"halt","why":""# + String(repeating: "x", count: 64 << 10) + #""}"#,
      String(repeating: "[", count: 70),
    ] as [String?])
  func `that are none go to the dead letters, and the next is copied`(text: String?) {
    let out = taken(batch([text, #"{"control":"halt"}"#]))
    #expect(out.map(\.topic) == [topics.deadLetters] + Array(repeating: topics.journal, count: 3))
    #expect(out[0].headers[0].value == Array("control".utf8))
  }

  @Test(arguments: [
    #"{"control":"book","book":"ab","backfill_since":1}"#,
    #"{"control":"incarnation","source":"crm","incarnation":1}"#,
    #"{"control":"of_a_newer_version","with":{"other":["members"]}}"#,
  ])
  func `are copied as they are`(text: String) {
    #expect(taken(batch([text])).count == 3)
  }
}
