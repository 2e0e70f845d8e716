import Engine
import Ingest
import Log
import TestSupport

/// Those who write to the sources and act on decisions. What they do is theirs: faults of the
/// engine's processes do not touch them.
final class Outside {
  private let workload: Workload
  private var waiting: ArraySlice<Workload.Item> = []
  /// What was appended to the sources, in its order.
  private(set) var sent: [Workload.Item] = []
  private var orders: ArraySlice<(at: Int64, book: Program)>
  private var answers = 0
  /// Nobody answers decisions any more.
  var goesQuiet = false

  init(_ workload: Workload) {
    self.workload = workload
    orders = workload.orders[...]
  }

  func give(_ items: [Workload.Item]) { waiting += items }

  func act(in world: World) {
    while let item = waiting.first, item.at <= world.now {
      waiting.removeFirst()
      send(item, in: world)
    }
    while let order = orders.first, order.at <= world.now {
      orders.removeFirst()
      world.note("source", "orders book \(order.book.hash.prefix(8))")
      world.cluster[TopicPartition(TopicContract.control.name, 0)].append(
        OutRecord(
          topic: TopicContract.control.name, partition: 0, key: nil,
          value: Control.book(hash: order.book.hash, backfillSince: nil).payload,
          timestamp: world.now))
    }
    // A person approves, a mailer reports what it could not deliver.
    if !workload.isComparable, !goesQuiet, world.random.chance(1) { answer(in: world) }
  }

  private func send(_ item: Workload.Item, in world: World) {
    let name = TopicPartition(workload.sources[item.source].topic, item.partition)
    world.note("source", "\(name) @\(world.cluster[name].end): \(item.value)")
    world.cluster[name].append(
      OutRecord(
        topic: name.topic, partition: name.partition, key: nil, value: Array(item.value.utf8),
        timestamp: world.now))
    sent.append(item)
  }

  private func answer(in world: World) {
    let topics = world.cluster.all(of: TopicContract.decisions.name)
    let partition = topics[world.random.number(in: 0..<topics.count)]
    guard let record = partition.committed.suffix(5).randomElement(using: &world.random),
      let key = record.key, let value = record.value
    else { return }
    let parts = String(decoding: value, as: UTF8.self).split(separator: "\"")
    let customer = String(decoding: key, as: UTF8.self)
    answers += 1
    let type = world.random.pick(["decision.approved", "decision.rejected", "receipt.failed"])
    let json =
      "{\"id\":\"a\(answers)\",\"type\":\"\(type)\",\"time\":\(world.now),"
      + "\"customer\":\"\(customer)\",\"data\":{\"decision\":\"\(parts[3])\"}}"
    send(
      Workload.Item(
        at: world.now, source: 0, partition: 0, value: json,
        fate: .event(customer: customer, id: "s0/a\(answers)")), in: world)
  }
}
