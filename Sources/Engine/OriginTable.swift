internal import Events

/// What one journal partition knows of the source partitions that feed it: the highest offset, which
/// makes a redelivery harmless, the watermark, and the events that wait for it.
struct OriginTable {
  struct Origin {
    var name: [UInt8]
    var incarnation: UInt32
    var partition: Int32
    var highest: Int64 = -1
    var watermark: Int64 = .min
    var held = HeldQueue()
  }
  private(set) var origins: [Origin] = []
  /// The least watermark of all; `Int64.min` while there is none.
  private(set) var watermark = Int64.min
  private var last = 0
  /// By a few bits of name, incarnation and partition: where that origin was found the last time.
  private var recent: [Int] = Array(repeating: 0, count: 64)
  /// Watermarks have changed without a look at the least of all.
  private var isStale = true

  init() {}

  subscript(index: Int) -> Origin {
    get { origins[index] }
    _modify { yield &origins[index] }
  }

  /// The origin's number; a new one starts without a watermark and holds the partition's back.
  mutating func number(
    _ bytes: Span<UInt8>, name: Range<Int>, incarnation: UInt32, partition: Int32
  ) -> Int {
    if last < origins.count, matches(last, bytes, name, incarnation, partition) { return last }
    let place = (Int(partition) &+ Int(incarnation) &* 7 &+ name.count &* 11) & 63
    if recent[place] < origins.count,
      matches(recent[place], bytes, name, incarnation, partition)
    {
      last = recent[place]
      return last
    }
    last =
      origins.indices.first { matches($0, bytes, name, incarnation, partition) } ?? origins.count
    recent[place] = last
    if last == origins.count {
      origins.append(
        Origin(name: name.map { bytes[$0] }, incarnation: incarnation, partition: partition))
      isStale = true
    }
    return last
  }

  private func matches(
    _ index: Int, _ bytes: Span<UInt8>, _ name: Range<Int>, _ incarnation: UInt32,
    _ partition: Int32
  ) -> Bool {
    guard origins[index].partition == partition, origins[index].incarnation == incarnation,
      origins[index].name.count == name.count
    else { return false }
    for offset in 0..<name.count
    where origins[index].name[offset] != bytes[name.lowerBound + offset] {
      return false
    }
    return true
  }

  /// Raises one origin's watermark and returns the partition's. It never falls: a source that
  /// appears late finds the others' promise already made, and its earlier events are late.
  mutating func raise(_ index: Int, to time: Int64) -> Int64 {
    let before = origins[index].watermark
    if time <= before { return watermark }
    origins[index].watermark = time
    // Where it was ahead of the partition's already, another one holds that back.
    if before > watermark, !isStale { return watermark }
    isStale = false
    var least = Int64.max
    for index in origins.indices { least = min(least, origins[index].watermark) }
    watermark = max(watermark, least)
    return watermark
  }

  /// The earliest event that its origin's watermark has reached; nil if none is left.
  mutating func release(_ index: Int) -> HeldQueue.Entry? {
    origins[index].held.pop(upTo: origins[index].watermark)
  }

  /// The origin whose event is to be released first, of all origins'.
  var nextToRelease: Int? {
    var best: (index: Int, entry: HeldQueue.Entry)?
    for index in origins.indices {
      guard let entry = origins[index].held.first,
        entry.time <= origins[index].watermark
      else { continue }
      if let known = best?.entry, !HeldQueue.Entry.precedes(entry, known) { continue }
      best = (index, entry)
    }
    return best?.index
  }

  /// Sources whose topics were made anew, and their incarnations now.
  private(set) var renewed: [(name: [UInt8], incarnation: UInt32)] = []

  /// A source's topic was made anew: its partitions begin again at offset 0. What they have promised
  /// of time holds, and what is held goes on waiting.
  mutating func renew(_ name: [UInt8], incarnation: UInt32) {
    if let index = renewed.firstIndex(where: { $0.name == name }) {
      guard incarnation > renewed[index].incarnation else { return }
      renewed[index].incarnation = incarnation
    } else {
      renewed.append((name, incarnation))
    }
    last = 0
    isStale = true
    for index in origins.indices.reversed()
    where origins[index].name == name && origins[index].incarnation < incarnation {
      let old = origins[index]
      let successor = origins.firstIndex {
        $0.name == name && $0.incarnation == incarnation && $0.partition == old.partition
      }
      guard let successor else {
        origins[index].incarnation = incarnation
        origins[index].highest = -1
        continue
      }
      // It has been heard of already.
      origins[successor].watermark = max(origins[successor].watermark, old.watermark)
      for entry in old.held.sorted { origins[successor].held.push(entry) }
      origins.remove(at: index)
    }
  }

  /// The incarnation that a record's source has by now.
  func incarnation(_ bytes: Span<UInt8>, name: Range<Int>, atLeast incarnation: UInt32) -> UInt32 {
    if renewed.isEmpty { return incarnation }
    let name = name.map { bytes[$0] }
    return renewed.first { $0.name == name }.map { max($0.incarnation, incarnation) } ?? incarnation
  }

  /// Whether a record is of a topic that has been made anew since.
  func isOutdated(_ bytes: Span<UInt8>, name: Range<Int>, incarnation: UInt32) -> Bool {
    incarnation < self.incarnation(bytes, name: name, atLeast: incarnation)
  }

  mutating func restore(
    _ origins: [Origin], renewed: [(name: [UInt8], incarnation: UInt32)], watermark: Int64
  ) {
    self.origins = origins
    isStale = true
    self.renewed = renewed
    self.watermark = watermark
  }
}
