import Glibc

/// A lock with one condition: that something was committed.
@safe final class EmbeddedLock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>

  init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe changed = .allocate(capacity: 1)
    unsafe changed.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(changed, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(mutex)
    unsafe changed.deallocate()
    unsafe mutex.deallocate()
  }

  func withLock<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Wakes all that wait. Call it while holding the lock.
  func announce() { _ = unsafe pthread_cond_broadcast(changed) }

  /// Lets go of the lock until `announce` or the deadline. False: the deadline has passed.
  func wait(until deadline: Deadline) -> Bool {
    var time = deadline.time
    return unsafe pthread_cond_timedwait(changed, mutex, &time) != ETIMEDOUT
  }

  /// A time of the monotonic clock.
  struct Deadline {
    fileprivate var time: timespec

    init(millisecondsFromNow milliseconds: Int) {
      time = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      let nanoseconds = time.tv_nsec + (max(milliseconds, 0) % 1000) * 1_000_000
      time.tv_sec += max(milliseconds, 0) / 1000 + nanoseconds / 1_000_000_000
      time.tv_nsec = nanoseconds % 1_000_000_000
    }
  }
}
