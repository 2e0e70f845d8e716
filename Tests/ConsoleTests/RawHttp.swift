import Foundation
import Glibc

/// An HTTP client of a page: it sends what it is told, byte for byte, and returns what comes back.
enum RawHttp {
  struct Reply {
    var status: Int
    var headers: [String: String]
    var body: String
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  static func ask(_ method: String, _ path: String, port: UInt16) throws -> Reply {
    let bytes = try exchange(
      "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", port: port)
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.range(of: "\r\n\r\n") else {
      throw Failure(description: "no HTTP reply: \(text.debugDescription)")
    }
    let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count >= 2, let status = Int(words[1]) else {
      throw Failure(description: "no status line: \(lines[0])")
    }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
    }
    return Reply(status: status, headers: headers, body: String(text[end.upperBound...]))
  }

  /// Sends, and reads until the other side closes.
  static func exchange(_ text: String, port: UInt16) throws -> [UInt8] {
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard client >= 0 else { throw Failure(description: "no socket") }
    defer { close(client) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let connected = unsafe withUnsafeBytes(of: &address) { bytes in
      unsafe connect(client, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), size)
    }
    guard connected == 0 else { throw Failure(description: "cannot connect: errno \(errno)") }
    let request = Array(text.utf8)
    let sent = unsafe request.withUnsafeBytes {
      unsafe send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    guard sent == request.count else { throw Failure(description: "cannot send: errno \(errno)") }
    var reply: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe recv(client, $0.baseAddress, $0.count, 0)
      }
      if count <= 0 { return reply }
      reply += chunk[..<count]
    }
  }
}
