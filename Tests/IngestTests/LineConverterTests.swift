import Events
import Log
import TestSupport
import Testing

@testable import Ingest

/// Lines many at a time against the same lines one by one.
@Suite struct `Usual lines` {
  private static let templates = [
    #"{"id":{"id":"1"},"event":{"type":"t","at":1767225600,"who":{"id":"c"}},"body":{"data":{"n":1}}}"#,
    #"{"id":"930fee38-b22e","type":"product.feature_used","time":"2026-01-01T00:01:17.540Z","customer":"c00001193","data":{"feature":"templates","seconds":180.7,"plan":"enterprise","ok":true}}"#,
    #"{"id": "a", "type": "page.viewed", "time": "2026-01-02T10:00:00Z", "customer": "ada", "data": {"page": "/x", "n": [1, {"a": null}], "m": {"k": {"l": -1.5e3}}}}"#,
    #"{"customer":17,"id":42,"type":"t","time":1767225600000,"source":"s","data":{}}"#,
    #"{"id":"é","type":"ü.ß","time":"2026-12-31T23:59:60Z","customer":"日本","data":null,"x":[[],[{}]]}"#,
    #"{"id":"1","id":"2","type":"t","time":"2026-01-01T00:00:00.1Z","customer":"a","customer":"b","data":{"a":1,"a":2},"data":3}"#,
    #"{"id":"\u0031","type":"a\/b","time":"2026-01-01T00:00:00Z","customer":"a\"b","data":{"t":"\n\\\""}}"#,
    #"{"id":"1","type":"t","time":"2026-01-01T00:00:00Z","customer":"c","data":{"t":"\n \\ \ud83d\ude00","u\u0041":1}}"#,
    #"{"id":"1","type":"privacy.erase","time":"2026-01-01T00:00:00Z","customer":"c"}"#,
    #"{"id":" ","type":"t","time":"2026-01-01T00:00:00Z","customer":"c","source":null}"#,
    #"  {"id" : "1" , "type" : "t" , "time" : 1767225600000 , "customer" : "c" , "data" : { "n" : 1 } }  "#,
    #"{"id":"1","type":"t","time":"1960-01-01T00:00:00Z","customer":"c"}"#,
    #"{"id":"1","type":"t","time":"2026-01-01T00:00:00+01:00","customer":"c","data":{"big":123456789012345678901234567890,"e":1E-7,"z":-0,"h":1e308}}"#,
    #"{"id":"1","type":"t","time":"2026-01-01T00:00:00Z","customer":"c","data":[]}"#,
    "", "   ", "[]", "1", "{}", #"{"a":1}{"b":2}"#, "{", "\"", "\\", "{\"a\":\"\u{1}\"}",
  ]
  private static let alphabet =
    Array("{}[]:,\"\\ntfu0123456789.eE+- \r\u{1}aé".utf8) + [0xff, 0x80]

  private static let sources: [SourceSettings] = {
    func mapped(
      _ mapping: JsonMapping, _ name: String = "w", _ outOfOrderMs: Int64 = 600_000
    ) -> SourceSettings {
      SourceSettings(name: name, topic: "w", format: .json(mapping), outOfOrderMs: outOfOrderMs)
    }
    func path(_ text: String) -> FieldPath { FieldPath(parsing: text) ?? .document }
    var (plain, numbers, nested, whole) = (
      JsonMapping.plain, JsonMapping.plain, JsonMapping.plain, JsonMapping.plain
    )
    plain.source = nil
    numbers.timeFormat = .epochMs
    numbers.type = .constant("thing")
    whole.data = .document
    whole.timeFormat = .rfc3339
    nested.id = .field(path("id.id"))
    nested.type = .field(path("event.type"))
    nested.time = path("event.at")
    nested.timeFormat = .epochS
    nested.customer = .field(path("event.who.id"))
    nested.data = path("body.data")
    return [
      .standard, mapped(plain), mapped(numbers, "a source with a long name, as some are, 64"),
      mapped(nested), mapped(whole, "é", 0),
    ]
  }()

  private func line(_ random: inout SplitMix64) -> [UInt8] {
    var bytes = Array(random.pick(Self.templates).utf8)
    guard random.number(in: 0..<3) == 0 else { return bytes }
    for _ in 0...random.number(in: 0..<2) {
      let at = random.number(in: 0..<bytes.count + 1)
      let byte = random.pick(Self.alphabet)
      switch random.number(in: 0..<3) {
      case 0 where at < bytes.count: bytes.remove(at: at)
      case 1 where at < bytes.count: bytes[at] = byte
      default: bytes.insert(byte, at: at)
      }
    }
    return bytes
  }

  private func chunk(_ random: inout SplitMix64) -> LineChunk {
    var chunk = LineChunk()
    chunk.firstLine = 1 + random.number(in: 0..<1000)
    for _ in 0..<(1 + random.number(in: 0..<300)) {
      let start = chunk.bytes.count
      // Mostly good ones: one bad quote spoils a whole group.
      let isGood = random.chance(95)
      chunk.bytes += isGood ? Array(random.pick(Array(Self.templates[..<6])).utf8) : line(&random)
      chunk.lines.append(start..<chunk.bytes.count)
      chunk.bytes += random.number(in: 0..<8) == 0 ? [0x0d, 0x0a] : [0x0a]
    }
    // The last line may have no end, and anything may follow it.
    if random.number(in: 0..<2) == 0 { chunk.bytes.removeLast() }
    chunk.bytes += (0..<RecordBatch.padding).map { _ in
      random.number(in: 0..<4) == 0 ? random.pick(Self.alphabet) : 0
    }
    return chunk
  }

  private struct Made: Equatable {
    var records: [[UInt8]] = []
    var keys: [[UInt8]] = []
    var offsets: [Int64] = []
    var nextOffset: Int64 = 0
    var rejects: [ArchiveIngest.Reject] = []
    var counts: [Int] = []
  }

  private func made(
    _ ingest: inout ArchiveIngest, _ batches: inout [RecordBatch], _ chunk: LineChunk
  ) -> Made {
    var made = Made()
    ingest.convert(chunk, offset: 7, into: &batches, rejects: &made.rejects)
    let batch = batches[0]
    for entry in batch.entries {
      made.records.append(Array(batch.bytes[entry.value ?? 0..<0]))
      made.keys.append(Array(batch.bytes[entry.key ?? 0..<0]))
      made.offsets.append(entry.offset)
      #expect((entry.value?.upperBound ?? 0) + RecordBatch.padding <= batch.bytes.count)
      #expect(entry.timestamp == .min && entry.headers.isEmpty)
    }
    made.nextOffset = batch.nextOffset
    made.counts = [ingest.events, ingest.skipped, ingest.rejected]
    return made
  }

  @Test(arguments: 0..<5) func `many lines at a time become what each becomes by itself`(
    number: Int
  ) {
    let source = Self.sources[number]
    #expect(LineConverter.takes(source))
    var random = SplitMix64(seed: UInt64(400 + number))
    var fast = ArchiveIngest(source: source, journalPartitions: 1)
    var slow = ArchiveIngest(source: source, journalPartitions: 1, oneByOne: true)
    var fastBatches = fast.batches()
    var slowBatches = slow.batches()
    for round in 0..<200 {
      let chunk = chunk(&random)
      let expected = made(&slow, &slowBatches, chunk)
      let made = made(&fast, &fastBatches, chunk)
      #expect(made == expected, "round \(round)")
      if made != expected { return }
    }
    #expect(fast.events > 1000 && fast.rejected > 500)
  }

  @Test(arguments: 0..<5) func `a record by the short way is what it is by the long one`(
    number: Int
  ) {
    let source = Self.sources[number]
    var random = SplitMix64(seed: UInt64(500 + number))
    var short = SourceConverter(source)
    var long = SourceConverter(source, judgesAll: true)
    var events = 0
    for _ in 0..<3000 {
      let line = random.chance(50) ? Array(random.pick(Self.templates).utf8) : line(&random)
      let bytes = Array("\"{[".utf8) + line + (0..<64).map { _ in random.pick(Self.alphabet) }
      let record = SourceRecord(value: 3..<(3 + line.count))
      let appended: Int64? = random.pick([nil, 1_767_225_600_000, 1_767_225_500_000])
      let expected = long.convert(bytes.span, record, appended: appended)
      #expect(short.convert(bytes.span, record, appended: appended) == expected)
      guard case .event = expected else { continue }
      events += 1
      var (expectedBytes, made): ([UInt8], [UInt8]) = ([], [])
      long.append(bytes.span, record, incarnation: 3, partition: 2, offset: 9, to: &expectedBytes)
      short.append(bytes.span, record, incarnation: 3, partition: 2, offset: 9, to: &made)
      #expect(made == expectedBytes, "\(String(decoding: line, as: UTF8.self))")
    }
    #expect(events > 50)
  }

  @Test func `a group that one bad quote spoils is read line by line`() {
    let good = Array(Self.templates[1].utf8)
    let bad = Array(#"{"id":"1,"type":"t"}"#.utf8)
    var chunk = LineChunk()
    for index in 0..<50 {
      let start = chunk.bytes.count
      chunk.bytes += index == 20 ? bad : good
      chunk.lines.append(start..<chunk.bytes.count)
      chunk.bytes.append(0x0a)
    }
    chunk.bytes += [UInt8](repeating: 0, count: RecordBatch.padding)
    var ingest = ArchiveIngest(source: .standard, journalPartitions: 1)
    var batches = ingest.batches()
    let made = made(&ingest, &batches, chunk)
    #expect(made.records.count == 49)
    #expect(made.rejects.map(\.line) == [28])
    #expect(made.rejects.first?.rejection.reason == .notJson)
  }

  @Test func `a line too long for the strict rule is refused as ever`() {
    let text = String(repeating: "x", count: StrictRule.payloadBytes)
    let long = Array(#"{"id":"1","type":"t","time":1767225600000,"customer":"\#(text)"}"#.utf8)
    var chunk = LineChunk()
    chunk.bytes = long + [0x0a] + Array(Self.templates[3].utf8)
    chunk.lines = [0..<long.count, (long.count + 1)..<chunk.bytes.count]
    chunk.bytes += [UInt8](repeating: 0, count: RecordBatch.padding)
    var ingest = ArchiveIngest(source: .standard, journalPartitions: 1)
    var batches = ingest.batches()
    let made = made(&ingest, &batches, chunk)
    #expect(made.rejects.map(\.rejection.reason) == [.tooLarge])
    #expect(made.records.count == 1)
  }

  @Test func `a clock that remembers the day reads what one without memory reads`() {
    let times = [
      "2026-01-01T00:01:17.540Z", "2026-01-01T23:59:59Z", "2026-01-02T00:00:00.000Z",
      "2024-02-29T12:00:00.999Z", "2023-02-29T12:00:00.999Z", "2016-12-31T23:59:60Z",
      "2026-01-01T00:00:00.5Z", "2026-01-01t00:01:17.540z", "2026-01-01 00:01:17.540Z",
      "2026-01-01T00:01+01:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z",
    ]
    var random = SplitMix64(seed: 9)
    var clock = DayClock()
    var good = 0
    for _ in 0..<20_000 {
      var text = Array(random.pick(times).utf8)
      if random.number(in: 0..<2) == 0 {
        text[random.number(in: 0..<text.count)] = random.pick(Array("0123456789:.-TZz+ ".utf8))
      }
      let bytes = [0x22] + text + [0x22]
      let expected = rfc3339Milliseconds(bytes.span, 1..<(bytes.count - 1))
      let read = clock.milliseconds(bytes.span, 1..<(bytes.count - 1))
      #expect(read == expected, "\(String(decoding: text, as: UTF8.self))")
      if read != nil { good += 1 }
    }
    #expect(good > 5000 && good < 19_000)
  }
}
