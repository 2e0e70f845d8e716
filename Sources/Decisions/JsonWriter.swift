internal import Cel
internal import Events

/// Appends JSON to bytes: no spaces, members in the order of the calls.
///
/// Decisions are written with it, so it writes into one buffer of its own, without an allocation per
/// member or number.
@safe package struct JsonWriter: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var count = 0
  private var needsComma = false

  package init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    unsafe base = UnsafeMutablePointer<UInt8>.allocate(capacity: self.capacity)
  }

  deinit { unsafe base.deallocate() }

  /// What has been written so far.
  package var bytes: [UInt8] {
    unsafe Array(UnsafeBufferPointer(start: base, count: count))
  }

  package mutating func beginObject(_ name: String? = nil) { open(name, UInt8(ascii: "{")) }
  package mutating func beginArray(_ name: String? = nil) { open(name, UInt8(ascii: "[")) }
  package mutating func endObject() { close(UInt8(ascii: "}")) }
  package mutating func endArray() { close(UInt8(ascii: "]")) }

  package mutating func string(_ name: String? = nil, _ value: String) {
    member(name)
    quote(value)
  }
  package mutating func string(_ name: String? = nil, utf8 value: [UInt8]) {
    member(name)
    unsafe value.withUnsafeBufferPointer { unsafe quote($0) }
  }
  package mutating func int(_ name: String? = nil, _ value: Int64) {
    member(name)
    reserve(20)
    if value < 0 { put(UInt8(ascii: "-")) }
    putDigits(value.magnitude)
  }
  package mutating func bool(_ name: String? = nil, _ value: Bool) {
    member(name)
    put(value ? "true" : "false")
  }
  package mutating func null(_ name: String? = nil) {
    member(name)
    put("null")
  }
  /// Shortest digits that read back as the same double; JSON has no infinities, they become null.
  package mutating func double(_ name: String? = nil, _ value: Double) {
    member(name)
    put(value.isFinite ? value.description : "null")
  }
  /// Bytes that are JSON already.
  package mutating func raw(_ name: String? = nil, _ json: [UInt8]) {
    member(name)
    put(json)
  }
  /// An instant as RFC 3339 in UTC with milliseconds.
  package mutating func time(_ name: String? = nil, _ milliseconds: Int64) {
    member(name)
    reserve(26)
    put(UInt8(ascii: "\""))
    putTime(milliseconds)
    put(UInt8(ascii: "\""))
  }
  /// JSON as it stands in the code, commas and all; what follows is a value of its own.
  mutating func literal(_ json: StaticString) {
    reserve(json.utf8CodeUnitCount)
    unsafe (base + count).update(from: json.utf8Start, count: json.utf8CodeUnitCount)
    count += json.utf8CodeUnitCount
    needsComma = false
  }
  /// Ends what `literal` has begun.
  mutating func end(_ json: StaticString) {
    literal(json)
    needsComma = true
  }
  /// Whole members, written before.
  mutating func members(_ json: [UInt8]) { raw(nil, json) }

  private mutating func member(_ name: String?) {
    if needsComma { put(UInt8(ascii: ",")) }
    needsComma = true
    if let name {
      quote(name)
      put(UInt8(ascii: ":"))
    }
  }
  private mutating func open(_ name: String?, _ bracket: UInt8) {
    member(name)
    put(bracket)
    needsComma = false
  }
  private mutating func close(_ bracket: UInt8) {
    put(bracket)
    needsComma = true
  }
}

// MARK: Bytes

extension JsonWriter {
  @inline(__always)
  private mutating func reserve(_ room: Int) {
    if count + room > capacity { grow(room) }
  }

  @inline(never)
  private mutating func grow(_ room: Int) {
    capacity = max(2 * capacity, count + room)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    unsafe larger.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = larger
  }

  @inline(__always)
  private mutating func put(_ byte: UInt8) {
    reserve(1)
    unsafe base[count] = byte
    count += 1
  }

  private mutating func put(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    reserve(bytes.count)
    unsafe (base + count).update(from: start, count: bytes.count)
    count += bytes.count
  }

  private mutating func put(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBufferPointer { unsafe put($0) }
  }

  private mutating func put(_ text: String) {
    var text = text
    text.withUTF8 { unsafe put($0) }
  }

  private mutating func quote(_ text: String) {
    var text = text
    text.withUTF8 { unsafe quote($0) }
  }

  private mutating func quote(_ text: UnsafeBufferPointer<UInt8>) {
    reserve(text.count + 2)
    put(UInt8(ascii: "\""))
    if unsafe isPlain(text) {
      unsafe put(text)
    } else {
      for index in text.indices { escape(unsafe text[index]) }
    }
    put(UInt8(ascii: "\""))
  }

  /// Whether JSON wants the bytes as they are: no quote, no backslash, no control character. Eight at
  /// a time; after Bit Twiddling Hacks, "Determine if a word has a byte less than n".
  private func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var index = 0
    while index + 8 <= text.count {
      let word = unsafe UnsafeRawPointer(text.baseAddress!)
        .loadUnaligned(fromByteOffset: index, as: UInt64.self)
      let (quote, slash) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5c))
      let found =
        ((word &- ones &* 0x20) & ~word) | ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
      if found & tops != 0 { return false }
      index += 8
    }
    while index < text.count {
      let byte = unsafe text[index]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
      index += 1
    }
    return true
  }

  private mutating func escape(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      put(UInt8(ascii: "\\"))
      put(byte)
    case 0x0a: put("\\n")
    case 0x0d: put("\\r")
    case 0x09: put("\\t")
    case 0..<0x20:
      put("\\u00")
      put(hexDigit(byte >> 4))
      put(hexDigit(byte & 15))
    default: put(byte)
    }
  }

  @inline(__always)
  private mutating func putTwo(_ value: UInt64) {
    put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
    put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
  }

  private mutating func putDigits(_ value: UInt64) {
    var length = 1
    var rest = value / 10
    while rest > 0 {
      length += 1
      rest /= 10
    }
    reserve(length)
    rest = value
    var place = count + length
    while place > count {
      place -= 1
      unsafe base[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += length
  }

  /// RFC 3339 in UTC, with milliseconds if there are any; the year is clamped to what that form can
  /// say.
  private mutating func putTime(_ milliseconds: Int64) {
    let earliest: Int64 = -62_135_596_800_000
    let latest: Int64 = 253_402_300_799_999
    let clamped = min(max(milliseconds, earliest), latest)
    let day = floorDivide(clamped, 86_400_000)
    let rest = UInt64(clamped - day * 86_400_000)
    let date = civilFromDays(day)
    putTwo(UInt64(date.year) / 100)
    putTwo(UInt64(date.year) % 100)
    put(UInt8(ascii: "-"))
    putTwo(UInt64(date.month))
    put(UInt8(ascii: "-"))
    putTwo(UInt64(date.day))
    put(UInt8(ascii: "T"))
    let seconds = rest / 1000
    putTwo(seconds / 3600)
    put(UInt8(ascii: ":"))
    putTwo(seconds / 60 % 60)
    put(UInt8(ascii: ":"))
    putTwo(seconds % 60)
    let fraction = rest % 1000
    if fraction != 0 {
      put(UInt8(ascii: "."))
      put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / 100))
      putTwo(fraction % 100)
    }
    put(UInt8(ascii: "Z"))
  }

  static func timestamp(_ milliseconds: Int64) -> String {
    var writer = JsonWriter(capacity: 32)
    writer.putTime(milliseconds)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

/// An instant as RFC 3339 in UTC, with milliseconds if there are any; the year is clamped to what that form can say.
package func timestamp(_ milliseconds: Int64) -> String { JsonWriter.timestamp(milliseconds) }
