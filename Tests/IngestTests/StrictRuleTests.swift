import Ingest
import Testing

private let good =
  #"{"id":"e","type":"t","time":"2024-02-29T00:00:00Z","customer":"ada","data":{"n":1}}"#
private let noon: Int64 = 1_709_164_800_000

private func event(
  id: String = #""e""#, type: String = #""t""#, time: String = #""2024-02-29T00:00:00Z""#,
  customer: String = #""ada""#, data: String = "{}"
) -> String {
  #"{"id":\#(id),"type":\#(type),"time":\#(time),"customer":\#(customer),"data":\#(data)}"#
}

@Suite struct `Strict rule` {
  @Test func `a plain event comes through whole`() throws {
    let outcome = try convert(Given(" \(good)\n"), .standard, appended: noon)
    #expect(outcome.verdict == .event)
    #expect(outcome.payload == " \(good)\n")
    #expect(outcome.data == #"{"n":1}"#)
    #expect(
      [outcome.id, outcome.type, outcome.customer, outcome.source] == ["e", "t", "ada", "events"])
    #expect(outcome.time == noon)
  }

  @Test func `a text's escapes are taken out, and whole numbers name things`() throws {
    let text = event(
      id: "18446744073709551615", type: #""a\u002eb""#, time: "1709164800001", customer: "-7")
    let outcome = try convert(Given(text), .standard)
    #expect(outcome.verdict == .event)
    #expect(
      [outcome.id, outcome.type, outcome.customer] == ["18446744073709551615", "a.b", "-7"])
    #expect(outcome.time == noon + 1)
  }

  @Test(
    arguments: [
      ("", .notJson), ("{", .notJson), (String(good.dropLast()), .notJson), ("[]", .notAnObject),
      ("7", .notAnObject), ("null", .notAnObject), ("\"x\"", .notAnObject),
      (good + good, .notJson), (event(data: #"{"n":NaN}"#), .notJson),
      (event(data: #"{"n":Infinity}"#), .notJson),
      (event(data: #"{"n":1e400}"#), .numberOutOfRange),
      (event(data: #"{"t":"\ud800"}"#), .notJson), (event(data: "[1]"), .badData),
      (event(data: "5"), .badData), (event(data: #""x""#), .badData),
      (event(id: #""""#), .noId), (event(id: "null"), .noId), (event(id: #"" ""#), .noId),
      (event(id: "{}"), .badId), (event(id: "1.5"), .badId), (event(id: "true"), .badId),
      (event(type: #""""#), .noType), (event(type: "null"), .noType), (event(type: "[]"), .badType),
      (event(customer: #""""#), .noCustomer), (event(customer: "null"), .noCustomer),
      (event(customer: #""  ""#), .noCustomer), (event(customer: "{}"), .badCustomer),
      (event(customer: "1.0"), .badCustomer), (event(time: "null"), .noTime),
      (event(time: #""yesterday""#), .badTime), (event(time: "{}"), .badTime),
      (event(time: "true"), .badTime), (event(time: #""2023-02-29T00:00:00Z""#), .badTime),
      (event(time: #""2024-02-29""#), .badTime), (event(time: "1e300"), .badTime),
      (event(time: "0"), .timeTooOld), (event(time: "-1"), .timeTooOld),
      (event(time: #""1970-06-01T00:00:00Z""#), .timeTooOld),
      (event(time: #""2099-01-01T00:00:00Z""#), .timeTooFar),
      (event(time: "9223372036854775807"), .timeTooFar),
      (#"{"type":"t","time":1709164800000,"customer":"c"}"#, .noId),
      (#"{"id":"e","time":1709164800000,"customer":"c"}"#, .noType),
      (#"{"id":"e","type":"t","customer":"c"}"#, .noTime),
      (#"{"id":"e","type":"t","time":1709164800000}"#, .noCustomer),
    ] as [(String, Rejection.Reason)])
  func `what is not an event is refused with its reason`(
    _ text: String, _ reason: Rejection.Reason
  ) throws {
    #expect(try convert(Given(text), .standard).reason == reason)
  }

  @Test func `null data and no data are the same`() throws {
    for text in [event(data: "null"), String(good.replacing(#","data":{"n":1}"#, with: ""))] {
      let outcome = try convert(Given(text), .standard)
      #expect(outcome.verdict == .event)
      #expect(outcome.data == "")
    }
  }

  @Test func `a tombstone, ten megabytes, deep nesting and broken UTF-8 are refused`() throws {
    #expect(try convert(Given(nil), .standard).reason == .noPayload)
    let long = event(data: "{\"x\":\"" + String(repeating: "y", count: 10 << 20) + "\"}")
    #expect(try convert(Given(long), .standard).reason == .tooLarge)
    let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
    #expect(try convert(Given(event(data: #"{"x":\#(deep)}"#)), .standard).reason == .tooDeep)
    var broken = Array(good.utf8)
    broken[7] = 0xff
    #expect(try convert(Given(bytes: broken), .standard).reason == .badEncoding)
  }

  @Test(
    arguments: [
      (1024, 512, 256, nil), (1025, 512, 256, .badId), (1024, 513, 256, .badCustomer),
      (1024, 512, 257, .badType), (1024, 65_536, 256, .badCustomer),
    ] as [(Int, Int, Int, Rejection.Reason?)])
  func `texts have a longest length`(
    _ id: Int, _ customer: Int, _ type: Int, _ reason: Rejection.Reason?
  ) throws {
    func text(_ count: Int) -> String { "\"\(String(repeating: "x", count: count))\"" }
    let given = Given(event(id: text(id), type: text(type), customer: text(customer)))
    #expect(try convert(given, .standard).reason == reason)
  }

  @Test(arguments: [(60_000, nil), (60_001, .timeInFuture)] as [(Int64, Rejection.Reason?)])
  func `an event may be a minute ahead of its append`(
    _ ahead: Int64, _ reason: Rejection.Reason?
  ) throws {
    let given = Given(event(time: "\(noon + ahead)"))
    #expect(try convert(given, .standard, appended: noon).reason == reason)
    #expect(try convert(given, .standard).reason == nil, "archives have no append times")
  }

  @Test(
    arguments: [
      ("1970-12-31T23:59:59.999Z", .timeTooOld), ("1971-01-01T00:00:00Z", nil),
      ("2098-12-31T23:59:59.999Z", nil), ("2099-01-01T00:00:00Z", .timeTooFar),
    ] as [(String, Rejection.Reason?)])
  func `times have absolute bounds`(_ time: String, _ reason: Rejection.Reason?) throws {
    #expect(try convert(Given(event(time: "\"\(time)\"")), .standard).reason == reason)
  }

  @Test func `poisoned headers are refused, whatever the value`() throws {
    var given = Given(good)
    given.headers = (0..<129).map { ("h\($0)", [1]) }
    #expect(try convert(given, .standard).reason == .badHeaders)
    given.headers.removeLast()
    #expect(try convert(given, .standard).reason == nil)
    given.headers = [("h", Array(repeating: 0, count: 65_535))]
    #expect(try convert(given, .standard).reason == nil)
    given.headers = [("h", Array(repeating: 0, count: 65_536))]
    #expect(try convert(given, .standard).reason == .badHeaders)
    given.headers = [("trace", [0xff, 0xfe])]
    #expect(try convert(given, .standard).reason == nil, "values of others may be anything")
    var bytes = Array(good.utf8)
    let value = 0..<bytes.count
    bytes.append(0xff)
    let record = SourceRecord(
      value: value, headers: [.init(name: value.upperBound..<bytes.count, value: nil)])
    var converter = SourceConverter(.standard)
    let verdict = converter.convert(bytes.span, record, appended: nil)
    #expect(verdict == .rejected(Rejection(.badHeaders, "a header's name is not UTF-8")))
  }

  @Test func `a bad record leaves nothing behind for the next`() throws {
    var converter = SourceConverter(.standard)
    for _ in 0..<2 {
      for text in [good, "{", event(customer: "{}"), good] {
        let bytes = Array(text.utf8)
        let verdict = converter.convert(
          bytes.span, SourceRecord(value: 0..<bytes.count), appended: nil)
        #expect((verdict == .event) == (text == good))
        if text == good { #expect(converter.draft.customer == Array("ada".utf8)) }
      }
    }
  }
}
