import Events
import Ingest
import Testing

private let settings = SourceSettings(
  name: "ce", topic: "ce", format: .cloudEvents(customer: .field(FieldPath(["subject"]))))

/// An event by CloudEvents' own rules: ours ask for a time and a customer besides.
private func isCloudEvent(_ outcome: Outcome) -> Bool {
  [nil, .noTime, .noCustomer].contains(outcome.reason)
}

private func structured(_ event: JsonTree) -> Given {
  Given(event.text, headers: [("content-type", "application/cloudevents+json")])
}

/// Whether a document holds the attributes and the data that are expected of it.
private func expectEvent(
  _ outcome: Outcome, attributes: [JsonTree.Member], data: JsonTree?, _ name: String
) throws {
  let document = try JsonTree.parse(outcome.payload)
  for attribute in attributes {
    let wanted = attribute.value.members.first?.value ?? attribute.value
    guard let given = document[attribute.name] else {
      Issue.record("\(name): no \(attribute.name)")
      continue
    }
    if attribute.name == "time" {
      let text = Array((wanted.string ?? "").utf8)
      #expect(rfc3339Milliseconds(text.span, 0..<text.count) == outcome.time, "\(name)")
    } else {
      #expect(given == wanted, "\(name): \(attribute.name)")
    }
  }
  guard let data, data != .null else {
    #expect(outcome.data.isEmpty, "\(name)")
    return
  }
  if let base64 = data["binary"] {
    #expect(outcome.data.isEmpty && document["data_base64"] == base64, "\(name)")
  } else {
    #expect(try JsonTree.parse(outcome.data) == (data["json"] ?? data["text"]), "\(name)")
  }
}

@Suite struct `CloudEvents` {
  @Test func `valid events are read as their samples say`() throws {
    guard let file = try cases("cloudevents/valid-events.json"),
      let golden = try cases("cloudevents/golden.json")?["events"]
    else { return }
    for test in file["tests"]?.items ?? [] {
      guard let event = test["event"], let sample = golden[test["sampleId"]?.string ?? ""] else {
        Issue.record("a case without event or sample")
        continue
      }
      let name = test["id"]?.string ?? ""
      let outcome = try convert(structured(event), settings)
      #expect(isCloudEvent(outcome), "\(name): \(outcome.verdict)")
      // Types of extensions are not part of what we read.
      if test["sampleExtensionAttributes"] == .bool(true) { continue }
      try expectEvent(
        outcome, attributes: sample["attributes"]?.members ?? [], data: sample["data"], name)
    }
  }

  @Test func `invalid events are refused`() throws {
    guard let file = try cases("cloudevents/invalid-events.json") else { return }
    for test in file["tests"]?.items ?? [] {
      guard let event = test["event"] else { continue }
      let outcome = try convert(structured(event), settings)
      #expect(!isCloudEvent(outcome), "\(test["id"]?.string ?? "")")
    }
  }

  @Test func `a batch in one record is refused, whatever it holds`() throws {
    for path in ["valid", "invalid"] {
      guard let file = try cases("cloudevents/\(path)-batches.json") else { return }
      for test in file["tests"]?.items ?? [] {
        let text = test["batch"]?.text
        let typed = [("content-type", "application/cloudevents-batch+json; charset=utf-8")]
        #expect(try convert(Given(text, headers: typed), settings).reason == .batch)
        #expect(try convert(Given(text), settings).reason == .batch)
      }
    }
  }

  @Test func `the JSON format's rules hold`() throws {
    guard let file = try cases("cloudevents/json-rules.json") else { return }
    for test in file.items {
      guard let event = test["event"], let expect = test["expect"] else { continue }
      let name = test["id"]?.string ?? ""
      let outcome = try convert(structured(event), settings)
      if expect["invalid"] == .bool(true) {
        #expect(!isCloudEvent(outcome), "\(name)")
        continue
      }
      #expect(isCloudEvent(outcome), "\(name): \(outcome.verdict)")
      try expectEvent(
        outcome, attributes: expect["attributes"]?.members ?? [], data: expect["data"], name)
    }
  }

  @Test func `the Kafka binding's records are read in both modes`() throws {
    guard let file = try cases("cloudevents/kafka-binding.json") else { return }
    for test in file.items {
      guard let record = test["record"], let expect = test["expect"] else { continue }
      let name = test["id"]?.string ?? ""
      let given = Given(
        record["value"]?.string, key: record["key"]?.string,
        headers: (record["headers"]?.items ?? []).map {
          ($0.items[0].string ?? "", $0.items[1].string ?? "")
        })
      let outcome = try convert(given, settings)
      if expect["invalid"] == .bool(true) {
        #expect(!isCloudEvent(outcome), "\(name)")
        continue
      }
      #expect(isCloudEvent(outcome), "\(name): \(outcome.verdict)")
      try expectEvent(
        outcome, attributes: expect["attributes"]?.members ?? [], data: expect["data"], name)
    }
  }

  private static let event =
    #"{"specversion":"1.0","id":"e","source":"s","type":"t","time":"2024-02-29T00:00:00Z","#
    + #""subject":"ada","tenant":"x","data":{"user":{"id":9}}}"#

  @Test func `the customer is the subject, another attribute, a place in the data or the key`()
    throws
  {
    let rules: [(JsonMapping.Customer, String)] = [
      (.field(FieldPath(["subject"])), "ada"), (.field(FieldPath(["tenant"])), "x"),
      (.field(FieldPath(["data", "user", "id"])), "9"), (.key, "k"),
      (.field(FieldPath(["nobody"])), ""),
    ]
    for (rule, customer) in rules {
      let settings = SourceSettings(name: "s", topic: "s", format: .cloudEvents(customer: rule))
      let outcome = try convert(Given(Self.event, key: "k"), settings)
      #expect(outcome.customer == customer)
      #expect(outcome.reason == (customer.isEmpty ? .noCustomer : nil))
      #expect(outcome.data == #"{"user":{"id":9}}"#)
      #expect(outcome.source == "s")
    }
  }

  @Test func `binary headers that contradict themselves or are not text are refused`() throws {
    let headers = [
      ("ce_specversion", "1.0"), ("ce_id", "e"), ("ce_source", "s"), ("ce_type", "t"),
      ("ce_time", "2024-02-29T00:00:00Z"), ("ce_subject", "a\"d\\a"),
    ]
    #expect(try convert(Given("{}", headers: headers), settings).customer == "a\"d\\a")
    #expect(try convert(Given(nil, headers: headers), settings).reason == nil)
    #expect(try convert(Given("{", headers: headers), settings).reason == .notJson)
    #expect(try convert(Given("1,\"x\":2", headers: headers), settings).reason == .notJson)
    for extra in [("ce_id", "f"), ("ce_Bad", "x"), ("ce_data", "x"), ("ce_", "x")] {
      let given = Given("{}", headers: headers + [extra])
      #expect(try convert(given, settings).reason == .badHeaders, "\(extra)")
    }
    var given = Given("{}", headers: headers)
    given.headers.append(("ce_ext", [0xff]))
    #expect(try convert(given, settings).reason == .badHeaders)
    #expect(try convert(Given(nil), settings).reason == .noPayload)
  }
}
