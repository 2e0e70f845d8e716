internal import Cel

/// The number of one customer within its partition, in order of first appearance. It is never
/// published and orders nothing.
package struct CustomerIndex: Hashable, Sendable {
  package var raw: UInt32
  package init(_ raw: Int) { self.raw = UInt32(raw) }
  package var int: Int { Int(raw) }
}

/// Customer ids to numbers: open addressing with 32-bit tags, the ids' bytes one after another. The
/// number of a customer who was removed goes to a later one.
package struct CustomerTable: ~Copyable {
  private struct Slot {
    var tag: UInt32
    /// Number + 1; 0: empty.
    var number: UInt32
  }
  /// Where a customer's id lies; a negative count: the number is free.
  private struct Id {
    var start: Int
    var count: Int
  }
  private var slots: [Slot] = Array(repeating: Slot(tag: 0, number: 0), count: 1 << 10)
  private var bytes: [UInt8] = []
  private var ids: [Id] = []
  private var free: [CustomerIndex] = []
  /// Bytes of ids that were removed.
  private var wasted = 0

  package init() {}

  package var count: Int { ids.count - free.count }
  /// All numbers lie below it; some may be free.
  package var places: Int { ids.count }
  package var bytesReserved: Int { slots.capacity * 8 + bytes.capacity + ids.capacity * 16 }

  /// Whether the number is a customer's.
  package func isTaken(_ customer: CustomerIndex) -> Bool { ids[customer.int].count >= 0 }

  /// The customer's number, new if it has not been seen, then `fresh` is set.
  package mutating func number(
    of id: Span<UInt8>, in range: Range<Int>, fresh: inout Bool
  ) -> CustomerIndex {
    let hash = stableHash(id.extracting(range))
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[at].number != 0 {
      if slots[at].tag == tag && equals(Int(slots[at].number) - 1, id, range) {
        fresh = false
        return CustomerIndex(Int(slots[at].number) - 1)
      }
      at = (at + 1) & (slots.count - 1)
    }
    fresh = true
    let new = Id(start: bytes.count, count: range.count)
    for index in range { bytes.append(id[index]) }
    let number: CustomerIndex
    if let place = free.popLast() {
      number = place
      ids[place.int] = new
    } else {
      number = CustomerIndex(ids.count)
      ids.append(new)
    }
    slots[at] = Slot(tag: tag, number: number.raw + 1)
    if count * 2 > slots.count { grow() }
    return number
  }

  /// The customer's number, if it has been seen.
  package func find(_ id: Span<UInt8>) -> CustomerIndex? {
    let hash = stableHash(id)
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[at].number != 0 {
      if slots[at].tag == tag && equals(Int(slots[at].number) - 1, id, 0..<id.count) {
        return CustomerIndex(Int(slots[at].number) - 1)
      }
      at = (at + 1) & (slots.count - 1)
    }
    return nil
  }

  package func id(_ customer: CustomerIndex) -> [UInt8] { Array(bytes[range(customer)]) }

  private func range(_ customer: CustomerIndex) -> Range<Int> {
    let id = ids[customer.int]
    return id.start..<(id.start + id.count)
  }

  /// Whether the first customer's id comes before the second's, byte by byte.
  package func precedes(_ a: CustomerIndex, _ b: CustomerIndex) -> Bool {
    let x = range(a)
    let y = range(b)
    for offset in 0..<min(x.count, y.count) {
      let (p, q) = (bytes[x.lowerBound + offset], bytes[y.lowerBound + offset])
      if p != q { return p < q }
    }
    return x.count < y.count
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
    for index in range(customer) { bytes[index] = 0 }
    wasted += ids[customer.int].count
    ids[customer.int] = Id(start: 0, count: -1)
    free.append(customer)
    if wasted > 4096, wasted * 2 > bytes.count { pack() }
  }

  /// The slot at which the search for a customer begins.
  private func home(_ customer: CustomerIndex) -> Int {
    let hash = stableHash(bytes.span.extracting(range(customer)))
    return Int(truncatingIfNeeded: hash) & (slots.count - 1)
  }

  private mutating func pack() {
    var packed: [UInt8] = []
    for number in ids.indices where ids[number].count >= 0 {
      let start = packed.count
      packed.append(contentsOf: bytes[range(CustomerIndex(number))])
      ids[number].start = start
    }
    bytes = packed
    wasted = 0
  }

  private func equals(_ number: Int, _ id: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard ids[number].count == range.count else { return false }
    let start = ids[number].start
    for offset in 0..<range.count where bytes[start + offset] != id[range.lowerBound + offset] {
      return false
    }
    return true
  }

  private mutating func grow() {
    slots = Array(repeating: Slot(tag: 0, number: 0), count: slots.count * 4)
    for number in ids.indices where ids[number].count >= 0 {
      let hash = stableHash(bytes.span.extracting(range(CustomerIndex(number))))
      var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
      while slots[at].number != 0 { at = (at + 1) & (slots.count - 1) }
      slots[at] = Slot(tag: UInt32(truncatingIfNeeded: hash >> 32), number: UInt32(number + 1))
    }
  }
}
