internal import Cel
internal import Events

/// Events between reading and application: most are there for a moment, those of sources that may
/// come out of order until their source's watermark reaches them. Places are used again, so that
/// nothing is allocated per event.
struct EventSlab: ~Copyable {
  struct Event {
    var time: Int64 = 0
    var position: Int64 = 0
    /// Hash of (source, id).
    var hash: UInt64 = 0
    var customer = CustomerIndex(0)
    var type: UInt16 = 0
    var sourceLength: UInt16 = 0
    var typeLength: UInt16 = 0
    var idLength: UInt16 = 0
    /// False once it has been applied.
    var isHere = true
  }
  /// What a place's words say: the event's texts, then of one that waits beyond its own reading the
  /// record (for slices and for books to come) and the neighbours among its customer's waiting events.
  private enum Place {
    /// Source, type and id, where they fit; else they are in `long`.
    static let textBytes = 128
    /// The handle; 0: it does not wait.
    static let record = 16
    /// In bytes.
    static let length = 17
    static let appendTime = 18
    /// Places; -1: none.
    static let before = 19
    static let after = 20
    /// How many events of the customer wait, up to this one, and the bytes of their records. It
    /// holds for the latest one alone.
    static let count = 21
    static let bytes = 22
    static let words = 24
  }

  let fieldCount: Int
  private var events: [Event] = []
  private var scalars: [Scalar] = []
  private var hashes: [UInt64] = []
  private var places = BlockStore(words: Place.words)
  private var long: [Int: [UInt8]] = [:]
  private var trees: [Int: [Int: CelValue]] = [:]
  private var free: [Int] = []
  private var records = Arena()
  /// Events that wait for a deadline of their customer, in order of application. Few customers ever
  /// have one; whether a customer has, says `Words.isParking`.
  private var parked: [CustomerIndex: [Int]] = [:]

  init(fieldCount: Int) { self.fieldCount = fieldCount }

  var count: Int { events.count - free.count }

  /// A place with all fields missing.
  mutating func take() -> Int {
    if let slot = free.popLast() { return slot }
    events.append(Event())
    _ = places.append()
    for _ in 0..<fieldCount {
      scalars.append(.missing)
      hashes.append(0)
    }
    return events.count - 1
  }

  /// The event's fields are missing by then (`clear`). `block`: its customer's.
  mutating func give(back slot: Int, _ block: Words) {
    if !long.isEmpty { long[slot] = nil }
    if !trees.isEmpty { trees[slot] = nil }
    if places[slot][Place.record] != 0 { unlink(slot, block) }
    events[slot].isHere = false
    free.append(slot)
  }

  // MARK: Waiting events

  /// Keeps the record of an event that goes on waiting: behind its customer's others.
  mutating func keep(_ slot: Int, record: Span<UInt8>, appendTime: Int64, _ block: Words) {
    let handle = records.allocate(atLeast: (record.count + 7) / 8)
    records.words(handle).store(record)
    let (place, last) = (places[slot], block.waiting)
    place[Place.record] = Int64(bitPattern: handle.raw)
    place[Place.length] = Int64(record.count)
    place[Place.appendTime] = appendTime
    place[Place.before] = Int64(last)
    place[Place.after] = -1
    place[Place.count] = 1
    place[Place.bytes] = Int64(record.count)
    if last >= 0 {
      let before = places[last]
      before[Place.after] = Int64(slot)
      place[Place.count] += before[Place.count]
      place[Place.bytes] += before[Place.bytes]
    }
    block.waiting = slot
  }

  private mutating func unlink(_ slot: Int, _ block: Words) {
    let place = places[slot]
    let (before, after) = (Int(place[Place.before]), Int(place[Place.after]))
    let last = places[block.waiting]
    let count = last[Place.count] - 1
    let bytes = last[Place.bytes] - place[Place.length]
    if before >= 0 { places[before][Place.after] = Int64(after) }
    if after >= 0 { places[after][Place.before] = Int64(before) } else { block.waiting = before }
    if count > 0 {
      let last = places[block.waiting]
      last[Place.count] = count
      last[Place.bytes] = bytes
    }
    records.release(ArenaHandle(raw: UInt64(bitPattern: place[Place.record])))
    place[Place.record] = 0
  }

  /// How many events of the customer wait, and the bytes of their records.
  func waitingSize(_ block: Words) -> (count: Int, bytes: Int) {
    if block.waiting < 0 { return (0, 0) }
    let last = places[block.waiting]
    return (Int(last[Place.count]), Int(last[Place.bytes]))
  }

  /// The customer's waiting events in order of their journal position.
  func waiting(_ block: Words) -> [Int] {
    var slots: [Int] = []
    var slot = block.waiting
    while slot >= 0 {
      slots.append(slot)
      slot = Int(places[slot][Place.before])
    }
    return slots.sorted { events[$0].position < events[$1].position }
  }

  func record(_ slot: Int) -> (bytes: [UInt8], appendTime: Int64) {
    let place = places[slot]
    let held = records.words(ArenaHandle(raw: UInt64(bitPattern: place[Place.record])))
    return (held.bytes(0..<Int(place[Place.length])), place[Place.appendTime])
  }

  // MARK: Parked events

  /// The first of the events that wait for a deadline of their customer.
  func firstParked(_ customer: CustomerIndex, _ block: Words) -> Int? {
    block.isParking ? parked[customer]?.first : nil
  }

  mutating func park(_ slot: Int, _ block: Words) {
    let (customer, time) = (events[slot].customer, events[slot].time)
    let position = events[slot].position
    var list = parked.removeValue(forKey: customer) ?? []
    // Mostly it belongs at the end.
    var place = list.count
    while place > 0 {
      let before = events[list[place - 1]]
      if before.time != time ? before.time < time : before.position < position { break }
      place -= 1
    }
    list.insert(slot, at: place)
    parked[customer] = list
    block.isParking = true
  }

  mutating func unparkFirst(_ customer: CustomerIndex, _ block: Words) {
    parked[customer]?.removeFirst()
    if parked[customer]?.isEmpty == true { unparkAll(customer, block) }
  }

  mutating func unparkAll(_ customer: CustomerIndex, _ block: Words) {
    if !block.isParking { return }
    parked[customer] = nil
    block.isParking = false
  }

  // MARK: Fields and texts

  subscript(slot: Int) -> Event { events[slot] }

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
  mutating func clear(_ slot: Int, _ index: Int) {
    scalars[slot * fieldCount + index] = .missing
  }

  /// Puts a new event into a place. Its three texts stand one behind the other.
  mutating func put(
    _ event: Event, _ slot: Int, source: Range<Int>, type: Range<Int>, id: Range<Int>,
    in bytes: Span<UInt8>
  ) {
    precondition(source.upperBound == type.lowerBound && type.upperBound == id.lowerBound)
    var event = event
    event.sourceLength = UInt16(truncatingIfNeeded: source.count)
    event.typeLength = UInt16(truncatingIfNeeded: type.count)
    event.idLength = UInt16(truncatingIfNeeded: id.count)
    events[slot] = event
    let all = source.lowerBound..<id.upperBound
    if all.count <= Place.textBytes {
      places[slot].store(bytes.extracting(all))
    } else {
      long[slot] = all.map { bytes[$0] }
    }
  }

  private func text(_ slot: Int, _ start: Int, _ count: UInt16) -> [UInt8] {
    let range = start..<(start + Int(count))
    if !long.isEmpty, let bytes = long[slot] { return Array(bytes[range]) }
    return places[slot].bytes(range)
  }
  func source(_ slot: Int) -> [UInt8] { text(slot, 0, events[slot].sourceLength) }
  func type(_ slot: Int) -> [UInt8] {
    text(slot, Int(events[slot].sourceLength), events[slot].typeLength)
  }
  func id(_ slot: Int) -> [UInt8] {
    text(
      slot, Int(events[slot].sourceLength) + Int(events[slot].typeLength), events[slot].idLength)
  }
}
