import CRdKafka

/// A member of a consumer group.
///
/// Two clients: one is the member and never fetches, the other fetches and knows of no group. So a
/// rebalance cannot touch what is being fetched behind our back, and every partition starts where
/// the caller says.
///
/// Giving up takes two steps. A revoked partition stops at once and is reported by
/// `takeAssignments`; the group goes on only with the `poll` after that. In between the caller may
/// still commit what it has read, in the generation that is about to end.
///
/// Transactions name the generation in which the partitions were gained, never a later one. (Asked
/// afterwards, librdkafka would say "no generation" for a member that was put out, and the brokers
/// take offsets in a transaction that names none.)
@safe final class KafkaGroupReader: GroupReader {
  private let group: String
  private let requestMs: Int
  private let members: KafkaMembers
  private var member: KafkaClient?
  /// The member's handle, valid while `member` is not nil, and its ear.
  private let raw: OpaquePointer
  private let ear: KafkaEar
  private var fetcher: KafkaFetcher?
  private var news: [Assignment] = []
  private var owned: Set<TopicPartition> = []
  /// Revoked, and not yet given up.
  private var leaving: Set<TopicPartition> = []

  /// Of the rebalance that brought `owned`.
  private var generation: KafkaGeneration?

  private enum Farewell { case none, reported, taken }
  private var farewell = Farewell.none

  /// How long a rebalance may wait for this thread while it waits for records.
  private static let sliceMs = 50

  init(
    _ settings: KafkaSettings, group: String, topics: [String], members: KafkaMembers,
    notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    self.group = group
    self.members = members
    requestMs = settings.requestMs
    let role = KafkaRole.member(group: group, name: settings.memberName)
    let member = try KafkaClient(role, settings, notice: notice)
    _ = unsafe rd_kafka_poll_set_consumer(member.raw)
    let list = KafkaPartitions(topics: topics)
    let code = unsafe rd_kafka_subscribe(member.raw, list.raw)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw KafkaFault(code).error("joining group \(group)", otherwise: .stop)
    }
    unsafe raw = member.raw
    ear = member.ear
    fetcher = try KafkaFetcher(settings, notice: notice)
    self.member = consume member
    unsafe members.add(self, raw, group: group)
  }

  deinit { close() }

  func close() {
    members.remove(self)
    generation = nil
    fetcher = nil
    member = nil
  }

  // MARK: Partitions that come and go

  func takeAssignments() -> [Assignment] {
    if farewell == .reported { farewell = .taken }
    defer { news.removeAll() }
    return news
  }

  func start(_ positions: [TopicPartition: Int64]) throws(LogError) {
    for (partition, offset) in positions where owned.contains(partition) {
      try fetcher!.start(partition, at: offset)
    }
  }

  /// Lets the group have its say.
  private func attend() throws(LogError) {
    precondition(member != nil, "the group reader is closed")
    if farewell == .taken {
      farewell = .none
      leaving = []
      generation = nil
      _ = unsafe rd_kafka_assign(raw, nil)
    }
    if let message = unsafe rd_kafka_consumer_poll(raw, 0) {
      defer { unsafe rd_kafka_message_destroy(message) }
      let words = unsafe String(cString: rd_kafka_message_errstr(message))
      let fault = unsafe KafkaFault(message.pointee.err, words)
      try members.check()
      // Polled too late: the member is out, hears of its loss next, and joins again. A topic that has
      // been deleted leaves with its partitions, and the others stay.
      let isTold =
        fault.code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED
        || fault.code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
      if !isTold, !fault.isPassing {
        throw fault.error("taking part in group \(group)", otherwise: .recreate)
      }
    }
    for rebalance in ear.takeRebalances() { try take(rebalance) }
    try members.check()
    if let fatal = ear.fatal {
      throw fatal.error("taking part in group \(group)", otherwise: .recreate)
    }
    if let login = ear.login {
      throw login.error("logging in to group \(group)", otherwise: .stop)
    }
  }

  private func take(_ rebalance: KafkaEar.Rebalance) throws(LogError) {
    switch rebalance {
    case .gained(let partitions):
      // The member itself fetches nothing; an empty list (not nil) accepts the assignment.
      let none = KafkaPartitions([:])
      let code = unsafe rd_kafka_assign(raw, none.raw)
      guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw KafkaFault(code).error("joining group \(group)", otherwise: .recreate)
      }
      owned = Set(partitions)
      // Without a name the member is out again already, and hears so next.
      generation = unsafe KafkaGeneration(of: raw)
      if !partitions.isEmpty { news.append(.gained(partitions)) }
    case .lost(let partitions):
      for partition in partitions { fetcher!.stop(partition) }
      owned.subtract(partitions)
      leaving.formUnion(partitions)
      if partitions.isEmpty {
        _ = unsafe rd_kafka_assign(raw, nil)
      } else {
        news.append(.lost(partitions))
        farewell = .reported
      }
    case .failed(let fault):
      _ = unsafe rd_kafka_assign(raw, nil)
      throw fault.error("sharing partitions in group \(group)", otherwise: .recreate)
    }
  }

  // MARK: Reading

  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    let deadline = ContinuousClock.now + .milliseconds(timeoutMs)
    while true {
      try attend()
      if !news.isEmpty { return false }
      let left = (deadline - ContinuousClock.now) / .milliseconds(1)
      let slice = max(0, min(Self.sliceMs, Int(left)))
      if try fetcher!.poll(into: &batch, timeoutMs: slice) { return true }
      if left <= 0 { return false }
    }
  }

  func knownEnd(of partition: TopicPartition) -> Int64? { fetcher?.knownEnd(of: partition) }

  // MARK: Committing

  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError) {
    precondition(member != nil, "the group reader is closed")
    CommittedOffset.check(metadata.values)
    guard !positions.isEmpty else { return }
    try checkOwned(positions)
    let doing = "committing offsets of group \(group)"
    let list = KafkaPartitions(positions, metadata: metadata)
    let queue = unsafe rd_kafka_queue_new(raw)!
    defer { unsafe rd_kafka_queue_destroy(queue) }
    let deadline = ContinuousClock.now + .milliseconds(requestMs)
    while true {
      var code = unsafe rd_kafka_commit_queue(raw, list.raw, queue, nil, nil)
      if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        guard let event = unsafe rd_kafka_queue_poll(queue, Int32(clamping: requestMs)) else {
          throw KafkaFault(RD_KAFKA_RESP_ERR__TIMED_OUT).error(doing, otherwise: .retry)
        }
        let answer = unsafe KafkaAnswer(owning: event)
        code = unsafe rd_kafka_event_error(answer.raw)
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
          if let each = unsafe rd_kafka_event_topic_partition_list(answer.raw) {
            let failed = unsafe KafkaPartitions.read(each).map(\.code)
              .first { $0 != RD_KAFKA_RESP_ERR_NO_ERROR }
            code = failed ?? code
          }
        }
      }
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { return }
      let fault = KafkaFault(code)
      // The group must be polled before this can succeed.
      let needsPoll = code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS
      guard fault.isPassing, !needsPoll, ContinuousClock.now < deadline else {
        throw fault.error(doing, otherwise: .retry)
      }
      // Nothing comes here: the wait is the pause before the next try.
      _ = unsafe rd_kafka_queue_poll(queue, 100)
    }
  }

  /// Offsets of partitions that others have by now would take those back.
  private func checkOwned(_ positions: [TopicPartition: Int64]) throws(LogError) {
    let gone = positions.keys.filter { !owned.contains($0) && !leaving.contains($0) }
    guard gone.isEmpty else {
      let first = gone.map { "\($0.topic)[\($0.partition)]" }.sorted()[0]
      throw LogError(
        .abort, "Kafka: group \(group) has moved \(first) away from here: drop what was read of it")
    }
  }

  /// In which generation these offsets are to be committed in a transaction.
  func generation(
    for positions: [TopicPartition: Int64]
  ) throws(LogError) -> KafkaGeneration {
    precondition(member != nil, "the group reader is closed")
    try checkOwned(positions)
    guard let generation else {
      throw LogError(
        .abort, "Kafka: this member is out of group \(group): poll to join it again")
    }
    return generation
  }
}

/// Which member of a group, in which of its generations.
@safe final class KafkaGeneration: Equatable, @unchecked Sendable {
  // Unchecked: nothing changes after `init`.
  let raw: OpaquePointer

  static func == (left: KafkaGeneration, right: KafkaGeneration) -> Bool { left === right }

  /// Nil: the client is no member.
  init?(of member: OpaquePointer) {
    guard let metadata = unsafe rd_kafka_consumer_group_metadata(member) else { return nil }
    unsafe raw = metadata
    // In this order: a name that is still there now was there before.
    guard let name = unsafe rd_kafka_memberid(member) else { return nil }
    defer { unsafe rd_kafka_mem_free(member, name) }
    if unsafe name.pointee == 0 { return nil }
  }

  /// A group's name alone: its offsets are committed without being one of its members.
  init(outside group: String) {
    unsafe raw = rd_kafka_consumer_group_metadata_new(group)
  }

  deinit { unsafe rd_kafka_consumer_group_metadata_destroy(raw) }
}
