import Engine
import Events
import Ingest
import Log

/// What must hold of the journal once all has been taken in: every record of every source is in it,
/// in order and in one place, or is a dead letter.
struct IngestChecks {
  private struct Origin: Hashable, Comparable, CustomStringConvertible {
    var source: String
    var partition: Int32
    static func < (a: Self, b: Self) -> Bool {
      (a.source, a.partition) < (b.source, b.partition)
    }
    var description: String { "\(source)[\(partition)]" }
  }
  private let cluster: Cluster
  private let workload: Workload
  private let sent: [Workload.Item]

  init(_ cluster: Cluster, _ workload: Workload, _ sent: [Workload.Item]) {
    self.cluster = cluster
    self.workload = workload
    self.sent = sent
  }

  /// Nil: it does.
  func failure() -> String? {
    var taken: [Origin: Set<Int64>] = [:]
    for partition in cluster.all(of: TopicContract.journal.name) {
      if let failure = take(partition, &taken) { return failure }
    }
    return missing(taken) ?? deadLetters()
  }

  /// As a fold takes them: what is not above the highest offset of its origin is a redelivery.
  private func take(_ partition: StoredPartition, _ taken: inout [Origin: Set<Int64>]) -> String? {
    var highest: [Origin: Int64] = [:]
    for record in partition.committed {
      guard let value = record.value, let (origin, offset, customer) = Self.origin(value),
        offset > highest[origin, default: -1]
      else { continue }
      highest[origin] = offset
      let home = Events.partition(ofKey: customer.span, count: workload.journalPartitions)
      guard home == Int(partition.name.partition) else {
        return "\(partition.name) holds a record of a customer of \(home)"
      }
      guard taken[origin, default: []].insert(offset).inserted else {
        return "record \(offset) of \(origin) is in two journal partitions"
      }
    }
    return nil
  }

  private static func origin(_ value: [UInt8]) -> (Origin, Int64, [UInt8])? {
    do {
      let view = try JournalView(value.span, 0..<value.count)
      guard view.kind == .event || view.kind == .erase else { return nil }
      let origin = Origin(
        source: String(decoding: value[view.originName], as: UTF8.self),
        partition: view.originPartition)
      return (origin, view.originOffset, Array(value[view.customer]))
    } catch { return nil }
  }

  /// What the sources were sent, each record with its place.
  private func places(_ isRefused: Bool) -> [Origin: Set<Int64>] {
    var next: [Origin: Int64] = [:]
    var found: [Origin: Set<Int64>] = [:]
    for item in sent {
      let origin = Origin(source: workload.sources[item.source].name, partition: item.partition)
      let offset = next[origin, default: 0]
      next[origin] = offset + 1
      if (item.fate == .refused) == isRefused { found[origin, default: []].insert(offset) }
    }
    return found
  }

  private func missing(_ taken: [Origin: Set<Int64>]) -> String? {
    let wanted = places(false)
    for origin in Set(wanted.keys).union(taken.keys).sorted() {
      let (found, should) = (taken[origin] ?? [], wanted[origin] ?? [])
      if let lost = should.subtracting(found).min() {
        return "record \(lost) of \(origin) is not in the journal, in order"
      }
      if let extra = found.subtracting(should).min() {
        return "record \(extra) of \(origin) should not be in the journal"
      }
    }
    return nil
  }

  private func deadLetters() -> String? {
    let dead = Set(
      cluster.all(of: TopicContract.deadLetters.name).flatMap(\.committed).map(Self.name))
    let refused = Set(
      places(true).flatMap { origin, offsets in offsets.map { "\(origin)@\($0)" } })
    if let lost = refused.subtracting(dead).min() { return "\(lost) is no dead letter" }
    if let extra = dead.subtracting(refused).min() { return "\(extra) is a dead letter" }
    return nil
  }

  private static func name(_ record: StoredPartition.Record) -> String {
    func header(_ name: DeadLetterHeader) -> String {
      let value = record.headers.first { $0.name == name.rawValue }?.value ?? []
      return String(decoding: value, as: UTF8.self)
    }
    return "\(header(.source))[\(header(.partition))]@\(header(.offset))"
  }

  /// Events that were sent, each counted once however often it came.
  var distinctEvents: Int {
    var found: Set<String> = []
    for item in sent {
      if case .event(let customer, let id) = item.fate { found.insert("\(customer)/\(id)") }
    }
    return found.count
  }
}
