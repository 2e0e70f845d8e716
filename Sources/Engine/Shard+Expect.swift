internal import Events

// One miss to main memory costs as much as all else that is done for an event. So who feeds a shard
// says some records ahead what will come, and what reading it will touch is on its way by then.

/// Hashes of the customers of records to come, and then who they probably are.
struct Expected {
  static let records = 8
  static let waitForSlot = 3
  static let waitForBlock = 6

  var hashes = [8 of UInt64](repeating: 0)
  /// -1: nobody is known by the hash.
  var numbers = [8 of Int](repeating: -1)
  var count = 0
}

extension Shard {
  /// How many records ahead of its reading a record should be expected.
  package static var expectsAhead: Int { Expected.records }

  /// A record that will be read soon, and in which order. This is a hint: nothing follows from it
  /// but speed, and what it says may be wrong.
  package mutating func expect(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    guard let id = Self.customer(bytes, range) else { return }
    let place = expected.count & (Expected.records - 1)
    expected.hashes[place] = customers.expect(bytes, in: id)
    expected.count &+= 1
    // The table's slot of an earlier one has come by now; its block is next, and then what that
    // refers to.
    let earlier = (place &- Expected.waitForSlot) & (Expected.records - 1)
    expected.numbers[earlier] = -1
    if let customer = customers.likely(expected.hashes[earlier]) {
      expected.numbers[earlier] = customer.int
      blocks[customer.int].prefetch()
    }
    let first = (place &- Expected.waitForBlock) & (Expected.records - 1)
    if expected.numbers[first] >= 0 { seen.prefetch(blocks[expected.numbers[first]].seen) }
  }

  /// Where the customer's id stands, if the record is an event and whole.
  private static func customer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
    let start = range.lowerBound
    guard range.count >= JournalRecord.headerSize, range.upperBound <= bytes.count,
      bytes[start + 1] == JournalRecord.Kind.event.rawValue
    else { return nil }
    func length(_ at: Int) -> Int { Int(bytes[start + at]) | Int(bytes[start + at + 1]) << 8 }
    let from =
      start + JournalRecord.headerSize + length(32) + length(34) + length(36) + length(38)
    let upTo = from + length(40)
    return upTo <= range.upperBound ? from..<upTo : nil
  }
}
