import Events
import Ingest
import Log
import Testing

private let noon: Int64 = 1_709_164_800_000

/// The journal record that a source's record becomes.
private func journal(_ given: Given, _ settings: SourceSettings) throws -> (JournalView, [UInt8]) {
  var bytes: [UInt8] = []
  let record = given.placed(in: &bytes)
  bytes += Array(repeating: 0, count: RecordBatch.padding)
  var converter = SourceConverter(settings)
  #expect(converter.convert(bytes.span, record, appended: noon) == .event)
  var out: [UInt8] = []
  converter.append(bytes.span, record, partition: 3, offset: 17, to: &out)
  return (try JournalView(out.span, 0..<out.count), out)
}

private let requests: [(SourceSettings, Given)] = [
  (
    SourceSettings(name: "s", topic: "t", format: .json(.plain)),
    Given(
      #"{"id":"e1","type":"privacy.erase","time":\#(noon),"customer":"ada","data":{"why":"secret"}}"#
    )
  ),
  (
    SourceSettings(
      name: "s", topic: "t", format: .cloudEvents(customer: .field(FieldPath(["subject"])))),
    Given(
      #"{"specversion":"1.0","id":"e1","source":"/crm","type":"privacy.erase","#
        + #""time":"2024-02-29T00:00:00Z","subject":"ada","data":{"why":"secret"}}"#)
  ),
  (
    SourceSettings(name: "s", topic: "t", format: .cloudEvents(customer: .key)),
    Given(
      #"{"why":"secret"}"#, key: "ada",
      headers: [
        ("ce_specversion", "1.0"), ("ce_id", "e1"), ("ce_source", "/crm"),
        ("ce_type", "privacy.erase"), ("ce_time", "2024-02-29T00:00:00Z"),
        ("ce_note", "secret"), ("content-type", "application/json"),
      ])
  ),
  (
    SourceSettings(name: "s", topic: "t", format: .segment(wholeAsData: false)),
    Given(
      #"{"type":"track","event":"privacy.erase","messageId":"e1","userId":"ada","#
        + #""timestamp":"2024-02-29T00:00:00Z","properties":{"why":"secret"}}"#)
  ),
]

@Suite struct `A request to be forgotten` {
  @Test(arguments: requests.indices)
  func `becomes an erase record from every format, and its payload is not kept`(index: Int) throws {
    let (settings, given) = requests[index]
    let (view, bytes) = try journal(given, settings)
    #expect(view.kind == .erase)
    #expect(Array(bytes[view.customer]) == Array("ada".utf8))
    #expect(Array(bytes[view.id]) == Array("e1".utf8))
    #expect(Array(bytes[view.payload]) == Array("{}".utf8) && view.data.isEmpty)
    #expect(view.originPartition == 3 && view.originOffset == 17)
    #expect(Array(bytes[view.originName]) == Array("s".utf8))
    #expect(!String(decoding: bytes, as: UTF8.self).contains("secret"))
    #expect(view.time.milliseconds > 1_709_000_000_000)
  }

  @Test(arguments: [
    (#"{"type":"privacy.erase","time":1709164800000,"customer":"ada"}"#, Rejection.Reason.noId),
    (#"{"id":"e1","type":"privacy.erase","time":1709164800000}"#, .noCustomer),
    (#"{"id":"e1","type":"privacy.erase","customer":"ada"}"#, .noTime),
    (#"{"id":"e1","type":"privacy.erase","customer":"ada","time":1809164800000}"#, .timeInFuture),
  ])
  func `is held to the strict rule as every event is`(
    text: String, reason: Rejection.Reason
  ) throws {
    #expect(try convert(Given(text), .standard, appended: noon).reason == reason)
  }

  @Test func `goes to its customer's partition, in order with the customer's events`() throws {
    var stage = IngestStage(
      sources: [.standard], topics: .init(journalPartitions: 4, deadLetterPartitions: 1))
    let source = TopicPartition(SourceSettings.standard.topic, 0)
    stage.gained(source, at: 0)
    var batch = RecordBatch(source: source)
    for (offset, type) in ["t", "privacy.erase", "t"].enumerated() {
      let text = #"{"id":"\#(offset)","type":"\#(type)","time":\#(noon),"customer":"ada"}"#
      let start = batch.bytes.count
      batch.bytes.append(contentsOf: text.utf8)
      batch.entries.append(
        .init(
          offset: Int64(offset), timestamp: 0, key: nil, value: start..<batch.bytes.count,
          headers: 0..<0))
    }
    batch.bytes += Array(repeating: 0, count: RecordBatch.padding)
    batch.nextOffset = 3
    var out: [OutRecord] = []
    stage.take(batch, now: noon, into: &out)
    let events = out.filter { $0.key != nil }
    #expect(Set(events.map(\.partition)).count == 1)
    let kinds = try events.map { record throws -> JournalRecord.Kind in
      let value = record.value ?? []
      return try JournalView(value.span, 0..<value.count).kind
    }
    #expect(kinds == [.event, .erase, .event])
    #expect(stage.counts.erasures == 1 && stage.counts.events == 3)
  }
}
