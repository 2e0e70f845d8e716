/// The latest offset of each key of some records, known by 128 bits of hash: a key takes 24 bytes, and
/// up to twice that for room. Two of a million keys have the same hash with a likelihood of 10^-27,
/// and nobody outside can seek such keys: the hash is seeded by the process.
struct EmbeddedKeyIndex {
  struct Hash: Equatable {
    var high: UInt64
    var low: UInt64

    init(_ key: Span<UInt8>) {
      var one = Hasher()
      var other = Hasher()
      one.combine(0 as UInt8)
      other.combine(1 as UInt8)
      unsafe key.withUnsafeBytes { bytes in
        unsafe one.combine(bytes: bytes)
        unsafe other.combine(bytes: bytes)
      }
      high = UInt64(truncatingIfNeeded: one.finalize())
      low = UInt64(truncatingIfNeeded: other.finalize())
    }
  }

  private struct Slot {
    var high: UInt64 = 0
    var low: UInt64 = 0
    /// -1: empty.
    var offset: Int64 = -1
  }
  private var slots = [Slot](repeating: Slot(), count: 1 << 10)
  private(set) var count = 0

  /// The record at `offset`, behind all that were set before, has this key.
  mutating func set(_ hash: Hash, _ offset: Int64) {
    if (count + 1) * 4 > slots.count * 3 { grow() }
    let place = self.place(of: hash)
    if slots[place].offset < 0 { count += 1 }
    slots[place] = Slot(high: hash.high, low: hash.low, offset: offset)
  }

  /// Nil: no record has this key.
  func latest(_ hash: Hash) -> Int64? {
    let offset = slots[place(of: hash)].offset
    return offset < 0 ? nil : offset
  }

  /// Where the key is, or the empty slot where it would be.
  private func place(of hash: Hash) -> Int {
    let mask = slots.count - 1
    var place = Int(truncatingIfNeeded: hash.low) & mask
    while slots[place].offset >= 0,
      slots[place].low != hash.low || slots[place].high != hash.high
    {
      place = (place + 1) & mask
    }
    return place
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Slot(), count: old.count * 2)
    let mask = slots.count - 1
    for slot in old where slot.offset >= 0 {
      var place = Int(truncatingIfNeeded: slot.low) & mask
      while slots[place].offset >= 0 { place = (place + 1) & mask }
      slots[place] = slot
    }
  }
}
