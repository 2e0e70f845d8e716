internal import Events
package import Log

/// Sources to journal: judges records, envelopes the good ones, sets the bad ones aside, and tells
/// every journal partition what time it is. It decides nothing and reads no clock: the time comes
/// in with each call, and what is to be written goes out.
package struct IngestStage: ~Copyable {
  package struct Topics: Equatable, Sendable {
    package var journal: String
    package var journalPartitions: Int
    package var deadLetters: String
    package var deadLetterPartitions: Int
    /// One partition, whose records are copied to every journal partition.
    package var control: String
    /// By what the sources' topics are known again.
    package var sources: String
    package init(
      journal: String = TopicContract.journal.name, journalPartitions: Int,
      deadLetters: String = TopicContract.deadLetters.name,
      deadLetterPartitions: Int = TopicContract.deadLetters.fixedPartitions ?? 1,
      control: String = TopicContract.control.name,
      sources: String = TopicContract.sources.name
    ) {
      self.control = control
      self.sources = sources
      self.journal = journal
      self.journalPartitions = journalPartitions
      self.deadLetters = deadLetters
      self.deadLetterPartitions = deadLetterPartitions
    }
  }

  /// What went by, for metrics.
  package struct Counts: Equatable, Sendable {
    /// Erasures are among them.
    package var events = 0
    package var erasures = 0
    package var skipped = 0
    package var ticks = 0
    /// Records of the control topic that were copied, and that were refused.
    package var controls = 0
    package var refusedControls = 0
    /// By `Rejection.Reason`, in the order of its cases.
    package var rejected = Array(repeating: 0, count: Rejection.Reason.allCases.count)
    /// The same by source, in the order of the settings.
    package var bySource: [OfSource] = []

    package struct OfSource: Equatable, Sendable {
      package var events = 0
      package var rejected = Array(repeating: 0, count: Rejection.Reason.allCases.count)
    }

    package subscript(reason reason: Rejection.Reason) -> Int {
      rejected[Rejection.Reason.allCases.firstIndex(of: reason) ?? 0]
    }
    /// `source`: nil for records of the control topic.
    mutating func add(_ reason: Rejection.Reason, source: Int?) {
      let place = Rejection.Reason.allCases.firstIndex(of: reason) ?? 0
      rejected[place] += 1
      if let source { bySource[source].rejected[place] += 1 }
    }
  }

  private let topics: Topics
  private let sources: [SourceSettings]
  private var lanes: [Lane]
  private var marks: SourceMarks
  private let controls = ControlLane()
  package private(set) var counts = Counts()
  /// The next offset to read of every source partition that is ours: what may be committed once all
  /// that was given out is durable.
  package private(set) var positions: [TopicPartition: Int64] = [:]
  private var incarnations: [TopicPartition: UInt32] = [:]

  /// One source's converter; arrays hold no values that cannot be copied, a class does.
  private final class Lane {
    var converter: SourceConverter
    init(_ settings: SourceSettings) { converter = SourceConverter(settings) }
  }

  private final class ControlLane {
    var rule = ControlRule()
  }

  package init(sources: [SourceSettings], topics: Topics) {
    self.topics = topics
    self.sources = sources
    lanes = sources.map(Lane.init)
    counts.bySource = Array(repeating: .init(), count: sources.count)
    marks = SourceMarks(journalPartitions: topics.journalPartitions)
  }

  private func source(of topic: String) -> Int? { sources.firstIndex { $0.topic == topic } }

  private func mark(_ source: Int, _ partition: Int32) -> SourceMarks.Source {
    SourceMarks.Source(name: Array(sources[source].name.utf8), partition: partition)
  }

  /// A source partition is ours from `position` on. Its first tick goes out before its first event.
  /// `gone`: partitions that its topic no longer has, since it was made anew with fewer.
  package mutating func gained(
    _ partition: TopicPartition, at position: Int64, incarnation: UInt32 = 0,
    gone: [(partition: Int32, incarnation: UInt32)] = []
  ) {
    // Orders have no event time: their partition neither makes a watermark nor holds one.
    if partition.topic == topics.control {
      positions[partition] = position
      return
    }
    guard let index = source(of: partition.topic) else {
      fatalError("a partition of \(partition.topic), which is no source's topic")
    }
    positions[partition] = position
    incarnations[partition] = incarnation
    var ended = (0..<incarnation).map {
      SourceMarks.Ended(partition: partition.partition, incarnation: $0)
    }
    for one in gone {
      ended += (0...one.incarnation).map {
        SourceMarks.Ended(partition: one.partition, incarnation: $0)
      }
    }
    marks.add(
      mark(index, partition.partition), incarnation: incarnation, ended: ended,
      delayMs: sources[index].outOfOrderMs, idleMs: sources[index].idleMs)
  }

  package mutating func lost(_ partition: TopicPartition) {
    positions[partition] = nil
    incarnations[partition] = nil
    if let index = source(of: partition.topic) { marks.remove(mark(index, partition.partition)) }
  }

  /// Takes a batch of one source partition. What is to be written is appended to `out`, in order.
  package mutating func take(
    _ batch: borrowing RecordBatch, now: Int64, into out: inout [OutRecord]
  ) {
    guard let position = positions[batch.source] else { return }
    if batch.source.topic == topics.control {
      for entry in batch.entries where entry.offset >= position {
        broadcast(batch, entry, now, into: &out)
      }
      positions[batch.source] = max(position, batch.nextOffset)
      return
    }
    if marks.hasUnannounced { tick(now: now, into: &out) }
    guard let index = source(of: batch.source.topic) else { return }
    let mark = mark(index, batch.source.partition)
    if !batch.entries.isEmpty { marks.heard(mark) }
    for entry in batch.entries where entry.offset >= position {
      let record = SourceRecord(
        key: entry.key, value: entry.value,
        headers: batch.headers[entry.headers].map { .init(name: $0.name, value: $0.value) })
      let lane = lanes[index]
      switch lane.converter.convert(batch.bytes.span, record, appended: now) {
      case .event:
        let event = journal(lane, batch, entry, record, now)
        let isErasure = lane.converter.draft.isErasure
        marks.event(
          mark, time: lane.converter.draft.time.milliseconds,
          journalPartition: isErasure ? nil : Int(event.partition), now: now)
        out.append(event)
        if isErasure { counts.erasures += 1 }
        counts.events += 1
        counts.bySource[index].events += 1
      case .skipped: counts.skipped += 1
      case .rejected(let rejection):
        counts.add(rejection.reason, source: index)
        out.append(
          DeadLetter.record(
            batch, entry, rejection, source: sources[index].name, topics: topics, now: now))
      }
    }
    positions[batch.source] = max(position, batch.nextOffset)
  }

  private func journal(
    _ lane: Lane, _ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry,
    _ record: SourceRecord, _ now: Int64
  ) -> OutRecord {
    var value: [UInt8] = []
    lane.converter.append(
      batch.bytes.span, record, incarnation: incarnations[batch.source] ?? 0,
      partition: batch.source.partition, offset: entry.offset, to: &value)
    let customer = lane.converter.draft.customer
    return OutRecord(
      topic: topics.journal,
      partition: Int32(partition(ofKey: customer.span, count: topics.journalPartitions)),
      key: customer, value: value, timestamp: now)
  }

  /// One order for every journal partition, each with the order's own origin: a repeated copy is
  /// dropped there as any redelivery is.
  private mutating func broadcast(
    _ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry, _ now: Int64,
    into out: inout [OutRecord]
  ) {
    if let rejection = controls.rule.check(batch.bytes.span, entry.value) {
      counts.refusedControls += 1
      counts.add(rejection.reason, source: nil)
      out.append(
        DeadLetter.record(
          batch, entry, rejection, source: topics.control, topics: topics, now: now))
      return
    }
    counts.controls += 1
    let record = JournalRecord(
      kind: .control, time: EventTime(milliseconds: min(entry.timestamp, now)),
      origin: JournalRecord.Origin(
        name: Array(topics.control.utf8), partition: batch.source.partition,
        offset: entry.offset),
      payload: Array(batch.bytes[entry.value ?? 0..<0]))
    // All copies share these bytes.
    var value: [UInt8] = []
    record.encode(into: &value)
    for number in 0..<Int32(topics.journalPartitions) {
      out.append(
        OutRecord(
          topic: topics.journal, partition: number, key: nil, value: value, timestamp: now))
    }
  }

  /// Says where the reader stands in a source partition: `end` is the log's end as the reader last
  /// heard it, nil if it has not, or is cut off.
  package mutating func observe(_ partition: TopicPartition, end: Int64?, now: Int64) {
    guard let position = positions[partition], let index = source(of: partition.topic) else {
      return
    }
    marks.observe(mark(index, partition.partition), position: position, end: end, now: now)
  }

  /// Writes the ticks that are due: at most one a second and journal partition, and only what it
  /// has not been told.
  package mutating func tick(now: Int64, into out: inout [OutRecord]) {
    for (partition, tick) in marks.takeTicks(now: now) {
      let record = JournalRecord(
        kind: .tick, time: EventTime(milliseconds: now),
        origin: JournalRecord.Origin(name: [], partition: 0, offset: 0), payload: tick.encode())
      var value: [UInt8] = []
      record.encode(into: &value)
      out.append(
        OutRecord(
          topic: topics.journal, partition: Int32(partition), key: nil, value: value,
          timestamp: now))
      counts.ticks += 1
    }
  }
}
