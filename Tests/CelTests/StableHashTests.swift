import Cel
import Testing

@Suite struct `A stable hash` {
  /// As the first version read them, byte by byte: state and journals hold such values.
  private func slow(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
      let product = a.multipliedFullWidth(by: b)
      return product.high ^ product.low
    }
    func word(_ part: ArraySlice<UInt8>) -> UInt64 {
      part.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
    }
    var state = seed ^ 0x9e37_79b9_7f4a_7c15
    var rest = bytes[...]
    while rest.count >= 8 {
      state = fold(state ^ word(rest.prefix(8)), 0xe703_7ed1_a0b4_28db)
      rest = rest.dropFirst(8)
    }
    state = fold(state ^ word(rest), 0x8ebc_6af0_9c88_c6e3)
    return fold(state ^ UInt64(bytes.count), 0x5899_65cc_7537_4cc3)
  }

  @Test func `reads whole words and gives what reading bytes gave`() {
    var bytes: [UInt8] = []
    for count in 0..<70 {
      #expect(stableHash(bytes.span, seed: 7) == slow(bytes, seed: 7), "\(count) bytes")
      if count > 2 {
        let part = Array(bytes[1..<(count - 1)])
        #expect(stableHash(bytes.span.extracting(1..<(count - 1))) == slow(part, seed: 0))
      }
      bytes.append(UInt8(truncatingIfNeeded: 37 &* count &+ 11))
    }
  }

  @Test func `in bulk differs if any bit, the length or the seed does`() {
    for count in [0, 1, 7, 8, 63, 64, 65, 130] {
      var bytes = (0..<count).map { UInt8(truncatingIfNeeded: 13 &* $0) }
      let whole = bulkHash(bytes.span)
      #expect(bulkHash(bytes.span, seed: 1) != whole)
      #expect(bulkHash((bytes + [0]).span) != whole)
      for index in 0..<count {
        bytes[index] ^= 4
        #expect(bulkHash(bytes.span) != whole, "\(count) bytes, \(index)")
        bytes[index] ^= 4
      }
    }
  }
}
