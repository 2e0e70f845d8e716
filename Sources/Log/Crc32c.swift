import CPosix

/// CRC-32C (Castagnoli), the checksum of Kafka's record batches and of the write-ahead file.
package enum Crc32c {
  private static let hasInstruction = kairos_has_crc32c() != 0

  /// The checksum of `bytes[range]`: by the CPU's instruction where there is one.
  package static func of(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    guard hasInstruction else { return byTable(bytes, range) }
    return unsafe bytes.withUnsafeBytes { buffer in
      unsafe kairos_crc32c(
        0, buffer.baseAddress.map { unsafe $0 + range.lowerBound }, range.count)
    }
  }

  package static func of(_ bytes: [UInt8]) -> UInt32 { of(bytes, 0..<bytes.count) }

  /// The same by a table of 256 entries: the reference, and the way on CPUs without the instruction.
  package static func byTable(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
    var crc = ~UInt32(0)
    for place in range {
      crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ bytes[place])] ^ (crc >> 8)
    }
    return ~crc
  }

  private static let table: [UInt32] = (0..<256).map { (index: UInt32) in
    var value = index
    for _ in 0..<8 { value = value & 1 == 1 ? 0x82F6_3B78 ^ (value >> 1) : value >> 1 }
    return value
  }
}
