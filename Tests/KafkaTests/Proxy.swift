import Dispatch
import Glibc
import Synchronization

/// What stands between a client and the broker's `PROXIED` listener, and can lose, delay and hold back
/// what passes.
final class Proxy: Sendable {
  /// A request's kind in Kafka's protocol.
  enum Request: Int16 {
    case initProducerId = 22
    case endTxn = 26
    case txnOffsetCommit = 28
  }

  enum Fate: Sendable {
    case pass
    /// The connection breaks before the request is forwarded; `release` forwards it.
    case hold
    /// The connection breaks when the reply comes.
    case loseReply
  }

  let port: Int
  private let listener: Int32
  private struct State: Sendable {
    var target = 0
    var fate: (@Sendable (Request) -> Fate) = { _ in .pass }
    var held: [(socket: Int32, frame: [UInt8])] = []
    /// How many were held or lost since the rules were set.
    var struck = 0
    var isCut = false
    var isClosed = false
  }
  private let state = Mutex(State())

  init() throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listener >= 0, bindToLoopback(listener), Glibc.listen(listener, 64) == 0,
      let port = portOf(listener)
    else { throw BrokerFailure(description: "no port for a proxy") }
    self.port = port
    Thread.start { [self] in accept() }
  }

  /// Where the broker listens; connections before that are refused.
  func forward(to port: Int) { state.withLock { $0.target = port } }

  func close() {
    state.withLock { $0.isClosed = true }
    shutdown(listener, Int32(SHUT_RDWR))
  }

  // MARK: Faults

  /// What becomes of the requests from now on.
  func rule(_ fate: @escaping @Sendable (Request) -> Fate) {
    state.withLock { state in
      state.fate = fate
      state.struck = 0
    }
  }

  /// As `rule`, for the next `count` requests of a kind.
  func strike(_ kind: Request, _ fate: Fate, count: Int = 1) {
    let left = Atomic(count)
    let box = Box(left)
    rule { request in
      guard request == kind else { return .pass }
      return box.take() ? fate : .pass
    }
  }

  private final class Box: Sendable {
    private let left: Atomic<Int>
    init(_ left: consuming Atomic<Int>) { self.left = left }
    func take() -> Bool { left.subtract(1, ordering: .relaxed).newValue >= 0 }
  }

  var struck: Int { state.withLock { $0.struck } }

  /// Forwards what was held back, over the connections that it came by.
  func release() {
    let held = state.withLock { state in
      defer { state.held = [] }
      return state.held
    }
    for (socket, frame) in held { writeAll(socket, frame) }
  }

  /// Nothing passes, and nobody hears why.
  func cut() { state.withLock { $0.isCut = true } }
  func mend() { state.withLock { $0.isCut = false } }

  /// Everything passes again.
  func clear() {
    rule { _ in .pass }
    mend()
    state.withLock { $0.held = [] }
  }

  // MARK: Connections

  private func accept() {
    while !state.withLock({ $0.isClosed }) {
      let client = Glibc.accept(listener, nil, nil)
      guard client >= 0 else { return }
      let target = state.withLock { $0.target }
      let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard target > 0, connectToLoopback(server, target) else {
        Glibc.close(client)
        Glibc.close(server)
        continue
      }
      let losing = Flag()
      Thread.start { [self] in forwardRequests(client, server, losing) }
      Thread.start { [self] in forwardReplies(server, client, losing) }
    }
  }

  private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
  }

  /// Sockets are never closed while the suite runs, but shut down: so no number is used twice.
  private func forwardRequests(_ client: Int32, _ server: Int32, _ losing: Flag) {
    while let frame = readFrame(client) {
      waitWhileCut()
      switch fate(of: frame) {
      case .pass:
        guard writeAll(server, frame) else { break }
        continue
      case .hold:
        state.withLock { state in
          state.held.append((server, frame))
          state.struck += 1
        }
        shutdown(client, Int32(SHUT_RDWR))
        return
      case .loseReply:
        state.withLock { $0.struck += 1 }
        losing.set()
        writeAll(server, frame)
        return
      }
    }
    shutdown(server, Int32(SHUT_WR))
  }

  private func forwardReplies(_ server: Int32, _ client: Int32, _ losing: Flag) {
    while let frame = readFrame(server) {
      waitWhileCut()
      guard !losing.isSet, writeAll(client, frame) else { break }
    }
    shutdown(client, Int32(SHUT_RDWR))
  }

  private func waitWhileCut() {
    while state.withLock({ $0.isCut && !$0.isClosed }) { usleep(20_000) }
  }

  private func fate(of frame: [UInt8]) -> Fate {
    guard frame.count >= 6 else { return .pass }
    let key = Int16(frame[4]) << 8 | Int16(frame[5])
    guard let request = Request(rawValue: key) else { return .pass }
    return state.withLock { $0.fate }(request)
  }
}

// MARK: Sockets

private enum Thread {
  static func start(_ body: @escaping @Sendable () -> Void) {
    DispatchQueue(label: "proxy").async { body() }
  }
}

private func loopback(_ port: Int) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}

private func withAddress(
  _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Bool {
  var address = loopback(port)
  let size = MemoryLayout<sockaddr_in>.size
  return unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe body($0, socklen_t(size)) == 0
    }
  }
}

private func bindToLoopback(_ socket: Int32) -> Bool {
  unsafe withAddress(0) { unsafe bind(socket, $0, $1) }
}

private func connectToLoopback(_ socket: Int32, _ port: Int) -> Bool {
  unsafe withAddress(port) { unsafe connect(socket, $0, $1) }
}

private func portOf(_ socket: Int32) -> Int? {
  var address = sockaddr_in()
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let code = unsafe withUnsafeMutablePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe getsockname(socket, $0, &size)
    }
  }
  return code == 0 ? Int(UInt16(bigEndian: address.sin_port)) : nil
}

/// One request or reply, its length included; nil: the connection has ended.
private func readFrame(_ socket: Int32) -> [UInt8]? {
  guard let head = readAll(socket, 4) else { return nil }
  let length = head.reduce(0) { $0 << 8 | Int($1) }
  guard length < 1 << 28, let body = readAll(socket, length) else { return nil }
  return head + body
}

private func readAll(_ socket: Int32, _ count: Int) -> [UInt8]? {
  var bytes = [UInt8](repeating: 0, count: count)
  var place = 0
  while place < count {
    let got = unsafe bytes.withUnsafeMutableBytes {
      unsafe recv(socket, $0.baseAddress! + place, count - place, 0)
    }
    guard got > 0 else { return nil }
    place += got
  }
  return bytes
}

@discardableResult private func writeAll(_ socket: Int32, _ bytes: [UInt8]) -> Bool {
  var place = 0
  while place < bytes.count {
    let put = unsafe bytes.withUnsafeBytes {
      unsafe send(
        socket, $0.baseAddress! + place, bytes.count - place, Int32(MSG_NOSIGNAL))
    }
    guard put > 0 else { return false }
    place += put
  }
  return true
}
