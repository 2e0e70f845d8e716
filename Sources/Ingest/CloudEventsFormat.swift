internal import Events

/// CloudEvents 1.0 on Kafka. A record in binary mode is put into the structured form first, so that
/// the journal keeps the whole event as one document, and one set of checks serves both.
struct CloudEventsFormat: ~Copyable {
  private let customer: JsonMapping.Customer
  private let customerPlan: FieldPlan?

  init(customer: JsonMapping.Customer, reader: inout JsonReader) {
    self.customer = customer
    if case .field(let path) = customer {
      customerPlan = reader.plan([path.names])
    } else {
      customerPlan = nil
    }
  }

  func read(
    _ bytes: Span<UInt8>, _ record: SourceRecord, _ reader: inout JsonReader,
    _ draft: inout EventDraft
  ) -> Verdict {
    switch CloudEventsMode.of(record, bytes) {
    case .batch:
      return .rejected(
        Rejection(.batch, "a batch of CloudEvents in one record: send one record per event"))
    case .unknown(let format):
      return .rejected(
        Rejection(.notCloudEvent, "the event's format is \(format), and only JSON is known here"))
    case .structured:
      guard let value = record.value else {
        return .rejected(Rejection(.noPayload, "the record has no value"))
      }
      if let rejection = parse(bytes, value, &reader, &draft) { return .rejected(rejection) }
      return customer(bytes, value, bytes, record, &reader, &draft)
    case .binary:
      if let rejection = CloudEventsBinary.rewrite(bytes, record, &reader, &draft.rewritten) {
        return .rejected(rejection)
      }
      draft.isRewritten = true
      // The reader fills the draft while it reads the draft's own bytes.
      var document: [UInt8] = []
      swap(&document, &draft.rewritten)
      let range = 0..<document.count
      let rejection = parse(document.span, range, &reader, &draft)
      let verdict =
        rejection.map { .rejected($0) }
        ?? customer(document.span, range, bytes, record, &reader, &draft)
      swap(&document, &draft.rewritten)
      return verdict
    }
  }

  private func customer(
    _ document: Span<UInt8>, _ range: Range<Int>, _ bytes: Span<UInt8>, _ record: SourceRecord,
    _ reader: inout JsonReader, _ draft: inout EventDraft
  ) -> Verdict {
    if draft.time == .never {
      return .rejected(Rejection(.noTime, "the event has no \"time\""))
    }
    guard let customerPlan else {
      let rejection = finishCustomer(true, record, bytes, &draft)
      return rejection.map { .rejected($0) } ?? .event
    }
    if let fault = reader.read(customerPlan, document, range) {
      return .rejected(StrictRule.rejection(fault))
    }
    let field = reader.field(0)
    guard appendText(field, document, reader, &draft.customer) else {
      return .rejected(
        Rejection(.badCustomer, "the customer is \(shape(field)), not a text or a whole number"))
    }
    return .event
  }

  /// Checks a structured event by the specification's rules and fills the draft, but for the
  /// customer. `time` stays `.never` if the event has none.
  func parse(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ reader: inout JsonReader,
    _ draft: inout EventDraft
  ) -> Rejection? {
    let count: Int
    switch reader.list(bytes, range, levels: 1) {
    case .failure(let fault): return StrictRule.rejection(fault)
    case .success(let entries): count = entries
    }
    guard reader.field(0).kind == .map else {
      let what = reader.field(0).kind == .list ? ": send one record per event" : ""
      return Rejection(
        reader.field(0).kind == .list ? .batch : .notAnObject,
        "the record is \(shape(reader.field(0)))\(what)")
    }
    var seen = Seen()
    var at = 1
    while at < count {
      let name = reader.field(at)
      let value = reader.field(at + 1)
      at = value.next
      if let rejection = member(name, value, bytes, range, reader, &draft, &seen) {
        return rejection
      }
    }
    for name in Attribute.required where !seen.attributes.contains(name) {
      return Rejection(name == .id ? .noId : .notCloudEvent, "\"\(name.rawValue)\" is missing")
    }
    return nil
  }

  private struct Seen {
    var attributes: Set<Attribute> = []
    var extensions: Set<[UInt8]> = []
  }

  private enum Attribute: String {
    case specversion, id, source, type, time, subject, datacontenttype, dataschema, data
    case dataBase64 = "data_base64"
    static let required = [Attribute.specversion, .id, .source, .type]
  }

  private func member(
    _ name: JsonField, _ value: JsonField, _ bytes: Span<UInt8>, _ range: Range<Int>,
    _ reader: borrowing JsonReader, _ draft: inout EventDraft, _ seen: inout Seen
  ) -> Rejection? {
    let text = reader.string(name, in: bytes)
    guard let attribute = Attribute(rawValue: text) else {
      // Of equal names the first counts.
      guard seen.extensions.insert(Array(text.utf8)).inserted else { return nil }
      return CloudEventsRules.checkExtension(text, value, bytes, reader)
    }
    if attribute == .data || attribute == .dataBase64 {
      if value.kind == .null && attribute == .dataBase64 { return nil }
      guard seen.attributes.insert(attribute).inserted else { return nil }
      return data(attribute, value, bytes, range, reader, &draft, seen)
    }
    // Null is the same as not there.
    if value.kind == .null { return nil }
    guard seen.attributes.insert(attribute).inserted else { return nil }
    guard value.kind == .string else {
      return Rejection(
        attribute == .id ? .badId : .notCloudEvent, "\"\(text)\" is \(shape(value)), not a text")
    }
    guard !value.text.isEmpty else {
      return Rejection(attribute == .id ? .noId : .notCloudEvent, "\"\(text)\" is empty")
    }
    if CloudEventsRules.hasControls(value, bytes, reader) {
      return Rejection(.notCloudEvent, "\"\(text)\" has a control character")
    }
    return take(attribute, value, bytes, reader, &draft)
  }

  private func take(
    _ attribute: Attribute, _ value: JsonField, _ bytes: Span<UInt8>,
    _ reader: borrowing JsonReader, _ draft: inout EventDraft
  ) -> Rejection? {
    switch attribute {
    case .specversion:
      if !reader.equal(value, in: bytes, "1.0") {
        return Rejection(
          .notCloudEvent, "\"specversion\" is \(excerpt(value, bytes, reader)), not \"1.0\"")
      }
    case .id: reader.append(value, in: bytes, to: &draft.id)
    case .source: reader.append(value, in: bytes, to: &draft.source)
    case .type: reader.append(value, in: bytes, to: &draft.type)
    case .time:
      guard let ms = rfc3339(value, bytes, reader) else {
        return Rejection(
          .badTime, "\"time\" is not a time by RFC 3339: " + excerpt(value, bytes, reader))
      }
      draft.time = EventTime(milliseconds: ms)
    case .datacontenttype:
      if !CloudEventsRules.isMediaType(reader.text(value, in: bytes)) {
        return Rejection(
          .notCloudEvent,
          "\"datacontenttype\" is no media type: " + excerpt(value, bytes, reader))
      }
    case .dataschema:
      if !CloudEventsRules.isAbsoluteUri(reader.text(value, in: bytes)) {
        return Rejection(
          .notCloudEvent, "\"dataschema\" is no absolute URI: " + excerpt(value, bytes, reader))
      }
    case .subject, .data, .dataBase64: break
    }
    return nil
  }

  private func data(
    _ attribute: Attribute, _ value: JsonField, _ bytes: Span<UInt8>, _ range: Range<Int>,
    _ reader: borrowing JsonReader, _ draft: inout EventDraft, _ seen: Seen
  ) -> Rejection? {
    if seen.attributes.contains(.data) && seen.attributes.contains(.dataBase64) {
      return Rejection(.notCloudEvent, "both \"data\" and \"data_base64\" are there")
    }
    if attribute == .data {
      let start = range.lowerBound
      draft.data = (value.raw.lowerBound - start)..<(value.raw.upperBound - start)
      return nil
    }
    guard value.kind == .string, CloudEventsRules.isBase64(reader.text(value, in: bytes)) else {
      return Rejection(.notCloudEvent, "\"data_base64\" is not Base64")
    }
    return nil
  }
}

/// How a record carries its event.
enum CloudEventsMode: Equatable {
  case structured, binary, batch
  /// Structured in a format that is not JSON.
  case unknown(String)

  static func of(_ record: SourceRecord, _ bytes: Span<UInt8>) -> CloudEventsMode {
    let type = record.headers.first { equalFolded($0.name, "content-type", bytes) }
    guard let value = type?.value else {
      // A producer that sets no headers at all means the structured form.
      let anyAttribute = record.headers.contains { hasPrefix($0.name, "ce_", bytes) }
      return anyAttribute || record.value == nil ? .binary : .structured
    }
    let media = String(decoding: value.prefix(200).map { lower(bytes[$0]) }, as: UTF8.self)
      .prefix { $0 != ";" }
    let name = media.split(separator: " ").first.map(String.init) ?? ""
    if name.hasPrefix("application/cloudevents-batch") { return .batch }
    guard name.hasPrefix("application/cloudevents") else { return .binary }
    return name == "application/cloudevents+json" ? .structured : .unknown(name)
  }

  static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte }

  static func equalFolded(_ range: Range<Int>, _ text: String, _ bytes: Span<UInt8>) -> Bool {
    range.count == text.utf8.count && zip(range, text.utf8).allSatisfy { lower(bytes[$0]) == $1 }
  }

  static func hasPrefix(_ range: Range<Int>, _ text: String, _ bytes: Span<UInt8>) -> Bool {
    range.count >= text.utf8.count && zip(range, text.utf8).allSatisfy { bytes[$0] == $1 }
  }
}
