import Engine
import Events
import Foundation
import Log
import Playbooks
import TestSupport
import Testing

@testable import Replay

/// Says what partitions come and go, when a test tells it to.
private final class MovingReader: GroupReader {
  let inner: any GroupReader
  var orders: [Assignment] = []

  init(_ inner: any GroupReader) { self.inner = inner }

  func takeAssignments() -> [Assignment] {
    defer { orders = [] }
    return inner.takeAssignments() + orders
  }
  func start(_ positions: [TopicPartition: Int64]) throws(LogError) { try inner.start(positions) }
  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError) {
    try inner.commit(positions, metadata: metadata)
  }
  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    try inner.poll(into: &batch, timeoutMs: timeoutMs)
  }
  func knownEnd(of partition: TopicPartition) -> Int64? { inner.knownEnd(of: partition) }
  func close() { inner.close() }
}

private final class MovingWriter: LogWriter {
  let inner: any LogWriter
  init(_ inner: any LogWriter) { self.inner = inner }
  func append(_ record: OutRecord) throws(LogError) { try inner.append(record) }
  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try inner.commit(
      offsets: offsets, group: group, reader: (reader as? MovingReader)?.inner ?? reader)
  }
  func abort() throws(LogError) { try inner.abort() }
  func close() { inner.close() }
}

private final class MovingLog: Log, @unchecked Sendable {
  let inner: EmbeddedLog
  var reader: MovingReader?
  /// Where a dead process's transaction is open.
  var unknown: Set<TopicPartition> = []
  init(_ inner: EmbeddedLog) { self.inner = inner }

  func partitionCount(of topic: String) throws(LogError) -> Int? {
    try inner.partitionCount(of: topic)
  }
  func createTopic(_ settings: TopicSettings) throws(LogError) { try inner.createTopic(settings) }
  func reader(from positions: [TopicPartition: Int64]) throws(LogError) -> any LogReader {
    try inner.reader(from: positions)
  }
  func groupReader(group: String, topics: [String]) throws(LogError) -> any GroupReader {
    let reader = MovingReader(try inner.groupReader(group: group, topics: topics))
    self.reader = reader
    return reader
  }
  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    try inner.commits(group: group, partitions)
  }
  func commits(
    group: String, _ partitions: [TopicPartition], withinMs: Int
  ) throws(LogError) -> [TopicPartition: CommittedOffset]? {
    unknown.isDisjoint(with: partitions) ? try commits(group: group, partitions) : nil
  }
  func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    try inner.bounds(of: partition)
  }
  func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    MovingWriter(try inner.transactionalWriter(id: id))
  }
  func plainWriter() throws(LogError) -> any LogWriter { try inner.plainWriter() }
}

@Suite struct `The fold over a log` {
  private let partitions = [0, 1].map { TopicPartition("kairos.journal", $0) }

  @Test func `goes on from the state topic and folds little again`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 2_000)
      try bench.take(bench.busy.events[..<1_900])
      let first = try bench.loop()
      let all = try bench.settle(first)
      #expect(all >= 1_900)
      #expect(first.totals.seals > 4)
      let before = first.partitions
      first.close()
      let second = try bench.loop()
      let again = try bench.settle(second)
      #expect(again < 1_100, "\(again)")
      #expect(second.partitions.map(\.customers) == before.map(\.customers))
      #expect(second.partitions.map(\.counts) == before.map(\.counts))
      #expect(second.partitions.map(\.watermark) == before.map(\.watermark))
      try bench.take(bench.busy.events[1_900...])
      try bench.settle(second)
      #expect(try bench.decisions() == bench.busy.expected)
      second.close()
    }
  }

  @Test func `is restored by the journal alone what is restored by the state topic`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 600)
      try bench.take(bench.busy.events)
      var settings = bench.settings()
      let first = try bench.loop(settings)
      try bench.settle(first)
      first.close()
      let restored = try bench.loop(settings)
      try bench.settle(restored)
      settings.state = nil
      let folded = try bench.loop(settings)
      #expect(try bench.settle(folded) >= 600)
      for number in [Int32(0), 1] {
        #expect(
          restored.lanes[number]!.shard.snapshot() == folded.lanes[number]!.shard.snapshot())
      }
    }
  }

  @Test func `a pass never lets a restore fold much more than its bound`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 4_000)
      var settings = bench.settings()
      settings.restoreRecords = 1_200
      let loop = try bench.loop(settings)
      // 503 customers in all: twice their number is less than the bound.
      for start in stride(from: 0, to: 4_000, by: 50) {
        try bench.take(bench.busy.events[start..<(start + 50)])
        try bench.settle(loop)
        for partition in loop.partitions {
          #expect(partition.unsealed <= 900, "at \(start)")
        }
      }
      #expect(loop.totals.seals > 8)
    }
  }

  @Test func `a partition that comes back unchanged goes on as it was`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 400)
      let moving = MovingLog(bench.log)
      try bench.take(bench.busy.events[..<200])
      let loop = try bench.loop(on: moving)
      try bench.settle(loop)
      let kept = loop.lanes[1]
      moving.reader?.orders = [.lost(partitions), .gained(partitions)]
      #expect(try bench.settle(loop) == 0)
      #expect(loop.lanes[1] === kept)
      try bench.take(bench.busy.events[200...])
      try bench.settle(loop)
      #expect(try bench.decisions() == bench.busy.expected)
    }
  }

  @Test func `a partition that others have moved on is restored, not gone on with`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 600)
      let moving = MovingLog(bench.log)
      try bench.take(bench.busy.events[..<200])
      let loop = try bench.loop(on: moving)
      try bench.settle(loop)
      let kept = loop.lanes[1]
      moving.reader?.orders = [.lost(partitions)]
      _ = try loop.step(timeoutMs: 0) { bench.now }
      #expect(loop.partitions.isEmpty)
      try bench.take(bench.busy.events[200..<400])
      let other = try bench.loop()
      try bench.settle(other)
      other.close()
      // As on Kafka, where the first process is a member still.
      moving.reader = nil
      let back = try bench.loop(on: moving)
      back.aside = loop.aside
      #expect(back.aside.count == 2)
      try bench.settle(back)
      #expect(back.lanes[1] !== kept)
      try bench.take(bench.busy.events[400...])
      try bench.settle(back)
      #expect(try bench.decisions() == bench.busy.expected)
    }
  }

  @Test func `what was at hand goes on while it is unknown where the group stands with the rest`()
    throws
  {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 600)
      let moving = MovingLog(bench.log)
      try bench.take(bench.busy.events[..<200])
      let loop = try bench.loop(on: moving)
      try bench.settle(loop)
      let kept = loop.lanes[1]
      moving.reader?.orders = [.lost(partitions)]
      _ = try loop.step(timeoutMs: 0) { bench.now }
      // The other was somebody else's until now.
      loop.aside[0] = nil
      moving.unknown = [partitions[0]]
      moving.reader?.orders = [.gained(partitions)]
      try bench.take(bench.busy.events[200..<400])
      try bench.settle(loop)
      #expect(loop.lanes[1] === kept)
      #expect(loop.partitions.map(\.isReady) == [false, true])
      #expect(loop.partitions[1].lag == 0)
      let some = try bench.decisions().count
      moving.unknown = []
      bench.tick(10_000)
      try bench.settle(loop)
      #expect(loop.partitions.map(\.isReady) == [true, true])
      #expect(try bench.decisions().count > some)
      try bench.take(bench.busy.events[400...])
      try bench.settle(loop)
      #expect(try bench.decisions() == bench.busy.expected)
    }
  }

  @Test func `state without a head is read on for a while, and then refused`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 300)
      try bench.take(bench.busy.events)
      let first = try bench.loop()
      try bench.settle(first)
      first.close()
      let writer = try bench.log.plainWriter()
      try writer.append(
        OutRecord(
          topic: "kairos.state", partition: 1, key: StateRecord.head, value: nil,
          timestamp: bench.now))
      try writer.commit(offsets: [:], group: "", reader: nil)
      let loop = try bench.loop()
      defer { loop.close() }
      try bench.settle(loop)
      #expect(loop.partitions.map(\.isReady) == [true, false])
      bench.tick(31_000)
      let error = #expect(throws: LogError.self) { try bench.settle(loop) }
      #expect(error?.remedy == .stop)
      #expect(error?.message.contains("--rebuild-state") ?? false)
    }
  }

  @Test func `state that cannot be read is refused with the remedy, and the remedy helps`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 300)
      try bench.take(bench.busy.events[..<200])
      let first = try bench.loop()
      try bench.settle(first)
      first.close()
      let key = try #require(
        readTopic("kairos.state", of: bench.directory).first { $0.key?.hasPrefix("c:") ?? false })
      let writer = try bench.log.plainWriter()
      try writer.append(
        OutRecord(
          topic: "kairos.state", partition: key.partition, key: Array((key.key ?? "").utf8),
          value: Array("nonsense".utf8), timestamp: bench.now))
      try writer.commit(offsets: [:], group: "", reader: nil)
      let error = #expect(throws: LogError.self) {
        let loop = try bench.loop()
        defer { loop.close() }
        try bench.settle(loop)
      }
      #expect(error?.remedy == .stop)
      #expect(error?.message.contains("kairos.state-\(key.partition)") ?? false)
      #expect(error?.message.contains("--rebuild-state") ?? false)
      var settings = bench.settings()
      settings.rebuildsState = true
      let rebuilding = try bench.loop(settings)
      #expect(try bench.settle(rebuilding) >= 200)
      rebuilding.close()
      try bench.take(bench.busy.events[200...])
      let last = try bench.loop()
      try bench.settle(last)
      #expect(try bench.decisions() == bench.busy.expected)
    }
  }

  @Test func `state that is ahead of the group is refused with the offset to set`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 50)
      try bench.take(bench.busy.events)
      try bench.settle(try bench.loop())
      var settings = bench.settings()
      settings.group = "another"
      let error = #expect(throws: LogError.self) { try bench.settle(try bench.loop(settings)) }
      #expect(error?.remedy == .stop)
      #expect(error?.message.contains("--reset-offsets --to-offset") ?? false)
    }
  }

  @Test func `a semantics number that is not known stops its partition alone`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 200)
      try bench.take(bench.busy.events[..<100])
      try bench.order(.semantics(1), offset: 0, partitions: [0])
      try bench.take(bench.busy.events[100...])
      var settings = bench.settings()
      settings.semantics = 0...0
      let loop = try bench.loop(settings)
      try bench.settle(loop)
      let stopped = loop.partitions
      #expect(stopped[0].stopped?.contains("semantics 1") ?? false)
      #expect(stopped[0].stopped?.contains("deploy") ?? false)
      #expect(stopped[1].stopped == nil && stopped[1].lag == 0)
      let made = try bench.decisions()
      #expect(made.count > 100 && made.count < 200)
      // A build that knows the number goes on where that one stood.
      loop.close()
      try bench.settle(try bench.loop())
      #expect(try bench.decisions() == bench.busy.expected)
    }
  }

  /// Has its second book from a certain time on.
  private final class LateShelf: ProgramSource {
    let initial: Program
    var later: [String: Program] = [:]
    init(_ initial: Program) { self.initial = initial }
    var known: [String: Program] { later.merging([initial.hash: initial]) { a, _ in a } }
    func find(_ hash: String) throws(LogError) -> Program {
      if let program = known[hash] { return program }
      throw LogError(.stop, "the book \(hash) is missing; publish it")
    }
  }

  @Test func `a book that is missing stops its partition until it is there`() throws {
    try withTemporaryFolder { folder in
      let bench = try JournalBench(folder, events: 200)
      let text = try fileText(bench.busy.playbook).replacing("hello", with: "hello")
        .replacing("expires: 1h", with: "expires: 2h")
      let (book, problems) = Book.parse(files: [(name: "busy.yaml", bytes: Array(text.utf8))])
      let second = try #require(book, "\(problems)").program(zones: .system())
      try bench.take(bench.busy.events[..<100])
      try bench.order(.book(hash: second.hash, backfillSince: nil), offset: 0, partitions: [1])
      try bench.take(bench.busy.events[100...])
      let shelf = LateShelf(bench.program)
      let loop = try FoldLoop(log: bench.log, programs: shelf, settings: bench.settings())
      try bench.settle(loop)
      #expect(loop.partitions[0].stopped == nil)
      #expect(loop.partitions[1].stopped?.contains(second.hash) ?? false)
      #expect(try bench.decisions().count < 200)
      shelf.later[second.hash] = second
      bench.tick(10_000)
      try bench.settle(loop)
      #expect(loop.partitions[1].stopped == nil)
      #expect(try bench.decisions().count == 200)
    }
  }
}

@Suite struct `The pace of state` {
  private let limits = SealPace.Limits(bound: 1_000, every: 60_000, portion: 1_000, most: 8_000)

  @Test func `a pass begins half a bound after the last seal, or when time is up`() {
    let pace = SealPace(sealed: 100, now: 0)
    #expect(!pace.mustBegin(next: 100, now: 90_000, limits))
    #expect(!pace.mustBegin(next: 599, now: 59_999, limits))
    #expect(pace.mustBegin(next: 600, now: 1, limits))
    #expect(pace.mustBegin(next: 101, now: 60_000, limits))
  }

  @Test func `what is due grows with the records read, within its limits`() {
    var pace = SealPace(sealed: 0, now: 0)
    pace.begin(at: 500, customers: 10, now: 0)
    #expect(pace.due(next: 500, remaining: 10, now: 0, isIdle: false, limits) == 0)
    #expect(pace.due(next: 550, remaining: 10, now: 0, isIdle: false, limits) == 512)
    #expect(pace.due(next: 550, remaining: 9, now: 0, isIdle: false, limits) == 0)
    #expect(pace.due(next: 1_000, remaining: 9, now: 0, isIdle: false, limits) == 9 * 512)
    #expect(pace.due(next: 500, remaining: 10, now: 30_000, isIdle: false, limits) == 5 * 512)
    #expect(pace.due(next: 500, remaining: 10, now: 0, isIdle: true, limits) == 1_000)
    pace = SealPace(sealed: 0, now: 0)
    pace.begin(at: 0, customers: 1_000, now: 0)
    #expect(pace.due(next: 9_000, remaining: 1_000, now: 0, isIdle: false, limits) == 8_000)
  }
}
