internal import Cel
internal import Engine
internal import Events
internal import Log

/// The state topic of one journal partition: of each key the latest record, and of which journal
/// offset it is.
struct RecordedState {
  struct Entry {
    var key: [UInt8]
    var offset: Int64
    var hash: UInt64
    var bytes: Int
  }

  /// By the journal offset that they are of. What was left out, and why.
  private var due: [(asOf: Int64, entry: Entry)] = []
  private var place = 0
  private(set) var notes: [String] = []
  private(set) var damaged: [(key: [UInt8], offset: Int64, why: String)] = []
  let topic: TopicPartition

  /// Reads the topic as far as it is now. `range`: journal offsets that are compared; state of the
  /// last one is the state behind all of them.
  init(_ log: any Log, _ topic: TopicPartition, _ range: Range<Int64>) throws(LogError) {
    self.topic = topic
    var latest: [[UInt8]: (asOf: Int64, entry: Entry)] = [:]
    var failed: [(key: [UInt8], offset: Int64, why: String)] = []
    try eachRecord(of: topic, in: log) { entry, bytes in
      guard let place = entry.key else { return }
      let key = Array(bytes[place])
      failed.removeAll { $0.key == key }
      guard let range = entry.value else {
        latest[key] = nil
        return
      }
      let value = Array(bytes[range])
      do {
        latest[key] = (
          try StateRecord.asOf(key: key, value: value),
          Entry(key: key, offset: entry.offset, hash: stableHash(value.span), bytes: value.count)
        )
      } catch {
        latest[key] = nil
        failed.append((key, entry.offset, "\(error)"))
      }
    }
    damaged = failed
    let within = latest.values.filter { $0.asOf <= range.upperBound }
    due = within.filter { $0.asOf >= range.lowerBound }.sorted {
      ($0.asOf, $0.entry.offset) < ($1.asOf, $1.entry.offset)
    }
    if within.count < latest.count {
      notes.append(
        "\(latest.count - within.count) records of \(topic.topic)-\(topic.partition) are of journal "
          + "offsets beyond \(range.upperBound)")
    }
  }

  /// Those that are of a journal offset up to `next` and were not taken yet.
  mutating func take(upTo next: Int64) -> ArraySlice<(asOf: Int64, entry: Entry)> {
    let start = place
    while place < due.count, due[place].asOf <= next { place += 1 }
    return due[start..<place]
  }
}

/// Records of a topic that each journal partition writes one after the other: hash points, proofs.
struct RecordedNotes {
  let topic: TopicPartition
  /// By the journal offset that they name, in the order of the topic.
  private(set) var entries: [(position: Int64, offset: Int64, value: [UInt8])] = []

  init(_ log: any Log, _ topic: TopicPartition) throws(LogError) {
    self.topic = topic
    var json = JsonReader()
    let plan = json.plan([["offset"]])
    var found: [(position: Int64, offset: Int64, value: [UInt8])] = []
    try eachRecord(of: topic, in: log) { entry, bytes in
      guard let range = entry.value else { return }
      let isRead = json.check(plan, bytes.span, range) == nil && json.field(0).kind == .int
      found.append((isRead ? json.field(0).int : .min, entry.offset, Array(bytes[range])))
    }
    entries = found
  }
}

/// Reads a partition from its first record to where it ends now.
private func eachRecord(
  of topic: TopicPartition, in log: any Log, _ body: (RecordBatch.Entry, [UInt8]) -> Void
) throws(LogError) {
  let bounds = try log.bounds(of: topic)
  guard !bounds.isEmpty else { return }
  let reader = try log.reader(from: [topic: bounds.lowerBound])
  defer { reader.close() }
  var batch = RecordBatch(source: topic)
  var next = bounds.lowerBound
  var silence = 0
  while next < bounds.upperBound {
    guard try reader.poll(into: &batch, timeoutMs: 500) else {
      silence += 1
      guard silence < 40 else {
        throw LogError(
          .retry,
          "\(topic.topic)-\(topic.partition) gives nothing from offset \(next) on; try again when "
            + "its brokers answer")
      }
      continue
    }
    silence = 0
    for entry in batch.entries { body(entry, batch.bytes) }
    next = batch.nextOffset
  }
}
