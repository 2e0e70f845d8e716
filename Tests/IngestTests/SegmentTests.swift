import Events
import Ingest
import Testing

private let settings = SourceSettings(
  name: "seg", topic: "seg", format: .segment(wholeAsData: false))

@Suite struct `Segment` {
  @Test(arguments: ["track", "identify", "group", "alias", "page", "screen"])
  func `valid calls come through, invalid ones do not`(_ call: String) throws {
    guard let file = try cases("segment/\(call).json") else { return }
    for test in file["valid"]?.items ?? [] {
      guard let message = test["message"] else { continue }
      let name = "\(call): \(test["name"]?.string ?? "")"
      let outcome = try convert(Given(message.text), settings)
      // A message as a library sends it has neither before Segment fills them in.
      let bare: Rejection.Reason? =
        message["timestamp"] == nil ? .noTime : message["messageId"] == nil ? .noId : nil
      #expect(outcome.reason == bare, "\(name): \(outcome.verdict)")
      #expect(outcome.type == (message["event"]?.string ?? call), "\(name)")
      #expect(
        outcome.customer == message["userId"]?.string ?? message["anonymousId"]?.string, "\(name)")
      let body = message[call == "identify" || call == "group" ? "traits" : "properties"]
      #expect(outcome.data == (call == "alias" ? message.text : body?.text ?? ""), "\(name)")
    }
    for test in file["invalid"]?.items ?? [] {
      guard let message = test["message"] else { continue }
      let outcome = try convert(Given(message.text), settings)
      let bare: [Rejection.Reason?] = [nil, .noTime, .noId]
      #expect(!bare.contains(outcome.reason), "\(call): \(test["name"]?.string ?? "")")
    }
  }

  @Test func `a batch in one record is refused`() throws {
    guard let file = try cases("segment/batch.json") else { return }
    for test in (file["valid"]?.items ?? []) + (file["invalid"]?.items ?? []) {
      #expect(try convert(Given(test["message"]?.text), settings).reason == .batch)
    }
  }

  @Test func `the time is the timestamp, or else when it was received`() throws {
    func call(_ times: String) throws -> Outcome {
      try convert(
        Given(#"{"type":"page","messageId":"m","userId":"u"\#(times)}"#), settings)
    }
    let both = #","timestamp":"2024-02-29T00:00:01Z","receivedAt":"2024-02-29T00:00:02Z""#
    #expect(try call(both).time == 1_709_164_801_000)
    #expect(try call(#","receivedAt":"2024-02-29T00:00:02Z""#).time == 1_709_164_802_000)
    #expect(try call("").reason == .noTime)
    #expect(try call(#","timestamp":7"#).reason == .notSegment)
  }

  @Test func `playbooks can be given the whole message`() throws {
    let whole = SourceSettings(name: "s", topic: "s", format: .segment(wholeAsData: true))
    let text =
      #"{"type":"group","messageId":"m","userId":"u","groupId":"g","timestamp":"#
      + #""2024-02-29T00:00:01Z","traits":{"plan":"team"}}"#
    #expect(try convert(Given(text), whole).data == text)
    #expect(try convert(Given(text), settings).data == #"{"plan":"team"}"#)
  }
}
