internal import Events
package import Log

/// What the log says about the sources' topics: which orders to renew were given (from the control
/// topic), and by what each partition is known again (from `kairos.sources`).
package struct SourceRegister: ~Copyable {
  package struct Place: Hashable, Sendable {
    package var source: String
    package var partition: Int32
    package init(_ source: String, _ partition: Int32) {
      self.source = source
      self.partition = partition
    }
  }

  private let control: TopicPartition
  private let sources: TopicPartition
  private var read: [TopicPartition: Int64] = [:]
  /// The highest incarnation that was ordered, by source.
  private var orders: [String: UInt32] = [:]
  /// Of the highest incarnation that has been read.
  private var topics: [Place: SourceTopic] = [:]
  private var rule = ControlRule()
  private var reader = JsonReader()
  private let plan: FieldPlan

  package init(
    control: String = TopicContract.control.name, sources: String = TopicContract.sources.name
  ) {
    self.control = TopicPartition(control, 0)
    self.sources = TopicPartition(sources, 0)
    plan = reader.plan(SourceTopic.fields)
  }

  /// The incarnation that the source's topic is to have.
  package func ordered(_ source: String) -> UInt32 { orders[source] ?? 0 }

  package func topic(_ source: String, _ partition: Int32) -> SourceTopic? {
    topics[Place(source, partition)]
  }

  /// Partitions that the source's topic has had, by number.
  package func partitions(of source: String) -> [SourceTopic] {
    topics.values.filter { $0.source == source }.sorted { $0.partition < $1.partition }
  }

  /// Reads what is new. Both topics are short: orders are rare, and the other is compacted.
  package mutating func refresh(_ log: any Log) throws(LogError) {
    var batch = RecordBatch(source: control)
    for partition in [control, sources] {
      let bounds = try log.bounds(of: partition)
      let from = max(read[partition] ?? 0, bounds.lowerBound)
      var scan = RecordScan(partition, from..<max(from, bounds.upperBound))
      defer { scan.close() }
      while try scan.next(in: log, into: &batch) {
        for entry in batch.entries { take(partition, batch, entry) }
        read[partition] = batch.nextOffset
      }
      read[partition] = max(from, bounds.upperBound)
    }
  }

  private mutating func take(
    _ partition: TopicPartition, _ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry
  ) {
    if partition == control {
      guard let order = rule.incarnation(batch.bytes.span, entry.value) else { return }
      orders[order.source] = max(orders[order.source] ?? 0, order.number)
      return
    }
    // Nobody but ingest writes there; what is not of its making says nothing.
    guard let value = entry.value,
      let topic = SourceTopic(batch.bytes.span, value, &reader, plan)
    else { return }
    take(topic)
  }

  /// Of two incarnations the higher counts, whichever was written later: a process that has been
  /// put out may write after the one that took its place.
  package mutating func take(_ topic: SourceTopic) {
    let place = Place(topic.source, topic.partition)
    if let known = topics[place], known.incarnation > topic.incarnation { return }
    topics[place] = topic
  }
}

/// The records of a partition within bounds that were asked for before.
struct RecordScan: ~Copyable {
  private let partition: TopicPartition
  private let end: Int64
  private var at: Int64
  private var reader: (any LogReader)?
  private static let patienceMs = 15_000

  init(_ partition: TopicPartition, _ range: Range<Int64>) {
    self.partition = partition
    at = range.lowerBound
    end = range.upperBound
  }

  /// False: that was all.
  mutating func next(in log: any Log, into batch: inout RecordBatch) throws(LogError) -> Bool {
    guard at < end else { return false }
    if self.reader == nil { self.reader = try log.reader(from: [partition: at]) }
    guard let reader = self.reader else { return false }
    var waited = 0
    while !(try reader.poll(into: &batch, timeoutMs: 100)) {
      if waited >= Self.patienceMs {
        throw LogError(
          .retry,
          "\(partition.topic)-\(partition.partition) did not answer in \(waited / 1000) s: check "
            + "that the brokers are up")
      }
      waited += 100
    }
    at = max(batch.nextOffset, at)
    return true
  }

  mutating func close() {
    reader?.close()
    reader = nil
  }
}
