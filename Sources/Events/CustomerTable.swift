internal import CPrefetch
internal import Cel

/// The number of one customer within its partition, in order of first appearance. It is never
/// published and orders nothing.
///
/// `public` for its speed alone: across modules only `@inlinable public` code is inlined.
@frozen public struct CustomerIndex: Hashable, Sendable {
  public var raw: UInt32
  @inlinable public init(_ raw: Int) { self.raw = UInt32(raw) }
  @inlinable public var int: Int { Int(raw) }
}

/// Customer ids to numbers: open addressing with 32-bit tags. Ids of up to 15 bytes lie in the table
/// of ids itself, longer ones one after another behind it. The number of a customer who was removed
/// goes to a later one.
package struct CustomerTable: ~Copyable {
  private struct Slot {
    var tag: UInt32
    /// Number + 1; 0: empty.
    var number: UInt32
  }
  private var slots: [Slot] = Array(repeating: Slot(tag: 0, number: 0), count: 1 << 10)
  private var ids: [CustomerId] = []
  /// The ids that are longer than 15 bytes.
  private var long: [UInt8] = []
  private var free: [CustomerIndex] = []
  /// Bytes of long ids that were removed.
  private var wasted = 0

  package init() {}

  package var count: Int { ids.count - free.count }
  /// All numbers lie below it; some may be free.
  package var places: Int { ids.count }
  package var bytesReserved: Int { slots.capacity * 8 + long.capacity + ids.capacity * 16 }

  /// Whether the number is a customer's.
  package func isTaken(_ customer: CustomerIndex) -> Bool { !ids[customer.int].isFree }

  /// The customer's number, new if it has not been seen, then `fresh` is set.
  package mutating func number(
    of id: Span<UInt8>, in range: Range<Int>, fresh: inout Bool
  ) -> CustomerIndex {
    let key = CustomerId(id, range)
    let hash = key.isLong ? stableHash(id.extracting(range)) : key.hash
    if let known = find(key, hash, id, range) {
      fresh = false
      return known
    }
    fresh = true
    if (count + 1) * 4 > slots.count * 3 { grow() }
    var new = key
    if key.isLong {
      new = CustomerId(start: long.count, count: range.count)
      unsafe id.extracting(range).withUnsafeBufferPointer { unsafe long.append(contentsOf: $0) }
    }
    let number: CustomerIndex
    if let place = free.popLast() {
      number = place
      ids[place.int] = new
    } else {
      number = CustomerIndex(ids.count)
      // A quarter more at a time: twice as much would cost as much memory again.
      if ids.count == ids.capacity { ids.reserveCapacity(ids.count + ids.count / 4 + 256) }
      ids.append(new)
    }
    place(number, hash)
    return number
  }

  /// The customer's number, if it has been seen.
  package func find(_ id: Span<UInt8>) -> CustomerIndex? {
    let key = CustomerId(id, 0..<id.count)
    return find(key, key.isLong ? stableHash(id) : key.hash, id, 0..<id.count)
  }

  @inline(__always)
  private func find(
    _ key: CustomerId, _ hash: UInt64, _ id: Span<UInt8>, _ range: Range<Int>
  ) -> CustomerIndex? {
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    let mask = slots.count - 1
    var at = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = slots[at]
      if slot.number == 0 { return nil }
      if slot.tag == tag {
        let number = Int(slot.number) - 1
        if key.isLong ? equals(ids[number], id, range) : ids[number] == key {
          return CustomerIndex(number)
        }
      }
      at = (at + 1) & mask
    }
  }

  /// Says that a customer will be looked for soon. Returns what `likely` wants.
  package func expect(_ id: Span<UInt8>, in range: Range<Int>) -> UInt64 {
    let key = CustomerId(id, range)
    let hash = key.isLong ? stableHash(id.extracting(range)) : key.hash
    unsafe slots.withUnsafeBufferPointer {
      let place = unsafe $0.baseAddress.unsafelyUnwrapped
      unsafe kp_prefetch(place + (Int(truncatingIfNeeded: hash) & (slots.count - 1)))
    }
    return hash
  }

  /// Who it probably is, by the hash alone; and says that the id will be looked at soon.
  package func likely(_ hash: UInt64) -> CustomerIndex? {
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[at].number != 0, slots[at].tag != tag { at = (at + 1) & (slots.count - 1) }
    if slots[at].number == 0 { return nil }
    let number = Int(slots[at].number) - 1
    unsafe ids.withUnsafeBufferPointer {
      unsafe kp_prefetch($0.baseAddress.unsafelyUnwrapped + number)
    }
    return CustomerIndex(number)
  }

  package func id(_ customer: CustomerIndex) -> [UInt8] {
    let id = ids[customer.int]
    return id.isLong ? Array(long[id.place]) : id.bytes
  }

  /// Whether the first customer's id comes before the second's, byte by byte.
  package func precedes(_ a: CustomerIndex, _ b: CustomerIndex) -> Bool {
    let (x, y) = (ids[a.int], ids[b.int])
    if !x.isLong, !y.isLong { return x.precedes(y) }
    return id(a).lexicographicallyPrecedes(id(b))
  }

  /// Forgets a customer, also the bytes of the id.
  package mutating func remove(_ customer: CustomerIndex) {
    let mask = slots.count - 1
    var hole = home(customer)
    while slots[hole].number != customer.raw + 1 { hole = (hole + 1) & mask }
    var next = (hole + 1) & mask
    while slots[next].number != 0 {
      let home = home(CustomerIndex(Int(slots[next].number) - 1))
      if (next &- home) & mask >= (next &- hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = Slot(tag: 0, number: 0)
    let id = ids[customer.int]
    if id.isLong {
      for index in id.place { long[index] = 0 }
      wasted += id.place.count
    }
    ids[customer.int] = .free
    free.append(customer)
    if wasted > 4096, wasted * 2 > long.count { pack() }
  }

  private func hash(_ customer: CustomerIndex) -> UInt64 {
    let id = ids[customer.int]
    return id.isLong ? stableHash(long.span.extracting(id.place)) : id.hash
  }

  /// The slot at which the search for a customer begins.
  private func home(_ customer: CustomerIndex) -> Int {
    Int(truncatingIfNeeded: hash(customer)) & (slots.count - 1)
  }

  private mutating func place(_ customer: CustomerIndex, _ hash: UInt64) {
    let mask = slots.count - 1
    var at = Int(truncatingIfNeeded: hash) & mask
    while slots[at].number != 0 { at = (at + 1) & mask }
    slots[at] = Slot(tag: UInt32(truncatingIfNeeded: hash >> 32), number: customer.raw + 1)
  }

  private mutating func pack() {
    var packed: [UInt8] = []
    for number in ids.indices where ids[number].isLong {
      let place = ids[number].place
      ids[number] = CustomerId(start: packed.count, count: place.count)
      packed.append(contentsOf: long[place])
    }
    long = packed
    wasted = 0
  }

  private func equals(_ known: CustomerId, _ id: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard known.isLong, known.place.count == range.count else { return false }
    let start = known.place.lowerBound
    for offset in 0..<range.count where long[start + offset] != id[range.lowerBound + offset] {
      return false
    }
    return true
  }

  private mutating func grow() {
    slots = Array(repeating: Slot(tag: 0, number: 0), count: slots.count * 2)
    for number in ids.indices where !ids[number].isFree {
      let customer = CustomerIndex(number)
      place(customer, hash(customer))
    }
  }
}

/// An id as sixteen bytes. The last one is the count of an id that lies in the others, with zeros
/// behind it; or it says that the id is long, and the others where it lies; or that the number is free.
struct CustomerId: Equatable {
  private static let long: UInt64 = 0xff
  private static let unused: UInt64 = 0xfe
  static let inlineCount = 15

  private var low: UInt64
  private var high: UInt64

  static let free = CustomerId(low: 0, high: unused << 56)

  private init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// Of a long id, without its place.
  @inline(__always)
  init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    let (start, count) = (range.lowerBound, range.count)
    guard count <= Self.inlineCount else {
      self.init(low: 0, high: Self.long << 56)
      return
    }
    let raw = unsafe bytes.bytes
    var (low, high): (UInt64, UInt64) = (0, 0)
    if count >= 8 {
      low = UInt64(
        littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self))
      let end = UInt64(
        littleEndian: unsafe raw.unsafeLoadUnaligned(
          fromByteOffset: start + count - 8, as: UInt64.self))
      // Of exactly eight nothing is left: a shift by 64 gives 0.
      high = end >> UInt64(8 * (16 - count))
    } else {
      for offset in 0..<count { low |= UInt64(bytes[start + offset]) << UInt64(8 * offset) }
    }
    self.init(low: low, high: high | UInt64(count) << 56)
  }

  init(start: Int, count: Int) {
    self.init(low: UInt64(start), high: Self.long << 56 | UInt64(count))
  }

  var isLong: Bool { high >> 56 == Self.long }
  var isFree: Bool { high >> 56 == Self.unused }

  /// Where a long id lies.
  var place: Range<Int> {
    let start = Int(low)
    return start..<(start + Int(high & 0xff_ffff_ffff_ffff))
  }

  /// Of an id that is not long.
  var bytes: [UInt8] {
    (0..<Int(high >> 56)).map {
      UInt8(truncatingIfNeeded: ($0 < 8 ? low : high) >> UInt64(8 * ($0 & 7)))
    }
  }

  /// For the table alone; nothing hangs on its values.
  @inline(__always)
  var hash: UInt64 {
    let product = (low ^ 0x9e37_79b9_7f4a_7c15)
      .multipliedFullWidth(by: high ^ 0xe703_7ed1_a0b4_28db)
    return product.high ^ product.low
  }

  /// Byte by byte, of two that are not long.
  func precedes(_ other: Self) -> Bool {
    if low != other.low { return low.byteSwapped < other.low.byteSwapped }
    // The count stands last, so that of two with the same bytes the shorter comes first.
    return high.byteSwapped < other.high.byteSwapped
  }
}
