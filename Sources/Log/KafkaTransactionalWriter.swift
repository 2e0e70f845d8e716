import CRdKafka

/// Writes in transactions: records and offsets of one commit become visible together, or not at
/// all. One transaction is open from the first `append` (or from `commit`, if it only has offsets).
///
/// Retriable errors are tried again here, with the same arguments, for a bounded time. What then
/// is left: `.abort`, and the caller calls `abort` and rewinds; or `.recreate`, when the producer
/// is fenced or the outcome of a commit is unknown. A new writer of the same id then ends what the
/// old one left open, and the group's committed offsets tell what became of it.
@safe final class KafkaTransactionalWriter: LogWriter {
  private var outbox: KafkaOutbox?
  /// The client's handle, valid while `outbox` is not nil, and its ear.
  private let raw: OpaquePointer
  private let ear: KafkaEar
  private let id: String
  private let stepMs: Int
  private let commitMs: Int
  private var isOpen = false
  private var ended: LogError?

  init(
    id: String, _ admin: KafkaAdmin, notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    self.id = id
    stepMs = admin.settings.requestMs
    commitMs = admin.settings.commitMs
    let outbox = try KafkaOutbox(.transactionalWriter(id: id), admin, notice: notice)
    unsafe raw = outbox.raw
    ear = outbox.ear
    self.outbox = consume outbox
    let step = stepMs
    try unsafe attempt("opening transactional id \(id)", for: commitMs, indefinite: .recreate) {
      client in
      unsafe rd_kafka_init_transactions(client, Int32(clamping: step))
    }
  }

  func append(_ record: OutRecord) throws(LogError) {
    try checkAlive()
    try begin()
    do {
      try outbox!.append(record)
    } catch {
      try checkAlive()
      throw error.remedy == .recreate ? LogError(.abort, error.message) : error
    }
  }

  private func begin() throws(LogError) {
    guard !isOpen else { return }
    try unsafe attempt("beginning a transaction of \(id)", for: stepMs, indefinite: .recreate) {
      client in
      unsafe rd_kafka_begin_transaction(client)
    }
    isOpen = true
  }

  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try checkAlive()
    if !offsets.isEmpty {
      try begin()
      try send(offsets, group: group, reader: reader)
    }
    guard isOpen else { return }
    let step = Int32(clamping: stepMs)
    try unsafe attempt("committing a transaction of \(id)", for: commitMs, indefinite: .recreate) {
      client in unsafe rd_kafka_commit_transaction(client, step)
    }
    isOpen = false
  }

  /// In the reader's generation, so that a member that has lost its partitions fails.
  private func send(
    _ offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    let step = Int32(clamping: stepMs)
    let doing = "adding offsets of group \(group) to a transaction"
    // Nothing is decided yet, so whatever fails can be aborted.
    if let reader {
      guard let reader = reader as? KafkaGroupReader else {
        fatalError("offsets of group \(group) come from a reader of another log")
      }
      try unsafe attempt(doing, for: commitMs, indefinite: .abort) { (client) throws(LogError) in
        try unsafe reader.send(offsets, producer: client, timeoutMs: step)
      }
    } else {
      let list = KafkaPartitions(offsets)
      let outside = KafkaGeneration(outside: group)
      try unsafe attempt(doing, for: commitMs, indefinite: .abort) { client in
        unsafe rd_kafka_send_offsets_to_transaction(client, list.raw, outside.raw, step)
      }
    }
  }

  func abort() throws(LogError) {
    try checkAlive()
    guard isOpen else { return }
    let step = Int32(clamping: stepMs)
    // A transaction that the brokers have not heard of yet cannot be aborted (librdkafka 2.0.2 asks
    // for it all the same, and is of no more use when they refuse): let them hear of it.
    _ = unsafe rd_kafka_flush(raw, step)
    try unsafe attempt("aborting a transaction of \(id)", for: commitMs, indefinite: .recreate) {
      client in
      unsafe rd_kafka_abort_transaction(client, step)
    }
    isOpen = false
  }

  /// Closing leaves an open transaction to the brokers, or to the next writer of the same id.
  func close() { outbox = nil }

  private func checkAlive() throws(LogError) {
    precondition(outbox != nil, "the writer is closed")
    if let ended { throw ended }
    if let fatal = ear.fatal {
      throw end(fatal.error("writing as \(id)", otherwise: .recreate), .recreate)
    }
  }

  private func end(_ error: LogError, _ remedy: LogError.Remedy) -> LogError {
    let last = LogError(error.remedy == .stop ? .stop : remedy, error.message)
    ended = last
    return last
  }

  /// Makes a call again while its error is said to be passing. `indefinite`: what to do when it
  /// still is when the time is up.
  private func attempt(
    _ doing: String, for limitMs: Int, indefinite: LogError.Remedy,
    _ call: (OpaquePointer) throws(LogError) -> OpaquePointer?
  ) throws(LogError) {
    let deadline = ContinuousClock.now + .milliseconds(limitMs)
    var pauseMs: Int32 = 20
    while true {
      guard let error = try unsafe KafkaErrorHandle(owning: call(raw)) else { return }
      let fault = error.fault
      if error.isFatal {
        throw end(fault.error(doing, otherwise: .recreate), .recreate)
      }
      if error.requiresAbort {
        let cause = ear.undelivered ?? fault
        let last = cause.error(doing, otherwise: .abort)
        throw last.remedy == .retry ? LogError(.abort, last.message) : last
      }
      if let login = ear.login {
        throw end(login.error(doing, otherwise: .stop), .stop)
      }
      let isTimeOut = fault.code == RD_KAFKA_RESP_ERR__TIMED_OUT
      guard error.isRetriable || isTimeOut, ContinuousClock.now < deadline else {
        let remedy = error.isRetriable || isTimeOut ? indefinite : .recreate
        let last = fault.error(doing, otherwise: remedy)
        throw last.remedy == .abort ? last : end(last, .recreate)
      }
      _ = unsafe rd_kafka_poll(raw, pauseMs)
      pauseMs = min(1_000, pauseMs * 2)
    }
  }
}
