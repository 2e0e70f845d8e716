/// An internet address of version 4 or 6. A version 4 address written in version 6 form
/// (`::ffff:c0a8:1`) is the version 4 address.
package struct InternetAddress: Hashable, Sendable {
  /// 4 or 16.
  package let bytes: [UInt8]

  init(bytes: [UInt8]) {
    let mapped =
      bytes.count == 16 && bytes[0..<10].allSatisfy { $0 == 0 }
      && bytes[10] == 255 && bytes[11] == 255
    self.bytes = mapped ? Array(bytes[12...]) : bytes
  }

  package init?(parsing text: String) {
    let bytes = Array(text.utf8)
    if bytes.contains(UInt8(ascii: ":")) {
      guard let parsed = InternetAddress.six(bytes) else { return nil }
      self.init(bytes: parsed)
    } else {
      guard let parsed = InternetAddress.four(bytes) else { return nil }
      self.init(bytes: parsed)
    }
  }

  var family: Int64 { bytes.count == 4 ? 4 : 6 }
  var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

  var isLoopback: Bool {
    family == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  var isMulticast: Bool { family == 4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff }

  var isLinkLocalMulticast: Bool {
    family == 4
      ? bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0
      : bytes[0] == 0xff && bytes[1] & 0x0f == 2
  }

  var isLinkLocalUnicast: Bool {
    family == 4
      ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
  }

  var isGlobalUnicast: Bool {
    let broadcast = family == 4 && bytes.allSatisfy { $0 == 255 }
    return !broadcast && !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast
  }

  private static func four(_ bytes: [UInt8]) -> [UInt8]? {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var out: [UInt8] = []
    for part in parts {
      guard (1...3).contains(part.count), part.allSatisfy(isDigit),
        part.count == 1 || part.first != UInt8(ascii: "0")
      else { return nil }
      let value = part.reduce(0) { $0 * 10 + Int($1 - 48) }
      guard value <= 255 else { return nil }
      out.append(UInt8(value))
    }
    return out
  }

  private static func six(_ bytes: [UInt8]) -> [UInt8]? {
    let colon = UInt8(ascii: ":")
    let gap = bytes.indices.dropLast().first { bytes[$0] == colon && bytes[$0 + 1] == colon }
    guard let gap else {
      guard let groups = groups(bytes[...]), groups.count == 16 else { return nil }
      return groups
    }
    guard let head = groups(bytes[..<gap]), let tail = groups(bytes[(gap + 2)...]),
      head.count + tail.count <= 14
    else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    var out: [UInt8] = []
    for group in text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      var value: UInt32 = 0
      guard (1...4).contains(group.count) else { return nil }
      for byte in group {
        guard let digit = hexValue(byte) else { return nil }
        value = value << 4 | digit
      }
      out.append(UInt8(value >> 8))
      out.append(UInt8(value & 255))
    }
    return out
  }

  /// The canonical form: lower case, the longest run of two zero groups or more as `::` (RFC 5952).
  package var text: String {
    if family == 4 { return bytes.map { String($0) }.joined(separator: ".") }
    let groups = (0..<8).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8 && groups[end] == 0 { end += 1 }
      if end - start > max(1, best.count) { best = start..<end }
      start = max(end, start + 1)
    }
    func joined(_ part: ArraySlice<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !best.isEmpty else { return joined(groups[...]) }
    return joined(groups[..<best.lowerBound]) + "::" + joined(groups[best.upperBound...])
  }
}

/// An address and how many of its first bits name the network: `192.168.0.1/24`.
package struct InternetPrefix: Hashable, Sendable {
  package let address: InternetAddress
  package let length: Int

  init(address: InternetAddress, length: Int) {
    self.address = address
    self.length = length
  }

  package init?(parsing text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count == 2, (1...3).contains(parts[1].count), parts[1].allSatisfy(isDigit),
      let address = InternetAddress(parsing: String(decoding: parts[0], as: UTF8.self))
    else { return nil }
    let length = parts[1].reduce(0) { $0 * 10 + Int($1 - 48) }
    guard length <= address.bytes.count * 8 else { return nil }
    self.init(address: address, length: length)
  }

  /// The network itself: all bits after the prefix cleared.
  var masked: InternetPrefix {
    var bytes = address.bytes
    for index in bytes.indices {
      let kept = max(0, min(8, length - index * 8))
      bytes[index] &= UInt8(truncatingIfNeeded: 0xff00 >> kept)
    }
    return InternetPrefix(address: InternetAddress(bytes: bytes), length: length)
  }

  func contains(_ other: InternetAddress) -> Bool {
    other.family == address.family
      && InternetPrefix(address: other, length: length).masked.address == masked.address
  }

  func contains(_ other: InternetPrefix) -> Bool {
    other.length >= length && contains(other.address)
  }

  package var text: String { address.text + "/" + String(length) }
}
