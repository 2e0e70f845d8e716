internal import Cel
internal import Events
internal import Log

/// The usual lines of a source of JSON, many at a time: plain objects whose texts have no escapes, and
/// with which nothing is wrong. Whatever it does not take is for `SourceConverter`, which takes the
/// same lines to the same records, and knows why a line is refused.
struct LineConverter: ~Copyable {
  /// Lines looked at in one go: what is known of them stays in the processor's cache.
  private static let groupLines = 128
  private static let groupBytes = 48 << 10

  private let reader: JsonReader
  private let plan: FieldPlan
  private let template: JournalTemplate
  /// What stands where an event names no source, or no type.
  private let defaultSource: [UInt8]
  private let constantType: [UInt8]
  private let erasure = Array(erasureType.utf8)
  /// Whether times may be texts by RFC 3339, and what a number of them counts; 0: they may not be.
  private let takesTexts: Bool
  private let unit: Int64
  /// Fields of the plan. Nil: not mapped, and for `type` a constant.
  private let id: Int
  private let source: Int?
  private let type: Int?
  private let time: Int
  private let customer: Int
  private let data: Int

  private var clock = DayClock()
  private var places: [JsonPlace] = []
  private var taken: [Bool] = []
  /// The lines that `places` are of.
  private var group = 0..<0
  private var event = JournalTemplate.Event()
  private var single = [0..<0]

  /// Whether a source's mapping asks for nothing more than this can.
  static func takes(_ settings: SourceSettings) -> Bool {
    guard case .json(let mapping) = settings.format, mapping.skip.isEmpty,
      case .field = mapping.id, case .field = mapping.customer,
      settings.name.utf8.count <= StrictRule.sourceBytes
    else { return false }
    if case .pattern = mapping.timeFormat { return false }
    guard case .constant(let type) = mapping.type else { return true }
    return !type.isEmpty && type.utf8.count <= StrictRule.typeBytes && type != erasureType
  }

  /// `settings`: those of a source that it takes.
  init(_ settings: SourceSettings) {
    guard Self.takes(settings), case .json(let mapping) = settings.format,
      case .field(let id) = mapping.id, case .field(let customer) = mapping.customer
    else { fatalError("a source whose lines are not usual") }
    var paths: [[String]] = []
    func field(_ path: FieldPath) -> Int {
      if let known = paths.firstIndex(of: path.names) { return known }
      paths.append(path.names)
      return paths.count - 1
    }
    self.id = field(id)
    source = mapping.source.map(field)
    var constant: [UInt8] = []
    switch mapping.type {
    case .field(let path): type = field(path)
    case .constant(let text):
      type = nil
      constant = Array(text.utf8)
    }
    time = field(mapping.time)
    self.customer = field(customer)
    data = field(mapping.data)
    (takesTexts, unit) =
      switch mapping.timeFormat {
      case .plain: (true, 1)
      case .rfc3339: (true, 0)
      case .epochMs: (false, 1)
      case .epochS: (false, 1000)
      case .pattern: (false, 0)
      }
    let name = Array(settings.name.utf8)
    defaultSource = name
    constantType = constant
    template = JournalTemplate(
      origin: JournalRecord.Origin(name: name, partition: 0, offset: 0), source: name,
      type: constant, delay: UInt32(clamping: settings.outOfOrderMs))
    var reader = JsonReader()
    plan = reader.plan(paths)
    self.reader = reader
  }

  /// Makes ready for other lines.
  mutating func begin() { group = 0..<0 }

  /// Appends the events of lines, from line `first` on, until one comes that is not for here; returns
  /// that one's index, or how many lines there are. Line 0 has the number `number`; records go to
  /// `batch.bytes` from `end` on, and have the offsets from `next` on.
  mutating func convert(
    _ bytes: Span<UInt8>, _ lines: [Range<Int>], from first: Int, number: Int64,
    to batch: inout RecordBatch, at end: inout Int, next: inout Int64
  ) -> Int {
    var index = first
    while index < lines.count {
      if !group.contains(index) { look(bytes, lines, from: index) }
      let last = group.upperBound
      let most = lines[last - 1].upperBound - lines[index].lowerBound
      batch.makeRoom(end + template.sizeMost(events: last - index, bytes: most))
      while index < last {
        guard taken[index - group.lowerBound] else { return index }
        let line = lines[index]
        guard fill(bytes, line, first: (index - group.lowerBound) * plan.count) else {
          return index
        }
        event.offset = number + Int64(index)
        let start = end
        let customer = template.write(event, of: bytes, to: &batch.bytes, at: start)
        end = customer.upperBound + line.count
        batch.entries.append(
          RecordBatch.Entry(
            offset: next, timestamp: .min, key: customer, value: start..<end, headers: 0..<0))
        next += 1
        index += 1
      }
    }
    return index
  }

  /// Fills the draft with the event of one record by itself. False: it is not for here to say, and
  /// the draft is as it was. `appended`: see `SourceConverter.convert`.
  mutating func convert(
    _ bytes: Span<UInt8>, _ record: Range<Int>, appended: Int64?, into draft: inout EventDraft
  ) -> Bool {
    if record.isEmpty || record.count > StrictRule.payloadBytes
      || record.upperBound + RecordBatch.padding > bytes.count
    {
      return false
    }
    begin()
    single[0] = record
    reader.check(
      plan, bytes, lines: single, from: 0, count: 1, places: &places, taken: &taken)
    guard taken[0], fill(bytes, record, first: 0) else { return false }
    if let appended, event.time - appended > StrictRule.aheadMs { return false }
    draft.time = EventTime(milliseconds: event.time)
    Self.put(event.source, bytes, or: defaultSource, in: &draft.source)
    Self.put(event.type, bytes, or: constantType, in: &draft.type)
    Self.put(event.id, bytes, or: [], in: &draft.id)
    Self.put(event.customer, bytes, or: [], in: &draft.customer)
    if !event.data.isNothing {
      let start = event.data.start - record.lowerBound
      draft.data = start..<(start + event.data.count)
    }
    return true
  }

  private static func put(
    _ place: JsonPlace, _ bytes: Span<UInt8>, or constant: [UInt8], in text: inout [UInt8]
  ) {
    if place.isNothing {
      text.append(contentsOf: constant)
    } else {
      unsafe bytes.withUnsafeBufferPointer {
        unsafe text.append(contentsOf: $0[place.start..<place.end])
      }
    }
  }

  /// Has the first stage look at some lines from `first` on.
  private mutating func look(_ bytes: Span<UInt8>, _ lines: [Range<Int>], from first: Int) {
    let start = lines[first].lowerBound
    var end = first
    while end < lines.count, end - first < Self.groupLines {
      let line = lines[end]
      // Only behind an LF or a CR a line begins anew, whatever the one before it holds.
      if line.count > StrictRule.payloadBytes || line.upperBound + RecordBatch.padding > bytes.count
        || (end > first
          && (line.upperBound - start > Self.groupBytes
            || !isNewline(bytes, lines[end - 1].upperBound)))
      {
        break
      }
      end += 1
    }
    // A line that cannot even be looked at is one that is not taken.
    group = first..<max(end, first + 1)
    if end > first {
      reader.check(
        plan, bytes, lines: lines, from: first, count: end - first, places: &places, taken: &taken)
    } else if taken.isEmpty {
      taken.append(false)
    } else {
      taken[0] = false
    }
  }

  private func isNewline(_ bytes: Span<UInt8>, _ at: Int) -> Bool {
    bytes[at] == 0x0A || bytes[at] == 0x0D
  }

  /// Makes `event` out of the places from `first` on. False: it is not for here to say.
  private mutating func fill(_ bytes: Span<UInt8>, _ line: Range<Int>, first: Int) -> Bool {
    let id = places[first + id]
    let customer = places[first + customer]
    guard isName(bytes, id, most: StrictRule.idBytes),
      isName(bytes, customer, most: StrictRule.customerBytes)
    else { return false }
    event.id = id
    event.customer = customer
    event.payload = line
    if let source {
      let source = places[first + source]
      guard source.isNothing || isName(bytes, source, most: StrictRule.sourceBytes) else {
        return false
      }
      event.source = source
    }
    if let type {
      let type = places[first + type]
      guard isName(bytes, type, most: StrictRule.typeBytes), !isErasure(bytes, type) else {
        return false
      }
      event.type = type
    }
    let data = places[first + data]
    guard data.isMap || data.isNothing,
      let ms = milliseconds(bytes, places[first + time]),
      ms >= StrictRule.earliestMs && ms < StrictRule.latestMs
    else { return false }
    event.data = data
    event.time = ms
    return true
  }

  /// Whether a text names something: it is not blank, and not too long.
  private func isName(_ bytes: Span<UInt8>, _ place: JsonPlace, most: Int) -> Bool {
    (place.isString || place.isInt) && place.count > 0 && place.count <= most
      && bytes[place.start] > 0x20
  }

  private func isErasure(_ bytes: Span<UInt8>, _ type: JsonPlace) -> Bool {
    if type.count != erasure.count { return false }
    for place in erasure.indices where bytes[type.start + place] != erasure[place] {
      return false
    }
    return true
  }

  private mutating func milliseconds(_ bytes: Span<UInt8>, _ place: JsonPlace) -> Int64? {
    if place.isString {
      return takesTexts ? clock.milliseconds(bytes, place.start..<place.end) : nil
    }
    guard place.isInt, unit > 0, let number = digits(bytes, place.start, place.end) else {
      return nil
    }
    let (ms, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : ms
  }
}

extension RecordBatch {
  /// Room for records that end at `end`, and for the padding behind them. Bytes that are there stay.
  mutating func makeRoom(_ end: Int) {
    let missing = end + Self.padding - bytes.count
    if missing > 0 { bytes.append(contentsOf: [UInt8](repeating: 0, count: missing)) }
  }
}
