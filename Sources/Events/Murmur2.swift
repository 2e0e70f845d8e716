/// Kafka's murmur2 (org.apache.kafka.common.utils.Utils.murmur2), 32 bits, seed 0x9747b28c.
package func murmur2(_ bytes: Span<UInt8>) -> UInt32 {
  let m: UInt32 = 0x5bd1_e995
  let count = bytes.count
  var h: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
  var index = 0
  while index + 4 <= count {
    var k =
      UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
      | UInt32(bytes[index + 3]) << 24
    k = k &* m
    k ^= k >> 24
    k = k &* m
    h = h &* m
    h ^= k
    index += 4
  }
  let rest = count - index
  if rest >= 3 { h ^= UInt32(bytes[index + 2]) << 16 }
  if rest >= 2 { h ^= UInt32(bytes[index + 1]) << 8 }
  if rest >= 1 {
    h ^= UInt32(bytes[index])
    h = h &* m
  }
  h ^= h >> 13
  h = h &* m
  h ^= h >> 15
  return h
}

/// The partition that Kafka's default partitioner gives a key: murmur2, its sign bit cleared,
/// modulo the number of partitions.
package func partition(ofKey key: Span<UInt8>, count: Int) -> Int {
  Int(murmur2(key) & 0x7fff_ffff) % count
}
