internal import Events

/// Segment's six calls. The duplicate key is `messageId`; the customer `userId`, or else
/// `anonymousId`; the time `timestamp`, or else when Segment received it (`receivedAt`). A track's
/// type is its event's name, any other call's its own. Playbooks see `properties` or `traits` as
/// data; of an alias, the message.
struct SegmentFormat: ~Copyable {
  private enum Call: String {
    case track, identify, group, alias, page, screen
  }
  private enum Field: Int, CaseIterable {
    case type, event, messageId, userId, anonymousId, timestamp, receivedAt, properties, traits
    case previousId, groupId, name, batch
  }
  private let plan: FieldPlan
  private let wholeAsData: Bool
  private let source: [UInt8]

  init(wholeAsData: Bool, source: String, reader: inout JsonReader) {
    self.wholeAsData = wholeAsData
    self.source = Array(source.utf8)
    plan = reader.plan(Field.allCases.map { ["\($0)"] })
  }

  func read(
    _ bytes: Span<UInt8>, _ record: SourceRecord, _ reader: inout JsonReader,
    _ draft: inout EventDraft
  ) -> Verdict {
    guard let value = record.value else {
      return .rejected(Rejection(.noPayload, "the record has no value"))
    }
    if let fault = reader.check(plan, bytes, value) {
      return .rejected(StrictRule.rejection(fault))
    }
    if let rejection = fill(bytes, value, reader, &draft) { return .rejected(rejection) }
    return .event
  }

  private func fill(
    _ bytes: Span<UInt8>, _ value: Range<Int>, _ reader: borrowing JsonReader,
    _ draft: inout EventDraft
  ) -> Rejection? {
    func field(_ field: Field) -> JsonField { reader.field(field.rawValue) }
    if field(.batch).kind != .missing {
      return Rejection(.batch, "a batch of calls in one record: send one record per call")
    }
    let type = field(.type)
    guard type.kind == .string, let call = Call(rawValue: reader.string(type, in: bytes)) else {
      return Rejection(
        .notSegment, "\"type\" is not track, identify, group, alias, page or screen")
    }
    if let rejection = checkTexts(call, bytes, reader) { return rejection }
    let body: Field = call == .identify || call == .group ? .traits : .properties
    let data = field(body)
    if call != .alias, data.kind != .missing, data.kind != .null, data.kind != .map {
      return Rejection(.notSegment, "\"\(body)\" is \(shape(data)), not an object")
    }
    if wholeAsData || call == .alias {
      draft.data = 0..<value.count
    } else if data.kind == .map {
      let start = value.lowerBound
      draft.data = (data.raw.lowerBound - start)..<(data.raw.upperBound - start)
    }
    reader.append(call == .track ? field(.event) : type, in: bytes, to: &draft.type)
    draft.source.append(contentsOf: source)
    for name in [Field.userId, .anonymousId] where draft.customer.isEmpty {
      _ = appendText(field(name), bytes, reader, &draft.customer)
    }
    if draft.customer.isEmpty {
      return Rejection(.noCustomer, "neither userId nor anonymousId names a customer")
    }
    _ = appendText(field(.messageId), bytes, reader, &draft.id)
    return readTime(bytes, reader, &draft)
  }

  /// The members that must be texts where they are, and those that each call must have.
  private func checkTexts(
    _ call: Call, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
  ) -> Rejection? {
    let texts: [Field] = [
      .event, .messageId, .userId, .anonymousId, .timestamp, .receivedAt, .previousId, .groupId,
      .name,
    ]
    for name in texts {
      let field = reader.field(name.rawValue)
      if field.kind != .missing && field.kind != .null && field.kind != .string {
        return Rejection(.notSegment, "\"\(name)\" is \(shape(field)), not a text")
      }
    }
    let required: [Field] =
      switch call {
      case .track: [.event]
      case .group: [.groupId]
      case .alias: [.userId, .previousId]
      case .identify, .page, .screen: []
      }
    for name in required {
      let field = reader.field(name.rawValue)
      if field.kind != .string || field.text.isEmpty {
        return Rejection(.notSegment, "\"\(call.rawValue)\" needs \"\(name)\"")
      }
    }
    return nil
  }

  private func readTime(
    _ bytes: Span<UInt8>, _ reader: borrowing JsonReader, _ draft: inout EventDraft
  ) -> Rejection? {
    for name in [Field.timestamp, .receivedAt] {
      let field = reader.field(name.rawValue)
      if field.kind == .missing || field.kind == .null { continue }
      guard let ms = rfc3339(field, bytes, reader) else {
        return Rejection(
          .badTime, "\"\(name)\" is not a time by ISO 8601: " + excerpt(field, bytes, reader))
      }
      draft.time = EventTime(milliseconds: ms)
      return nil
    }
    return Rejection(.noTime, "neither timestamp nor receivedAt is there")
  }
}
