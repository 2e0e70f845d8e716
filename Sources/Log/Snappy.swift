/// Snappy, to read what others packed: Kafka's own framing (a header, then blocks with their
/// lengths before them) or one bare block. A block is the length of what it unpacks to, then
/// literals and copies of what was unpacked before.
enum Snappy {
  private static let framing: [UInt8] = [0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0x00]
  /// The framing's mark and its two version numbers.
  private static let framingBytes = 16
  private static let damaged = "its snappy data is damaged"

  /// Appends what `bytes[packed]` unpacks to. Returns what is wrong, or nil.
  static func unpack(
    _ bytes: [UInt8], _ packed: Range<Int>, bound: Int, into target: inout [UInt8]
  ) -> String? {
    let most = target.count + bound
    guard bytes[packed].starts(with: framing) else {
      return unpackBlock(bytes, packed, most: most, into: &target)
    }
    var place = packed.lowerBound + framingBytes
    guard place <= packed.upperBound else { return damaged }
    while place < packed.upperBound {
      guard packed.upperBound - place >= 4 else { return damaged }
      let count = Int(bytes.load(bigEndian: UInt32.self, at: place))
      place += 4
      guard count <= packed.upperBound - place else { return damaged }
      if let failure = unpackBlock(bytes, place..<(place + count), most: most, into: &target) {
        return failure
      }
      place += count
    }
    return nil
  }

  private static func unpackBlock(
    _ bytes: [UInt8], _ packed: Range<Int>, most: Int, into target: inout [UInt8]
  ) -> String? {
    var place = packed.lowerBound
    guard let length = unpackedLength(bytes, &place, packed.upperBound) else { return damaged }
    guard length <= most - target.count else { return "it unpacks to too many bytes" }
    let start = target.count
    let end = start + length
    while place < packed.upperBound {
      let tag = bytes[place]
      place += 1
      if tag & 3 == 0 {
        guard let count = literalLength(tag, bytes, &place, packed.upperBound),
          count <= packed.upperBound - place, count <= end - target.count
        else { return damaged }
        target.append(contentsOf: bytes[place..<(place + count)])
        place += count
      } else {
        guard let (count, distance) = copy(tag, bytes, &place, packed.upperBound),
          distance > 0, distance <= target.count - start, count <= end - target.count
        else { return damaged }
        // One by one: a copy may reach into itself.
        for _ in 0..<count { target.append(target[target.count - distance]) }
      }
    }
    return target.count == end ? nil : damaged
  }

  private static func unpackedLength(_ bytes: [UInt8], _ place: inout Int, _ end: Int) -> Int? {
    var length = 0
    for shift in stride(from: 0, through: 28, by: 7) {
      guard place < end else { return nil }
      let byte = bytes[place]
      place += 1
      length |= Int(byte & 0x7F) << shift
      if byte < 0x80 { return length }
    }
    return nil
  }

  private static func literalLength(
    _ tag: UInt8, _ bytes: [UInt8], _ place: inout Int, _ end: Int
  ) -> Int? {
    let short = Int(tag >> 2)
    if short < 60 { return short + 1 }
    return littleEndian(bytes, &place, end, count: short - 59).map { $0 + 1 }
  }

  private static func copy(
    _ tag: UInt8, _ bytes: [UInt8], _ place: inout Int, _ end: Int
  ) -> (count: Int, distance: Int)? {
    switch tag & 3 {
    case 1:
      guard let low = littleEndian(bytes, &place, end, count: 1) else { return nil }
      return (4 + Int(tag >> 2 & 7), Int(tag >> 5) << 8 | low)
    case 2:
      return littleEndian(bytes, &place, end, count: 2).map { (1 + Int(tag >> 2), $0) }
    default:
      return littleEndian(bytes, &place, end, count: 4).map { (1 + Int(tag >> 2), $0) }
    }
  }

  private static func littleEndian(
    _ bytes: [UInt8], _ place: inout Int, _ end: Int, count: Int
  ) -> Int? {
    guard end - place >= count else { return nil }
    defer { place += count }
    return (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
  }
}
