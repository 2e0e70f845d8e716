import Engine
import Foundation
import Log
import Playbooks
import Replay
import TestSupport
import Testing

/// A log that was run with a book, and copies of it that are not quite the same.
private struct Recorded {
  let folder: String
  let book: String
  let log: String

  let partitions: Int

  /// Runs the busy book over some events, to the end, on an embedded log.
  init(_ folder: String, events: Int, partitions: Int = 4) throws {
    self.folder = folder
    self.partitions = partitions
    let busy = try Busy(folder, events: events)
    book = busy.playbook
    log = folder + "/log"
    try kairosDoes(
      ["append", "events", "--log", log],
      input: Array((busy.events.joined(separator: "\n") + "\n").utf8))
    let config = folder + "/kairos.yaml"
    try Data("journal_partitions: \(partitions)\n".utf8).write(to: URL(fileURLWithPath: config))
    let engine = try RunningEngine(
      ["--book", book, "--log", log, "--config", config], folder: folder)
    try wait("all decisions") { try engine.sum("kairos_decisions_total") == Double(events) }
    try wait("the commit") { try engine.samples("kairos_lag_records").allSatisfy { $0.value == 0 } }
    #expect(try engine.drain() == 0)
  }

  func verify(_ log: String, _ more: [String] = []) throws -> (code: Int32, report: Json) {
    let said = try kairos(["verify", log, "--book", book, "--json", "--quiet"] + more)
    return (said.exitCode, try Json(said.outputText))
  }

  /// The same log with the records of one topic as `change` leaves them, each topic's in its
  /// partitions and order, and the group's offsets with it.
  func copy(
    _ name: String, changing topic: String, _ change: (inout [OutRecord]) -> Void
  ) throws -> String {
    let directory = "\(folder)/\(name)"
    let old = try EmbeddedLog.open(directory: log, mode: .readOnly)
    let new = try EmbeddedLog.open(directory: directory)
    let writer = try new.transactionalWriter(id: "copy")
    for known in [
      "kairos.journal", "decisions", "actions.web", "kairos.control", "kairos.artifacts",
      "kairos.state", "kairos.hashes", "kairos.erasures",
    ] {
      let count = try #require(try old.partitionCount(of: known))
      try new.createTopic(TopicSettings(name: known, partitions: count))
      for number in 0..<Int32(count) {
        var records = try outRecords(TopicPartition(known, number), of: old)
        if known == topic { change(&records) }
        for record in records { try writer.append(record) }
      }
    }
    let journal = (0..<Int32(partitions)).map { TopicPartition("kairos.journal", $0) }
    let offsets = try old.committed(group: "kairos-fold", journal)
    try writer.commit(
      offsets: offsets, group: "kairos-fold",
      reader: new.groupReader(group: "kairos-fold", topics: ["kairos.journal"]))
    writer.close()
    try new.close()
    return directory
  }

  /// A customer's state after all of the journal's partition 0, but for the record at one offset.
  func state(of customer: String, without gap: Int64? = nil) throws -> StateRecord? {
    let program = try #require(Book.load(path: book).compile(zones: .system()).program)
    var shard = Shard(program: program, partition: 0)
    let old = try EmbeddedLog.open(directory: log, mode: .readOnly)
    let place = TopicPartition("kairos.journal", 0)
    for (index, record) in try outRecords(place, of: old).enumerated() {
      let bytes = (record.value ?? []) + [UInt8](repeating: 0, count: 64)
      if Int64(index) == gap { continue }
      shard.read(
        bytes.span, 0..<(bytes.count - 64), position: Int64(index), appendTime: record.timestamp)
    }
    return shard.stateRecord(StateRecord.key(customer: Array(customer.utf8)))
  }

  /// Of the customer's last event in the journal's partition 0.
  func lastOffset(of customer: String) throws -> Int64? {
    let old = try EmbeddedLog.open(directory: log, mode: .readOnly)
    let records = try outRecords(TopicPartition("kairos.journal", 0), of: old)
    return records.lastIndex { $0.key == Array(customer.utf8) }.map { Int64($0) }
  }

  fileprivate func outRecords(_ place: TopicPartition, of log: EmbeddedLog) throws -> [OutRecord] {
    let bounds = try log.bounds(of: place)
    var records: [OutRecord] = []
    let reader = try log.reader(from: [place: bounds.lowerBound])
    defer { reader.close() }
    var batch = RecordBatch(source: place)
    var next = bounds.lowerBound
    while next < bounds.upperBound, try reader.poll(into: &batch, timeoutMs: 1000) {
      for entry in batch.entries {
        records.append(
          OutRecord(
            topic: place.topic, partition: place.partition,
            key: entry.key.map { Array(batch.bytes[$0]) },
            value: entry.value.map { Array(batch.bytes[$0]) },
            headers: batch.headers[entry.headers].map {
              (
                String(decoding: batch.bytes[$0.name], as: UTF8.self),
                $0.value.map { Array(batch.bytes[$0]) } ?? []
              )
            }, timestamp: entry.timestamp))
      }
      next = batch.nextOffset
    }
    return records
  }
}

@Suite struct `kairos verify` {
  @Test func `finds a log equal that nobody has touched, or a part of it`() throws {
    try withTemporaryFolder { folder in
      let recorded = try Recorded(folder, events: 60)
      let (code, report) = try recorded.verify(recorded.log)
      #expect(code == 0)
      #expect(report["equal"]?.flag == true)
      let partitions = try #require(report["partitions"]?.elements)
      #expect(partitions.count == 4)
      #expect(partitions.reduce(0) { $0 + ($1["decisions"]?.int ?? 0) } == 60)
      #expect(partitions.reduce(0) { $0 + ($1["actions"]?.int ?? 0) } == 60)
      let part = try recorded.verify(recorded.log, ["-p", "1", "--from", "3", "--to", "9"])
      #expect(part.code == 0)
      #expect(part.report["partitions"]?.elements?.count == 1)
      #expect(part.report["partitions"]?[0]?["from"]?.int == 3)
      #expect(part.report["partitions"]?[0]?["to"]?.int == 9)
      let copy = try recorded.copy("same", changing: "none") { _ in }
      #expect(try recorded.verify(copy).code == 0)
      let text = try kairos(["verify", copy, "--book", recorded.book])
      #expect(text.outputText.hasPrefix("equal: 4 partitions, "))
    }
  }

  @Test func `finds and names what is changed, missing, there twice, made up or out of order`()
    throws
  {
    try withTemporaryFolder { folder in
      let recorded = try Recorded(folder, events: 60)

      func difference(
        _ name: String, in topic: String = "decisions", _ change: (inout [OutRecord]) -> Void
      ) throws -> Json {
        var isDone = false
        let copy = try recorded.copy(name, changing: topic) { records in
          guard !isDone, records.count > 4 else { return }
          isDone = true
          change(&records)
        }
        let (code, report) = try recorded.verify(copy)
        #expect(code == 1, "\(name)")
        #expect(report["equal"]?.flag == false)
        #expect(report["differences"]?.int == 1, "\(name)")
        let partitions = report["partitions"]?.elements ?? []
        return try #require(partitions.compactMap { $0["first"] }.first)
      }

      let byte = try difference("byte") { records in
        let text = String(decoding: records[2].value ?? [], as: UTF8.self)
        records[2].value = Array(text.replacing("\"hello\"", with: "\"jello\"").utf8)
      }
      #expect(byte["kind"]?.text == "changed")
      #expect(byte["offset"]?.int == 2)
      #expect(byte["field"]?.text == "value: action.template")
      #expect(byte["recorded"]?.text?.contains("jello") == true)
      #expect(byte["computed"]?.text?.contains("hello") == true)

      let header = try difference("header", in: "actions.web") { records in
        let place = records[1].headers.firstIndex { $0.name == "ce_watermark" }!
        records[1].headers[place].value = Array("7".utf8)
      }
      #expect(header["kind"]?.text == "changed")
      #expect(header["topic"]?.text == "actions.web")
      #expect(header["field"]?.text == "ce_watermark")
      #expect(header["recorded"]?.text == "7")

      let missing = try difference("missing") { $0.remove(at: 1) }
      #expect(missing["kind"]?.text == "missing")
      #expect(missing["offset"] == nil)
      let last = try difference("last") { $0.removeLast() }
      #expect(last["kind"]?.text == "missing")

      let twice = try difference("twice") { $0.insert($0[2], at: 3) }
      #expect(twice["kind"]?.text == "twice")
      #expect(twice["offset"]?.int == 3)
      let later = try difference("later") { $0.append($0[0]) }
      #expect(later["kind"]?.text == "twice")

      let position = try difference("stranger") { records in
        records.append(records[0])
        records[records.count - 1].headers.removeAll { $0.name == "ce_journaloffset" }
      }
      #expect(position["kind"]?.text == "stranger")
      let extra = try difference("extra") { records in
        var made = records[0]
        let place = made.headers.firstIndex { $0.name == "ce_id" }!
        made.headers[place].value = Array("nobody.0".utf8)
        records.insert(made, at: 1)
      }
      #expect(extra["kind"]?.text == "extra")
      #expect(extra["name"]?.text == "nobody.0")

      let swapped = try recorded.copy("swapped", changing: "decisions") { records in
        if records.count > 4 { records.swapAt(1, 2) }
      }
      #expect(try recorded.verify(swapped).code == 1)
    }
  }

  @Test func `finds and names a hash point and a customer's state that are not as they should be`()
    throws
  {
    try withTemporaryFolder { folder in
      let recorded = try Recorded(folder, events: 4_200, partitions: 1)
      let whole = try recorded.verify(recorded.log)
      #expect(whole.code == 0, "\(whole.report)")
      #expect(whole.report["partitions"]?[0]?["hashes"]?.int == 1)

      let flipped = try recorded.copy("hash", changing: "kairos.hashes") { records in
        let text = String(decoding: records[0].value ?? [], as: UTF8.self)
        let chain = text.firstRange(of: "\"chain\":\"")!.upperBound
        let digit = text[chain] == "0" ? "1" : "0"
        records[0].value = Array(
          text.replacingCharacters(in: chain...chain, with: digit).utf8)
      }
      let hash = try recorded.verify(flipped)
      #expect(hash.code == 1)
      let first = try #require(hash.report["partitions"]?[0]?["first"])
      #expect(first["kind"]?.text == "hash")
      #expect(first["topic"]?.text == "kairos.hashes")
      #expect(first["journalOffset"]?.int == 4096)
      #expect(first["field"]?.text == "chain")

      let right = try #require(try recorded.state(of: "c1"))
      let wrong = try #require(
        try recorded.state(of: "c1", without: recorded.lastOffset(of: "c1")))
      for (name, slice) in [("right", right), ("wrong", wrong), ("damaged", right)] {
        let copy = try recorded.copy(name, changing: "kairos.state") { records in
          var value = slice.value ?? []
          if name == "damaged" { value[value.count / 2] ^= 1 }
          records.append(
            OutRecord(
              topic: "kairos.state", partition: 0, key: slice.key, value: value, timestamp: 0))
        }
        let (code, report) = try recorded.verify(copy)
        let partition = try #require(report["partitions"]?[0])
        #expect(code == (name == "right" ? 0 : 1), "\(name): \(report)")
        guard name != "right" else { continue }
        #expect(partition["first"]?["kind"]?.text == "slice")
        #expect(partition["first"]?["name"]?.text == "c:c1")
        #expect(partition["first"]?["topic"]?.text == "kairos.state")
      }
    }
  }

  @Test func `says what to give it, and what cannot be recomputed`() throws {
    try withTemporaryFolder { folder in
      let nothing = try kairos([
        "verify", folder + "/none", "--book", story("silent-churn").playbookPath,
      ])
      #expect(nothing.exitCode == 69)
      try kairosDoes(["append", "events", "--log", folder + "/log"], input: Array("{}\n".utf8))
      let bookless = try kairos(["verify", folder + "/log"])
      #expect(bookless.exitCode == 64 && bookless.complaintsText.contains("--book"))
      let both = try kairos(["verify", folder, "--log", folder])
      #expect(both.exitCode == 64)
      let empty = try kairos(["verify", folder, "--from", "9", "--to", "9"])
      #expect(empty.exitCode == 64 && empty.complaintsText.contains("--from must be before --to"))
    }
  }
}

/// A log of which retention has taken the beginning of a topic.
private final class ShortenedLog: Log, Sendable {
  let inner: EmbeddedLog
  let topic: String
  let begin: Int64

  init(_ inner: EmbeddedLog, _ topic: String, begin: Int64) {
    self.inner = inner
    self.topic = topic
    self.begin = begin
  }

  func partitionCount(of topic: String) throws(LogError) -> Int? {
    try inner.partitionCount(of: topic)
  }
  func createTopic(_ settings: TopicSettings) throws(LogError) { try inner.createTopic(settings) }
  func reader(from positions: [TopicPartition: Int64]) throws(LogError) -> any LogReader {
    try inner.reader(from: positions)
  }
  func groupReader(group: String, topics: [String]) throws(LogError) -> any GroupReader {
    try inner.groupReader(group: group, topics: topics)
  }
  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    try inner.commits(group: group, partitions)
  }
  func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    let bounds = try inner.bounds(of: partition)
    return partition.topic == topic
      ? min(begin, bounds.upperBound)..<bounds.upperBound : bounds
  }
  func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    try inner.transactionalWriter(id: id)
  }
  func plainWriter() throws(LogError) -> any LogWriter { try inner.plainWriter() }
}

extension `kairos verify` {
  @Test func `compares from where a topic begins, and tells what retention has taken`() throws {
    try withTemporaryFolder { folder in
      let recorded = try Recorded(folder, events: 60)
      let program = try #require(
        Book.load(path: recorded.book).compile(zones: .system()).program)
      func verify(_ topic: String) throws -> VerificationReport {
        let log = try EmbeddedLog.open(directory: recorded.log, mode: .readOnly)
        return try Verification(
          log: ShortenedLog(log, topic, begin: 5), programs: SingleProgram(program),
          settings: .init()
        ).run()
      }
      let decisions = try verify("decisions")
      #expect(decisions.isEqual)
      #expect(decisions.partitions.reduce(0) { $0 + $1.decisions } == 40)
      #expect(decisions.partitions.allSatisfy { $0.notCompared.first?.hasPrefix("5 ") == true })
      let journal = try verify("kairos.journal")
      #expect(journal.isEqual && journal.isOpaque)
      #expect(journal.partitions[0].notCompared.first?.contains("first records are gone") == true)
    }
  }
}
