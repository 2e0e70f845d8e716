import CRdKafka
import Glibc
import Synchronization

/// The named members that this process has in groups, and whether another process has taken one of
/// their names over.
///
/// The newer of two processes of one name fences the older one's members and its transactional ids
/// alike. But a transactional id is also fenced when a transaction took too long, and then its owner
/// may open it again, where the older of two processes must not: it would fence the newer one. So
/// whoever finds a transactional id fenced asks here first.
@safe final class KafkaMembers: Sendable {
  @safe private struct Member: @unchecked Sendable {
    // Unchecked: librdkafka lets any thread ask for a client's fatal error.
    var raw: OpaquePointer
    var group: String
    var fatal: KafkaFault? { unsafe KafkaFault(fatalOf: raw) }
  }
  private struct State {
    var members: [ObjectIdentifier: Member] = [:]
    var word: LogError?
  }
  private let state = Mutex(State())
  /// `group.instance.id`; nil: members without a name cannot be fenced.
  let name: String?

  init(name: String?) { self.name = name }

  func add(_ reader: KafkaGroupReader, _ raw: OpaquePointer, group: String) {
    guard name != nil else { return }
    let key = ObjectIdentifier(reader)
    let member = unsafe Member(raw: raw, group: group)
    state.withLock { $0.members[key] = member }
  }

  /// Before its client goes.
  func remove(_ reader: KafkaGroupReader) {
    let key = ObjectIdentifier(reader)
    state.withLock { $0.members[key] = nil }
  }

  /// Throws if this process has been replaced by another of its name.
  func check() throws(LogError) {
    if let word = look() { throw word }
  }

  /// Whether it has been, as far as it is known within `withinMs`: a member hears of it with its next
  /// heartbeat.
  func fenced(withinMs limit: Int) -> LogError? {
    let deadline = ContinuousClock.now + .milliseconds(limit)
    while true {
      if let word = look() { return word }
      let isAlone = state.withLock { $0.members.isEmpty }
      if isAlone || ContinuousClock.now >= deadline { return nil }
      usleep(50_000)
    }
  }

  private func look() -> LogError? {
    state.withLock { state in
      if let word = state.word { return word }
      for member in state.members.values
      where member.fatal?.code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID {
        let word = replaced(in: member.group)
        state.word = word
        return word
      }
      return nil
    }
  }

  /// The line of a process that has been replaced.
  private func replaced(in group: String) -> LogError {
    LogError(
      .stop,
      "Kafka: another process has joined group \(group) as \(name ?? "this member"), so this one "
        + "stops: give each process an address of its own (--listen), or a group.instance.id")
  }
}
