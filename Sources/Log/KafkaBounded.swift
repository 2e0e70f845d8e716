import Dispatch
import Synchronization

/// Runs calls of librdkafka on a thread of their own, one after the other, and waits for each only so
/// long.
///
/// Some never return. `rd_kafka_send_offsets_to_transaction` notes its time-out while it looks for
/// the group's coordinator, and nothing reads that note (`creq_ts_timeout`; 2.0.2 to 2.16): after a
/// broker's restart newer versions hang there now and then. And `rd_kafka_destroy` waits for whatever
/// else is under way.
final class KafkaBounded: Sendable {
  private let queue: DispatchQueue

  init(_ name: String) { queue = DispatchQueue(label: name) }

  /// Nil: it has not returned within `timeoutMs`. It goes on, and what it holds lives until it ends;
  /// later calls would wait behind it.
  func run<Result: Sendable>(
    timeoutMs: Int, _ work: @escaping @Sendable () -> Result
  ) -> Result? {
    let answer = Answer<Result>()
    queue.async {
      let result = work()
      answer.value.withLock { $0 = result }
      answer.isThere.signal()
    }
    guard answer.isThere.wait(timeout: .now() + .milliseconds(timeoutMs)) == .success else {
      return nil
    }
    return answer.value.withLock { $0 }
  }

  private final class Answer<Result: Sendable>: Sendable {
    let value = Mutex<Result?>(nil)
    let isThere = DispatchSemaphore(value: 0)
  }
}
