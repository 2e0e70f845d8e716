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
    /// After so many decisions a batch is committed as far as it has been folded. What one record
    /// leads to stays together.
    package var decisionsAtOnce: Int
    package init(
      journal: String = TopicContract.journal.name,
      decisions: String = TopicContract.decisions.name,
      group: String = "kairos-fold", writerId: String, offsetsEvery: Int64 = 1000,
      decisionsAtOnce: Int = 2000
    ) {
      self.journal = journal
      self.decisions = decisions
      self.group = group
      self.writerId = writerId
      self.offsetsEvery = offsetsEvery
      self.decisionsAtOnce = decisionsAtOnce
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
    package var partialMatches: Int
    package var counts: Shard.Counts
    /// As they were when the restore ended.
    package var countsAtStart: Shard.Counts
  }

  private final class Lane {
    var shard: Shard
    /// Output from records before this offset has been committed already.
    let mutedUntil: Int64
    var position: Int64
    var countsAtStart = Shard.Counts()
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
  /// Decisions written since the last commit.
  private var undecided = 0
  /// The log has given us partitions, now or before.
  package private(set) var hasJoined = false

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
        stateBytes: lane.shard.stateBytes,
        partialMatches: lane.shard.partialMatches, counts: lane.shard.counts,
        countsAtStart: lane.countsAtStart)
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
    if undecided > 0 || (!uncommitted.isEmpty && now >= lastCommit + settings.offsetsEvery) {
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
    let now = clock()
    for entry in batch.entries where entry.offset >= lane.position {
      guard let range = entry.value else { continue }
      lane.shard.read(
        batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
      report.records += 1
      let published = lane.shard.takeOutput()
      if entry.offset < lane.mutedUntil {
        lane.countsAtStart = lane.shard.counts
        continue
      }
      if published.isEmpty { continue }
      for decision in published { try write(decision, batch.source.partition, now) }
      report.decisions += published
      undecided += published.count
      guard undecided >= settings.decisionsAtOnce else { continue }
      lane.position = entry.offset + 1
      uncommitted[batch.source] = lane.position
      try commit(clock())
      report.committed = true
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
    undecided = 0
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
          let bounds = try log.bounds(of: partition)
          let known = committed[partition] ?? bounds.lowerBound
          try check(partition, bounds, committed: known)
          lanes[partition.partition] = Lane(
            Shard(program: program, partition: partition.partition), mutedUntil: known,
            position: bounds.lowerBound)
          starts[partition] = bounds.lowerBound
        }
        try reader.start(starts)
        hasJoined = true
      }
    }
  }

  /// A journal that is not the one that was folded, or not all of it, would give other decisions.
  private func check(
    _ partition: TopicPartition, _ bounds: Range<Int64>, committed: Int64
  ) throws(LogError) {
    let name = "\(partition.topic)-\(partition.partition)"
    guard committed <= bounds.upperBound else {
      throw LogError(
        .stop,
        "\(name) ends at \(bounds.upperBound), and \(committed) of it were folded by the group "
          + "\(settings.group): it was made anew; restore the journal, or begin with new topics and "
          + "without that group's offsets")
    }
    guard bounds.lowerBound == 0 else {
      throw LogError(
        .stop,
        "\(name) begins at \(bounds.lowerBound): its first records are gone, and state cannot be "
          + "built without them; set its retention.ms and retention.bytes to -1, and replay the "
          + "sources into a new journal")
    }
  }
}
