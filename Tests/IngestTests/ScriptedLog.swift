import Events
import Ingest
import Log

/// A log in memory that fails where a test says so. Used by one thread.
///
/// Records are on their way until `pump` or a flush delivers them: of each writer in order per
/// partition, and of several writers in any mixture. Whoever owns a partition may commit its
/// offsets; nobody is kept from reading or writing.
final class ScriptedLog: Log, @unchecked Sendable {
  enum Call: CaseIterable {
    case partitionCount, reader, groupReader, commits, bounds, plainWriter, poll, start, append
    case flush, commit
  }
  struct Stored {
    var offset: Int64
    var timestamp: Int64
    var key: [UInt8]?
    var value: [UInt8]?
  }
  struct Partition {
    var first: Int64 = 0
    var end: Int64 = 0
    var records: [Stored] = []
  }

  var partitions: [String: [Partition]] = [:]
  var offsets: [String: [TopicPartition: CommittedOffset]] = [:]
  /// The group readers that there are, by number, and what each owns.
  var owned: [Int: Set<TopicPartition>] = [:]
  private var nextReader = 0
  fileprivate(set) var writers: [ScriptedWriter] = []
  /// Broken on purpose: each so many-th record is never sent; a flush does not wait.
  var gapEvery = 0
  var forgetsFlush = false
  fileprivate var appended = 0
  /// Asked at each call, before it takes effect; with `late` afterwards, as when an answer is lost.
  var fault: (Call, _ late: Bool) -> LogError? = { _, _ in nil }

  func attempt(_ call: Call, late: Bool = false) throws(LogError) {
    if let error = fault(call, late) { throw error }
  }

  // MARK: Topics

  func create(_ topic: String, _ count: Int = 1) {
    partitions[topic] = Array(repeating: Partition(), count: count)
  }

  /// As brokers do it: the group's offsets of a topic go with it.
  func delete(_ topic: String, keepOffsets: Bool = false) {
    partitions[topic] = nil
    guard !keepOffsets else { return }
    for group in offsets.keys {
      offsets[group] = offsets[group]?.filter { $0.key.topic != topic }
    }
  }

  func put(_ topic: String, _ partition: Int = 0, _ value: String?, at time: Int64 = 0) {
    store(
      OutRecord(
        topic: topic, partition: Int32(partition), key: nil, value: value.map { Array($0.utf8) },
        timestamp: time))
  }

  /// A transaction's own record: an offset that nobody sees.
  func skip(_ topic: String, _ partition: Int = 0) { partitions[topic]?[partition].end += 1 }

  func removeRecords(of topic: String, _ partition: Int = 0, before offset: Int64) {
    partitions[topic]?[partition].records.removeAll { $0.offset < offset }
    partitions[topic]?[partition].first = offset
  }

  fileprivate func store(_ record: OutRecord) {
    let place = Int(record.partition)
    guard let offset = partitions[record.topic]?[place].end else {
      fatalError("there is no topic \(record.topic)")
    }
    partitions[record.topic]?[place].records.append(
      Stored(
        offset: offset, timestamp: record.timestamp, key: record.key, value: record.value))
    partitions[record.topic]?[place].end += 1
  }

  func records(_ topic: String, _ partition: Int = 0) -> [Stored] {
    partitions[topic]?[partition].records ?? []
  }

  // MARK: Writers

  /// Delivers the next record of some writer to some partition. False: nothing is on its way.
  func pump(_ pick: (Int) -> Int) -> Bool {
    let waiting = writers.filter { !$0.isEmpty }
    guard !waiting.isEmpty else { return false }
    store(waiting[pick(waiting.count)].take(pick))
    return true
  }

  // MARK: Groups

  /// Gives each partition of a group's topics to one of its readers, or to nobody.
  func assign(_ choice: [Int: Set<TopicPartition>]) { owned = choice }

  // MARK: Log

  func partitionCount(of topic: String) throws(LogError) -> Int? {
    try attempt(.partitionCount)
    return partitions[topic]?.count
  }
  func createTopic(_ settings: TopicSettings) throws(LogError) {
    create(settings.name, settings.partitions)
  }
  func reader(from positions: [TopicPartition: Int64]) throws(LogError) -> any LogReader {
    try attempt(.reader)
    let reader = ScriptedReader(self, number: -1, group: "")
    reader.positions = positions
    return reader
  }
  func groupReader(group: String, topics: [String]) throws(LogError) -> any GroupReader {
    try attempt(.groupReader)
    for topic in topics where partitions[topic] == nil {
      throw LogError(.stop, "there is no topic \(topic)")
    }
    nextReader += 1
    let reader = ScriptedReader(self, number: nextReader, group: group)
    // Alone until the test says otherwise.
    owned = [
      nextReader: Set(
        topics.flatMap { topic in
          partitions[topic]!.indices.map { TopicPartition(topic, Int32($0)) }
        })
    ]
    return reader
  }
  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    try attempt(.commits)
    return (offsets[group] ?? [:]).filter { partitions.contains($0.key) }
  }
  func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    try attempt(.bounds)
    guard let found = partitions[partition.topic]?[Int(partition.partition)] else {
      throw LogError(.stop, "there is no \(partition)")
    }
    return found.first..<found.end
  }
  func transactionalWriter(id: String) throws(LogError) -> any LogWriter { try plainWriter() }
  func plainWriter() throws(LogError) -> any LogWriter {
    try attempt(.plainWriter)
    let writer = ScriptedWriter(self)
    writers.append(writer)
    return writer
  }
}

/// Ordered and gapless per partition: what is dropped, is dropped with all that is behind it.
final class ScriptedWriter: LogWriter {
  private let log: ScriptedLog
  private var queues: [TopicPartition: [OutRecord]] = [:]
  private var order: [TopicPartition] = []
  init(_ log: ScriptedLog) { self.log = log }

  var isEmpty: Bool { order.isEmpty }

  func take(_ pick: (Int) -> Int) -> OutRecord {
    let place = pick(order.count)
    let partition = order[place]
    defer {
      if queues[partition]!.isEmpty { order.remove(at: place) }
    }
    return queues[partition]!.removeFirst()
  }

  func append(_ record: OutRecord) throws(LogError) {
    try log.attempt(.append)
    log.appended += 1
    if log.gapEvery > 0, log.appended % log.gapEvery == 0 { return }
    let partition = TopicPartition(record.topic, record.partition)
    if queues[partition]?.isEmpty ?? true { order.append(partition) }
    queues[partition, default: []].append(record)
    try log.attempt(.append, late: true)
  }
  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try log.attempt(.flush)
    while !order.isEmpty, !log.forgetsFlush { log.deliver(take { _ in 0 }) }
    try log.attempt(.flush, late: true)
  }
  func abort() throws(LogError) {}

  /// What is still queued never leaves.
  func close() {
    queues.removeAll()
    order.removeAll()
  }
}

extension ScriptedLog {
  fileprivate func deliver(_ record: OutRecord) { store(record) }
}

final class ScriptedReader: GroupReader {
  let number: Int
  private let log: ScriptedLog
  private let group: String
  fileprivate(set) var positions: [TopicPartition: Int64] = [:]
  private var told: Set<TopicPartition> = []
  private var turn = 0
  /// The group no longer hears of it nor it of the group, and it goes on as if nothing had been.
  var isCutOff = false
  /// How many records a batch has at most.
  static let batchRecords = 7

  init(_ log: ScriptedLog, number: Int, group: String) {
    self.log = log
    self.number = number
    self.group = group
  }

  func takeAssignments() -> [Assignment] {
    guard !isCutOff else { return [] }
    let now = log.owned[number] ?? []
    let (lost, gained) = (told.subtracting(now), now.subtracting(told))
    told = now
    for partition in lost { positions[partition] = nil }
    return (lost.isEmpty ? [] : [.lost(Array(lost))])
      + (gained.isEmpty ? [] : [.gained(Array(gained))])
  }
  func start(_ positions: [TopicPartition: Int64]) throws(LogError) {
    try log.attempt(.start)
    self.positions.merge(positions) { $1 }
  }
  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    try log.attempt(.poll)
    let sources = positions.keys.sorted {
      $0.topic == $1.topic ? $0.partition < $1.partition : $0.topic < $1.topic
    }
    for step in sources.indices {
      let source = sources[(turn + step) % sources.count]
      let position = positions[source] ?? 0
      guard let partition = log.partitions[source.topic]?[Int(source.partition)],
        position < partition.end
      else { continue }
      guard position >= partition.first else {
        throw LogError(.recreate, "\(source) does not begin before \(partition.first)")
      }
      turn += step + 1
      fill(&batch, source, partition, position)
      positions[source] = batch.nextOffset
      return true
    }
    return false
  }
  private func fill(
    _ batch: inout RecordBatch, _ source: TopicPartition, _ partition: ScriptedLog.Partition,
    _ position: Int64
  ) {
    batch.removeAll()
    batch.source = source
    let rest = partition.records.drop { $0.offset < position }
    for record in rest.prefix(Self.batchRecords) {
      func place(_ part: [UInt8]?) -> Range<Int>? {
        guard let part else { return nil }
        batch.bytes += part
        return (batch.bytes.count - part.count)..<batch.bytes.count
      }
      batch.entries.append(
        .init(
          offset: record.offset, timestamp: record.timestamp, key: place(record.key),
          value: place(record.value), headers: 0..<0))
    }
    batch.bytes += Array(repeating: 0, count: RecordBatch.padding)
    batch.nextOffset =
      rest.count > Self.batchRecords ? batch.entries.last!.offset + 1 : partition.end
  }
  func knownEnd(of partition: TopicPartition) -> Int64? {
    log.partitions[partition.topic]?[Int(partition.partition)].end
  }
  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError) {
    try log.attempt(.commit)
    // The brokers know who is a member, whatever it believes itself.
    if isCutOff { throw LogError(.retry, "the group's coordinator does not answer") }
    let now = log.owned[number] ?? []
    guard positions.keys.allSatisfy(now.contains) else {
      throw LogError(.abort, "the group has moved a partition")
    }
    for (partition, offset) in positions {
      log.offsets[group, default: [:]][partition] = CommittedOffset(
        offset: offset, metadata: metadata[partition] ?? "")
    }
    try log.attempt(.commit, late: true)
  }
  func close() { positions.removeAll() }
}

/// What a fold would take of a journal: by origin, in order, each once.
struct AppliedJournal {
  /// Per journal partition, source name, incarnation and source partition: the offsets applied.
  var applied: [Int: [String: [Int64]]] = [:]
  /// The watermark that ticks gave each origin.
  var marks: [Int: [String: Int64]] = [:]
  /// Payloads applied, in the order of the journal.
  var payloads: [Int: [String]] = [:]
  var dropped = 0

  init(_ log: ScriptedLog, _ topics: IngestStage.Topics) throws {
    for number in 0..<topics.journalPartitions {
      var highest: [String: Int64] = [:]
      for record in log.records(topics.journal, number) {
        let value = record.value ?? []
        let view = try JournalView(value.span, 0..<value.count)
        let name = String(decoding: value[view.originName], as: UTF8.self)
        if view.kind == .tick {
          for entry in Tick(value.span, view.payload)?.entries ?? [] {
            let origin =
              "\(String(decoding: entry.name, as: UTF8.self))/\(entry.incarnation)/\(entry.partition)"
            let mark = marks[number]?[origin] ?? .min
            marks[number, default: [:]][origin] = max(mark, entry.watermark.milliseconds)
          }
          continue
        }
        let origin = "\(name)/\(view.originIncarnation)/\(view.originPartition)"
        guard view.originOffset > highest[origin] ?? -1 else {
          dropped += 1
          continue
        }
        highest[origin] = view.originOffset
        applied[number, default: [:]][origin, default: []].append(view.originOffset)
        payloads[number, default: []].append(
          String(decoding: value[view.payload], as: UTF8.self))
      }
    }
  }
}
