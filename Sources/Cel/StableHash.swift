/// A 64-bit hash that is the same in every process and on every machine (unlike `Hasher`), after
/// the multiply-and-fold construction of wyhash. Not for hostile input where collisions matter
/// beyond speed; two different strings collide with a chance of 2^-64.
package func stableHash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
  unsafe bytes.withUnsafeBytes { raw in
    unsafe finish(raw, from: 0, seed ^ 0x9e37_79b9_7f4a_7c15)
  }
}

/// As `stableHash`, with other values, several times as fast on more than a few words: four lanes of
/// sixteen bytes each that do not wait for one another.
package func bulkHash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
  unsafe bytes.withUnsafeBytes { raw in
    let count = raw.count
    var index = 0
    var state = seed ^ 0x9e37_79b9_7f4a_7c15
    if count >= 64 {
      var (a, b, c, d) = (state, state, state, state)
      while index + 64 <= count {
        a = unsafe fold(word(raw, index) ^ 0xe703_7ed1_a0b4_28db, word(raw, index + 8) ^ a)
        b = unsafe fold(word(raw, index + 16) ^ 0x8ebc_6af0_9c88_c6e3, word(raw, index + 24) ^ b)
        c = unsafe fold(word(raw, index + 32) ^ 0x5899_65cc_7537_4cc3, word(raw, index + 40) ^ c)
        d = unsafe fold(word(raw, index + 48) ^ 0xa076_1d64_78bd_642f, word(raw, index + 56) ^ d)
        index += 64
      }
      state = stableHash(stableHash(a, with: b), with: stableHash(c, with: d))
    }
    return unsafe finish(raw, from: index, state)
  }
}

/// The bytes from `index` on, word by word, and how many there are in all.
@inline(__always)
private func finish(_ raw: UnsafeRawBufferPointer, from index: Int, _ state: UInt64) -> UInt64 {
  var (index, state) = (index, state)
  let count = raw.count
  while index + 8 <= count {
    state = unsafe fold(state ^ word(raw, index), 0xe703_7ed1_a0b4_28db)
    index += 8
  }
  state = unsafe fold(state ^ tail(raw, count - index), 0x8ebc_6af0_9c88_c6e3)
  return fold(state ^ UInt64(count), 0x5899_65cc_7537_4cc3)
}

/// Mixes one more word into a hash.
package func stableHash(_ hash: UInt64, with word: UInt64) -> UInt64 {
  fold(hash ^ 0x9e37_79b9_7f4a_7c15, word ^ 0xe703_7ed1_a0b4_28db)
}

@inline(__always)
private func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
  let product = a.multipliedFullWidth(by: b)
  return product.high ^ product.low
}

/// The eight bytes from `index` on, the first one lowest. The caller knows that they are there.
@inline(__always)
private func word(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt64 {
  unsafe UInt64(
    littleEndian: (bytes.baseAddress.unsafelyUnwrapped + index).loadUnaligned(as: UInt64.self))
}

/// The last `count` bytes, fewer than eight, the first one lowest.
@inline(__always)
private func tail(_ bytes: UnsafeRawBufferPointer, _ count: Int) -> UInt64 {
  let end = bytes.count
  if count == 0 { return 0 }
  if end >= 8 { return unsafe word(bytes, end - 8) >> UInt64(64 - 8 * count) }
  if count >= 4 {
    let low = unsafe bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
    let high = unsafe bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
    return UInt64(UInt32(littleEndian: low))
      | UInt64(UInt32(littleEndian: high)) << UInt64(8 * (count - 4))
  }
  func byte(_ at: Int) -> UInt64 { unsafe UInt64(bytes[at]) << UInt64(8 * at) }
  return byte(0) | byte(count / 2) | byte(count - 1)
}
