import Log
import TestSupport

/// A transactional producer, as `KafkaTransactionalWriter`: an error that can be aborted is `.abort`,
/// and after one whose outcome is not known, or once fenced, it has ended (`.recreate`).
final class ModelTransactionalWriter: LogWriter {
  private let log: ModelLog
  private let id: String
  private var producer: ProducerIdentity
  /// Appended and not yet sent.
  private var queue: [OutRecord] = []
  private var sequences: [TopicPartition: Int] = [:]
  private var isOpen = false
  /// The brokers have heard of the transaction.
  private var isKnown = false
  private var mustAbort: LogError?
  private var ended: LogError?
  private var isClosed = false
  private var world: World { log.process.world }
  private var cluster: Cluster { world.cluster }

  init(id: String, _ log: ModelLog) throws(LogError) {
    self.log = log
    self.id = id
    producer = ProducerIdentity(number: -1, epoch: 0)
    let doing = "opening transactional id \(id)"
    try log.enter()
    try log.reach(doing, ModelLog.commitMs, otherwise: .recreate)
    let cluster = log.process.world.cluster
    if cluster.defects.contains(.noFencing) {
      producer = ProducerIdentity(number: cluster.nextProducer(), epoch: 0)
      let own = "\(id)-\(producer.number)"
      cluster.transactions[own] = Transaction(producer: producer)
      return
    }
    var found: ProducerIdentity?
    guard
      try log.wait(
        upTo: ModelLog.commitMs,
        until: {
          found = cluster.initialize(id)
          return found != nil
        }), let found
    else { throw LogError(.recreate, "\(doing): the one before has not ended") }
    producer = found
    if world.happens(world.profile.lostReply) { throw LogError(.recreate, "\(doing): no answer") }
  }

  private var key: String { cluster.defects.contains(.noFencing) ? "\(id)-\(producer.number)" : id }

  private func checkAlive() throws(LogError) {
    precondition(!isClosed, "the writer is closed")
    try log.checkAlive()
    if let ended { throw ended }
  }

  private func end(_ text: String) -> LogError {
    let error = LogError(.recreate, text)
    ended = error
    return error
  }

  func append(_ record: OutRecord) throws(LogError) {
    try checkAlive()
    if let mustAbort { throw mustAbort }
    guard let count = cluster.counts[record.topic], record.partition < count else {
      throw LogError(.stop, "writing to \(record.topic): there is no such topic")
    }
    isOpen = true
    if world.happens(world.profile.appendError) {
      if world.random.chance(30) { throw LogError(.retry, "no room to write to \(record.topic)") }
      throw demandAbort("writing to \(record.topic) failed: abort")
    }
    queue.append(record)
    if world.random.chance(3), log.process.isConnected {
      try log.enter()
      try send()
    }
  }

  private func demandAbort(_ text: String) -> LogError {
    let error = LogError(.abort, text)
    mustAbort = error
    return error
  }

  /// Sends what is queued, partition by partition.
  private func send() throws(LogError) {
    while let first = queue.first {
      let name = TopicPartition(first.topic, first.partition)
      let batch = queue.filter { $0.topic == first.topic && $0.partition == first.partition }
      queue.removeAll { $0.topic == first.topic && $0.partition == first.partition }
      let sequence = sequences[name, default: 0]
      sequences[name] = sequence + batch.count
      let times = world.happens(world.profile.lateRequest) ? 2 : 1
      for _ in 0..<times {
        try settle("writing to \(name)") {
          let (answer, written) = cluster.produce(
            batch, to: name, key, producer, sequence: sequence)
          return answer != .done || written != .fenced ? answer : .fenced
        }
      }
    }
    world.note(log.process.name, "has sent what it wrote as \(id)")
  }

  /// Asks again while the transaction before is still ending.
  private func settle(
    _ doing: String, _ request: () -> Cluster.TransactionAnswer
  ) throws(LogError) {
    var answer = Cluster.TransactionAnswer.concurrent
    let settled = try log.wait(
      upTo: ModelLog.commitMs,
      until: {
        answer = request()
        return answer != .concurrent
      })
    guard settled else { throw demandAbort("\(doing): the transaction before has not ended") }
    isKnown = true
    if answer == .fenced { throw end("\(doing): another process has taken over this identity") }
    if answer == .invalid { throw end("\(doing): not now") }
  }

  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try checkAlive()
    if let mustAbort { throw mustAbort }
    if !offsets.isEmpty { isOpen = true }
    guard isOpen else { return }
    try log.enter()
    let doing = "committing a transaction of \(id)"
    guard try log.wait(upTo: ModelLog.commitMs, until: { log.process.isConnected }) else {
      throw demandAbort("\(doing): no answer")
    }
    try send()
    try log.enter()
    if cluster.defects.contains(.splitCommit), isKnown {
      try decide(doing)
      try log.enter()
    }
    if !offsets.isEmpty {
      try send(offsets, group: group, reader: reader as! ModelGroupReader?)
    }
    try log.enter()
    try decide(doing)
    isOpen = false
    world.note(log.process.name, "commits \(offsets.inOrder.map { "\($0.key)=\($0.value)" })")
  }

  private func send(
    _ offsets: [TopicPartition: Int64], group: String, reader: ModelGroupReader?
  ) throws(LogError) {
    let doing = "adding offsets of group \(group) to a transaction"
    var member: GroupMember?
    do { member = try reader?.generation(for: offsets) } catch { throw demandAbort(error.message) }
    if world.happens(world.profile.lostRequest) { throw demandAbort("\(doing): no answer") }
    var standing = GroupAnswer.done
    try settle(doing) {
      switch cluster.addOffsets(offsets, group: group, as: member, key, producer) {
      case .done: return .done
      case .transaction(let answer): return answer
      case .group(let answer):
        standing = answer
        return .done
      }
    }
    switch standing {
    case .done: break
    case .fencedName: throw end("\(doing): another has taken over this identity")
    case .illegalGeneration, .unknownMember:
      throw demandAbort("\(doing): the group has moved its partitions")
    }
    if world.happens(world.profile.lostReply) { throw demandAbort("\(doing): no answer") }
  }

  /// Asks for the commit. The request may be lost, or late, or its answer lost: then nobody knows.
  private func decide(_ doing: String) throws(LogError) {
    guard isKnown else { return }
    let profile = world.profile
    guard try log.wait(upTo: ModelLog.commitMs, until: { log.process.isConnected }) else {
      throw end("\(doing): no answer")
    }
    if world.happens(profile.lostRequest) {
      if world.happens(profile.lateRequest) || world.random.chance(30) {
        let due = world.now + Int64(world.random.number(in: 1..<9_000))
        cluster.send(.end(key, producer, isCommit: true), due: due)
      }
      throw end("\(doing): no answer")
    }
    switch cluster.endTransaction(key, producer, isCommit: true) {
    case .done: break
    case .fenced: throw end("\(doing): another process has taken over this identity")
    case .concurrent, .invalid: throw end("\(doing): not now")
    }
    isKnown = false
    if world.happens(profile.lostReply) {
      if world.random.chance(50) { world.wait(Int64(world.random.number(in: 1..<6_000))) }
      throw end("\(doing): no answer")
    }
  }

  func abort() throws(LogError) {
    try checkAlive()
    if cluster.defects.contains(.forgottenAbort) {
      mustAbort = nil
      return
    }
    guard isOpen else { return }
    try log.enter()
    queue.removeAll()
    let doing = "aborting a transaction of \(id)"
    try log.reach(doing, ModelLog.commitMs, otherwise: .recreate)
    if isKnown {
      if world.happens(world.profile.lostRequest) { throw end("\(doing): no answer") }
      switch cluster.endTransaction(key, producer, isCommit: false) {
      case .done: break
      case .fenced: throw end("\(doing): another process has taken over this identity")
      case .concurrent, .invalid: throw end("\(doing): not now")
      }
      // What was aborted is not sent again, and its numbers are not used again.
      isKnown = false
      if world.happens(world.profile.lostReply) { throw end("\(doing): no answer") }
    }
    isOpen = false
    mustAbort = nil
  }

  func close() { isClosed = true }
}
