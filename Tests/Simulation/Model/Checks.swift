import Decisions
import Engine
import Events
import Ingest
import Log

/// What must hold once all has been read and nothing goes wrong any more.
struct Checks {
  private let cluster: Cluster
  private let workload: Workload

  init(_ cluster: Cluster, _ workload: Workload) {
    self.cluster = cluster
    self.workload = workload
  }

  // MARK: Ingest

  private struct Origin: Hashable, Comparable, CustomStringConvertible {
    var source: String
    var partition: Int32
    static func < (a: Self, b: Self) -> Bool {
      (a.source, a.partition) < (b.source, b.partition)
    }
    var description: String { "\(source)[\(partition)]" }
  }

  /// Every record of every source is in the journal, in order and in one place, or a dead letter.
  func ingestFailure() -> String? {
    var taken: [Origin: Set<Int64>] = [:]
    var events = 0
    for partition in cluster.all(of: TopicContract.journal.name) {
      var shard = Shard(program: workload.program, partition: partition.name.partition)
      var highest: [Origin: Int64] = [:]
      var records: Int64 = 0
      for record in partition.committed {
        guard let value = record.value else { continue }
        guard let (origin, offset, customer) = Self.origin(value) else { continue }
        records += 1
        let bytes = value + Array(repeating: 0, count: RecordBatch.padding)
        shard.read(
          bytes.span, 0..<value.count, position: record.offset, appendTime: record.timestamp)
        guard offset > highest[origin, default: -1] else { continue }
        highest[origin] = offset
        let home = Events.partition(ofKey: customer.span, count: workload.journalPartitions)
        guard home == Int(partition.name.partition) else {
          return "\(partition.name) holds a record of a customer of \(home)"
        }
        guard taken[origin, default: []].insert(offset).inserted else {
          return "record \(offset) of \(origin) is in two journal partitions"
        }
      }
      guard shard.counts.events + shard.counts.duplicates == records else {
        return "\(partition.name): \(records) records, of which \(shard.counts) are accounted for"
      }
      events += Int(shard.counts.events)
    }
    return missing(taken) ?? accounts(events)
  }

  private static func origin(_ value: [UInt8]) -> (Origin, Int64, [UInt8])? {
    do {
      let view = try JournalView(value.span, 0..<value.count)
      guard view.kind == .event else { return nil }
      let origin = Origin(
        source: String(decoding: value[view.originName], as: UTF8.self),
        partition: view.originPartition)
      return (origin, view.originOffset, Array(value[view.customer]))
    } catch { return nil }
  }

  /// What the sources hold against what was taken.
  private func missing(_ taken: [Origin: Set<Int64>]) -> String? {
    var next: [Origin: Int64] = [:]
    var wanted: [Origin: Set<Int64>] = [:]
    var refused: Set<String> = []
    for item in workload.items {
      let origin = Origin(
        source: workload.sources[item.source].name, partition: item.partition)
      let offset = next[origin, default: 0]
      next[origin] = offset + 1
      if item.fate == .refused {
        refused.insert("\(workload.sources[item.source].topic)[\(item.partition)]@\(offset)")
      } else {
        wanted[origin, default: []].insert(offset)
      }
    }
    for origin in Set(wanted.keys).union(taken.keys).sorted() {
      let (is_, should) = (taken[origin] ?? [], wanted[origin] ?? [])
      if let lost = should.subtracting(is_).min() {
        return "record \(lost) of \(origin) is not in the journal, in order"
      }
      if let extra = is_.subtracting(should).min() {
        return "record \(extra) of \(origin) should not be in the journal"
      }
    }
    let dead = Set(
      cluster.all(of: TopicContract.deadLetters.name).flatMap(\.committed).map(Self.deadLetter))
    if let lost = refused.subtracting(dead).min() { return "\(lost) is no dead letter" }
    if let extra = dead.subtracting(refused).min() { return "\(extra) is a dead letter" }
    return nil
  }

  private static func deadLetter(_ record: StoredPartition.Record) -> String {
    func header(_ name: DeadLetterHeader) -> String {
      let value = record.headers.first { $0.name == name.rawValue }?.value ?? []
      return String(decoding: value, as: UTF8.self)
    }
    return "\(header(.topic))[\(header(.partition))]@\(header(.offset))"
  }

  /// An event that was sent twice counts once.
  private func accounts(_ events: Int) -> String? {
    var wanted: Set<String> = []
    for item in workload.items {
      if case .event(let customer, let id) = item.fate { wanted.insert("\(customer)/\(id)") }
    }
    return events == wanted.count
      ? nil : "\(events) events are accounted for, and \(wanted.count) were sent"
  }

  // MARK: Fold

  struct Written: Equatable {
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

  /// What readers of decisions and actions see, is what an undisturbed fold of the journal makes.
  func foldFailure() -> String? {
    for partition in cluster.all(of: TopicContract.journal.name) {
      let number = partition.name.partition
      var shard = Shard(program: workload.program, partition: number)
      var wanted: [String: [Written]] = [:]
      for record in partition.committed {
        guard let value = record.value else { continue }
        let bytes = value + Array(repeating: 0, count: RecordBatch.padding)
        shard.read(
          bytes.span, 0..<value.count, position: record.offset, appendTime: record.timestamp)
        for decision in shard.takeOutput() {
          let written = Written(decision, number)
          wanted[TopicContract.decisions.name, default: []].append(written)
          if let topic = decision.record.actionTopic { wanted[topic, default: []].append(written) }
        }
      }
      for topic in [TopicContract.decisions.name, "actions.mail", "actions.sales"] {
        if let failure = compare(topic, number, wanted[topic] ?? []) { return failure }
      }
    }
    return nil
  }

  private func compare(_ topic: String, _ number: Int32, _ wanted: [Written]) -> String? {
    for partition in cluster.all(of: topic) {
      let here = wanted.filter {
        Events.partition(ofKey: $0.key.span, count: cluster.counts[topic]!)
          == Int(partition.name.partition)
      }
      let mark = "ce_journalpartition=\(number)"
      let found = partition.committed.map(Written.init).filter { $0.headers.contains(mark) }
      for index in 0..<max(here.count, found.count) {
        let (is_, should) = (
          index < found.count ? found[index].text : "nothing",
          index < here.count ? here[index].text : "nothing"
        )
        if is_ != should {
          return "\(partition.name), decision \(index) of journal partition \(number):\n"
            + "  read:   \(is_)\n  folded: \(should)"
        }
      }
    }
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
      let (is_, should) = (run[customer] ?? [], calm[customer] ?? [])
      for index in 0..<max(is_.count, should.count) {
        let here = index < is_.count ? is_[index] : "nothing"
        let there = index < should.count ? should[index] : "nothing"
        if here != there {
          return "decision \(index) of \(customer) differs from an undisturbed run:\n"
            + "  read:        \(here)\n  undisturbed: \(there)"
        }
      }
    }
    return nil
  }
}
