/// RFC 4648's base64 with its standard alphabet.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let count = min(3, bytes.count - index)
      var word: UInt32 = 0
      for place in 0..<3 {
        word = word << 8 | (place < count ? UInt32(bytes[index + place]) : 0)
      }
      for place in 0..<4 {
        let digit = Int(word >> UInt32(18 - place * 6) & 63)
        out.append(place <= count ? alphabet[digit] : UInt8(ascii: "="))
      }
      index += 3
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Padding may be missing, but not wrong; bits that no byte uses must be 0.
  static func decode(_ text: String) -> [UInt8]? {
    let bytes = Array(text.utf8)
    let digits = bytes.prefix { $0 != UInt8(ascii: "=") }
    let padding = bytes.count - digits.count
    guard bytes.dropFirst(digits.count).allSatisfy({ $0 == UInt8(ascii: "=") }),
      digits.count % 4 != 1, padding == 0 || (padding < 3 && bytes.count % 4 == 0)
    else { return nil }
    var out: [UInt8] = []
    var word: UInt32 = 0
    var bits = 0
    for digit in digits {
      guard let value = alphabet.firstIndex(of: digit) else { return nil }
      word = (word << 6 | UInt32(value)) & 0xffff
      bits += 6
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    guard word & ((1 << UInt32(bits)) - 1) == 0 else { return nil }
    return out
  }
}
