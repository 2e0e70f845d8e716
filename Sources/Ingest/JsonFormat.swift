internal import Cel
internal import Events

/// Any JSON object, with a mapping that says where the event lies in it.
struct JsonFormat: ~Copyable {
  private let mapping: JsonMapping
  private let plan: FieldPlan
  /// Fields of the plan. Nil: a constant, the key, or not mapped.
  private let idFields: [Int]
  private let sourceField: Int?
  private let typeField: Int?
  private let timeField: Int
  private let customerField: Int?
  private let dataField: Int
  private let skipFields: [Int]
  private let constantType: [UInt8]
  private let defaultSource: [UInt8]

  init(_ mapping: JsonMapping, source: String, reader: inout JsonReader) {
    var paths: [[String]] = []
    func field(_ path: FieldPath) -> Int {
      if let known = paths.firstIndex(of: path.names) { return known }
      paths.append(path.names)
      return paths.count - 1
    }
    self.mapping = mapping
    idFields =
      switch mapping.id {
      case .field(let path): [field(path)]
      case .hash(let fields): fields.map(field)
      }
    sourceField = mapping.source.map(field)
    if case .field(let path) = mapping.type { typeField = field(path) } else { typeField = nil }
    if case .constant(let text) = mapping.type {
      constantType = Array(text.utf8)
    } else {
      constantType = []
    }
    timeField = field(mapping.time)
    if case .field(let path) = mapping.customer {
      customerField = field(path)
    } else {
      customerField = nil
    }
    dataField = field(mapping.data)
    skipFields = mapping.skip.map { field($0.path) }
    defaultSource = Array(source.utf8)
    plan = reader.plan(paths)
  }

  /// Fills the draft, but for what the strict rule checks of every event.
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
    guard isObject(bytes, value) else {
      return .rejected(Rejection(.notAnObject, "the record is JSON, but not an object"))
    }
    for (index, rule) in mapping.skip.enumerated()
    where skips(rule.test, reader.field(skipFields[index]), bytes, reader) {
      return .skipped
    }
    if let rejection = fill(bytes, record, reader, &draft) { return .rejected(rejection) }
    return .event
  }

  private func isObject(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for index in range {
      switch bytes[index] {
      case 0x20, 0x09, 0x0a, 0x0d: continue
      case UInt8(ascii: "{"): return true
      default: return false
      }
    }
    return false
  }

  private func fill(
    _ bytes: Span<UInt8>, _ record: SourceRecord, _ reader: borrowing JsonReader,
    _ draft: inout EventDraft
  ) -> Rejection? {
    if let rejection = readId(bytes, reader, &draft) { return rejection }
    let source = sourceField.map { reader.field($0) } ?? .missing
    if source.kind == .missing || source.kind == .null {
      draft.source.append(contentsOf: defaultSource)
    } else if !appendText(source, bytes, reader, &draft.source) {
      return Rejection(.badSource, "\"\(mapping.source ?? .document)\" is not a text")
    }
    if let typeField {
      guard appendText(reader.field(typeField), bytes, reader, &draft.type) else {
        return Rejection(.badType, "the type is \(shape(reader.field(typeField))), not a text")
      }
    } else {
      draft.type.append(contentsOf: constantType)
    }
    let customer = customerField.map { reader.field($0) }
    if let customer {
      guard appendText(customer, bytes, reader, &draft.customer) else {
        return Rejection(.badCustomer, "the customer is \(shape(customer)), not a text")
      }
    }
    if let rejection = finishCustomer(customer == nil, record, bytes, &draft) { return rejection }
    let data = reader.field(dataField)
    switch data.kind {
    case .missing, .null: break
    case .map:
      let start = record.value?.lowerBound ?? 0
      draft.data = (data.raw.lowerBound - start)..<(data.raw.upperBound - start)
    default:
      return Rejection(.badData, "the data is \(shape(data)), not an object")
    }
    return readTime(bytes, reader, &draft)
  }

  private func readId(
    _ bytes: Span<UInt8>, _ reader: borrowing JsonReader, _ draft: inout EventDraft
  ) -> Rejection? {
    if case .field = mapping.id {
      let field = reader.field(idFields[0])
      if appendText(field, bytes, reader, &draft.id) { return nil }
      return Rejection(.badId, "the id is \(shape(field)), not a text or a whole number")
    }
    var low: UInt64 = 0
    var high: UInt64 = 0x6b61_6972_6f73
    var present = false
    for index in idFields {
      let field = reader.field(index)
      if field.kind != .missing && field.kind != .null { present = true }
      let kind = UInt64(field.kind.rawValue)
      let text =
        field.isUnescaped
        ? stableHash(reader.scratch.span.extracting(field.text), seed: kind)
        : stableHash(bytes.extracting(field.text), seed: kind)
      low = stableHash(low, with: text)
      high = stableHash(high ^ text, with: low)
    }
    guard present else { return Rejection(.noId, "no field of \"hash_of\" is there") }
    appendHex(high, &draft.id)
    appendHex(low, &draft.id)
    return nil
  }

  private func readTime(
    _ bytes: Span<UInt8>, _ reader: borrowing JsonReader, _ draft: inout EventDraft
  ) -> Rejection? {
    let field = reader.field(timeField)
    if field.kind == .missing || field.kind == .null {
      return Rejection(.noTime, "\"\(mapping.time)\" is not there")
    }
    guard let ms = milliseconds(field, bytes, reader) else {
      return Rejection(
        .badTime,
        "\"\(mapping.time)\" is no time as the source declares them: "
          + excerpt(field, bytes, reader))
    }
    draft.time = EventTime(milliseconds: ms)
    return nil
  }

  private func milliseconds(
    _ field: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
  ) -> Int64? {
    switch mapping.timeFormat {
    case .plain:
      return field.kind == .string
        ? rfc3339(field, bytes, reader) : epoch(field, bytes, reader, unit: 1)
    case .rfc3339: return field.kind == .string ? rfc3339(field, bytes, reader) : nil
    case .epochMs: return epoch(field, bytes, reader, unit: 1)
    case .epochS: return epoch(field, bytes, reader, unit: 1000)
    case .pattern(let pattern):
      guard field.kind == .string else { return nil }
      let read =
        field.isUnescaped
        ? pattern.read(reader.scratch.span, field.text) : pattern.read(bytes, field.text)
      guard let read else { return nil }
      if let offset = read.offset { return read.local - offset }
      return mapping.zone.utcMilliseconds(local: read.local)
    }
  }

  private func skips(
    _ test: JsonMapping.Skip.Test, _ field: JsonField, _ bytes: Span<UInt8>,
    _ reader: borrowing JsonReader
  ) -> Bool {
    switch test {
    case .blank:
      if field.kind == .missing || field.kind == .null { return true }
      return field.kind == .string && isBlank(field, bytes, reader)
    case .equals(let text):
      if field.kind == .missing || field.kind == .map || field.kind == .list { return false }
      return reader.text(field, in: bytes).elementsEqual(text.utf8)
    }
  }

  private func isBlank(
    _ field: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
  ) -> Bool {
    for index in field.text {
      let byte = field.isUnescaped ? reader.scratch[index] : bytes[index]
      if byte != 0x20 && byte != 0x09 && byte != 0x0a && byte != 0x0d { return false }
    }
    return true
  }
}

/// Appends a field that names something: a text, or a whole number as it is written. Nothing, null
/// and a text of nothing but blanks append nothing. False: it is of another kind.
func appendText(
  _ field: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader,
  _ out: inout [UInt8]
) -> Bool {
  switch field.kind {
  case .missing, .null: return true
  case .string:
    let start = out.count
    reader.append(field, in: bytes, to: &out)
    if out[start...].allSatisfy({ $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0d) }) {
      out.removeSubrange(start...)
    }
    return true
  case .int, .uint:
    reader.append(field, in: bytes, to: &out)
    return true
  default: return false
  }
}

/// Takes the record's key as customer, if that is the rule.
func finishCustomer(
  _ fromKey: Bool, _ record: SourceRecord, _ bytes: Span<UInt8>, _ draft: inout EventDraft
) -> Rejection? {
  guard fromKey, let key = record.key else { return nil }
  let text = bytes.extracting(key)
  if key.count <= StrictRule.customerBytes && !isUtf8(text) {
    return Rejection(.badCustomer, "the record's key is not UTF-8")
  }
  for index in text.indices { draft.customer.append(text[index]) }
  return nil
}

func isUtf8(_ bytes: Span<UInt8>) -> Bool {
  do {
    _ = try UTF8Span(validating: bytes)
    return true
  } catch {
    return false
  }
}

func rfc3339(
  _ field: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
) -> Int64? {
  field.isUnescaped
    ? rfc3339Milliseconds(reader.scratch.span, field.text)
    : rfc3339Milliseconds(bytes, field.text)
}

/// Milliseconds of a number of `unit`s since 1970; a text may hold it.
private func epoch(
  _ field: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader, unit: Int64
) -> Int64? {
  switch field.kind {
  case .int:
    let (ms, overflow) = field.int.multipliedReportingOverflow(by: unit)
    return overflow ? nil : ms
  case .double: return wholeMilliseconds(field.double * Double(unit))
  case .string:
    let text = reader.string(field, in: bytes)
    if let whole = Int64(text) {
      let (ms, overflow) = whole.multipliedReportingOverflow(by: unit)
      return overflow ? nil : ms
    }
    guard text.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 == UInt8(ascii: ".") }),
      let number = Double(text)
    else { return nil }
    return wholeMilliseconds(number * Double(unit))
  default: return nil
  }
}

/// What is finer than a millisecond is cut off, toward the past.
private func wholeMilliseconds(_ value: Double) -> Int64? {
  guard value > -9e15, value < 9e15 else { return nil }
  let whole = Int64(value)
  return Double(whole) > value ? whole - 1 : whole
}

private func appendHex(_ value: UInt64, _ out: inout [UInt8]) {
  for shift in stride(from: 60, through: 0, by: -4) {
    let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
    out.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
  }
}

/// What stands there, for messages.
func shape(_ field: JsonField) -> String {
  switch field.kind {
  case .missing: "missing"
  case .null: "null"
  case .bool: "true or false"
  case .int, .uint: "a whole number"
  case .double: "a number"
  case .string, .key: "a text"
  case .list: "a list"
  case .map: "an object"
  }
}

/// At most 60 bytes of a value, on one line.
func excerpt(
  _ field: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
) -> String {
  let text = String(decoding: reader.text(field, in: bytes).prefix(60), as: UTF8.self)
  let line = String(text.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) })
  return field.text.count > 60 ? "\"\(line)…\"" : "\"\(line)\""
}
