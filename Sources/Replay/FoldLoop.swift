internal import Decisions
package import Engine
internal import Events
package import Log

/// Drives the fold over a log's journal: restores each partition that it is given, folds what comes,
/// and commits decisions and the journal offset together.
///
/// A gained partition is folded from the journal's first record with its output muted up to the
/// committed offset: so a machine with nothing on it goes on where another stopped. One thread.
/// After an error it is of no more use; a new one goes on from what is committed.
package final class FoldLoop {
  package struct Settings: Sendable {
    package var journal: String
    package var decisions: String
    package var group: String
    /// Stable per process: a new writer of this id fences the one that a crash left behind.
    package var writerId: String
    /// Offsets without decisions are committed this often, ms.
    package var offsetsEvery: Int64
    package init(
      journal: String = TopicContract.journal.name, decisions: String = TopicContract.decisions.name,
      group: String = "kairos-fold", writerId: String, offsetsEvery: Int64 = 1000
    ) {
      self.journal = journal
      self.decisions = decisions
      self.group = group
      self.writerId = writerId
      self.offsetsEvery = offsetsEvery
    }
  }

  /// What one step did.
  package struct Report {
    /// Journal records that were folded.
    package var records = 0
    /// What was published and is committed.
    package var decisions: [Shard.Published] = []
    /// A commit took place.
    package var committed = false
  }

  /// One journal partition in our hands.
  package struct Partition: Sendable {
    package var number: Int32
    /// Nil while it is being restored.
    package var isReady: Bool
    package var watermark: Int64
    package var lag: Int64?
    package var customers: Int
    package var stateBytes: Int
    package var counts: Shard.Counts
  }

  private final class Lane {
    var shard: Shard
    /// Output from records before this offset has been committed already.
    let mutedUntil: Int64
    var position: Int64
    init(_ shard: consuming Shard, mutedUntil: Int64, position: Int64) {
      self.shard = shard
      self.mutedUntil = mutedUntil
      self.position = position
    }
    var isReady: Bool { position >= mutedUntil }
  }

  private let log: any Log
  private let program: Program
  private let settings: Settings
  private let reader: any GroupReader
  private let writer: any LogWriter
  private var lanes: [Int32: Lane] = [:]
  private var batch: RecordBatch
  private var uncommitted: [TopicPartition: Int64] = [:]
  private var lastCommit = Int64.min
  private var partitionCounts: [String: Int] = [:]

  package init(log: any Log, program: Program, settings: Settings) throws(LogError) {
    self.log = log
    self.program = program
    self.settings = settings
    batch = RecordBatch(source: TopicPartition(settings.journal, 0))
    // The writer first: it fences a predecessor, whose transaction would hide committed offsets.
    writer = try log.transactionalWriter(id: settings.writerId)
    reader = try log.groupReader(group: settings.group, topics: [settings.journal])
  }

  package var partitions: [Partition] {
    lanes.keys.sorted().map { number in
      let lane = lanes[number]!
      let end = reader.knownEnd(of: TopicPartition(settings.journal, number))
      return Partition(
        number: number, isReady: lane.isReady, watermark: lane.shard.watermark,
        lag: end.map { max(0, $0 - lane.position) }, customers: lane.shard.customerCount,
        stateBytes: lane.shard.stateBytes, counts: lane.shard.counts)
    }
  }

  /// Folds what is there, waiting up to `timeoutMs` for something, and commits. `clock`: milliseconds
  /// since 1970, the append time of what is written.
  package func step(timeoutMs: Int, clock: () -> Int64) throws(LogError) -> Report {
    try takeAssignments()
    var report = Report()
    var timeout = timeoutMs
    var rounds = 0
    while rounds < 16, try reader.poll(into: &batch, timeoutMs: timeout) {
      rounds += 1
      timeout = 0
      try fold(&report, clock)
      // Decisions do not wait for more to read.
      if !report.decisions.isEmpty { break }
    }
    let now = clock()
    if !report.decisions.isEmpty || (!uncommitted.isEmpty && now >= lastCommit + settings.offsetsEvery)
    {
      try commit(now)
      report.committed = true
    }
    return report
  }

  /// Commits what has been folded, for a good end.
  package func drain(clock: () -> Int64) throws(LogError) {
    if !uncommitted.isEmpty { try commit(clock()) }
  }

  package func close() {
    reader.close()
    writer.close()
  }

  private func fold(_ report: inout Report, _ clock: () -> Int64) throws(LogError) {
    guard let lane = lanes[batch.source.partition] else { return }
    for entry in batch.entries where entry.offset >= lane.position {
      guard let range = entry.value else { continue }
      lane.shard.read(
        batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
      report.records += 1
      let published = lane.shard.takeOutput()
      if published.isEmpty || entry.offset < lane.mutedUntil { continue }
      for decision in published { try write(decision, batch.source.partition, clock()) }
      report.decisions += published
    }
    lane.position = max(lane.position, batch.nextOffset)
    if lane.isReady, lane.position > lane.mutedUntil { uncommitted[batch.source] = lane.position }
  }

  private func write(
    _ published: Shard.Published, _ journalPartition: Int32, _ now: Int64
  ) throws(LogError) {
    let record = published.record
    let headers = record.headers(
      journal: (journalPartition, published.position), watermark: published.watermark)
    for topic in [settings.decisions, record.actionTopic].compactMap({ $0 }) {
      let count = try partitionCount(of: topic)
      try writer.append(
        OutRecord(
          topic: topic, partition: Int32(partition(ofKey: record.customer.span, count: count)),
          key: record.customer, value: record.value, headers: headers, timestamp: now))
    }
  }

  private func partitionCount(of topic: String) throws(LogError) -> Int {
    if let known = partitionCounts[topic] { return known }
    guard let count = try log.partitionCount(of: topic) else {
      throw LogError(.stop, "the topic \(topic) is missing; create it: kairos topics apply")
    }
    partitionCounts[topic] = count
    return count
  }

  private func commit(_ now: Int64) throws(LogError) {
    try writer.commit(offsets: uncommitted, group: settings.group, reader: reader)
    uncommitted.removeAll()
    lastCommit = now
  }

  /// Nothing but offsets is uncommitted between two steps, so a lost partition needs no farewell.
  private func takeAssignments() throws(LogError) {
    for change in reader.takeAssignments() {
      switch change {
      case .lost(let partitions):
        for partition in partitions {
          lanes[partition.partition] = nil
          uncommitted[partition] = nil
        }
      case .gained(let partitions):
        let committed = try log.committed(group: settings.group, partitions)
        var starts: [TopicPartition: Int64] = [:]
        for partition in partitions {
          let first = try log.bounds(of: partition).lowerBound
          lanes[partition.partition] = Lane(
            Shard(program: program, partition: partition.partition),
            mutedUntil: committed[partition] ?? first, position: first)
          starts[partition] = first
        }
        try reader.start(starts)
      }
    }
  }
}
