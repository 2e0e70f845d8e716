import Foundation
import Ingest
import Log
import Playbooks
import Replay
import TestSupport
import Testing

/// A record that somebody's broken producer might send.
private struct Poison: Sendable, CustomTestStringConvertible {
  var name: String
  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [(name: String, value: [UInt8])] = []
  /// Nil: it is an event all the same.
  var reason: Rejection.Reason?
  var testDescription: String { name }

  init(
    _ name: String, _ value: String?, _ reason: Rejection.Reason?, key: [UInt8]? = nil,
    headers: [(name: String, value: [UInt8])] = []
  ) {
    self.init(name, bytes: value.map { Array($0.utf8) }, reason, key: key, headers: headers)
  }
  init(
    _ name: String, bytes: [UInt8]?, _ reason: Rejection.Reason?, key: [UInt8]? = nil,
    headers: [(name: String, value: [UInt8])] = []
  ) {
    self.name = name
    value = bytes
    self.reason = reason
    self.key = key
    self.headers = headers
  }
}

private let noon: Int64 = 1_767_268_800_000

private func event(_ id: String, customer: String = "ada", data: String = "{}") -> String {
  #"{"id":"\#(id)","type":"order","time":\#(noon),"customer":"\#(customer)","data":\#(data)}"#
}

private let poisons: [Poison] = [
  Poison("a tombstone", nil, .noPayload),
  Poison("no bytes", "", .notJson),
  Poison("blanks", " \t ", .notJson),
  Poison("no JSON", "nonsense", .notJson),
  Poison("a list", "[1]", .notAnObject),
  Poison("half an object", #"{"id":"#, .notJson),
  Poison("two objects", event("a") + event("b"), .notJson),
  Poison(
    "a byte that is no UTF-8", bytes: Array("{\"id\":\"".utf8) + [0xFF] + Array("\"}".utf8),
    .badEncoding),
  Poison(
    "an encoded surrogate",
    bytes: Array("{\"id\":\"".utf8) + [0xED, 0xA0, 0x80] + Array("\"}".utf8), .badEncoding),
  Poison("half of an escaped surrogate", #"{"id":"\ud800"}"#, .notJson),
  Poison("a bare NUL byte", bytes: Array("{\"id\":\"".utf8) + [0] + Array("\"}".utf8), .notJson),
  Poison("NUL bytes alone", bytes: Array(repeating: 0, count: 4096), .notJson),
  Poison("an escaped NUL in the customer", event("n", customer: #"\u0000"#), nil),
  Poison("a byte order mark", "\u{FEFF}" + event("m"), .notJson),
  Poison(
    "depth", event("d", data: #"{"x":"# + String(repeating: "[", count: 100_000) + "}"), .tooDeep),
  Poison("braces without end", String(repeating: "{\"a\":", count: 200_000), .tooDeep),
  Poison("a mebibyte and a byte", String(repeating: " ", count: 1 << 20) + "1", .tooLarge),
  Poison("ten mebibytes of nonsense", bytes: Array(repeating: 0x78, count: 10 << 20), .tooLarge),
  Poison("a number beyond doubles", event("x", data: #"{"v":1e400}"#), .numberOutOfRange),
  Poison(
    "a name of half a mebibyte",
    event("y", data: #"{""# + String(repeating: "k", count: 1 << 19) + #"":1}"#), nil),
  Poison(
    "a hundred thousand members",
    event("z", data: "{" + (0..<60_000).map { #""k\#($0)":1"# }.joined(separator: ",") + "}"), nil),
  Poison(
    "a customer of 600 bytes", event("c", customer: String(repeating: "c", count: 600)),
    .badCustomer),
  Poison(
    "a customer that is an object", #"{"id":"o","type":"order","time":1,"customer":{}}"#,
    .badCustomer),
  Poison("an id of two kilobytes", event(String(repeating: "i", count: 2048)), .badId),
  Poison("a time of text", #"{"id":"t","type":"order","time":"soon","customer":"ada"}"#, .badTime),
  Poison("a time in 1969", #"{"id":"t","type":"order","time":-1,"customer":"ada"}"#, .timeTooOld),
  Poison(
    "the last time there is",
    #"{"id":"t","type":"order","time":9223372036854775807,"customer":"ada"}"#, .timeTooFar),
  Poison("data that is a list", event("l", data: "[1]"), .badData),
  Poison(
    "a header whose name is no text", event("h"), .badHeaders,
    headers: [("\u{0}", Array(repeating: 7, count: 70_000))]),
  Poison(
    "two hundred headers", event("h"), .badHeaders, headers: (0..<200).map { ("h\($0)", [1]) }),
  Poison(
    "a header of a dead letter's own", event("h2"), nil,
    headers: [("kairos_reason", Array("ok".utf8))]),
  Poison("a key that is another customer's", event("k"), nil, key: Array("bob".utf8)),
  Poison("a key of no text", event("k2"), nil, key: [0xFF, 0x00]),
  Poison("a key of a mebibyte", "nonsense", .notJson, key: Array(repeating: 0x6B, count: 1 << 20)),
  Poison(
    "a name that occurs twice",
    #"{"id":"w","id":"v","type":"order","time":\#(noon),"customer":"ada"}"#, nil),
]

@Suite struct `A poisoned record` {
  private let book = """
    kairos: 1
    name: poison
    moments:
      ordered: { sequence: [{ on: order }] }
    decisions:
      thank:
        when: { moment: ordered }
        action: { topic: actions.web, channel: web, template: t }
        purpose: service
        expires: 1h
    policy: { policy_time: event, consent: { unknown: allow } }
    """

  /// Through the whole path: what the source has, the journal or the dead letters get, and the fold
  /// goes on behind it.
  @Test func `stops nothing: each is an event or a dead letter, and the next one is decided`()
    throws
  {
    try withTemporaryFolder { folder in
      let log = try EmbeddedLog.open(directory: folder + "/log")
      for contract in TopicContract.required {
        try log.createTopic(contract.settings(journalPartitions: 2))
      }
      for topic in ["events", "actions.web"] {
        try log.createTopic(TopicSettings(name: topic, partitions: 1))
      }
      try JournalHead(partitions: 2).settle(in: log, topic: TopicContract.journal.name, now: noon)
      let writer = try log.plainWriter()
      for (number, poison) in poisons.enumerated() {
        for (key, value, headers) in [
          (poison.key, poison.value, poison.headers),
          (nil, Array(event("good\(number)", customer: "c\(number)").utf8), []),
        ] {
          try writer.append(
            OutRecord(
              topic: "events", partition: 0, key: key, value: value, headers: headers,
              timestamp: noon))
        }
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
      writer.close()
      let path = folder + "/poison.yaml"
      try Data(book.utf8).write(to: URL(fileURLWithPath: path))
      let compiled = try Book.load(path: path).compile(zones: .system())
      let program = try #require(compiled.program, "\(compiled)")
      let ingest = try IngestLoop(
        log: log, sources: [.standard],
        topics: .init(
          journalPartitions: 2,
          deadLetterPartitions: TopicContract.deadLetters.fixedPartitions ?? 1))
      while try ingest.step(timeoutMs: 0, clock: { noon }) > 0 {}
      let refused = poisons.compactMap(\.reason)
      #expect(ingest.counts.events == 2 * poisons.count - refused.count)
      for reason in Set(refused) {
        #expect(ingest.counts[reason: reason] == refused.count { $0 == reason }, "\(reason)")
      }
      #expect(ingest.waiting == nil)
      ingest.close()
      let fold = try FoldLoop(log: log, program: program, settings: .init(writerId: "test"))
      var idle = 0
      while idle < 20 {
        idle = try fold.step(timeoutMs: 0, clock: { noon }).records > 0 ? 0 : idle + 1
      }
      fold.close()
      let decided = try keys(log, TopicContract.decisions.name, partitions: 2)
      for number in poisons.indices {
        #expect(decided.contains("c\(number)"), "\(poisons[number].name)")
      }
      #expect(decided.contains("ada") && decided.contains("\u{0}"))
      try log.close()
    }
  }

  /// The keys of a topic's records.
  private func keys(_ log: EmbeddedLog, _ topic: String, partitions: Int32) throws -> Set<String> {
    var keys: Set<String> = []
    for number in 0..<partitions {
      let source = TopicPartition(topic, number)
      let reader = try log.reader(from: [source: 0])
      defer { reader.close() }
      var batch = RecordBatch(source: source)
      while try reader.poll(into: &batch, timeoutMs: 0) {
        for case let key? in batch.entries.map(\.key) {
          keys.insert(String(decoding: batch.bytes[key], as: UTF8.self))
        }
      }
    }
    return keys
  }
}
