internal import Cel
internal import Events

/// Events between reading and application: most are there for a moment, those of sources that may
/// come out of order until their source's watermark reaches them. Places are used again, so that
/// nothing is allocated per event.
struct EventSlab {
  struct Event {
    var time: Int64 = 0
    var position: Int64 = 0
    /// Hash of (source, id).
    var hash: UInt64 = 0
    var customer = CustomerIndex(0)
    var type: UInt16 = 0
    var idLength: UInt16 = 0
    var sourceLength: UInt16 = 0
    /// Of a type that nobody mentions; others are known by number.
    var typeLength: UInt16 = 0
    /// False once it has been applied.
    var isHere = true
  }
  /// The record of an event that waits beyond its own reading, for slices and for books to come;
  /// and its neighbours among its customer's waiting events.
  private struct Waiting {
    var record: [UInt8] = []
    var appendTime = Int64.min
    var before: Int32 = -1
    var after: Int32 = -1
  }
  /// Id, source and unmentioned type, where they fit; else in `long`.
  private static let inlineText = 96

  let fieldCount: Int
  private(set) var events: [Event] = []
  private var scalars: [Scalar] = []
  private var hashes: [UInt64] = []
  private var texts: [UInt8] = []
  private var long: [Int: [UInt8]] = [:]
  private var trees: [Int: [Int: CelValue]] = [:]
  private var free: [Int] = []
  private var waiting: [Waiting] = []
  /// Each customer's first and last waiting event, in the order in which they came to wait.
  private var ends: [CustomerIndex: (first: Int32, last: Int32, count: Int, bytes: Int)] = [:]

  init(fieldCount: Int) { self.fieldCount = fieldCount }

  var count: Int { events.count - free.count }

  /// A place with all fields missing.
  mutating func take() -> Int {
    if let slot = free.popLast() {
      for index in 0..<fieldCount { scalars[slot * fieldCount + index] = .missing }
      return slot
    }
    events.append(Event())
    waiting.append(Waiting())
    for _ in 0..<fieldCount {
      scalars.append(.missing)
      hashes.append(0)
    }
    texts.append(contentsOf: repeatElement(0, count: Self.inlineText))
    return events.count - 1
  }

  mutating func give(back slot: Int) {
    if !long.isEmpty { long[slot] = nil }
    if !trees.isEmpty { trees[slot] = nil }
    if !waiting[slot].record.isEmpty { unlink(slot) }
    events[slot].isHere = false
    free.append(slot)
  }

  // MARK: Waiting events

  /// Keeps the record of an event that goes on waiting.
  mutating func keep(_ slot: Int, record: [UInt8], appendTime: Int64) {
    let customer = events[slot].customer
    waiting[slot] = Waiting(record: record, appendTime: appendTime)
    if let known = ends[customer] {
      waiting[slot].before = known.last
      waiting[Int(known.last)].after = Int32(slot)
      ends[customer] = (
        known.first, Int32(slot), known.count + 1, known.bytes + record.count
      )
    } else {
      ends[customer] = (Int32(slot), Int32(slot), 1, record.count)
    }
  }

  private mutating func unlink(_ slot: Int) {
    let customer = events[slot].customer
    let (before, after) = (waiting[slot].before, waiting[slot].after)
    if before >= 0 { waiting[Int(before)].after = after }
    if after >= 0 { waiting[Int(after)].before = before }
    if let known = ends[customer] {
      let first = known.first == Int32(slot) ? after : known.first
      let last = known.last == Int32(slot) ? before : known.last
      ends[customer] =
        first < 0
        ? nil
        : (
          first, last, known.count - 1, known.bytes - waiting[slot].record.count
        )
    }
    waiting[slot] = Waiting()
  }

  /// How many events of the customer wait, and the bytes of their records.
  func waitingSize(of customer: CustomerIndex) -> (count: Int, bytes: Int) {
    ends[customer].map { ($0.count, $0.bytes) } ?? (0, 0)
  }

  /// The customer's waiting events in order of their journal position.
  func waiting(of customer: CustomerIndex) -> [Int] {
    guard let known = ends[customer] else { return [] }
    var slots: [Int] = []
    var slot = known.first
    while slot >= 0 {
      slots.append(Int(slot))
      slot = waiting[Int(slot)].after
    }
    return slots.sorted { events[$0].position < events[$1].position }
  }

  func record(_ slot: Int) -> (bytes: [UInt8], appendTime: Int64) {
    (waiting[slot].record, waiting[slot].appendTime)
  }

  subscript(slot: Int) -> Event {
    get { events[slot] }
    set { events[slot] = newValue }
  }

  func field(_ slot: Int, _ index: Int) -> Scalar { scalars[slot * fieldCount + index] }
  func hash(_ slot: Int, _ index: Int) -> UInt64 { hashes[slot * fieldCount + index] }
  func tree(_ slot: Int, _ index: Int) -> CelValue? { trees[slot]?[index] }

  mutating func set(_ slot: Int, _ index: Int, _ value: Scalar, hash: UInt64) {
    scalars[slot * fieldCount + index] = value
    hashes[slot * fieldCount + index] = hash
  }
  mutating func set(_ slot: Int, _ index: Int, tree: CelValue) {
    trees[slot, default: [:]][index] = tree
  }

  mutating func setTexts(
    _ slot: Int, id: Range<Int>, source: Range<Int>, type: Range<Int>, in bytes: Span<UInt8>
  ) {
    events[slot].idLength = UInt16(id.count)
    events[slot].sourceLength = UInt16(source.count)
    let isMentioned = events[slot].type != 0
    events[slot].typeLength = isMentioned ? 0 : UInt16(type.count)
    if id.count + source.count + Int(events[slot].typeLength) <= Self.inlineText {
      var at = slot * Self.inlineText
      put(id, bytes, &at)
      put(source, bytes, &at)
      if !isMentioned { put(type, bytes, &at) }
    } else {
      long[slot] =
        id.map { bytes[$0] } + source.map { bytes[$0] }
        + (isMentioned ? [] : type.map { bytes[$0] })
    }
  }

  private mutating func put(_ range: Range<Int>, _ bytes: Span<UInt8>, _ at: inout Int) {
    for index in range {
      texts[at] = bytes[index]
      at += 1
    }
  }

  private func text(_ slot: Int, _ range: Range<Int>) -> [UInt8] {
    if let bytes = long[slot] { return Array(bytes[range]) }
    let start = slot * Self.inlineText
    return Array(texts[(start + range.lowerBound)..<(start + range.upperBound)])
  }
  func id(_ slot: Int) -> [UInt8] { text(slot, 0..<Int(events[slot].idLength)) }
  func source(_ slot: Int) -> [UInt8] {
    let start = Int(events[slot].idLength)
    return text(slot, start..<(start + Int(events[slot].sourceLength)))
  }
  /// Empty for a type that is known by number.
  func unmentionedType(_ slot: Int) -> [UInt8] {
    let start = Int(events[slot].idLength) + Int(events[slot].sourceLength)
    return text(slot, start..<(start + Int(events[slot].typeLength)))
  }
}
