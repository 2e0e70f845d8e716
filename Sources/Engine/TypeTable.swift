internal import Events

/// Names of event types to their numbers: of those that the book mentions. All others are 0.
struct TypeTable {
  private struct Name {
    var first: UInt64 = 0
    var last: UInt64 = 0
    var bytes: [UInt8] = []
    var number: UInt16 = 0
  }
  private var names: [Name] = []
  /// Open addressing: place among the names + 1, or 0.
  private var slots: [UInt16] = [0]

  init() {}

  init(_ program: Program) {
    var count = 16
    while count < 4 * program.types.count { count *= 2 }
    slots = Array(repeating: 0, count: count)
    for number in program.types.indices.dropFirst() {
      let bytes = Array(program.types[number].name.utf8)
      let (first, last) = Self.ends(bytes.span, 0..<bytes.count)
      names.append(Name(first: first, last: last, bytes: bytes, number: UInt16(number)))
      var slot = Self.hash(first, last, bytes.count) & (slots.count - 1)
      while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = UInt16(names.count)
    }
  }

  func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt16 {
    let (first, last) = Self.ends(bytes, range)
    var slot = Self.hash(first, last, range.count) & (slots.count - 1)
    while slots[slot] != 0 {
      let place = Int(slots[slot]) - 1
      if names[place].first == first, names[place].last == last,
        isMiddle(of: place, bytes, range)
      {
        return names[place].number
      }
      slot = (slot + 1) & (slots.count - 1)
    }
    return 0
  }

  /// Whether the length is the same, and what lies between the first and the last eight bytes.
  private func isMiddle(of place: Int, _ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard names[place].bytes.count == range.count else { return false }
    if range.count <= 16 { return true }
    for offset in 8..<(range.count - 8)
    where names[place].bytes[offset] != bytes[range.lowerBound + offset] {
      return false
    }
    return true
  }

  /// The first eight bytes and the last eight; of fewer than eight all of them.
  @inline(__always)
  private static func ends(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (UInt64, UInt64) {
    if range.count < 8 {
      var word: UInt64 = 0
      for index in range { word = word << 8 | UInt64(bytes[index]) }
      return (word, 0)
    }
    let raw = unsafe bytes.bytes
    return (
      unsafe raw.unsafeLoadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self),
      unsafe raw.unsafeLoadUnaligned(fromByteOffset: range.upperBound - 8, as: UInt64.self)
    )
  }

  private static func hash(_ first: UInt64, _ last: UInt64, _ count: Int) -> Int {
    let product = (first ^ 0x9e37_79b9_7f4a_7c15)
      .multipliedFullWidth(by: last ^ UInt64(count) ^ 0xe703_7ed1_a0b4_28db)
    return Int(truncatingIfNeeded: product.high ^ product.low)
  }
}
