import Foundation
import Glibc
import Log
import Synchronization
import TestSupport

struct Failure: Error, CustomStringConvertible {
  var description: String
}

/// Until it is so, for at most `seconds`; looks again every few milliseconds.
func wait(
  _ what: @autoclosure () -> String, seconds: Int = 60, until isSo: () throws -> Bool
) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !isSo() {
    guard ContinuousClock.now < deadline else {
      throw Failure(description: "waited \(seconds) s in vain for " + what())
    }
    // A pause between two looks, not a guess at how long something takes.
    _ = poll(nil, 0, 20)
  }
}

/// The program as it was built beside these tests.
func kairosPath() throws -> String {
  let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let beside = URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/kairos"
  if FileManager.default.isExecutableFile(atPath: beside) { return beside }
  return packageRoot + "/.build/debug/kairos"
}

@discardableResult
func kairos(_ words: [String], input: [UInt8] = [], seconds: Int = 60) throws -> CommandResult {
  try run([kairosPath()] + words, input: input, seconds: seconds)
}

/// The same, where nothing else than success will do.
@discardableResult
func kairosDoes(_ words: [String], input: [UInt8] = []) throws -> CommandResult {
  let result = try kairos(words, input: input)
  guard result.exitCode == 0 else {
    throw Failure(
      description: "kairos \(words.joined(separator: " ")): \(result.exitCode), "
        + result.complaintsText)
  }
  return result
}

/// `kairos run` as a process of its own.
final class RunningEngine {
  let port: UInt16
  private let process = Process()
  private let complaintsPath: String
  private let ended = DispatchSemaphore(value: 0)

  /// A port that is free now; the same one for a restart keeps the process's identity.
  static func freePort() throws -> UInt16 {
    let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard server >= 0 else { throw Failure(description: "no socket") }
    defer { close(server) }
    var address = loopback(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = unsafe withUnsafeMutableBytes(of: &address) { bytes in
      let raw = unsafe bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      return unsafe bind(server, raw, size) == 0 && getsockname(server, raw, &size) == 0
    }
    guard bound else { throw Failure(description: "no free port: errno \(errno)") }
    return UInt16(bigEndian: address.sin_port)
  }

  /// `folder`: where its complaints are kept. `program`: another build than the one beside the tests.
  init(
    _ words: [String], folder: String, port: UInt16? = nil, program: String? = nil
  ) throws {
    self.port = try port ?? Self.freePort()
    complaintsPath = folder + "/complaints-\(UUID().uuidString)"
    guard FileManager.default.createFile(atPath: complaintsPath, contents: nil),
      let complaints = FileHandle(forWritingAtPath: complaintsPath)
    else { throw Failure(description: "cannot write \(complaintsPath)") }
    process.executableURL = URL(fileURLWithPath: try program ?? kairosPath())
    process.arguments = ["run", "--listen", "127.0.0.1:\(self.port)"] + words
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = complaints
    process.standardError = complaints
    process.terminationHandler = { [ended] _ in ended.signal() }
    try process.run()
  }

  deinit { if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) } }

  var complaints: String {
    get throws { String(decoding: try fileBytes(complaintsPath), as: UTF8.self) }
  }
  var isRunning: Bool { process.isRunning }

  func send(_ signal: Int32) { Glibc.kill(process.processIdentifier, signal) }

  /// Its exit code; a signal's number, if it died of one.
  func end(seconds: Int = 60) throws -> Int32 {
    guard ended.wait(timeout: .now() + .seconds(seconds)) == .success else {
      send(SIGKILL)
      throw Failure(description: "kairos run did not end in \(seconds) s: \(try complaints)")
    }
    ended.signal()
    return process.terminationStatus
  }

  /// As an operator ends it. Returns the exit code.
  func drain() throws -> Int32 {
    send(SIGTERM)
    return try end()
  }

  /// As a power failure does.
  func kill() throws {
    send(SIGKILL)
    _ = try end()
  }

  // MARK: What it says of itself

  func isReady() throws -> Bool {
    guard isRunning else {
      throw Failure(description: "kairos run has ended: \(try complaints)")
    }
    return try get("/readyz")?.hasPrefix("HTTP/1.1 200") ?? false
  }

  /// The samples of one metric: labels as they stand, and the value. Empty: none, or no answer.
  func samples(_ name: String) throws -> [(labels: String, value: Double)] {
    guard isRunning else {
      throw Failure(description: "kairos run has ended: \(try complaints)")
    }
    guard let page = try get("/metrics") else { return [] }
    return page.split(separator: "\n").compactMap { line in
      guard line.hasPrefix(name), let space = line.lastIndex(of: " "),
        let value = Double(line[line.index(after: space)...])
      else { return nil }
      let rest = line[..<space].dropFirst(name.utf8.count)
      guard rest.isEmpty || rest.hasPrefix("{") else { return nil }
      return (String(rest), value)
    }
  }

  func sum(_ name: String) throws -> Double { try samples(name).reduce(0) { $0 + $1.value } }

  /// Whether nothing is unread, and the watermark of `partitions` journal partitions has come to
  /// within an hour of now.
  func isSettled(partitions: Int) throws -> Bool {
    let delays = try samples("kairos_watermark_delay_seconds")
    let lags = try samples("kairos_lag_records")
    return delays.count >= partitions && delays.allSatisfy { $0.value < 3600 }
      && lags.count > partitions && lags.allSatisfy { $0.value == 0 }
  }

  /// Nil: nobody answers.
  private func get(_ path: String) throws -> String? {
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard client >= 0 else { throw Failure(description: "no socket") }
    defer { close(client) }
    var address = Self.loopback(port: port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let connected = unsafe withUnsafeBytes(of: &address) { bytes in
      unsafe connect(client, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), size)
    }
    guard connected == 0 else { return nil }
    let request = Array(
      "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    let sent = unsafe request.withUnsafeBytes {
      unsafe Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    guard sent == request.count else { return nil }
    var reply: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe recv(client, $0.baseAddress, $0.count, 0)
      }
      guard count > 0 else { break }
      reply += chunk[..<count]
    }
    return String(decoding: reply, as: UTF8.self)
  }

  private static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
