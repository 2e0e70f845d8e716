import Foundation
import Ingest
import Log
import TestSupport
import Testing

@Suite struct `The inbox` {
  private func withLog(_ body: (EmbeddedLog, Inbox) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let log = try EmbeddedLog.open(directory: folder + "/log")
      try body(log, Inbox(log: log.directory))
    }
  }

  private func drop(
    _ inbox: Inbox, _ lines: [String], key: String? = nil, now: Int64 = 1
  ) throws {
    let drop = try inbox.drop(topic: "t", keyField: key, now: now)
    for line in lines { try drop.append(Array(line.utf8)[...]) }
    try drop.commit()
  }

  private func files(_ log: EmbeddedLog) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: log.directory + "/inbox/t").sorted()
  }

  /// What the topic's partition holds: key and value of each record.
  private func records(_ log: EmbeddedLog, _ partition: Int32 = 0) throws -> [String] {
    let source = TopicPartition("t", partition)
    let reader = try log.reader(from: [source: 0])
    var batch = RecordBatch(source: source)
    var found: [String] = []
    while try reader.poll(into: &batch, timeoutMs: 0) {
      for entry in batch.entries {
        let key = entry.key.map { String(decoding: batch.bytes[$0], as: UTF8.self) } ?? "-"
        found.append(key + " " + String(decoding: batch.bytes[entry.value ?? 0..<0], as: UTF8.self))
      }
    }
    return found
  }

  @Test func `gives its lines to the topic in the order of their coming, and is empty then`() throws
  {
    try withLog { log, inbox in
      try drop(inbox, ["b"], now: 1_000)
      try drop(inbox, ["a", "c"], now: 999)
      let taken = try inbox.take(into: log, now: 5)
      #expect(taken.records == 3 && taken.complaints.isEmpty && !taken.isMore)
      #expect(try records(log) == ["- a", "- c", "- b"])
      #expect(try files(log).isEmpty)
      #expect(try inbox.take(into: log, now: 6).records == 0)
    }
  }

  @Test func `keys records by the field that the file's name tells`() throws {
    try withLog { log, inbox in
      try log.createTopic(TopicSettings(name: "t", partitions: 3))
      try drop(inbox, [#"{"d":{"a/b":"ada"}}"#, #"{"d":1}"#], key: "d.a/b")
      _ = try inbox.take(into: log, now: 5)
      let place = Inbox.partition(of: Array("ada".utf8), among: 3)
      #expect(try records(log, place).contains(#"ada {"d":{"a/b":"ada"}}"#))
      #expect(try records(log, 0).contains(#"- {"d":1}"#))
    }
  }

  @Test func `leaves alone what is not finished`() throws {
    try withLog { log, inbox in
      try drop(inbox, ["a"])
      let part = log.directory + "/inbox/t/x.part"
      try Data("half".utf8).write(to: URL(fileURLWithPath: part))
      #expect(try inbox.take(into: log, now: 5).records == 1)
      #expect(try files(log) == ["x.part"])
    }
  }

  @Test func `takes a file again that a crash kept from being removed`() throws {
    try withLog { log, inbox in
      try drop(inbox, ["a"])
      let name = try #require(try files(log).first)
      let path = log.directory + "/inbox/t/" + name
      let content = try Data(contentsOf: URL(fileURLWithPath: path))
      _ = try inbox.take(into: log, now: 5)
      try content.write(to: URL(fileURLWithPath: path))
      _ = try inbox.take(into: log, now: 6)
      #expect(try records(log) == ["- a", "- a"])
    }
  }

  @Test func `says what it leaves out, and goes on`() throws {
    try withLog { log, inbox in
      try drop(inbox, ["a", String(repeating: "x", count: Inbox.lineBytes + 1), "b"])
      try FileManager.default.createDirectory(
        atPath: log.directory + "/inbox/no topic", withIntermediateDirectories: true)
      let taken = try inbox.take(into: log, now: 5)
      #expect(taken.records == 2 && taken.complaints.count == 2)
      #expect(try records(log) == ["- a", "- b"])
    }
  }

  @Test func `takes no more at once than a file's worth`() throws {
    try withLog { log, inbox in
      let line = String(repeating: "x", count: 1 << 20)
      try drop(inbox, Array(repeating: line, count: 20))
      #expect(try files(log).count == 2)
      #expect(try inbox.take(into: log, now: 5).isMore)
      #expect(try !inbox.take(into: log, now: 6).isMore)
      #expect(try records(log).count == 20)
    }
  }

  @Test(arguments: ["", ".", "..", "a/b", "a b"])
  func `refuses a topic that could lead elsewhere`(topic: String) throws {
    try withLog { _, inbox in
      _ = #expect(throws: LogError.self) {
        try inbox.drop(topic: topic, keyField: nil, now: 1)
      }
    }
  }
}
