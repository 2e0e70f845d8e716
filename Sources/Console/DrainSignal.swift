import Glibc
import Synchronization

/// SIGTERM and SIGINT as a wish to drain; a second one ends the process at once, with 143 or 130.
///
/// The signals are blocked in every thread and fetched by one thread with `sigwait`, so there is no
/// signal handler and no code that must be safe in one.
package final class DrainSignal: Sendable {
  private let requested = Atomic<Bool>(false)
  /// Becomes readable, and stays so, when a drain is wanted: for `poll` beside other descriptors.
  package let descriptor: Int32
  private let writeEnd: Int32
  private let onFirst: @Sendable (Int32) -> Void

  package var isRequested: Bool { requested.load(ordering: .acquiring) }

  /// Call it on the main thread before any other thread starts: they inherit what is blocked here.
  /// `onFirst` runs on the signals' thread. The result lives as long as the process.
  package static func install(onFirst: @escaping @Sendable (Int32) -> Void) -> DrainSignal {
    let drain = DrainSignal(onFirst: onFirst)
    var set = watched
    demand(unsafe pthread_sigmask(SIG_BLOCK, &set, nil))
    // A closed socket or pipe is an error of that write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(drain).toOpaque()
    demand(
      unsafe pthread_create(
        &thread, nil,
        { context in
          guard let context = unsafe context else { return nil }
          unsafe Unmanaged<DrainSignal>.fromOpaque(context).takeRetainedValue().listen()
        }, context))
    demand(pthread_detach(thread))
    return drain
  }

  /// Sleeps until a drain is wanted, at most so long; true: it is wanted.
  package func wait(milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&entry, 1, milliseconds)
    return isRequested
  }

  /// As if the first signal had come: for a program that ends by itself.
  package func request() {
    requested.store(true, ordering: .releasing)
    let byte: [UInt8] = [1]
    _ = unsafe byte.withUnsafeBytes { unsafe write(writeEnd, $0.baseAddress, 1) }
  }

  private init(onFirst: @escaping @Sendable (Int32) -> Void) {
    var ends: [Int32] = [0, 0]
    let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    Self.demand(unsafe socketpair(AF_UNIX, Int32(kind), 0, &ends) == 0 ? 0 : errno)
    descriptor = ends[0]
    writeEnd = ends[1]
    self.onFirst = onFirst
  }

  private static var watched: sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    unsafe sigaddset(&set, SIGTERM)
    unsafe sigaddset(&set, SIGINT)
    return set
  }

  private func listen() -> Never {
    var set = Self.watched
    while true {
      var signal: Int32 = 0
      Self.demand(unsafe sigwait(&set, &signal))
      if isRequested { _exit(128 + signal) }
      request()
      onFirst(signal)
    }
  }

  private static func demand(_ code: Int32) {
    if code != 0 { fatalError("signals cannot be set up: errno \(code)") }
  }
}
