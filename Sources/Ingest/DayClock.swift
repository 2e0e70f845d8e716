/// Reads times by RFC 3339, and remembers the day of the last: those of a file mostly share theirs.
/// The same as `rfc3339Milliseconds`.
struct DayClock {
  /// `2024-02-29` as it is written, and its first millisecond.
  private var date: (first: UInt64, last: UInt16) = (.max, .max)
  private var start: Int64 = 0

  /// Nil if `range` holds no such time.
  mutating func milliseconds(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    let at = range.lowerBound
    guard range.count == 24 || range.count == 20, at >= 0, range.upperBound <= text.count else {
      return rfc3339Milliseconds(text, range)
    }
    let first = unsafe text.bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: at, as: UInt64.self)
    let last = unsafe text.bytes.unsafeLoadUnaligned(
      fromUncheckedByteOffset: at + 8, as: UInt16.self)
    guard let time = timeOfDay(text, range) else { return rfc3339Milliseconds(text, range) }
    if first == date.first && last == date.last { return start + time }
    guard let whole = rfc3339Milliseconds(text, range) else { return nil }
    date = (first, last)
    start = whole - time
    return whole
  }

  /// Of `T23:59:59.123Z` or `T23:59:59Z` behind the date; nil for everything else, leap seconds too.
  @inline(__always)
  private func timeOfDay(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    let at = range.lowerBound
    // Less "T00:00:0" and, from the last but one colon on, ":00.000Z" or ":00Z".
    let high =
      unsafe UInt64(
        littleEndian: text.bytes.unsafeLoadUnaligned(
          fromUncheckedByteOffset: at + 10, as: UInt64.self)) ^ 0x303a_3030_3a30_3054
    let low: UInt64
    let fixed: UInt64
    if range.count == 24 {
      low =
        unsafe UInt64(
          littleEndian: text.bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: at + 16, as: UInt64.self)) ^ 0x5a30_3030_2e30_303a
      fixed = 0xff00_0000_ff00_00ff
    } else {
      low = UInt64(
        unsafe UInt32(
          littleEndian: text.bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: at + 16, as: UInt32.self)) ^ 0x5a30_303a)
      fixed = 0xff00_00ff
    }
    guard high & 0x00ff_0000_ff00_00ff | low & fixed == 0, isDigits(high), isDigits(low) else {
      return nil
    }
    let hour = digit(high, 1) &* 10 &+ digit(high, 2)
    let minute = digit(high, 4) &* 10 &+ digit(high, 5)
    let second = digit(high, 7) &* 10 &+ digit(low, 2)
    guard hour <= 23, minute <= 59, second <= 59 else { return nil }
    let millisecond = digit(low, 4) &* 100 &+ digit(low, 5) &* 10 &+ digit(low, 6)
    return ((hour &* 60 &+ minute) &* 60 &+ second) &* 1000 &+ millisecond
  }

  @inline(__always)
  private func digit(_ bytes: UInt64, _ place: UInt64) -> Int64 {
    Int64(truncatingIfNeeded: bytes &>> (8 &* place) & 0xff)
  }

  /// Whether no byte is above 9.
  @inline(__always)
  private func isDigits(_ bytes: UInt64) -> Bool {
    ((bytes & 0x7f7f_7f7f_7f7f_7f7f) &+ 0x7676_7676_7676_7676 | bytes) & 0x8080_8080_8080_8080 == 0
  }
}
