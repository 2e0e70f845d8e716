internal import Cel

/// The number of one customer within its partition, in order of first appearance. It is never
/// published and orders nothing.
package struct CustomerIndex: Hashable, Sendable {
  package var raw: UInt32
  package init(_ raw: Int) { self.raw = UInt32(raw) }
  package var int: Int { Int(raw) }
}

/// Customer ids to numbers: open addressing with 32-bit tags, the ids' bytes one after another.
package struct CustomerTable: ~Copyable {
  private struct Slot {
    var tag: UInt32
    /// Number + 1; 0: empty.
    var number: UInt32
  }
  private var slots: [Slot] = Array(repeating: Slot(tag: 0, number: 0), count: 1 << 10)
  private var bytes: [UInt8] = []
  private var starts: [Int] = [0]

  package init() {}

  package var count: Int { starts.count - 1 }
  package var bytesReserved: Int { slots.capacity * 8 + bytes.capacity + starts.capacity * 8 }

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
    slots[at] = Slot(tag: tag, number: UInt32(starts.count))
    for index in range { bytes.append(id[index]) }
    starts.append(bytes.count)
    if count * 2 > slots.count { grow() }
    return CustomerIndex(count - 1)
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

  package func id(_ customer: CustomerIndex) -> [UInt8] {
    Array(bytes[starts[customer.int]..<starts[customer.int + 1]])
  }

  /// Whether the first customer's id comes before the second's, byte by byte.
  package func precedes(_ a: CustomerIndex, _ b: CustomerIndex) -> Bool {
    let x = starts[a.int]..<starts[a.int + 1]
    let y = starts[b.int]..<starts[b.int + 1]
    for offset in 0..<min(x.count, y.count) {
      let (p, q) = (bytes[x.lowerBound + offset], bytes[y.lowerBound + offset])
      if p != q { return p < q }
    }
    return x.count < y.count
  }

  private func equals(_ number: Int, _ id: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let start = starts[number]
    guard starts[number + 1] - start == range.count else { return false }
    for offset in 0..<range.count where bytes[start + offset] != id[range.lowerBound + offset] {
      return false
    }
    return true
  }

  private mutating func grow() {
    slots = Array(repeating: Slot(tag: 0, number: 0), count: slots.count * 4)
    for number in 0..<count {
      let hash = stableHash(bytes.span.extracting(starts[number]..<starts[number + 1]))
      var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
      while slots[at].number != 0 { at = (at + 1) & (slots.count - 1) }
      slots[at] = Slot(tag: UInt32(truncatingIfNeeded: hash >> 32), number: UInt32(number + 1))
    }
  }
}
