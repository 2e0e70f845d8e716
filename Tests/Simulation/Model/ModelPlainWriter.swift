import Log
import TestSupport

/// An idempotent producer, as `KafkaPlainWriter` and the librdkafka below it: each partition's
/// batches go out in order, are sent again until the broker has them, and may get lost on the way
/// there, on the way back, arrive twice, or in the wrong order.
final class ModelPlainWriter: LogWriter {
  private struct Batch {
    var sequence: Int
    var records: [OutRecord]
    var isSent = false
  }
  private struct Queue {
    var batches: [Batch] = []
    var next = 0
  }
  private let log: ModelLog
  private let producer: ProducerIdentity
  private var queues: [TopicPartition: Queue] = [:]
  private var ended: LogError?
  private var isClosed = false
  private var world: World { log.process.world }
  private var cluster: Cluster { world.cluster }

  init(_ log: ModelLog) {
    self.log = log
    producer = ProducerIdentity(number: log.process.world.cluster.nextProducer(), epoch: 0)
  }

  func append(_ record: OutRecord) throws(LogError) {
    try checkAlive()
    guard let count = cluster.counts[record.topic], record.partition < count else {
      throw LogError(.stop, "writing to \(record.topic): there is no such topic")
    }
    if world.happens(world.profile.appendError) {
      throw LogError(.retry, "no room to write to \(record.topic)")
    }
    let name = TopicPartition(record.topic, record.partition)
    var queue = queues[name] ?? Queue()
    if let last = queue.batches.last, !last.isSent, last.records.count < 40,
      world.random.chance(85)
    {
      queue.batches[queue.batches.count - 1].records.append(record)
    } else {
      queue.batches.append(Batch(sequence: queue.next, records: [record]))
    }
    queue.next += 1
    queues[name] = queue
  }

  private func checkAlive() throws(LogError) {
    precondition(!isClosed, "the writer is closed")
    try log.checkAlive()
    if let ended { throw ended }
  }

  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try checkAlive()
    if cluster.defects.contains(.earlyCommit), world.random.chance(20) { return }
    let deadline = world.now + ModelLog.commitMs
    var order = queues.keys.filter { !queues[$0]!.batches.isEmpty }.sorted { $0 < $1 }
    while !order.isEmpty {
      try log.enter()
      try log.reach("delivering records", max(0, deadline - world.now))
      let index = world.random.number(in: 0..<order.count)
      try deliver(order[index])
      if queues[order[index]]!.batches.isEmpty { order.remove(at: index) }
      guard order.isEmpty || world.now <= deadline else {
        throw LogError(.retry, "records are not acknowledged; committing again goes on waiting")
      }
    }
    guard !offsets.isEmpty else { return }
    try reader!.commit(offsets)
  }

  /// Sends the partition's next batch, one way or another.
  private func deliver(_ name: TopicPartition) throws(LogError) {
    let profile = world.profile
    if world.happens(profile.fatal) { return try fail(name) }
    if world.happens(profile.lostRequest) {
      queues[name]!.batches[0].isSent = true
      if world.happens(profile.lateRequest) { sendLate(name) }
      return world.wait(Int64(world.random.number(in: 1..<300)))
    }
    // The broker knows what to expect, so one that overtakes is refused.
    if queues[name]!.batches.count > 1, world.happens(profile.lateRequest) {
      queues[name]!.batches[1].isSent = true
      if cluster.defects.contains(.noSequence) || cluster[name].knows(producer.number) {
        _ = write(queues[name]!.batches[1], to: name)
      }
    }
    let batch = queues[name]!.batches[0]
    let answer = write(batch, to: name)
    precondition(answer == .written || answer == .repeated, "the broker refuses what is in order")
    queues[name]!.batches[0].isSent = true
    if world.happens(profile.lostReply) { return }
    if world.happens(profile.lateRequest) { sendLate(name) }
    queues[name]!.batches.removeFirst()
  }

  private func write(_ batch: Batch, to name: TopicPartition) -> StoredPartition.Answer {
    world.note(log.process.name, "writes \(batch.records.count) to \(name)")
    guard cluster.defects.isDisjoint(with: [.noSequence, .gap]) else {
      for record in batch.records { cluster[name].append(record) }
      return .written
    }
    return cluster[name].produce(
      batch.records, as: producer, sequence: batch.sequence, isTransactional: false)
  }

  /// A copy of the request stays in the network.
  private func sendLate(_ name: TopicPartition) {
    let batch = queues[name]!.batches[0]
    // The first of all would be taken at any time; but that one waits for its connection's end.
    guard cluster[name].knows(producer.number) else { return }
    let due = world.now + Int64(world.random.number(in: 1..<10_000))
    cluster.send(.produce(name, batch.records, producer, sequence: batch.sequence), due: due)
  }

  /// A delivery fails for good: what is behind it must not be written.
  private func fail(_ name: TopicPartition) throws(LogError) {
    if cluster.defects.contains(.gap) {
      queues[name]!.batches.removeFirst()
      return
    }
    let error = LogError(.recreate, "delivering a record to \(name) failed: build a new client")
    ended = error
    throw error
  }

  func abort() throws(LogError) { try checkAlive() }
  func close() { isClosed = true }
}
