package import Log

/// Drives one `IngestStage` between a log and the clock: reads sources and orders, appends to the
/// journal and to the dead letters, and commits source offsets once that is durable.
///
/// One thread. What fails in passing (`.retry`) is tried again in place, with pauses, and `waiting`
/// says for what; nothing more is read meanwhile, so memory stays within what one step reads. After
/// any error that is thrown it is of no more use; a new one goes on from what is committed, and
/// what was already written is written again and dropped by the fold, which knows its origins.
package final class IngestLoop {
  let log: any Log
  let group: String
  package let reader: any GroupReader
  private let writer: any LogWriter
  let sources: [SourceSettings]
  let topics: IngestStage.Topics
  package var stage: IngestStage
  var examination: SourceExamination
  private var batch = RecordBatch(source: TopicPartition("", 0))
  private var outgoing = Outgoing()
  private var committed: [TopicPartition: Int64] = [:]

  /// Given to us, and not started yet.
  var unsettled: Set<TopicPartition> = []
  /// Given to us, and not read.
  package internal(set) var stopped: [TopicPartition: String] = [:]
  var readings: [TopicPartition: SourceReading] = [:]
  /// Of the sources whose topics are missing.
  package internal(set) var missing: Set<String> = []
  var nextLook = Int64.min
  var nextProbe = Int64.min
  var probes = 0
  var notices: [String] = []

  private var patience = Patience()

  /// After so many records read a step commits, whatever else is there to read.
  package static let recordsAtOnce = 10_000
  /// The same in bytes.
  package static let bytesAtOnce = 16 << 20

  /// Joins the group that reads all sources and the control topic. The journal must exist, with its
  /// heads (`JournalHead.settle`), and so must Kairos' other topics.
  package init(
    log: any Log, sources: [SourceSettings], topics: IngestStage.Topics,
    group: String = "kairos-ingest"
  ) throws(LogError) {
    self.log = log
    self.group = group
    self.sources = sources
    self.topics = topics
    if let count = try log.partitionCount(of: topics.control), count != 1 {
      throw LogError(
        .stop,
        "the topic \(topics.control) has \(count) partitions, and orders have one order only with "
          + "one: delete it, then kairos topics apply")
    }
    stage = IngestStage(sources: sources, topics: topics)
    examination = SourceExamination(
      group: group, register: SourceRegister(control: topics.control, sources: topics.sources))
    var present: [String] = []
    for source in sources {
      if try log.partitionCount(of: source.topic) == nil {
        missing.insert(source.name)
      } else if !present.contains(source.topic) {
        present.append(source.topic)
      }
    }
    writer = try log.plainWriter()
    reader = try log.groupReader(group: group, topics: present + [topics.control])
  }

  package var counts: IngestStage.Counts { stage.counts }

  /// What it waits for, since when; nil: it works.
  package var waiting: Waiting? { patience.waiting }

  /// What a person should know, a line each, once.
  package func takeNotices() -> [String] {
    defer { notices.removeAll() }
    return notices
  }

  /// The sources that are not read, or not wholly, each with the reason.
  package var stoppedSources: [String: String] {
    var lines: [String: String] = [:]
    for (partition, line) in stopped {
      guard let source = sources.first(where: { $0.topic == partition.topic }) else { continue }
      lines[source.name] = min(line, lines[source.name] ?? line)
    }
    for name in missing { lines[name] = "source \(name): its topic is missing; create it" }
    return lines
  }

  /// How many records of each of our source partitions are known to be unread.
  package var lags: [(partition: TopicPartition, records: Int64)] {
    stage.positions.compactMap { partition, position in
      reader.knownEnd(of: partition).map { (partition, max(0, $0 - position)) }
    }
  }

  /// How many records of our source partitions are known to be unread.
  package var lag: Int64 {
    var sum: Int64 = 0
    for (partition, position) in stage.positions {
      sum += max(0, (reader.knownEnd(of: partition) ?? position) - position)
    }
    return sum
  }

  /// Reads what is there, waiting up to `timeoutMs` for something, and makes it durable. `clock`:
  /// milliseconds since 1970. Returns how many records it wrote.
  package func step(timeoutMs: Int, clock: () -> Int64) throws(LogError) -> Int {
    guard !patience.isPausing(at: clock()) else {
      Patience.sleep(milliseconds: timeoutMs)
      return 0
    }
    do throws(LogError) {
      if outgoing.isEmpty { try gather(timeoutMs, clock) }
      let count = try write()
      try commit()
      patience.end()
      return count
    } catch {
      guard error.remedy == .retry else { throw error }
      patience.begin(error.message, at: clock())
      return 0
    }
  }

  /// Reads, and fills `outgoing`. What was read before a failure stays there.
  private func gather(_ timeoutMs: Int, _ clock: () -> Int64) throws(LogError) {
    takeAssignments()
    try settle(now: clock())
    try look(now: clock())
    var timeout = timeoutMs
    var (records, bytes) = (0, 0)
    while records < Self.recordsAtOnce, bytes < Self.bytesAtOnce, try poll(timeout) {
      records += batch.entries.count
      bytes += batch.bytes.count
      let now = clock()
      note(batch, now: now)
      stage.take(batch, now: now, into: &outgoing.records)
      timeout = 0
    }
    let now = clock()
    for partition in stage.positions.keys {
      stage.observe(partition, end: reader.knownEnd(of: partition), now: now)
    }
    stage.tick(now: now, into: &outgoing.records)
  }

  private func poll(_ timeoutMs: Int) throws(LogError) -> Bool {
    do throws(LogError) {
      return try reader.poll(into: &batch, timeoutMs: timeoutMs)
    } catch {
      guard error.remedy == .stop, try isAnySourceChanged() else { throw error }
      throw LogError(.recreate, error.message)
    }
  }

  /// The first record of a source partition that is ever read is noted before anything of it can be
  /// in the journal: else a topic that is made anew right then would not be noticed.
  private func note(_ batch: borrowing RecordBatch, now: Int64) {
    guard let position = stage.positions[batch.source],
      let first = batch.entries.first(where: { $0.offset >= position }),
      let last = batch.entries.last
    else { return }
    guard let topic = readings[batch.source]?.see(batch, first, last, position: position) else {
      return
    }
    outgoing.before.append(topic.record(topic: topics.sources, now: now))
    examination.register.take(topic)
  }

  /// Returns how many records are durable by it.
  private func write() throws(LogError) -> Int {
    guard !outgoing.isEmpty else { return 0 }
    while let record = outgoing.next {
      if outgoing.isAtBarrier {
        try writer.commit(offsets: [:], group: group, reader: nil)
        outgoing.passBarrier()
      }
      try writer.append(record)
      outgoing.advance()
    }
    try writer.commit(offsets: [:], group: group, reader: nil)
    return outgoing.removeAll()
  }

  /// All before the stage's positions is durable.
  private func commit() throws(LogError) {
    takeAssignments()
    for (partition, position) in stage.positions { readings[partition]?.durable(to: position) }
    let moved = stage.positions.filter { committed[$0.key] != $0.value }
    guard !moved.isEmpty else { return }
    var metadata: [TopicPartition: String] = [:]
    for partition in moved.keys {
      if let reading = readings[partition] {
        metadata[partition] = SourceContinuity.Committed.metadata(reading.incarnation)
      }
    }
    try reader.commit(moved, metadata: metadata)
    for (partition, position) in moved { committed[partition] = position }
  }

  /// Nothing is under way between two steps but what a failure has left, and that may be finished
  /// by whoever began it: a lost partition needs no farewell.
  private func takeAssignments() {
    for change in reader.takeAssignments() {
      switch change {
      case .lost(let partitions):
        for partition in partitions {
          drop(partition)
          unsettled.remove(partition)
          stopped[partition] = nil
        }
      case .gained(let partitions):
        unsettled.formUnion(partitions)
      }
    }
  }

  func drop(_ partition: TopicPartition) {
    stage.lost(partition)
    committed[partition] = nil
    readings[partition] = nil
  }

  func began(_ partition: TopicPartition, at position: Int64) { committed[partition] = position }

  /// Makes sure that something is written with the next step.
  func send(_ record: OutRecord) { outgoing.records.append(record) }

  package func close() {
    reader.close()
    writer.close()
  }
}

/// Records on their way out, and how far they have been appended. Those of `before` are durable
/// before any of the others is appended.
private struct Outgoing {
  var before: [OutRecord] = []
  var records: [OutRecord] = []
  private var place = 0
  private var isPastBarrier = false

  var isEmpty: Bool { before.isEmpty && records.isEmpty }
  var next: OutRecord? {
    if place < before.count { return before[place] }
    return place - before.count < records.count ? records[place - before.count] : nil
  }
  mutating func advance() { place += 1 }
  var isAtBarrier: Bool { place == before.count && !before.isEmpty && !isPastBarrier }
  mutating func passBarrier() { isPastBarrier = true }

  mutating func removeAll() -> Int {
    defer {
      before.removeAll()
      records.removeAll(keepingCapacity: true)
      place = 0
      isPastBarrier = false
    }
    return before.count + records.count
  }
}
