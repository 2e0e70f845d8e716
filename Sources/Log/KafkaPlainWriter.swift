import CRdKafka

/// Writes each partition's records in order and without gaps: an idempotent producer that never
/// gives a record up. Should one fail for good all the same, what is queued behind it is dropped
/// and the writer has ended, for a record after a lost one would hide the loss.
@safe final class KafkaPlainWriter: LogWriter {
  private var outbox: KafkaOutbox?
  /// The client's handle, valid while `outbox` is not nil, and its ear.
  private let raw: OpaquePointer
  private let ear: KafkaEar
  private let commitMs: Int
  private var ended: LogError?

  init(
    _ admin: KafkaAdmin, notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    let outbox = try KafkaOutbox(.plainWriter, admin, notice: notice)
    unsafe raw = outbox.raw
    ear = outbox.ear
    self.outbox = consume outbox
    commitMs = admin.settings.commitMs
  }

  func append(_ record: OutRecord) throws(LogError) {
    try checkAlive()
    do {
      try outbox!.append(record)
    } catch {
      try checkAlive()
      throw error
    }
  }

  /// Returns when the brokers have all records; then the reader commits the offsets. After a
  /// `.retry` the records are still on their way, and another commit goes on waiting.
  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try checkAlive()
    let start = ContinuousClock.now
    let deadline = start + .milliseconds(commitMs)
    while unsafe rd_kafka_flush(raw, 200) != RD_KAFKA_RESP_ERR_NO_ERROR {
      try checkAlive()
      let waiting = unsafe rd_kafka_outq_len(raw)
      if ContinuousClock.now - start > .seconds(2) {
        ear.say("waiting", "\(waiting) records wait for the brokers\(ear.lastWord)")
      }
      guard ContinuousClock.now < deadline else {
        throw LogError(
          .retry,
          "Kafka: \(waiting) records are not acknowledged after \(commitMs / 1_000) s"
            + "\(ear.lastWord): check that the brokers are up; committing again goes on waiting")
      }
    }
    try checkAlive()
    guard !offsets.isEmpty else { return }
    guard let reader else {
      fatalError("a plain writer commits offsets of group \(group) through the group's reader")
    }
    try reader.commit(offsets)
  }

  private func checkAlive() throws(LogError) {
    precondition(outbox != nil, "the writer is closed")
    if let ended { throw ended }
    var error: LogError?
    if let fault = ear.fatal ?? ear.undelivered {
      error = fault.error("delivering a record", otherwise: .recreate)
    } else if let login = ear.login {
      error = login.error("logging in to write", otherwise: .stop)
    }
    guard let error else { return }
    ended = error
    throw error
  }

  /// What was appended, cannot be taken back.
  func abort() throws(LogError) { try checkAlive() }

  func close() { outbox = nil }
}
