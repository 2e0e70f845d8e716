import CRdKafka
import Synchronization

/// Questions and orders about topics, offsets and groups. Any thread may ask: librdkafka allows it,
/// and the only thing here that changes after `init` is behind a lock.
final class KafkaAdmin: @unchecked Sendable {
  let settings: KafkaSettings
  private let client: KafkaClient
  private let notice: (@Sendable (String) -> Void)?
  private let onlookers = Mutex<[String: Onlooker]>([:])

  /// Connects, or says within `connectMs` why it cannot.
  init(
    _ settings: KafkaSettings, notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    guard !settings.bootstrapServers.isEmpty else {
      throw LogError(
        .stop, "Kafka: no address given: set bootstrap.servers to host:port of a broker")
    }
    self.settings = settings
    self.notice = notice
    client = try KafkaClient(.admin, settings, notice: notice)
    try connect()
  }

  private func connect() throws(LogError) {
    let deadline = ContinuousClock.now + .milliseconds(settings.connectMs)
    let address = settings.bootstrapServers
    repeat {
      do {
        _ = try metadata(of: nil, timeoutMs: 300)
        return
      } catch  where error.remedy == .retry {
        // Why is heard below; until then the brokers may be on their way up.
        client.serve()
      }
      if let fault = client.ear.login { throw loginError(fault) }
      if let fault = client.ear.tls {
        throw LogError(
          .stop,
          "Kafka: TLS with \(address) fails (\(fault.text)): correct ssl.ca.location and the other "
            + "ssl.* settings, or security.protocol")
      }
    } while ContinuousClock.now < deadline
    let reason = client.ear.transport.map { " (\($0.text))" } ?? ""
    throw LogError(
      .retry,
      "Kafka: no broker answers at \(address)\(reason): start it, or correct bootstrap.servers "
        + "and security.protocol")
  }

  private func loginError(_ fault: KafkaFault) -> LogError {
    var line =
      "Kafka: \(settings.bootstrapServers) refuses the log-in of user '\(settings.user)' "
      + "(\(fault.text)): correct sasl.username, sasl.password and sasl.mechanism"
    if settings.mechanism.uppercased().hasPrefix("SCRAM"), rd_kafka_version() < 0x0206_01ff {
      line +=
        "; if they are right: librdkafka before 2.6.1 cannot log in by SCRAM to Kafka 3.7.2, "
        + "3.8.1 and newer, so use PLAIN over TLS or a newer librdkafka"
    }
    return LogError(.stop, line)
  }

  // MARK: Topics

  private struct TopicView {
    var code: rd_kafka_resp_err_t
    var partitions: Int
    /// All partitions have a leader.
    var isReady: Bool
  }

  /// Nil without a topic: the brokers answered.
  private func metadata(
    of topic: String?, timeoutMs: Int
  ) throws(LogError) -> TopicView? {
    var handle: OpaquePointer?
    if let topic {
      unsafe handle = rd_kafka_topic_new(client.raw, topic, nil)
      guard unsafe handle != nil else {
        throw KafkaFault(rd_kafka_last_error()).error("opening topic \(topic)", otherwise: .stop)
      }
    }
    defer { if let handle = unsafe handle { unsafe rd_kafka_topic_destroy(handle) } }
    var found: UnsafePointer<rd_kafka_metadata>?
    let code = unsafe rd_kafka_metadata(
      client.raw, 0, handle, &found, Int32(clamping: timeoutMs))
    defer { if let found = unsafe found { unsafe rd_kafka_metadata_destroy(found) } }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found = unsafe found else {
      let doing = topic.map { "asking for topic \($0)" } ?? "connecting"
      throw KafkaFault(code).error(doing, otherwise: .retry)
    }
    guard topic != nil, unsafe found.pointee.topic_cnt == 1 else { return nil }
    let one = unsafe found.pointee.topics[0]
    let count = unsafe Int(one.partition_cnt)
    let isReady = (0..<count).allSatisfy { unsafe one.partitions[$0].leader >= 0 }
    return unsafe TopicView(code: one.err, partitions: count, isReady: count > 0 && isReady)
  }

  func partitionCount(of topic: String) throws(LogError) -> Int? {
    var last = KafkaFault(RD_KAFKA_RESP_ERR__TIMED_OUT)
    let deadline = ContinuousClock.now + .milliseconds(settings.requestMs)
    repeat {
      let view = try metadata(of: topic, timeoutMs: settings.requestMs)
      switch view?.code {
      case RD_KAFKA_RESP_ERR_NO_ERROR?:
        if let view, view.isReady { return view.partitions }
      case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART?:
        return nil
      case let code?:
        last = KafkaFault(code)
        guard last.isPassing else {
          throw last.error("asking for topic \(topic)\(asUser)", otherwise: .stop)
        }
      case nil:
        break
      }
      client.serve(timeoutMs: 50)
    } while ContinuousClock.now < deadline
    throw last.error("asking for topic \(topic)", otherwise: .retry)
  }

  private var asUser: String { settings.user.isEmpty ? "" : " as user '\(settings.user)'" }

  func createTopic(_ topic: TopicSettings) throws(LogError) {
    let doing = "creating topic \(topic.name)\(asUser)"
    if try !hasTopic(topic) {
      let fault = try order(topic, doing)
      switch fault?.code {
      case nil, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS?: break
      default: throw fault!.error(doing, otherwise: .stop)
      }
      try waitFor(topic, doing)
    }
  }

  private func hasTopic(_ topic: TopicSettings) throws(LogError) -> Bool {
    guard let count = try partitionCount(of: topic.name) else { return false }
    guard count == topic.partitions else {
      throw LogError(
        .stop,
        "Kafka: topic \(topic.name) has \(count) partitions, not \(topic.partitions): name another "
          + "topic, or delete this one if it is not needed")
    }
    return true
  }

  private func waitFor(_ topic: TopicSettings, _ doing: String) throws(LogError) {
    let deadline = ContinuousClock.now + .milliseconds(settings.requestMs)
    while try !hasTopic(topic) {
      client.serve(timeoutMs: 50)
      guard ContinuousClock.now < deadline else {
        throw KafkaFault(RD_KAFKA_RESP_ERR__TIMED_OUT).error(doing, otherwise: .retry)
      }
    }
  }

  private func order(_ topic: TopicSettings, _ doing: String) throws(LogError) -> KafkaFault? {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    unsafe text.initialize(repeating: 0, count: 512)
    // -1: as many replicas as the brokers' default.replication.factor.
    var new = unsafe rd_kafka_NewTopic_new(topic.name, Int32(topic.partitions), -1, text, 512)
    guard unsafe new != nil else {
      throw unsafe KafkaFault(RD_KAFKA_RESP_ERR__INVALID_ARG, String(cString: text))
        .error(doing, otherwise: .stop)
    }
    defer { unsafe rd_kafka_NewTopic_destroy(new) }
    for (key, value) in topic.config.sorted(by: { $0.key < $1.key }) {
      _ = unsafe rd_kafka_NewTopic_set_config(new, key, value)
    }
    let answer = try unsafe ask(RD_KAFKA_ADMIN_OP_CREATETOPICS, doing) { options, queue in
      unsafe rd_kafka_CreateTopics(client.raw, &new, 1, options, queue)
    }
    var count = 0
    guard let result = unsafe rd_kafka_event_CreateTopics_result(answer.raw),
      let topics = unsafe rd_kafka_CreateTopics_result_topics(result, &count), count == 1
    else { return KafkaFault(RD_KAFKA_RESP_ERR__BAD_MSG) }
    let code = unsafe rd_kafka_topic_result_error(topics[0])
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    let words = unsafe rd_kafka_topic_result_error_string(topics[0])
    return KafkaFault(code, unsafe words.map { unsafe String(cString: $0) } ?? "")
  }

  func topicConfig(_ topic: String) throws(LogError) -> [String: String]? {
    let doing = "reading the settings of topic \(topic)\(asUser)"
    guard try partitionCount(of: topic) != nil else { return nil }
    var resource = unsafe rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic)
    defer { unsafe rd_kafka_ConfigResource_destroy(resource) }
    let answer = try unsafe ask(RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, doing) { options, queue in
      unsafe rd_kafka_DescribeConfigs(client.raw, &resource, 1, options, queue)
    }
    var count = 0
    guard let result = unsafe rd_kafka_event_DescribeConfigs_result(answer.raw),
      let found = unsafe rd_kafka_DescribeConfigs_result_resources(result, &count), count == 1
    else { throw KafkaFault(RD_KAFKA_RESP_ERR__BAD_MSG).error(doing, otherwise: .retry) }
    let code = unsafe rd_kafka_ConfigResource_error(found[0])
    if code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART { return nil }
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw KafkaFault(code).error(doing, otherwise: .stop)
    }
    var config: [String: String] = [:]
    let entries = unsafe rd_kafka_ConfigResource_configs(found[0], &count)
    for index in 0..<count {
      guard let entry = unsafe entries?[index], let name = unsafe rd_kafka_ConfigEntry_name(entry),
        let value = unsafe rd_kafka_ConfigEntry_value(entry)
      else { continue }
      unsafe config[String(cString: name)] = String(cString: value)
    }
    return config
  }

  // MARK: Offsets

  /// The upper bounds are last stable offsets: what a `read_committed` reader can reach. Two requests
  /// to each broker, however many partitions.
  func bounds(
    of partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: Range<Int64>] {
    for topic in Set(partitions.map(\.topic)).sorted() {
      let count = try partitionCount(of: topic) ?? 0
      for one in partitions where one.topic == topic && one.partition >= count {
        throw KafkaFault(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
          .error(Self.asking(one) + asUser, otherwise: .stop)
      }
    }
    let lower = try offsets(of: partitions, at: Int64(RD_KAFKA_OFFSET_BEGINNING))
    let upper = try offsets(of: partitions, at: Int64(RD_KAFKA_OFFSET_END))
    return lower.reduce(into: [:]) { bounds, entry in
      bounds[entry.key] = entry.value..<max(entry.value, upper[entry.key] ?? entry.value)
    }
  }

  private static func asking(_ partition: TopicPartition) -> String {
    "asking for the bounds of \(partition.topic)[\(partition.partition)]"
  }

  /// `time`: one of librdkafka's two special offsets, which the protocol takes for times.
  private func offsets(
    of partitions: [TopicPartition], at time: Int64
  ) throws(LogError) -> [TopicPartition: Int64] {
    guard !partitions.isEmpty else { return [:] }
    let deadline = ContinuousClock.now + .milliseconds(settings.requestMs)
    while true {
      // The call overwrites the times.
      let list = KafkaPartitions(
        Dictionary(partitions.map { ($0, time) }, uniquingKeysWith: { first, _ in first }))
      var code = unsafe rd_kafka_offsets_for_times(
        client.raw, list.raw, Int32(clamping: settings.requestMs))
      let entries = list.entries
      let failed = entries.first { $0.code != RD_KAFKA_RESP_ERR_NO_ERROR }
      if code == RD_KAFKA_RESP_ERR_NO_ERROR { code = failed?.code ?? code }
      if code == RD_KAFKA_RESP_ERR_NO_ERROR {
        return entries.reduce(into: [:]) { $0[$1.partition] = $1.offset }
      }
      let fault = KafkaFault(code)
      guard fault.isPassing, ContinuousClock.now < deadline else {
        let partition = failed?.partition ?? partitions[0]
        throw fault.error(Self.asking(partition) + asUser, otherwise: .retry)
      }
      client.serve(timeoutMs: 100)
    }
  }

  /// Waits, within bounds, for an open transaction of the group: what it will commit is not known
  /// before it ends.
  ///
  /// Not by the admin request for it: librdkafka's ends the whole process when the group's
  /// coordinator goes away meanwhile (an assertion on the request's count of references).
  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    let deadline = ContinuousClock.now + .milliseconds(settings.requestMs)
    while true {
      switch try askCommits(group, partitions, timeoutMs: min(1_000, settings.requestMs)) {
      case .success(let commits): return commits
      case .failure(let fault):
        guard ContinuousClock.now < deadline else {
          throw fault.error(askingCommits(group), otherwise: .retry)
        }
        try onlooker(group).client.serve(timeoutMs: 100)
      }
    }
  }

  func commits(
    group: String, _ partitions: [TopicPartition], withinMs: Int
  ) throws(LogError) -> [TopicPartition: CommittedOffset]? {
    switch try askCommits(group, partitions, timeoutMs: withinMs) {
    case .success(let commits): commits
    case .failure: nil
    }
  }

  private func askingCommits(_ group: String) -> String {
    "asking for the committed offsets of group \(group)\(asUser)"
  }

  /// Asks once. A failure is passing.
  private func askCommits(
    _ group: String, _ partitions: [TopicPartition], timeoutMs: Int
  ) throws(LogError) -> Result<[TopicPartition: CommittedOffset], KafkaFault> {
    guard !partitions.isEmpty else { return .success([:]) }
    let onlooker = try onlooker(group)
    let list = KafkaPartitions(
      Dictionary(partitions.map { ($0, -1001) }, uniquingKeysWith: { first, _ in first }))
    // Where a transaction is open this times out, and says of no partition that it failed: only
    // the call's own code counts then.
    var code = unsafe rd_kafka_committed(onlooker.client.raw, list.raw, Int32(clamping: timeoutMs))
    let entries = list.entries
    if code == RD_KAFKA_RESP_ERR_NO_ERROR {
      code = entries.map(\.code).first { $0 != RD_KAFKA_RESP_ERR_NO_ERROR } ?? code
    }
    if code == RD_KAFKA_RESP_ERR_NO_ERROR {
      var commits: [TopicPartition: CommittedOffset] = [:]
      for entry in entries where entry.offset >= 0 {
        commits[entry.partition] = CommittedOffset(offset: entry.offset, metadata: entry.metadata)
      }
      return .success(commits)
    }
    let fault = onlooker.heard() ?? KafkaFault(code)
    guard fault.isPassing else { throw fault.error(askingCommits(group), otherwise: .retry) }
    return .failure(fault)
  }

  private final class Onlooker: @unchecked Sendable {
    let client: KafkaClient
    init(_ client: consuming KafkaClient) { self.client = client }

    /// Why the group's coordinator does not answer, if it is for something that does not pass: a
    /// missing right, for example. The call itself only runs out of time then.
    func heard() -> KafkaFault? {
      guard let message = unsafe rd_kafka_consumer_poll(client.raw, 0) else { return nil }
      defer { unsafe rd_kafka_message_destroy(message) }
      let fault = unsafe KafkaFault(
        message.pointee.err, String(cString: rd_kafka_message_errstr(message)))
      return fault.isPassing ? nil : fault
    }
  }

  /// A client per group that was asked for, kept: finding a group's coordinator takes time.
  private func onlooker(_ group: String) throws(LogError) -> Onlooker {
    if let known = onlookers.withLock({ $0[group] }) { return known }
    let new = Onlooker(try KafkaClient(.onlooker(group: group), settings, notice: notice))
    return onlookers.withLock {
      if let known = $0[group] { return known }
      $0[group] = new
      return new
    }
  }

  // MARK: Requests

  /// Sends one admin request and waits for its answer.
  private func ask(
    _ kind: rd_kafka_admin_op_t, _ doing: String,
    send: (OpaquePointer, OpaquePointer) -> Void
  ) throws(LogError) -> KafkaAnswer {
    let queue = unsafe rd_kafka_queue_new(client.raw)!
    defer { unsafe rd_kafka_queue_destroy(queue) }
    let options = unsafe rd_kafka_AdminOptions_new(client.raw, kind)!
    defer { unsafe rd_kafka_AdminOptions_destroy(options) }
    _ = unsafe rd_kafka_AdminOptions_set_request_timeout(
      options, Int32(clamping: settings.requestMs), nil, 0)
    unsafe send(options, queue)
    let event = unsafe rd_kafka_queue_poll(queue, Int32(clamping: settings.requestMs + 2_000))
    guard let event = unsafe event else {
      throw KafkaFault(RD_KAFKA_RESP_ERR__TIMED_OUT).error(doing, otherwise: .retry)
    }
    let answer = unsafe KafkaAnswer(owning: event)
    let code = unsafe rd_kafka_event_error(event)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      let words = unsafe rd_kafka_event_error_string(event)
      throw KafkaFault(code, unsafe words.map { unsafe String(cString: $0) } ?? "")
        .error(doing, otherwise: .retry)
    }
    return answer
  }
}

/// The answer to a request; what is read from it lives as long as it does.
@safe struct KafkaAnswer: ~Copyable {
  let raw: OpaquePointer
  init(owning raw: OpaquePointer) { unsafe self.raw = raw }
  deinit { unsafe rd_kafka_event_destroy(raw) }
}
