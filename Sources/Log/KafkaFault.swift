import CRdKafka

/// What went wrong, in librdkafka's terms, and what that means for us.
struct KafkaFault: Error, Equatable, Sendable {
  var code: rd_kafka_resp_err_t
  /// librdkafka's own words; empty: the code's name says it all.
  var reason: String

  init(_ code: rd_kafka_resp_err_t, _ reason: String = "") {
    self.code = code
    self.reason = Self.tidy(reason)
  }

  var text: String {
    if !reason.isEmpty { return reason }
    return unsafe String(cString: rd_kafka_err2str(code))
  }

  /// One line for a person. `doing` completes "Kafka: … failed".
  func error(_ doing: String, otherwise remedy: LogError.Remedy) -> LogError {
    let (remedy, advice) = judge(otherwise: remedy)
    return LogError(remedy, "Kafka: \(doing) failed (\(text)): \(advice)")
  }

  private func judge(
    otherwise remedy: LogError.Remedy
  ) -> (remedy: LogError.Remedy, advice: String) {
    switch code {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return (.stop, "correct sasl.username, sasl.password and sasl.mechanism")
    case RD_KAFKA_RESP_ERR__SSL:
      return (.stop, "correct ssl.ca.location and the other ssl.* settings")
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return (.stop, "grant this user read, write and describe on the topic (kafka-acls)")
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return (.stop, "grant this user read and describe on the consumer group (kafka-acls)")
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return (.stop, "grant this user write and describe on the transactional id (kafka-acls)")
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return (.stop, "grant this user the right on the cluster (kafka-acls --cluster)")
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
      RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return (.stop, "create the topic, for example by `kairos topics apply`")
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return (.stop, "the log no longer holds, or never held, that offset; choose another start")
    case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return (
        .recreate, "its transaction took too long, or another process has taken over this identity"
      )
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return (.stop, "another process has joined under this name; let only one run")
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return (.stop, "raise the topic's max.message.bytes, and message.max.bytes here")
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS,
      RD_KAFKA_RESP_ERR_INVALID_CONFIG, RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
      RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR__INVALID_ARG:
      return (.stop, "correct the setting")
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
      return (.abort, "the group has moved its partitions; poll for the new ones")
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
      return (.retry, "a transaction of the group is still open; try again when it has ended")
    case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TRANSPORT,
      RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
      RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
      RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
      return (remedy == .stop ? .retry : remedy, "check that the brokers are up, then try again")
    default:
      return (remedy, Self.advice(remedy))
    }
  }

  private static func advice(_ remedy: LogError.Remedy) -> String {
    switch remedy {
    case .retry: "try again"
    case .abort: "abort and begin again from the last commit"
    case .recreate: "build a new client"
    case .stop: "see the broker's log for the cause"
    }
  }

  /// The offset that was to be read is not in the log, or the log was cut before it. (-139 is
  /// `_LOG_TRUNCATION`, which librdkafka has from 2.1.0 on.)
  var isMissingOffset: Bool {
    code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE
      || code.rawValue == -139
  }

  /// The brokers know a newer owner of this identity.
  var isFencing: Bool {
    switch code {
    case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      true
    default: false
    }
  }

  /// Whether the same request may well succeed a moment later.
  var isPassing: Bool { judge(otherwise: .stop).remedy == .retry }

  /// One line, without the address that librdkafka puts in front and the state it puts behind.
  static func tidy(_ reason: String) -> String {
    var text = String(reason.map { $0.isNewline ? " " : $0 })
    if let slash = text.range(ofText: "://"), let end = text.range(ofText: ": "),
      slash.lowerBound < end.lowerBound
    {
      text = String(text[end.upperBound...])
    } else if let end = text.range(ofText: ": "),
      text[..<end.lowerBound].contains("/"), !text[..<end.lowerBound].contains(" ")
    {
      text = String(text[end.upperBound...])
    }
    if let state = text.range(ofText: " (after ") { text = String(text[..<state.lowerBound]) }
    return text.count > 300 ? text.prefix(300) + "…" : text
  }
}

extension String {
  /// Where `text` first stands.
  fileprivate func range(ofText text: String) -> Range<String.Index>? { firstRange(of: text) }
}

/// An error that librdkafka hands over: given back when this value goes out of scope.
@safe struct KafkaErrorHandle: ~Copyable {
  private let raw: OpaquePointer

  /// Nil: no error.
  init?(owning raw: OpaquePointer?) {
    guard let raw = unsafe raw else { return nil }
    unsafe self.raw = raw
  }

  deinit { unsafe rd_kafka_error_destroy(raw) }

  var fault: KafkaFault {
    unsafe KafkaFault(rd_kafka_error_code(raw), String(cString: rd_kafka_error_string(raw)))
  }
  var isFatal: Bool { unsafe rd_kafka_error_is_fatal(raw) != 0 }
  var isRetriable: Bool { unsafe rd_kafka_error_is_retriable(raw) != 0 }
  var requiresAbort: Bool { unsafe rd_kafka_error_txn_requires_abort(raw) != 0 }
}
