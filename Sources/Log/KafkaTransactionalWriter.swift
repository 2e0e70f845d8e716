import CRdKafka

/// Writes in transactions: records and offsets of one commit become visible together, or not at
/// all. One transaction is open from the first `append` (or from `commit`, if it only has offsets).
///
///     idle ──append, commit──▶ open ──commit, abort──▶ idle
///                               │
///                     an error that only an abort mends: failed ──abort──▶ idle
///
///     from anywhere, for good: ended. A new writer of the same id goes on.
///
/// What librdkafka calls retriable is tried again here, with the same arguments, for a bounded time.
/// What only an abort mends is thrown as `.abort` (or `.stop`, if a person must change something),
/// and again by every call until `abort`. What is left, `.recreate`, ends the writer and discards its
/// producer at once: it is fenced, or a call did not return, or the outcome of a commit or an abort
/// is unknown. A new writer of the same id then settles what the old one left open, for the brokers
/// raise its epoch, and refuse whatever of the old epoch is still on its way; after that the group's
/// committed offsets tell what became of it.
///
/// For the same reason a producer that lost a connection in use takes no second transaction, though
/// all went well in the end: librdkafka has sent the lost requests again, and the first ones may
/// arrive yet. A late commit, or late offsets, of the same epoch would hit the next transaction. So
/// such a producer is replaced between two transactions.
final class KafkaTransactionalWriter: LogWriter {
  private enum Phase {
    case idle
    case open
    case failed(LogError)
    case ended(LogError)
  }

  private let id: String
  private let stepMs: Int
  private let commitMs: Int
  private let make: () throws(LogError) -> any KafkaTransactionalClient
  private let members: KafkaMembers
  private var client: (any KafkaTransactionalClient)?
  private var phase = Phase.idle
  /// A call's time ran out while its request was under way, or a record was refused: librdkafka fails the
  /// next transaction for the number that it skipped.
  private var mustReplace = false

  /// How long the brokers may take to end what a dead predecessor left open before they are asked
  /// anew, ms.
  private static let glanceMs = 100

  /// After so long one line says what is waited for, ms.
  private static let patienceMs: Int64 = 2_000

  /// `stepMs`: for one call of librdkafka; `commitMs`: for all tries of one call of ours.
  init(
    id: String, stepMs: Int, commitMs: Int, members: KafkaMembers,
    make: @escaping () throws(LogError) -> any KafkaTransactionalClient
  ) throws(LogError) {
    self.id = id
    self.stepMs = stepMs
    self.commitMs = commitMs
    self.members = members
    self.make = make
    try initialise()
  }

  private func initialise() throws(LogError) {
    client = nil
    let client = try make()
    self.client = client
    try attempt(
      .initialise, "opening transactional id \(id)", until: client.now + Int64(commitMs),
      indefinite: .recreate)
    mustReplace = false
  }

  // MARK: Writing

  func append(_ record: OutRecord) throws(LogError) {
    let client = try begun()
    do {
      try client.append(record)
    } catch {
      if let fatal = client.fatal { throw end(fatal, "writing as \(id)") }
      guard error.remedy == .recreate else { throw error }
      throw fail(LogError(.abort, error.message))
    }
  }

  /// The client, with a transaction open.
  private func begun() throws(LogError) -> any KafkaTransactionalClient {
    var client = try usable()
    if case .idle = phase {
      if mustReplace || client.mayHaveStrays {
        do {
          try initialise()
        } catch {
          throw end(error.remedy == .stop ? error : LogError(.recreate, error.message))
        }
        client = try usable()
      }
      try attempt(
        .begin, "beginning a transaction of \(id)", until: client.now + Int64(stepMs),
        indefinite: .recreate)
      phase = .open
    }
    return client
  }

  /// The client, unless the transaction or the writer has failed.
  private func usable() throws(LogError) -> any KafkaTransactionalClient {
    switch phase {
    case .failed(let error), .ended(let error): throw error
    case .idle, .open: break
    }
    guard let client else { preconditionFailure("the writer is closed") }
    if let fatal = client.fatal { throw end(fatal, "writing as \(id)") }
    return client
  }

  // MARK: Ending a transaction

  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    var client = try usable()
    if !offsets.isEmpty { client = try begun() }
    guard case .open = phase else { return }
    let deadline = client.now + Int64(commitMs)
    if !offsets.isEmpty {
      let generation: KafkaGeneration
      do {
        generation = try Self.generation(offsets, group, reader)
      } catch {
        throw fail(error)
      }
      // Nothing is decided yet, so whatever fails can be aborted.
      try attempt(
        .offsets(offsets, generation), "adding offsets of group \(group) to a transaction",
        until: deadline, indefinite: .abort)
    }
    try attempt(
      .commit, "committing a transaction of \(id)", until: deadline, indefinite: .recreate)
    phase = .idle
  }

  /// That of the reader, so that a member that has lost its partitions fails.
  private static func generation(
    _ offsets: [TopicPartition: Int64], _ group: String, _ reader: (any GroupReader)?
  ) throws(LogError) -> KafkaGeneration {
    guard let reader else { return KafkaGeneration(outside: group) }
    guard let reader = reader as? KafkaGroupReader else {
      fatalError("offsets of group \(group) come from a reader of another log")
    }
    return try reader.generation(for: offsets)
  }

  func abort() throws(LogError) {
    if case .failed = phase { phase = .open }
    let client = try usable()
    guard case .open = phase else { return }
    let deadline = client.now + Int64(commitMs)
    // A transaction that the brokers have not heard of yet cannot be aborted (librdkafka 2.0.2 asks
    // for it all the same, and is of no more use when they refuse): let them hear of it.
    _ = client.perform(.flush, timeoutMs: stepMs)
    try attempt(
      .abort, "aborting a transaction of \(id)", until: deadline, indefinite: .recreate)
    if client.undelivered != nil { mustReplace = true }
    phase = .idle
  }

  /// Closing leaves an open transaction to the brokers, or to the next writer of the same id.
  func close() { client = nil }

  // MARK: Failing

  /// Makes a call again while its error is said to be passing. `indefinite`: what to do when it
  /// still is when the time is up.
  private func attempt(
    _ step: KafkaTransactionStep, _ doing: String, until deadline: Int64,
    indefinite: LogError.Remedy
  ) throws(LogError) {
    var client = try usable()
    let start = client.now
    var pauseMs = 20
    var (glanceMs, replacements) = step == .initialise ? (Self.glanceMs, 3) : (stepMs, 0)
    while true {
      let left = Int(max(1, deadline - client.now))
      let fault: KafkaFault
      switch client.perform(step, timeoutMs: min(glanceMs, left)) {
      case .done:
        return
      case .again where replacements > 0 && client.isPredecessorEnding:
        // librdkafka asks again after half a second, and a new client at once.
        replacements -= 1
        self.client = nil
        client = try make()
        self.client = client
        continue
      case .again(let passing):
        fault = passing
        glanceMs = stepMs
      case .mustAbort(let cause):
        // Why, if it was a record, is heard with the next callbacks.
        client.pause(milliseconds: 50)
        throw fail((client.undelivered ?? cause).error(doing, otherwise: .abort), cause)
      case .fatal(let cause), .refused(let cause):
        throw end(cause, doing)
      case .silence:
        throw end(
          LogError(
            .recreate, "Kafka: \(doing) did not come back from librdkafka: give this client up"))
      }
      if fault.code == RD_KAFKA_RESP_ERR__TIMED_OUT { mustReplace = true }
      if let login = client.login { throw end(login, doing) }
      guard client.now + Int64(pauseMs) < deadline else {
        let last = fault.error(doing, otherwise: indefinite)
        throw indefinite == .abort ? fail(last, fault) : end(unknown(step, doing, fault))
      }
      if client.now - start >= Self.patienceMs {
        client.say("\(doing) waits for the brokers (\(fault.text))")
      }
      client.pause(milliseconds: pauseMs)
      pauseMs = min(1_000, pauseMs * 2)
    }
  }

  private func unknown(
    _ step: KafkaTransactionStep, _ doing: String, _ fault: KafkaFault
  ) -> LogError {
    switch step {
    case .commit, .abort:
      LogError(
        .recreate,
        "Kafka: \(doing) has not ended after \(commitMs / 1_000) s (\(fault.text)), and whether it "
          + "took place is unknown: open the id again, and read the committed offsets back")
    default:
      fault.error(doing, otherwise: .recreate)
    }
  }

  /// The transaction is to be aborted.
  private func fail(_ error: LogError, _ cause: KafkaFault? = nil) -> LogError {
    if let cause, cause.isFencing { return end(cause, "writing as \(id)") }
    let last =
      error.remedy == .stop || error.remedy == .abort ? error : LogError(.abort, error.message)
    phase = .failed(last)
    return last
  }

  private func end(_ cause: KafkaFault, _ doing: String) -> LogError {
    // Fenced by a transaction that took too long, or by a process of the same name: the group knows.
    if cause.isFencing, let word = members.fenced(withinMs: 2_500) { return end(word) }
    let error = cause.error(doing, otherwise: .recreate)
    return end(error.remedy == .stop ? error : LogError(.recreate, error.message))
  }

  /// The writer has ended, and its producer goes.
  private func end(_ error: LogError) -> LogError {
    phase = .ended(error)
    client = nil
    return error
  }
}
