import TestSupport
import Testing

@testable import Decisions

/// The same, the plain way.
private struct PlainJson {
  var text = ""
  private var needsComma = false

  mutating func member(_ name: String?, _ json: String) {
    if needsComma { text += "," }
    if let name { text += quoted(name) + ":" }
    text += json
    needsComma = true
  }
  mutating func open(_ name: String?, _ bracket: String) {
    member(name, bracket)
    needsComma = false
  }
  mutating func close(_ bracket: String) {
    text += bracket
    needsComma = true
  }
  func quoted(_ value: String) -> String {
    var text = "\""
    for byte in value.unicodeScalars {
      switch byte {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(byte.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(byte)
      }
    }
    return text + "\""
  }
  func time(_ milliseconds: Int64) -> String {
    let (day, rest) = (milliseconds / 86_400_000, milliseconds % 86_400_000)
    func padded(_ value: Int64, _ width: Int) -> String {
      String(repeating: "0", count: max(0, width - String(value).count)) + String(value)
    }
    // Day by day from 1970 on.
    var (year, left): (Int64, Int64) = (1970, day)
    func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    while left >= (isLeap(year) ? 366 : 365) {
      left -= isLeap(year) ? 366 : 365
      year += 1
    }
    let months: [Int64] = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var month = 0
    while left >= months[month] {
      left -= months[month]
      month += 1
    }
    let fraction = rest % 1000 == 0 ? "" : "." + padded(rest % 1000, 3)
    return padded(year, 4) + "-" + padded(Int64(month + 1), 2) + "-" + padded(left + 1, 2) + "T"
      + padded(rest / 3_600_000, 2) + ":" + padded(rest / 60_000 % 60, 2) + ":"
      + padded(rest / 1000 % 60, 2) + fraction + "Z"
  }
}

@Suite struct `JSON for subscribers` {
  private func text(_ random: inout SplitMix64) -> String {
    let odd = ["\"", "\\", "\n", "\r", "\t", "\u{0}", "\u{1f}", "\u{7f}", "ß", "\u{20ac}", "🙂"]
    var text = ""
    for _ in 0..<random.number(in: 0..<40) {
      text +=
        random.chance(4)
        ? random.pick(odd) : String(UnicodeScalar(UInt8(random.number(in: 32..<127))))
    }
    return text
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `is what the plain way writes`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var quick = JsonWriter(capacity: 16)
    var plain = PlainJson()
    var open: [Bool] = []
    for _ in 0..<400 {
      let name: String? = open.last == true ? text(&random) : nil
      switch random.number(in: 0..<10) {
      case 0:
        quick.beginObject(name)
        plain.open(name, "{")
        open.append(true)
      case 1:
        quick.beginArray(name)
        plain.open(name, "[")
        open.append(false)
      case 2, 3:
        guard let isObject = open.popLast() else { continue }
        if isObject { quick.endObject() } else { quick.endArray() }
        plain.close(isObject ? "}" : "]")
      case 4:
        let value = text(&random)
        quick.string(name, value)
        plain.member(name, plain.quoted(value))
      case 5:
        let value = text(&random)
        quick.string(name, utf8: Array(value.utf8))
        plain.member(name, plain.quoted(value))
      case 6:
        let value = Int64(truncatingIfNeeded: random.next()) >> Int64(random.number(in: 0..<64))
        quick.int(name, value)
        plain.member(name, String(value))
      case 7:
        let value = Double(bitPattern: random.next())
        quick.double(name, value)
        plain.member(name, value.isFinite ? value.description : "null")
      case 8:
        let value = Int64(random.next() % 253_402_300_799_999)
        let rounded = random.chance(50) ? value : value - value % 1000
        quick.time(name, rounded)
        plain.member(name, "\"" + plain.time(rounded) + "\"")
      default:
        quick.bool(name, true)
        plain.member(name, "true")
      }
    }
    #expect(String(decoding: quick.bytes, as: UTF8.self) == plain.text)
  }

  @Test func `has extreme numbers and times whole`() {
    var json = JsonWriter()
    json.beginArray()
    for value in [Int64.min, -1, 0, 9, 10, .max] { json.int(nil, value) }
    for value in [Int64.min, -62_135_596_800_000, -1, 253_402_300_799_999, .max] {
      json.time(nil, value)
    }
    json.endArray()
    #expect(
      String(decoding: json.bytes, as: UTF8.self)
        == "[-9223372036854775808,-1,0,9,10,9223372036854775807,\"0001-01-01T00:00:00Z\","
        + "\"0001-01-01T00:00:00Z\",\"1969-12-31T23:59:59.999Z\",\"9999-12-31T23:59:59.999Z\","
        + "\"9999-12-31T23:59:59.999Z\"]")
  }
}
