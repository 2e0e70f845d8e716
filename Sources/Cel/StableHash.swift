/// A 64-bit hash that is the same in every process and on every machine (unlike `Hasher`), after
/// the multiply-and-fold construction of wyhash. Not for hostile input where collisions matter
/// beyond speed; two different strings collide with a chance of 2^-64.
package func stableHash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
  var state = seed ^ 0x9e37_79b9_7f4a_7c15
  var index = 0
  let count = bytes.count
  while index + 8 <= count {
    state = fold(state ^ word(bytes, index, 8), 0xe703_7ed1_a0b4_28db)
    index += 8
  }
  state = fold(state ^ word(bytes, index, count - index), 0x8ebc_6af0_9c88_c6e3)
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

@inline(__always)
private func word(_ bytes: Span<UInt8>, _ index: Int, _ count: Int) -> UInt64 {
  var value: UInt64 = 0
  var shift: UInt64 = 0
  for offset in 0..<count {
    value |= UInt64(bytes[index + offset]) << shift
    shift += 8
  }
  return value
}
