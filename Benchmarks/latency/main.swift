import Events
import Foundation
import Glibc
import Ingest
import Log
import Playbooks
import Replay
import Synchronization

// Decision latency on the embedded log: the engine's two loops as `kairos run` has them, each on its
// thread, on a log in a folder; a third thread appends events to the source's topic, and a fourth reads
// `decisions` as any reader does. Each event's id says when it was appended, and each decision names
// its event.
//
//     latency FOLDER BOOK RATE SECONDS SHARE CUSTOMERS
//
// prints how many microseconds lay between append and visibility, a line for each decision, and last
// `cpu SECONDS EVENTS`: what ingest and fold took. The first tenth is left out.

func microseconds(_ clock: clockid_t = CLOCK_REALTIME) -> Int64 {
  var time = timespec()
  unsafe clock_gettime(clock, &time)
  return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}

func now() -> Int64 { microseconds() / 1000 }

/// Runs on a thread of its own; what it throws ends the process.
func start(_ name: String, _ body: @escaping @Sendable () throws -> Void) {
  let thread = Thread {
    do { try body() } catch {
      FileHandle.standardError.write(Data("latency: \(name): \(error)\n".utf8))
      exit(1)
    }
  }
  thread.name = name
  thread.stackSize = 8 << 20
  thread.start()
}

struct Bench: Sendable {
  let log: EmbeddedLog
  let book: String
  let rate: Int
  let seconds: Int
  let share: Int
  let customers: Int
  static let partitions = TopicContract.embeddedJournalPartitions

  var count: Int { rate * seconds }
  func decides(_ number: Int) -> Bool { number / 7 % share == 0 }

  func createTopics() throws {
    for contract in TopicContract.required {
      try log.createTopic(contract.settings(journalPartitions: Self.partitions))
    }
    try log.createTopic(
      TopicContract.actions.settings(topic: "actions.web", journalPartitions: Self.partitions))
    try log.createTopic(TopicSettings(name: "events", partitions: 1))
    try JournalHead(partitions: Self.partitions)
      .settle(in: log, topic: TopicContract.journal.name, now: now())
  }

  /// What each of the two loops has taken of the processor, µs; written by its own thread.
  final class Spent: Sendable {
    let ingest = Atomic<Int64>(0)
    let fold = Atomic<Int64>(0)
    var sum: Int64 { ingest.load(ordering: .relaxed) + fold.load(ordering: .relaxed) }
  }

  func ingest(_ spent: Spent) throws {
    let loop = try IngestLoop(
      log: log, sources: [.standard],
      topics: .init(
        journalPartitions: Self.partitions,
        deadLetterPartitions: try log.partitionCount(of: TopicContract.deadLetters.name) ?? 1))
    while true {
      _ = try loop.step(timeoutMs: 100, clock: now)
      spent.ingest.store(microseconds(CLOCK_THREAD_CPUTIME_ID), ordering: .relaxed)
    }
  }

  func fold(_ spent: Spent) throws {
    guard let program = try Book.load(path: book).compile(zones: .system()).program else {
      throw LogError(.stop, "\(book) does not compile")
    }
    let loop = try FoldLoop(
      log: log, program: program, settings: FoldLoop.Settings(writerId: "latency"))
    while true {
      _ = try loop.step(timeoutMs: 100, clock: now)
      spent.fold.store(microseconds(CLOCK_THREAD_CPUTIME_ID), ordering: .relaxed)
    }
  }

  /// Appends what is due each millisecond, in one commit.
  func append() throws {
    let writer = try log.plainWriter()
    let begin = microseconds()
    var number = 0
    while number < count {
      usleep(1000)
      let at = microseconds()
      let due = min(count, Int((at - begin) * Int64(rate) / 1_000_000))
      guard due > number else { continue }
      while number < due {
        let customer = "c\(number * 7919 % customers)"
        let event =
          "{\"id\":\"e\(number)-\(at)\",\"type\":\"click\",\"time\":\(at / 1000),\"customer\":\"\(customer)\","
          + "\"data\":{\"n\":\(decides(number) ? 0 : 1),\"amount\":\(number % 97)}}"
        try writer.append(
          OutRecord(
            topic: "events", partition: 0, key: nil, value: Array(event.utf8), timestamp: at / 1000)
        )
        number += 1
      }
      try writer.commit(offsets: [:], group: "", reader: nil)
    }
  }

  /// Reads decisions until all have come.
  func watch(_ spent: Spent) throws {
    var positions: [TopicPartition: Int64] = [:]
    for partition in 0..<Int32(Self.partitions) {
      positions[TopicPartition(TopicContract.decisions.name, partition)] = 0
    }
    let reader = try log.reader(from: positions)
    var batch = RecordBatch(source: TopicPartition(TopicContract.decisions.name, 0))
    var left = (0..<count).count(where: decides)
    var lines: [String] = []
    var spentBefore: Int64 = 0
    var silence = 0
    while left > 0 {
      guard try reader.poll(into: &batch, timeoutMs: 1000) else {
        silence += 1
        if silence == 60 { throw LogError(.stop, "\(left) decisions have not come") }
        continue
      }
      silence = 0
      let at = microseconds()
      for entry in batch.entries {
        guard let value = entry.value, let (number, sent) = event(of: batch.bytes[value]) else {
          throw LogError(.stop, "a decision without evidence")
        }
        left -= 1
        if number < count / 10 {
          spentBefore = spent.sum
        } else {
          lines.append("\(at - sent)")
        }
      }
    }
    print(lines.joined(separator: "\n"))
    print("cpu \(Double(spent.sum - spentBefore) / 1e6) \(count - count / 10)")
  }

  /// The number and the time in the id of the event that a decision names.
  private func event(of decision: ArraySlice<UInt8>) -> (number: Int, sent: Int64)? {
    let text = String(decoding: decision, as: UTF8.self)
    guard let place = text.range(of: "\"evidence\":[\"e") else { return nil }
    let id = text[place.upperBound...].prefix { $0 != "\"" }.split(separator: "-")
    guard id.count == 2, let number = Int(id[0]), let sent = Int64(id[1]) else { return nil }
    return (number, sent)
  }
}

let words = CommandLine.arguments
guard words.count == 7, let rate = Int(words[3]), let seconds = Int(words[4]),
  let share = Int(words[5]), let customers = Int(words[6])
else {
  print("usage: latency FOLDER BOOK RATE SECONDS SHARE CUSTOMERS")
  exit(64)
}
let bench = Bench(
  log: try EmbeddedLog.open(directory: words[1]), book: words[2], rate: rate, seconds: seconds,
  share: share, customers: customers)
try bench.createTopics()
let spent = Bench.Spent()
start("ingest") { try bench.ingest(spent) }
start("fold") { try bench.fold(spent) }
// What starting up costs is not measured here.
Thread.sleep(forTimeInterval: 1)
start("append") { try bench.append() }
try bench.watch(spent)
exit(0)
