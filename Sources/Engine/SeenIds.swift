internal import Events

/// Hashes of the ids of events that customers have sent lately, so that an event that comes twice
/// counts once: for a span of event time, at most 4,096 of one customer.
///
/// A customer has a word, which says where the ids lie (`Header.seen`). Up to 16 are pairs of (hash,
/// time) in a piece of an arena; of more there is a ring with an index, so that an event costs the
/// same whether its customer has sent five or thousands.
struct SeenIds: ~Copyable {
  static let most = 4_096
  static let few = 16

  private static let isMany: UInt64 = 1 << 63
  private static let countShift: UInt64 = 56
  private static let handleMask: UInt64 = (1 << 56) - 1

  private var arena = Arena()
  private var rings: [IdRing] = []
  private var freeRings: [Int] = []

  init() {}

  /// Bytes that the ids take, as reserved from the system.
  var bytesReserved: Int {
    arena.wordsReserved * 8 + rings.reduce(0) { $0 + $1.bytesReserved }
  }

  /// Remembers an id for `span` ms behind `clock`. False: it has been seen.
  ///
  /// What has expired goes once the one that came first has: they come nearly in order of time.
  mutating func remember(
    _ word: inout Int64, id hash: UInt64, time: Int64, clock: Int64, span: Int64
  ) -> Bool {
    let limit = clock &- span
    var bits = UInt64(bitPattern: word)
    if bits & Self.isMany != 0 {
      let ring = Int(bits & Self.handleMask)
      rings[ring].expire(upTo: limit)
      if rings[ring].count > Self.few / 2 { return rings[ring].add(hash, time) }
      word = makeFew(ring)
      bits = UInt64(bitPattern: word)
    }
    let count = Int(bits >> Self.countShift)
    if count > 0 {
      let words = arena.words(Self.handle(bits))
      if words[1] <= limit { bits = Self.with(count: Self.expire(words, count, limit), bits) }
      for index in 0..<Int(bits >> Self.countShift)
      where words[2 * index] == Int64(bitPattern: hash) {
        word = Int64(bitPattern: bits)
        return false
      }
    }
    word = append(bits, hash, time)
    return true
  }

  /// Says that the ids will be looked at soon.
  func prefetch(_ word: Int64) {
    let bits = UInt64(bitPattern: word)
    if bits == 0 || bits & Self.isMany != 0 { return }
    arena.words(Self.handle(bits)).prefetch()
  }

  /// The ids of a customer with their times, in order of arrival.
  func ids(_ word: Int64) -> [(hash: UInt64, time: Int64)] {
    let bits = UInt64(bitPattern: word)
    if bits & Self.isMany != 0 { return rings[Int(bits & Self.handleMask)].entries }
    let count = Int(bits >> Self.countShift)
    if count == 0 { return [] }
    let words = arena.words(Self.handle(bits))
    return (0..<count).map { (UInt64(bitPattern: words[2 * $0]), words[2 * $0 + 1]) }
  }

  func count(_ word: Int64) -> Int {
    let bits = UInt64(bitPattern: word)
    if bits & Self.isMany != 0 { return rings[Int(bits & Self.handleMask)].count }
    return Int(bits >> Self.countShift)
  }

  /// Of state that is read back: what comes next in order of arrival.
  mutating func restore(_ word: inout Int64, id hash: UInt64, time: Int64) {
    let bits = UInt64(bitPattern: word)
    if bits & Self.isMany != 0 {
      _ = rings[Int(bits & Self.handleMask)].add(hash, time)
    } else {
      word = append(bits, hash, time)
    }
  }

  /// Leaves nothing of a customer's ids.
  mutating func erase(_ word: inout Int64) {
    let bits = UInt64(bitPattern: word)
    if bits & Self.isMany != 0 {
      let ring = Int(bits & Self.handleMask)
      rings[ring] = IdRing()
      freeRings.append(ring)
    } else {
      arena.erase(Self.handle(bits))
    }
    word = 0
  }

  // MARK: Few

  private static func handle(_ bits: UInt64) -> ArenaHandle { ArenaHandle(raw: bits & handleMask) }
  private static func with(count: Int, _ bits: UInt64) -> UInt64 {
    bits & handleMask | UInt64(count) << countShift
  }

  private static func expire(_ words: Words, _ count: Int, _ limit: Int64) -> Int {
    var kept = 0
    for index in 0..<count where words[2 * index + 1] > limit {
      words[2 * kept] = words[2 * index]
      words[2 * kept + 1] = words[2 * index + 1]
      kept += 1
    }
    return kept
  }

  private mutating func append(_ bits: UInt64, _ hash: UInt64, _ time: Int64) -> Int64 {
    let count = Int(bits >> Self.countShift)
    var handle = Self.handle(bits)
    if count * 2 == handle.capacity {
      if count == Self.few { return makeMany(handle, adding: hash, time) }
      let larger = arena.allocate(atLeast: max(2, 4 * count))
      if count > 0 { arena.words(larger).copy(from: arena.words(handle), count: 2 * count) }
      arena.release(handle)
      handle = larger
    }
    let words = arena.words(handle)
    words[2 * count] = Int64(bitPattern: hash)
    words[2 * count + 1] = time
    return Int64(bitPattern: Self.with(count: count + 1, handle.raw))
  }

  // MARK: Many

  private mutating func makeMany(
    _ handle: ArenaHandle, adding hash: UInt64, _ time: Int64
  ) -> Int64 {
    let ring: Int
    if let free = freeRings.popLast() {
      ring = free
    } else {
      ring = rings.count
      rings.append(IdRing())
    }
    let words = arena.words(handle)
    for index in 0..<Self.few {
      _ = rings[ring].add(UInt64(bitPattern: words[2 * index]), words[2 * index + 1])
    }
    _ = rings[ring].add(hash, time)
    arena.release(handle)
    return Int64(bitPattern: Self.isMany | UInt64(ring))
  }

  private mutating func makeFew(_ ring: Int) -> Int64 {
    var word: Int64 = 0
    for entry in rings[ring].entries {
      word = append(UInt64(bitPattern: word), entry.hash, entry.time)
    }
    rings[ring] = IdRing()
    freeRings.append(ring)
    return word
  }
}

/// Many ids in order of arrival: a ring, an index from hash to place, and of each 64 places the least
/// time, so that what has expired out of order is found without a look at all.
struct IdRing {
  private static let stretch = 64

  private var hashes: [UInt64] = []
  private var times: [Int64] = []
  /// By stretch of places: no time in it is less.
  private var least: [Int64] = []
  /// Open addressing, twice as many slots as places: place + 1, or 0.
  private var index: [UInt16] = []
  private var head = 0
  private(set) var count = 0

  var bytesReserved: Int {
    hashes.capacity * 8 + times.capacity * 8 + least.capacity * 8 + index.capacity * 2
  }

  var entries: [(hash: UInt64, time: Int64)] {
    (0..<count).map { (hashes[place($0)], times[place($0)]) }
  }

  /// The place of the entry that is the `offset`th in order of arrival.
  private func place(_ offset: Int) -> Int { (head + offset) & (hashes.count - 1) }

  /// False: it is there already. Beyond 4,096 the first one goes.
  mutating func add(_ hash: UInt64, _ time: Int64) -> Bool {
    if count > 0, slot(of: hash) != nil { return false }
    if count == SeenIds.most {
      removeFromIndex(head)
      head = place(1)
      count -= 1
    }
    if count == hashes.count { grow() }
    put(hash, time, at: place(count))
    count += 1
    return true
  }

  /// Drops all entries of up to `limit`, once the first of them is one.
  mutating func expire(upTo limit: Int64) {
    guard count > 0, times[head] <= limit else { return }
    // What stays of those before the last that goes, moves up to it.
    var to = lastExpired(limit)
    for offset in (0...to).reversed() {
      let from = place(offset)
      if times[from] <= limit {
        removeFromIndex(from)
      } else {
        if offset != to { move(from, to: place(to)) }
        to -= 1
      }
    }
    head = place(to + 1)
    count -= to + 1
  }

  private mutating func lastExpired(_ limit: Int64) -> Int {
    var offset = count - 1
    while offset > 0 {
      let stretch = place(offset) / Self.stretch
      let first = max(offset - place(offset) % Self.stretch, 0)
      if least[stretch] <= limit {
        for candidate in (first...offset).reversed() where times[place(candidate)] <= limit {
          return candidate
        }
        refresh(stretch)
      }
      offset = first - 1
    }
    return 0
  }

  /// The least time of a stretch anew: what was least has gone.
  private mutating func refresh(_ stretch: Int) {
    var value = Int64.max
    for place in (stretch * Self.stretch)..<((stretch + 1) * Self.stretch)
    where (place &- head) & (hashes.count - 1) < count {
      value = min(value, times[place])
    }
    least[stretch] = value
  }

  private mutating func put(_ hash: UInt64, _ time: Int64, at place: Int) {
    hashes[place] = hash
    times[place] = time
    least[place / Self.stretch] = min(least[place / Self.stretch], time)
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 { slot = (slot + 1) & mask }
    index[slot] = UInt16(place + 1)
  }

  private mutating func move(_ from: Int, to: Int) {
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hashes[from]) & mask
    while index[slot] != UInt16(from + 1) { slot = (slot + 1) & mask }
    index[slot] = UInt16(to + 1)
    hashes[to] = hashes[from]
    times[to] = times[from]
    least[to / Self.stretch] = min(least[to / Self.stretch], times[to])
  }

  private func slot(of hash: UInt64) -> Int? {
    let mask = index.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while index[slot] != 0 {
      if hashes[Int(index[slot]) - 1] == hash { return slot }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// Backward-shift deletion keeps probe chains whole without tombstones.
  private mutating func removeFromIndex(_ place: Int) {
    let mask = index.count - 1
    var hole = Int(truncatingIfNeeded: hashes[place]) & mask
    while index[hole] != UInt16(place + 1) { hole = (hole + 1) & mask }
    var next = (hole + 1) & mask
    while index[next] != 0 {
      let home = Int(truncatingIfNeeded: hashes[Int(index[next]) - 1]) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        index[hole] = index[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    index[hole] = 0
  }

  private mutating func grow() {
    let known = entries
    let places = max(Self.stretch, 2 * hashes.count)
    hashes = Array(repeating: 0, count: places)
    times = Array(repeating: 0, count: places)
    least = Array(repeating: .max, count: places / Self.stretch)
    index = Array(repeating: 0, count: 2 * places)
    head = 0
    for (place, entry) in known.enumerated() { put(entry.hash, entry.time, at: place) }
  }
}
