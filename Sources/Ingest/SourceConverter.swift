internal import Events

/// Turns one source's records into journal records, one after another. Used by one thread; nothing
/// in it depends on what it has seen before.
package struct SourceConverter: ~Copyable {
  private enum Format: ~Copyable {
    case cloudEvents(CloudEventsFormat)
    case segment(SegmentFormat)
    case json(JsonFormat)
  }
  package let settings: SourceSettings
  private let format: Format
  private var reader: JsonReader
  /// For the usual records.
  private var usual: LineConverter?
  /// The event, after `convert` said `.event`.
  package private(set) var draft = EventDraft()
  private var origin: JournalRecord.Origin

  /// `judgesAll`: records are never taken by the short way, of which the same comes.
  package init(_ settings: SourceSettings, judgesAll: Bool = false) {
    self.settings = settings
    usual = !judgesAll && LineConverter.takes(settings) ? LineConverter(settings) : nil
    // An event in CloudEvents' binary mode grows when it is written in the structured form.
    var reader = JsonReader(maxBytes: StrictRule.payloadBytes * 3 / 2 + 4 * StrictRule.headerBytes)
    switch settings.format {
    case .cloudEvents(let customer):
      format = .cloudEvents(CloudEventsFormat(customer: customer, reader: &reader))
    case .segment(let whole):
      format = .segment(
        SegmentFormat(wholeAsData: whole, source: settings.name, reader: &reader))
    case .json(let mapping):
      format = .json(JsonFormat(mapping, source: settings.name, reader: &reader))
    }
    self.reader = reader
    origin = JournalRecord.Origin(name: Array(settings.name.utf8), partition: 0, offset: 0)
  }

  /// Judges one record. `appended`: when it was appended to the source, or now; nil in archives,
  /// which have no append times.
  package mutating func convert(
    _ bytes: Span<UInt8>, _ record: SourceRecord, appended: Int64?
  ) -> Verdict {
    draft.clear()
    if usual != nil, record.headers.isEmpty, let value = record.value,
      usual!.convert(bytes, value, appended: appended, into: &draft)
    {
      return .event
    }
    if let rejection = checkHeaders(bytes, record) { return .rejected(rejection) }
    if let value = record.value, value.count > StrictRule.payloadBytes {
      return .rejected(
        Rejection(
          .tooLarge,
          "the record has \(value.count) bytes, more than \(StrictRule.payloadBytes)"))
    }
    let verdict =
      switch format {
      case .cloudEvents(let format): format.read(bytes, record, &reader, &draft)
      case .segment(let format): format.read(bytes, record, &reader, &draft)
      case .json(let format): format.read(bytes, record, &reader, &draft)
      }
    guard case .event = verdict else { return verdict }
    if let rejection = StrictRule.check(draft, appended: appended) { return .rejected(rejection) }
    return .event
  }

  /// Appends the draft's journal record to `out`. `bytes` and `record` are those just converted.
  /// Of an erasure nothing is kept but whom it is about and when: who asks to be forgotten may have
  /// said why.
  package mutating func append(
    _ bytes: Span<UInt8>, _ record: SourceRecord, incarnation: UInt32 = 0, partition: Int32,
    offset: Int64, to out: inout [UInt8]
  ) {
    origin.incarnation = incarnation
    origin.partition = partition
    origin.offset = offset
    if draft.isErasure {
      JournalRecord(
        kind: .erase, time: draft.time, origin: origin, source: draft.source, type: draft.type,
        id: draft.id, customer: draft.customer, payload: Array("{}".utf8),
        delay: UInt32(clamping: settings.outOfOrderMs)
      ).encode(into: &out)
    } else if draft.isRewritten {
      append(draft.rewritten.span, to: &out)
    } else {
      append(bytes.extracting(record.value ?? 0..<0), to: &out)
    }
  }

  private func append(_ payload: Span<UInt8>, to out: inout [UInt8]) {
    JournalRecord.appendEvent(
      time: draft.time, origin: origin, source: draft.source, type: draft.type, id: draft.id,
      customer: draft.customer, payload: payload, data: draft.data,
      delay: UInt32(clamping: settings.outOfOrderMs), to: &out)
  }

  private func checkHeaders(_ bytes: Span<UInt8>, _ record: SourceRecord) -> Rejection? {
    if record.headers.isEmpty { return nil }
    if record.headers.count > StrictRule.headerCount {
      return Rejection(
        .badHeaders,
        "the record has \(record.headers.count) headers, more than \(StrictRule.headerCount)")
    }
    var size = 0
    for header in record.headers {
      size += header.name.count + (header.value?.count ?? 0)
      if !isUtf8(bytes.extracting(header.name)) {
        return Rejection(.badHeaders, "a header's name is not UTF-8")
      }
    }
    guard size <= StrictRule.headerBytes else {
      return Rejection(
        .badHeaders, "the headers have \(size) bytes, more than \(StrictRule.headerBytes)")
    }
    return nil
  }
}
