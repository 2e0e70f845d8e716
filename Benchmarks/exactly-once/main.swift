import Events
import Foundation
import Log
import Playbooks
import Replay

// What exactly-once costs: the very fold loop on Kafka, over the same journal, with transactions and
// without. The way without exists here alone, and no engine can be told to run like that: after a
// crash it decides again what it had decided.
//
//     exactly-once BOOTSTRAP BOOK EVENTS CUSTOMERS PARTITIONS ROUNDS
//
// prints a line of JSON for each measured run.

/// A log whose transactional writers are plain ones: records first, offsets after them.
final class AtLeastOnceLog: Log, Sendable {
  let inner: KafkaLog
  init(_ inner: KafkaLog) { self.inner = inner }

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
    try inner.bounds(of: partition)
  }
  func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    try inner.plainWriter()
  }
  func plainWriter() throws(LogError) -> any LogWriter { try inner.plainWriter() }
}

func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

struct Bench {
  let log: KafkaLog
  let book: String
  let events: Int
  let customers: Int
  let partitions: Int
  private let journal = TopicContract.journal.name

  /// A journal of clicks, spread evenly over customers, of the minutes before now.
  func fillJournal() throws {
    try log.createTopic(TopicContract.journal.settings(journalPartitions: partitions))
    try log.createTopic(TopicContract.actions.settings(topic: "actions.web"))
    let writer = try log.plainWriter()
    defer { writer.close() }
    let start = now()
    for index in 0..<events {
      let customer = Array("c\(index &* 7919 % customers)".utf8)
      let payload = Array("{\"data\":{\"n\":\(index / 7 % 10),\"amount\":\(index % 97)}}".utf8)
      let record = JournalRecord(
        kind: .event, time: EventTime(milliseconds: start + Int64((index - events) / 100)),
        origin: .init(name: Array("clicks".utf8), partition: 0, offset: Int64(index)),
        source: Array("bench".utf8), type: Array("click".utf8), id: Array("e\(index)".utf8),
        customer: customer, payload: payload, data: 8..<(payload.count - 1))
      var value: [UInt8] = []
      record.encode(into: &value)
      let place = Int32(partition(ofKey: customer.span, count: partitions))
      try writer.append(
        OutRecord(
          topic: journal, partition: place, key: customer, value: value, timestamp: start))
    }
    try writer.commit(offsets: [:], group: "", reader: nil)
  }

  struct Figures {
    var seconds: Double
    var records: Int
    var decisions: Int
    var commits: Int
  }

  /// Folds the whole journal into topics of this run's own. Timed from the first record to the last
  /// commit: joining the group is not throughput.
  func fold(_ name: String, exactlyOnce: Bool) throws -> Figures {
    let program = try Book.load(path: book).compile(zones: .system()).program
    guard let program else { throw LogError(.stop, "\(book) does not compile") }
    try log.createTopic(TopicSettings(name: "decisions-\(name)", partitions: partitions))
    for kind in [TopicContract.state, .hashes, .erasures] {
      var topic = kind.settings(journalPartitions: partitions)
      topic.name += "-\(name)"
      try log.createTopic(topic)
    }
    let settings = FoldLoop.Settings(
      decisions: "decisions-\(name)", state: "\(TopicContract.state.name)-\(name)",
      hashes: "\(TopicContract.hashes.name)-\(name)",
      erasures: "\(TopicContract.erasures.name)-\(name)", group: "fold-\(name)",
      writerId: "bench-\(name)")
    let loop = try FoldLoop(
      log: exactlyOnce ? log : AtLeastOnceLog(log), program: program, settings: settings)
    defer { loop.close() }
    var figures = Figures(seconds: 0, records: 0, decisions: 0, commits: 0)
    var begin = ContinuousClock.now
    while figures.records < events {
      let before = ContinuousClock.now
      let report = try loop.step(timeoutMs: 100, clock: now)
      if figures.records == 0, report.records > 0 { begin = before }
      figures.records += report.records
      figures.decisions += report.decisions.count
      figures.commits += report.committed ? 1 : 0
    }
    try loop.drain(clock: now)
    figures.seconds = (ContinuousClock.now - begin) / .seconds(1)
    return figures
  }
}

let words = CommandLine.arguments
guard words.count == 7, let events = Int(words[3]), let customers = Int(words[4]),
  let partitions = Int(words[5]), let rounds = Int(words[6])
else {
  print("usage: exactly-once BOOTSTRAP BOOK EVENTS CUSTOMERS PARTITIONS ROUNDS")
  exit(64)
}
let bench = Bench(
  log: try KafkaLog(KafkaSettings(bootstrapServers: words[1])), book: words[2], events: events,
  customers: customers, partitions: partitions)
try bench.fillJournal()
// The first pair warms up the brokers and is not counted.
for round in 0...rounds {
  // In turn, so that a machine's drift meets both alike.
  for exactlyOnce in round % 2 == 0 ? [false, true] : [true, false] {
    let mode = exactlyOnce ? "exactly-once" : "at-least-once"
    let figures = try bench.fold("\(mode)-\(round)", exactlyOnce: exactlyOnce)
    guard round > 0 else { continue }
    print(
      "{\"mode\":\"\(mode)\",\"round\":\(round),\"seconds\":\(figures.seconds),"
        + "\"records\":\(figures.records),\"decisions\":\(figures.decisions),"
        + "\"commits\":\(figures.commits)}")
  }
}
