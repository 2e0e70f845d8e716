import CMicroHTTP
import Glibc

/// The console could not start. `message` is one line and says what to do.
package struct ConsoleError: Error, Equatable, Sendable, CustomStringConvertible {
  package var message: String
  package var description: String { message }
}

/// `host:port`, `:port` (all addresses), `[v6 address]:port`.
package struct ListenAddress: Equatable, Sendable {
  /// Nil: all addresses.
  package var host: String?
  /// 0: any free one.
  package var port: UInt16

  package static let standard = ListenAddress(host: "127.0.0.1", port: 9464)

  package init(host: String?, port: UInt16) {
    self.host = host
    self.port = port
  }

  package init(parsing text: String) throws(ConsoleError) {
    let wanted = "an address is HOST:PORT, for example 127.0.0.1:9464, [::1]:9464 or :9464"
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
    else { throw ConsoleError(message: "'\(text)' has no port: \(wanted)") }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw ConsoleError(message: "'\(text)' is ambiguous: \(wanted)")
    }
    self.init(host: host.isEmpty || host == "*" ? nil : String(host), port: port)
  }

  package var description: String {
    guard let host else { return ":\(port)" }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}

/// Answers GET and HEAD for /metrics, /healthz, /readyz and / until it is stopped.
///
/// Answers come from threads of the HTTP library, which read atomics and small copies: no request
/// waits for the engine, and the engine waits for none.
@safe package final class ConsoleServer {
  /// With the port that it really has.
  package let address: ListenAddress
  private let site: ConsoleSite
  private var server: OpaquePointer?

  package init(listen: ListenAddress, site: ConsoleSite) throws(ConsoleError) {
    let socket = try Self.listen(listen)
    self.site = site
    address = ListenAddress(host: listen.host, port: UInt16(kairos_http_port(socket)))
    // Borrowed: `stop` returns only when no handler runs, and `self` holds the site until then.
    let context = unsafe Unmanaged.passUnretained(site).toOpaque()
    guard let server = unsafe kairos_http_start(socket, 2, answer, context) else {
      throw ConsoleError(message: "no thread could be started for the console")
    }
    unsafe self.server = server
  }

  deinit { stop() }

  /// Returns when no request is being answered any more. A second call does nothing.
  package func stop() {
    guard let server = unsafe server else { return }
    unsafe kairos_http_stop(server)
    unsafe self.server = nil
  }

  private static func listen(_ address: ListenAddress) throws(ConsoleError) -> Int32 {
    var (resolver, system): (Int32, Int32) = (0, 0)
    let port = String(address.port)
    let socket =
      if let host = address.host {
        unsafe kairos_http_listen(host, port, &resolver, &system)
      } else {
        unsafe kairos_http_listen(nil, port, &resolver, &system)
      }
    if socket >= 0 { return socket }
    let place = "cannot listen on \(address.description)"
    if resolver != 0 {
      let reason = unsafe String(cString: gai_strerror(resolver))
      throw ConsoleError(message: "\(place): \(reason); give an address of this machine")
    }
    switch system {
    case EADDRINUSE:
      throw ConsoleError(
        message: "\(place): another process has this port; stop it or choose another with --listen")
    case EACCES:
      throw ConsoleError(
        message: "\(place): no permission; ports below 1024 need privileges, choose a higher one")
    case EADDRNOTAVAIL:
      throw ConsoleError(message: "\(place): this machine does not have that address")
    default:
      throw ConsoleError(message: "\(place): \(unsafe String(cString: strerror(system)))")
    }
  }
}

/// Runs on the library's threads.
private func answer(
  context: UnsafeMutableRawPointer?, method: UnsafePointer<CChar>?, path: UnsafePointer<CChar>?,
  reply: UnsafeMutablePointer<kairos_http_reply>?
) {
  guard let context = unsafe context, let method = unsafe method, let path = unsafe path,
    let reply = unsafe reply
  else { return }
  let site = unsafe Unmanaged<ConsoleSite>.fromOpaque(context).takeUnretainedValue()
  let answer = unsafe site.answer(
    method: String(cString: method), path: String(cString: path))
  unsafe reply.pointee.status = UInt32(answer.status)
  unsafe reply.pointee.content_type = pointer(answer.contentType)
  if let allow = answer.allow { unsafe reply.pointee.allow = pointer(allow) }
  let bytes = Array(answer.body.utf8)
  guard !bytes.isEmpty, let body = unsafe malloc(bytes.count) else { return }
  unsafe bytes.withUnsafeBytes {
    unsafe body.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
  }
  unsafe reply.pointee.body = body.assumingMemoryBound(to: CChar.self)
  unsafe reply.pointee.size = bytes.count
}

/// A literal's bytes live as long as the program, and end in a zero.
private func pointer(_ text: StaticString) -> UnsafePointer<CChar> {
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
