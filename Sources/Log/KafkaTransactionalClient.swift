import CRdKafka
import Synchronization

/// One call of a transactional producer.
enum KafkaTransactionStep: Equatable {
  /// Takes the transactional id over, which fences whoever had it and ends what that left open.
  case initialise
  case begin
  /// Adds offsets to the transaction, in a member's generation.
  case offsets([TopicPartition: Int64], KafkaGeneration)
  case commit
  case abort
  /// Waits until the brokers have heard of what was appended.
  case flush
}

/// What came of it.
enum KafkaReply: Equatable, Sendable {
  case done
  /// Passing: the same call with the same arguments may succeed, or goes on waiting.
  case again(KafkaFault)
  /// The transaction can only be aborted.
  case mustAbort(KafkaFault)
  /// The producer is of no more use.
  case fatal(KafkaFault)
  /// None of these: it is a mistake of ours, or unknown to librdkafka.
  case refused(KafkaFault)
  /// The call has not returned. Nothing more may be asked of this client.
  case silence
}

/// A transactional producer as its writer sees it: librdkafka's, or a scripted one in tests.
protocol KafkaTransactionalClient: AnyObject {
  func append(_ record: OutRecord) throws(LogError)
  /// Comes back within `timeoutMs` and a little more, whatever happens.
  func perform(_ step: KafkaTransactionStep, timeoutMs: Int) -> KafkaReply
  /// Lets callbacks come while it waits.
  func pause(milliseconds: Int)
  /// Milliseconds of a clock that never goes back.
  var now: Int64 { get }
  var fatal: KafkaFault? { get }
  var login: KafkaFault? { get }
  /// The first record that was refused; its number stays missing in what the brokers have counted.
  var undelivered: KafkaFault? { get }
  /// A connection broke while it was in use: what was sent over it may still reach a broker later,
  /// besides what librdkafka has sent again since.
  var mayHaveStrays: Bool { get }
  /// The brokers have answered that they are still ending a transaction of the id's last owner.
  var isPredecessorEnding: Bool { get }
  /// Passes a line on to who runs the process, at most once a minute.
  func say(_ line: @autoclosure () -> String)
}

/// librdkafka's.
@safe final class KafkaTransactionalProducer: KafkaTransactionalClient, @unchecked Sendable {
  // Unchecked: `outbox` is used by the writer's thread alone, and librdkafka lets any thread call.
  private var outbox: KafkaOutbox
  private let raw: OpaquePointer
  private let ear: KafkaEar
  private let bounded = KafkaBounded("kafka transactions")
  private let start = ContinuousClock.now

  /// How much longer than its time a call may take before it counts as hanging, ms: librdkafka looks
  /// at its clock once a second.
  private static let graceMs = 3_000

  init(
    id: String, _ admin: KafkaAdmin, notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    let outbox = try KafkaOutbox(.transactionalWriter(id: id), admin, notice: notice)
    unsafe raw = outbox.raw
    ear = outbox.ear
    self.outbox = consume outbox
  }

  func append(_ record: OutRecord) throws(LogError) { try outbox.append(record) }

  func perform(_ step: KafkaTransactionStep, timeoutMs: Int) -> KafkaReply {
    let reply = bounded.run(timeoutMs: timeoutMs + Self.graceMs) { [self] in
      call(step, Int32(clamping: timeoutMs))
    }
    if let reply { return reply }
    // What is queued would only take up memory from here on.
    _ = unsafe rd_kafka_purge(
      raw, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
    return .silence
  }

  private func call(_ step: KafkaTransactionStep, _ timeoutMs: Int32) -> KafkaReply {
    switch step {
    case .initialise:
      unsafe KafkaReply(owning: rd_kafka_init_transactions(raw, timeoutMs))
    case .begin:
      unsafe KafkaReply(owning: rd_kafka_begin_transaction(raw))
    case .offsets(let positions, let generation):
      add(positions, generation, timeoutMs)
    case .commit:
      unsafe KafkaReply(owning: rd_kafka_commit_transaction(raw, timeoutMs))
    case .abort:
      unsafe KafkaReply(owning: rd_kafka_abort_transaction(raw, timeoutMs))
    case .flush:
      flush(timeoutMs)
    }
  }

  private func add(
    _ positions: [TopicPartition: Int64], _ generation: KafkaGeneration, _ timeoutMs: Int32
  ) -> KafkaReply {
    let list = KafkaPartitions(positions)
    return unsafe KafkaReply(
      owning: rd_kafka_send_offsets_to_transaction(raw, list.raw, generation.raw, timeoutMs))
  }

  private func flush(_ timeoutMs: Int32) -> KafkaReply {
    let code = unsafe rd_kafka_flush(raw, timeoutMs)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? .done : .again(KafkaFault(code))
  }

  func pause(milliseconds: Int) { _ = unsafe rd_kafka_poll(raw, Int32(clamping: milliseconds)) }

  var now: Int64 { Int64((ContinuousClock.now - start) / .milliseconds(1)) }
  var fatal: KafkaFault? { ear.fatal }
  var login: KafkaFault? { ear.login }
  var undelivered: KafkaFault? { ear.undelivered }

  var mayHaveStrays: Bool { ear.breaks > 0 }
  var isPredecessorEnding: Bool { ear.heard.withLock { $0.isPredecessorEnding } }

  func say(_ line: @autoclosure () -> String) { ear.say("waiting", line()) }
}

extension KafkaReply {
  /// Takes librdkafka's error over; nil: there was none.
  fileprivate init(owning raw: OpaquePointer?) {
    guard let error = unsafe KafkaErrorHandle(owning: raw) else {
      self = .done
      return
    }
    let fault = error.fault
    if error.isFatal {
      self = .fatal(fault)
    } else if error.requiresAbort {
      self = .mustAbort(fault)
    } else if error.isRetriable || fault.code == RD_KAFKA_RESP_ERR__TIMED_OUT {
      self = .again(fault)
    } else {
      self = .refused(fault)
    }
  }
}
