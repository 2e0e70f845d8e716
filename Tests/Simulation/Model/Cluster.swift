import Log
import TestSupport

/// Kafka's brokers as far as a client can tell: partitions, transaction and group coordinators, and
/// requests that are still on their way. It moves only when it is told what time it is.
final class Cluster {
  /// A request that arrives when nobody waits for its answer any more.
  enum Late {
    case produce(TopicPartition, [OutRecord], ProducerIdentity, sequence: Int)
    case end(String, ProducerIdentity, isCommit: Bool)
    case commit(group: String, member: GroupMember, [TopicPartition: CommittedOffset])
  }

  private(set) var partitions: [TopicPartition: StoredPartition] = [:]
  private(set) var counts: [String: Int] = [:]
  var transactions: [String: Transaction] = [:]
  var groups: [String: Group] = [:]
  private var late: [(due: Int64, number: Int, request: Late)] = []
  private var lateCount = 0
  private var producerCount: Int64 = 0
  private var memberCount = 0
  private(set) var now: Int64
  var random: SplitMix64
  let defects: Set<Defect>
  /// How long control records may take to be written, ms.
  var markerDelayMost: Int

  init(now: Int64, seed: UInt64, defects: Set<Defect>, markerDelayMost: Int) {
    self.now = now
    self.defects = defects
    self.markerDelayMost = markerDelayMost
    random = SplitMix64(seed: seed)
  }

  // MARK: Topics

  /// False: there is one with another number of partitions.
  func create(_ settings: TopicSettings) -> Bool {
    if let count = counts[settings.name] { return count == settings.partitions }
    counts[settings.name] = settings.partitions
    let isCompacted = settings.config["cleanup.policy"]?.contains("compact") ?? false
    for number in 0..<Int32(settings.partitions) {
      let name = TopicPartition(settings.name, number)
      partitions[name] = StoredPartition(name, isCompacted: isCompacted)
    }
    return true
  }

  subscript(partition: TopicPartition) -> StoredPartition { partitions[partition]! }

  /// Of a topic, in order.
  func all(of topic: String) -> [StoredPartition] {
    (0..<Int32(counts[topic] ?? 0)).map { partitions[TopicPartition(topic, $0)]! }
  }

  /// What a reader of the partition may see: as far as it is stable.
  func visibleEnd(of partition: StoredPartition) -> Int64 {
    defects.contains(.readUncommitted) ? partition.end : partition.stable
  }

  func nextProducer() -> Int64 {
    producerCount += 1
    return producerCount
  }

  func nextMember() -> Int {
    memberCount += 1
    return memberCount
  }

  // MARK: Time

  func send(_ request: Late, due: Int64) {
    lateCount += 1
    late.append((due, lateCount, request))
  }

  /// Lets time pass: requests arrive, transactions and sessions time out, control records are
  /// written.
  func advance(to time: Int64) {
    now = time
    if !late.isEmpty { deliver() }
    advanceTransactions()
    for name in groups.keys.sorted() { advance(group: name) }
  }

  private func deliver() {
    let due = late.filter { $0.due <= now }.sorted { ($0.due, $0.number) < ($1.due, $1.number) }
    guard !due.isEmpty else { return }
    late.removeAll { $0.due <= now }
    for (_, _, request) in due {
      switch request {
      case .produce(let partition, let batch, let producer, let sequence):
        _ = self[partition].produce(
          batch, as: producer, sequence: sequence, isTransactional: false)
      case .end(let id, let producer, let isCommit):
        _ = endTransaction(id, producer, isCommit: isCommit)
      case .commit(let group, let member, let offsets):
        _ = commit(offsets, group: group, as: member)
      }
    }
  }

  /// A log cleaner's run over some compacted partition.
  func compactSomething() {
    let compacted = partitions.values.filter(\.isCompacted).sorted { $0.name < $1.name }
    guard !compacted.isEmpty else { return }
    let partition = compacted[random.number(in: 0..<compacted.count)]
    guard partition.end > 0 else { return }
    let cut = Int64(random.number(in: 0..<Int(partition.end) + 1))
    partition.compact(upTo: cut, tombstonesBefore: now - 20_000)
  }
}

extension TopicPartition {
  static func < (a: Self, b: Self) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
}

extension Dictionary where Key == TopicPartition {
  /// In one order, whatever the hash table says.
  var inOrder: [(key: Key, value: Value)] { sorted { $0.key < $1.key } }
}
