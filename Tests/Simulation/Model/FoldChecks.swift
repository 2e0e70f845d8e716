import Decisions
import Engine
import Events
import Log

/// What must hold once all is folded: what readers see is, byte for byte, what an undisturbed fold
/// of the journal makes; and the state that is kept is that fold's state.
struct FoldChecks {
  private let cluster: Cluster
  private let program: Program
  private let programs: [String: Program]

  /// What an undisturbed fold of one journal partition comes to.
  private struct Refold: ~Copyable {
    var shard: Shard
    var written: [String: [Written]] = [:]
    var hashPoints: [[UInt8]] = []
    var proofs: [[UInt8]] = []
  }

  /// A decision as its readers see it.
  private struct Written: Equatable {
    var key: [UInt8]
    var value: [UInt8]
    var headers: [String]
    init(_ record: StoredPartition.Record) {
      key = record.key ?? []
      value = record.value ?? []
      headers = record.headers.map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self))" }
    }
    init(_ decision: Shard.Published, _ journalPartition: Int32) {
      key = decision.record.customer
      value = decision.record.value
      headers = decision.record.headers(
        journal: (journalPartition, decision.position), watermark: decision.watermark
      ).map { "\($0.name)=\(String(decoding: $0.value, as: UTF8.self))" }
    }
    var text: String {
      headers.joined(separator: " ") + " " + String(decoding: value, as: UTF8.self)
    }
  }

  private(set) var counts = Shard.Counts()

  init(_ cluster: Cluster, _ workload: Workload) {
    self.cluster = cluster
    program = workload.program
    programs = workload.programs
  }

  /// Nil: it does.
  mutating func failure() -> String? {
    for partition in cluster.all(of: TopicContract.journal.name) {
      let number = partition.name.partition
      let refold = refold(partition)
      counts.events += refold.shard.counts.events
      counts.duplicates += refold.shard.counts.duplicates
      for topic in [TopicContract.decisions.name, "actions.mail", "actions.sales"] {
        if let failure = compare(topic, number, refold.written[topic] ?? []) { return failure }
      }
      if let failure = compare(TopicContract.hashes.name, number, refold.hashPoints)
        ?? compare(TopicContract.erasures.name, number, refold.proofs)
        ?? restoreFailure(partition, refold.shard)
      {
        return failure
      }
    }
    return nil
  }

  // MARK: Folding again

  private func refold(_ partition: StoredPartition) -> Refold {
    var refold = Refold(shard: Shard(program: program, partition: partition.name.partition))
    feed(partition, &refold.shard) { shard in
      for decision in shard.takeOutput() {
        let written = Written(decision, partition.name.partition)
        refold.written[TopicContract.decisions.name, default: []].append(written)
        if let topic = decision.record.actionTopic {
          refold.written[topic, default: []].append(written)
        }
      }
      refold.hashPoints += shard.takeHashPoints().map(\.json)
      refold.proofs += shard.takeErasures().map(\.proof)
    }
    return refold
  }

  /// Lets the shard read the journal from where it stands.
  private func feed(
    _ partition: StoredPartition, _ shard: inout Shard, _ take: (inout Shard) -> Void
  ) {
    for record in partition.committed where record.offset >= shard.next {
      guard let value = record.value else { continue }
      let bytes = value + Array(repeating: 0, count: RecordBatch.padding)
      if case .book(let hash, _)? = Shard.control(bytes.span, 0..<value.count),
        let book = programs[hash]
      {
        shard.know(book)
      }
      shard.read(
        bytes.span, 0..<value.count, position: record.offset, appendTime: record.timestamp)
      take(&shard)
    }
  }

  // MARK: Comparing

  private func compare(_ topic: String, _ number: Int32, _ wanted: [Written]) -> String? {
    for partition in cluster.all(of: topic) {
      let here = wanted.filter {
        Events.partition(ofKey: $0.key.span, count: cluster.counts[topic]!)
          == Int(partition.name.partition)
      }
      let mark = "ce_journalpartition=\(number)"
      let found = partition.committed.map { Written($0) }.filter { $0.headers.contains(mark) }
      if let difference = Self.difference(found.map(\.text), here.map(\.text)) {
        return "\(partition.name), of journal partition \(number), decision \(difference)"
      }
    }
    return nil
  }

  private func compare(_ topic: String, _ number: Int32, _ wanted: [[UInt8]]) -> String? {
    func texts(_ values: [[UInt8]]) -> [String] {
      values.map { String(decoding: $0, as: UTF8.self) }
    }
    let partition = cluster[TopicPartition(topic, number)]
    return Self.difference(texts(partition.committed.map { $0.value ?? [] }), texts(wanted))
      .map { "\(partition.name), record \($0)" }
  }

  private static func difference(_ found: [String], _ wanted: [String]) -> String? {
    for index in 0..<max(found.count, wanted.count) {
      let (here, there) = (
        index < found.count ? found[index] : "nothing",
        index < wanted.count ? wanted[index] : "nothing"
      )
      if here != there { return "\(index):\n  read:   \(here)\n  folded: \(there)" }
    }
    return nil
  }

  // MARK: State

  /// What a new machine would restore, is what the fold has.
  private func restoreFailure(
    _ partition: StoredPartition, _ folded: borrowing Shard
  ) -> String? {
    let number = partition.name.partition
    let state = cluster[TopicPartition(TopicContract.state.name, number)]
    var restore = StateRestore(
      partition: number, programs: programs, initial: program)
    do {
      for record in state.committed {
        let key = record.key ?? []
        if let value = record.value {
          restore.read(key: key.span, value: value.span)
        } else {
          restore.read(key: key.span, value: nil)
        }
      }
      guard var shard = try restore.finish(committed: folded.next) else { return nil }
      feed(partition, &shard) { _ = $0.takeOutput() }
      if shard.head() != folded.head() { return "\(state.name): another head than the fold's" }
      if shard.snapshot() != folded.snapshot() {
        return "\(state.name): other state than the fold's at \(folded.next)"
      }
    } catch { return "\(state.name): \(error)" }
    return nil
  }

  // MARK: Two runs

  static func decisionsByCustomer(_ cluster: Cluster) -> [String: [String]] {
    var found: [String: [String]] = [:]
    for partition in cluster.all(of: TopicContract.decisions.name) {
      for record in partition.committed {
        found[String(decoding: record.key ?? [], as: UTF8.self), default: []]
          .append(String(decoding: record.value ?? [], as: UTF8.self))
      }
    }
    return found
  }

  static func difference(_ run: [String: [String]], _ calm: [String: [String]]) -> String? {
    for customer in Set(run.keys).union(calm.keys).sorted() {
      if let difference = difference(run[customer] ?? [], calm[customer] ?? []) {
        return "\(customer), as in an undisturbed run, decision \(difference)"
      }
    }
    return nil
  }
}
