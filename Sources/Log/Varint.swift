/// Kafka's variable-length integers: zigzag, seven bits a byte, least significant first.
enum Varint {
  /// Bytes that `value` takes: 1 to 10.
  static func size(_ value: Int64) -> Int {
    let zigzag = UInt64(bitPattern: (value << 1) ^ (value >> 63))
    return zigzag == 0 ? 1 : (64 - zigzag.leadingZeroBitCount + 6) / 7
  }

  static func append(_ value: Int64, to bytes: inout [UInt8]) {
    var zigzag = UInt64(bitPattern: (value << 1) ^ (value >> 63))
    while zigzag >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: zigzag) | 0x80)
      zigzag >>= 7
    }
    bytes.append(UInt8(zigzag))
  }

  /// Reads one at `place` and moves past it. Nil, with `place` where it was: it runs past `end` or
  /// over 64 bits.
  @inline(__always)
  static func read(_ bytes: Span<UInt8>, _ place: inout Int, end: Int) -> Int64? {
    guard place < end else { return nil }
    let first = bytes[place]
    if first < 0x80 {
      place += 1
      return Int64(first >> 1) ^ -Int64(first & 1)
    }
    return readLong(bytes, &place, end: end)
  }

  private static func readLong(_ bytes: Span<UInt8>, _ place: inout Int, end: Int) -> Int64? {
    var zigzag: UInt64 = 0
    var shift: UInt64 = 0
    var next = place
    while next < end {
      let byte = bytes[next]
      next += 1
      if shift == 63, byte > 1 { return nil }
      zigzag |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 {
        place = next
        return Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1)
      }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }
}

extension [UInt8] {
  mutating func append(zeros count: Int) {
    append(contentsOf: [UInt8](repeating: 0, count: count))
  }

  mutating func append(bigEndian value: some FixedWidthInteger) {
    var shift = value.bitWidth - 8
    while shift >= 0 {
      append(UInt8(truncatingIfNeeded: value >> shift))
      shift -= 8
    }
  }

  mutating func store(bigEndian value: some FixedWidthInteger, at place: Int) {
    let width = value.bitWidth / 8
    for index in 0..<width {
      self[place + index] = UInt8(truncatingIfNeeded: value >> ((width - 1 - index) * 8))
    }
  }

  func load<Value: FixedWidthInteger>(bigEndian: Value.Type, at place: Int) -> Value {
    var value: Value = 0
    for index in 0..<(Value.bitWidth / 8) {
      value = (value << 8) | Value(truncatingIfNeeded: self[place + index])
    }
    return value
  }
}
