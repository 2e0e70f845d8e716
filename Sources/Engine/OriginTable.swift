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

  init() {}

  subscript(index: Int) -> Origin {
    get { origins[index] }
    _modify { yield &origins[index] }
  }

  /// The origin's number; a new one starts without a watermark and holds the partition's back.
  mutating func number(
    _ bytes: Span<UInt8>, name: Range<Int>, incarnation: UInt32, partition: Int32
  ) -> Int {
    if last < origins.count, matches(origins[last], bytes, name, incarnation, partition) {
      return last
    }
    for index in origins.indices
    where matches(origins[index], bytes, name, incarnation, partition) {
      last = index
      return index
    }
    origins.append(
      Origin(name: name.map { bytes[$0] }, incarnation: incarnation, partition: partition))
    last = origins.count - 1
    return last
  }

  private func matches(
    _ origin: Origin, _ bytes: Span<UInt8>, _ name: Range<Int>, _ incarnation: UInt32,
    _ partition: Int32
  ) -> Bool {
    guard origin.partition == partition, origin.incarnation == incarnation,
      origin.name.count == name.count
    else { return false }
    for offset in 0..<name.count where origin.name[offset] != bytes[name.lowerBound + offset] {
      return false
    }
    return true
  }

  /// Raises one origin's watermark and returns the partition's. It never falls: a source that
  /// appears late finds the others' promise already made, and its earlier events are late.
  mutating func raise(_ index: Int, to time: Int64) -> Int64 {
    if time > origins[index].watermark {
      origins[index].watermark = time
      var least = Int64.max
      for origin in origins { least = min(least, origin.watermark) }
      watermark = max(watermark, least)
    }
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
      guard let entry = origins[index].held.entries.first,
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
      for entry in old.held.entries { origins[successor].held.push(entry) }
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
    self.renewed = renewed
    self.watermark = watermark
  }
}

/// Events of one source partition that its watermark has not reached, earliest first; equal times in
/// journal order.
struct HeldQueue {
  struct Entry {
    var time: Int64
    var position: Int64
    var slot: Int
    static func precedes(_ a: Entry, _ b: Entry) -> Bool {
      a.time != b.time ? a.time < b.time : a.position < b.position
    }
  }
  private(set) var entries: [Entry] = []
  /// In order of application.
  var sorted: [Entry] { entries.sorted(by: Entry.precedes) }

  mutating func remove(_ slots: Set<Int>) {
    entries.removeAll { slots.contains($0.slot) }
    // What is sorted is a heap too.
    entries.sort(by: Entry.precedes)
  }

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Entry.precedes(entries[child], entries[parent]) else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// The earliest, if the watermark has reached it.
  mutating func pop(upTo watermark: Int64) -> Entry? {
    guard let top = entries.first, top.time <= watermark else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return top }
    entries[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < entries.count else { return top }
      if child + 1 < entries.count, HeldQueue.Entry.precedes(entries[child + 1], entries[child]) {
        child += 1
      }
      guard Entry.precedes(entries[child], entries[parent]) else { return top }
      entries.swapAt(child, parent)
      parent = child
    }
  }
}
