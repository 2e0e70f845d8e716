import CRdKafka
import Synchronization

/// Hears what librdkafka says of one client outside the result of any call: errors of connections,
/// failed deliveries, rebalances, its log. Its callbacks come on the polling thread and on
/// librdkafka's own.
final class KafkaEar: Sendable {
  enum Rebalance: Equatable, Sendable {
    case gained([TopicPartition])
    case lost([TopicPartition])
    case failed(KafkaFault)
  }

  struct Heard: Sendable {
    /// The last word on why no connection came about, by kind.
    var login: KafkaFault?
    var tls: KafkaFault?
    var transport: KafkaFault?
    /// The first record that was not delivered, and the fault after which nothing works.
    var undelivered: KafkaFault?
    var fatal: KafkaFault?
    /// How many connections have been lost, or could not be made.
    var losses = 0
    /// How many were lost while they were in use.
    var breaks = 0
    /// The transactional id's last owner has left a transaction that the brokers are ending.
    var isPredecessorEnding = false
    var rebalances: [Rebalance] = []
    /// The client is being taken down: a rebalance is answered at once.
    var isClosing = false
    fileprivate var said: [String: ContinuousClock.Instant] = [:]
  }

  let heard = Mutex(Heard())
  private let notice: (@Sendable (String) -> Void)?
  /// After a failed delivery nothing more may be sent: it would leave a gap behind it.
  private let purgesAfterFailure: Bool

  init(purgesAfterFailure: Bool, notice: (@Sendable (String) -> Void)?) {
    self.purgesAfterFailure = purgesAfterFailure
    self.notice = notice
  }

  var fatal: KafkaFault? { heard.withLock { $0.fatal } }
  var losses: Int { heard.withLock { $0.losses } }
  var breaks: Int { heard.withLock { $0.breaks } }

  /// Why the cluster cannot be reached, as far as it is known.
  var login: KafkaFault? { heard.withLock { $0.login } }
  var tls: KafkaFault? { heard.withLock { $0.tls } }
  var transport: KafkaFault? { heard.withLock { $0.transport } }
  var undelivered: KafkaFault? { heard.withLock { $0.undelivered } }

  /// Why no connection came about, to be put behind a line; empty: nothing is known.
  var lastWord: String { transport.map { " (last: \($0.text))" } ?? "" }

  func takeRebalances() -> [Rebalance] {
    heard.withLock { heard in
      defer { heard.rebalances.removeAll() }
      return heard.rebalances
    }
  }

  /// Passes a line on, each cause at most once a minute.
  func say(_ cause: String, _ line: @autoclosure () -> String) {
    guard let notice else { return }
    let now = ContinuousClock.now
    let isNews = heard.withLock { heard in
      if let last = heard.said[cause], now - last < .seconds(60) { return false }
      heard.said[cause] = now
      return true
    }
    if isNews { notice("Kafka: " + line()) }
  }

  fileprivate func hearBreak() { heard.withLock { $0.breaks += 1 } }

  fileprivate func hearPredecessor() { heard.withLock { $0.isPredecessorEnding = true } }

  fileprivate func hear(_ fault: KafkaFault) {
    heard.withLock { heard in
      switch fault.code {
      case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        heard.login = fault
      case RD_KAFKA_RESP_ERR__SSL:
        heard.tls = fault
      case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE:
        heard.transport = fault
        heard.losses += 1
      case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        heard.losses += 1
      default:
        break
      }
    }
    say("error \(fault.code.rawValue)", fault.text)
  }

  fileprivate func hearFatal(_ fault: KafkaFault) {
    heard.withLock { if $0.fatal == nil { $0.fatal = fault } }
  }

  /// True: this is the first, and what is queued behind it must go.
  fileprivate func hearUndelivered(_ fault: KafkaFault) -> Bool {
    heard.withLock { heard in
      guard heard.undelivered == nil else { return false }
      heard.undelivered = fault
      return purgesAfterFailure
    }
  }

  /// True: nobody will answer later.
  fileprivate func hear(_ rebalance: Rebalance) -> Bool {
    heard.withLock { heard in
      heard.rebalances.append(rebalance)
      return heard.isClosing
    }
  }

  /// Tells librdkafka to report here. The client must not outlive `self`.
  func listen(on conf: OpaquePointer, role: KafkaRole) {
    unsafe rd_kafka_conf_set_opaque(conf, Unmanaged.passUnretained(self).toOpaque())
    unsafe rd_kafka_conf_set_log_cb(conf, hearLog)
    unsafe rd_kafka_conf_set_error_cb(conf, hearError)
    if role.isProducer { unsafe rd_kafka_conf_set_dr_msg_cb(conf, hearDelivery) }
    if case .member = role { unsafe rd_kafka_conf_set_rebalance_cb(conf, hearRebalance) }
  }
}

private func ear(_ opaque: UnsafeMutableRawPointer?) -> KafkaEar? {
  guard let opaque = unsafe opaque else { return nil }
  return unsafe Unmanaged<KafkaEar>.fromOpaque(opaque).takeUnretainedValue()
}

private func hearLog(
  client: OpaquePointer?, level: Int32, facility: UnsafePointer<CChar>?,
  text: UnsafePointer<CChar>?
) {
  // 4 is syslog's "warning"; what is less is of no use to an operator.
  guard let client = unsafe client, let facility = unsafe facility, let text = unsafe text
  else { return }
  let name = unsafe String(cString: facility)
  if name == "FAIL", isBreak(unsafe String(cString: text)) {
    unsafe ear(rd_kafka_opaque(client))?.hearBreak()
  }
  guard level <= 4 else { return }
  // A setting for the other kind of client is normal here: one file serves all of them. And what
  // a broker's failure means is told by the error callback.
  guard name != "CONFWARN", name != "FAIL", name != "ERROR" else { return }
  let line = unsafe String(cString: text)
  // As at every start after a crash, and over in a moment.
  if name == "GETPID", line.contains(predecessorEnding) {
    unsafe ear(rd_kafka_opaque(client))?.hearPredecessor()
    return
  }
  unsafe ear(rd_kafka_opaque(client))?.say("log " + name, KafkaFault.tidy(line))
}

private let predecessorEnding = unsafe String(
  cString: rd_kafka_err2str(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS))

private func hearError(
  client: OpaquePointer?, code: Int32, reason: UnsafePointer<CChar>?,
  opaque: UnsafeMutableRawPointer?
) {
  guard let ear = unsafe ear(opaque), let client = unsafe client else { return }
  if rd_kafka_resp_err_t(code) == RD_KAFKA_RESP_ERR__FATAL {
    if let fault = unsafe KafkaFault(fatalOf: client) { ear.hearFatal(fault) }
    return
  }
  let reason = unsafe reason.map { unsafe String(cString: $0) } ?? ""
  ear.hear(KafkaFault(rd_kafka_resp_err_t(code), reason))
}

/// Whether the line of a connection that failed means one in use. librdkafka logs it before it sends
/// anything again (newer versions report a connection that the other side closed in no other way) and
/// says at its end in which state it was: "(after 42ms in state UP)". What is lost before it is up
/// carried no request of ours. Other words count as a break.
private func isBreak(_ reason: String) -> Bool {
  let early = ["INIT", "DOWN", "TRY_CONNECT", "CONNECT", "SSL_HANDSHAKE", "AUTH", "APIVERSION"]
  return !early.contains { reason.contains(" in state \($0)") }
}

private func hearDelivery(
  client: OpaquePointer?, message: UnsafePointer<rd_kafka_message_t>?,
  opaque: UnsafeMutableRawPointer?
) {
  guard let ear = unsafe ear(opaque), let message = unsafe message, let client = unsafe client
  else { return }
  let code = unsafe message.pointee.err
  // What is thrown away with a transaction says nothing of the reason.
  guard code != RD_KAFKA_RESP_ERR_NO_ERROR, code != RD_KAFKA_RESP_ERR__PURGE_QUEUE,
    code != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT
  else { return }
  if ear.hearUndelivered(KafkaFault(code)) {
    _ = unsafe rd_kafka_purge(
      client,
      RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
  }
}

private func hearRebalance(
  client: OpaquePointer?, code: rd_kafka_resp_err_t,
  partitions: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
  opaque: UnsafeMutableRawPointer?
) {
  guard let ear = unsafe ear(opaque) else { return }
  let named = unsafe partitions.map { unsafe KafkaPartitions.read($0) } ?? []
  let rebalance: KafkaEar.Rebalance =
    switch code {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS: .gained(named.map(\.partition))
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS: .lost(named.map(\.partition))
    default: .failed(KafkaFault(code))
    }
  if ear.hear(rebalance) { _ = unsafe rd_kafka_assign(client, nil) }
}

extension KafkaFault {
  /// The fault after which the client is of no more use, if there was one.
  init?(fatalOf client: OpaquePointer) {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    unsafe text.initialize(repeating: 0, count: 512)
    let code = unsafe rd_kafka_fatal_error(client, text, 512)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    self = unsafe KafkaFault(code, String(cString: text))
  }
}
