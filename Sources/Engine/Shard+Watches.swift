internal import Cel
internal import Events
internal import Features
internal import Scores

// Scores and conditions are looked at again only when something that they read has moved: an event
// of a type that they listen to, or time reaching what the last look found to be next.

extension Shard {
  /// Looks at all watches that may have moved. `type`: of the event being applied; nil at an instant
  /// of time.
  mutating func watch(type: Int?, _ block: Words, _ now: Int64) {
    if let type, now < block[Header.nextLook] {
      // Time has moved none of them.
      for place in wiring.types[type].looks {
        let look = wiring.looks[place]
        lookAgain(look.watch, listens: look.listens, block, now)
      }
      return
    }
    watchAll(type, block, now)
  }

  private mutating func watchAll(_ type: Int?, _ block: Words, _ now: Int64) {
    for index in wiring.watches.indices {
      let offset = wiring.watches[index].offset
      let moved = block[offset + 2] <= now || block[offset + 1] == 0
      if let type {
        guard
          moved || program.watches[index].always || program.types[type].watches.contains(index)
        else { continue }
      } else {
        guard moved, !wiring.watches[index].eventsOnly else { continue }
      }
      look(index, block, now)
    }
    var next = Int64.max
    for index in wiring.watches.indices {
      let offset = wiring.watches[index].offset
      next = min(next, block[offset + 1] == 0 ? .min : block[offset + 2])
    }
    block[Header.nextLook] = next
  }

  /// Has all that was found out for the next look found out anew: what it rests on may have changed.
  func forgetLooks(_ block: Words) {
    for row in wiring.watches { block[row.offset + 3] = 0 }
    block[Header.nextLook] = .min
  }

  /// Looks at a watch, whatever it knows.
  mutating func look(_ index: Int, _ block: Words, _ now: Int64) {
    let row = wiring.watches[index]
    let value: Double?
    if row.isLinear {
      let still = sum(row.bias, row.still, moving: .max, block, now)
      value = still.flatMap { sum($0, row.moving, moving: .max, block, now) }
      block[row.offset + 3] = value == nil ? 0 : ~Int64(bitPattern: (still ?? 0).bitPattern)
    } else {
      value =
        row.score < 0 ? truth(of: row.predicate, block, now) : logit(row.score, block, now)
      block[row.offset + 3] = value == nil ? 0 : 1
    }
    take(value, index, row, block, now)
    find(next: row, block, now)
  }

  /// Looks at a watch that time has not moved since the last look. What that look found out still
  /// holds, but for features over the streams that have taken the event.
  private mutating func lookAgain(
    _ index: Int, listens: Bool, _ block: Words, _ now: Int64
  ) {
    let row = wiring.watches[index]
    let found = block[row.offset + 3]
    guard found != 0, row.isLinear || !listens else {
      // (Facts move it too, and they are no streams.)
      look(index, block, now)
      return
    }
    guard row.isLinear else {
      let value =
        row.score < 0 ? truth(of: row.predicate, block, now) : logit(row.score, block, now)
      take(value, index, row, block, now)
      return
    }
    let touched = listens ? happening.touched & row.mask : 0
    if touched == 0 {
      let still = Double(bitPattern: UInt64(bitPattern: ~found))
      take(sum(still, row.moving, moving: 0, block, now), index, row, block, now)
      return
    }
    guard let still = sum(row.bias, row.still, moving: touched, block, now),
      let value = sum(still, row.moving, moving: touched, block, now)
    else {
      look(index, block, now)
      return
    }
    block[row.offset + 3] = ~Int64(bitPattern: still.bitPattern)
    take(value, index, row, block, now)
    // Unless what was next concerned a stream that has taken the event, it still is for all others.
    let before = block[row.offset + 2]
    let isOthers = happening.touchedNext > before
    let next = wiring.sums.nextChange(
      of: row.leaves, among: isOthers ? touched : .max, after: now, block, memory)
    write(next: isOthers ? min(before, next) : next, row, block)
  }

  private mutating func truth(of predicate: Int, _ block: Words, _ now: Int64) -> Double {
    isTrue(predicate, block, now) ? 1 : 0
  }

  private mutating func write(next: Int64, _ row: Wiring.WatchRow, _ block: Words) {
    block[row.offset + 2] = next
    if next < block[Header.nextLook] { block[Header.nextLook] = next }
    if !row.eventsOnly { happening.looked = true }
  }

  @inline(__always)
  private mutating func sum(
    _ start: Double, _ terms: Range<Int>, moving mask: UInt64, _ block: Words, _ now: Int64
  ) -> Double? {
    wiring.sums.linear(start, terms, at: now, moving: mask, block, &memory)
  }

  /// Writes a watch's value down, and what may follow from it; nil: it could not be worked out.
  private mutating func take(
    _ value: Double?, _ index: Int, _ row: Wiring.WatchRow, _ block: Words, _ now: Int64
  ) {
    guard let value else {
      counts.celErrors += 1
      return
    }
    let before: Double? =
      block[row.offset + 1] == 0
      ? nil : Double(bitPattern: UInt64(bitPattern: block[row.offset]))
    happening.move(index, from: before, to: value)
    block[row.offset] = Int64(bitPattern: value.bitPattern)
    block[row.offset + 1] = 1
    if value == 1, before != 1 {
      happening.becameTrue = true
      happening.moveCounts = true
    }
    for place in row.crossings where wiring.crossings[place].crosses(from: before, to: value) {
      happening.moveCounts = true
    }
    for rise in 0..<row.rises {
      let rose = rises(
        program.watches[index].rises[rise], before: before, now: value, at: now, block)
      happening.rose[index][rise] = rose
      if rose != nil { happening.moveCounts = true }
    }
  }

  /// Writes down when time next moves what a watch reads.
  private mutating func find(next row: Wiring.WatchRow, _ block: Words, _ now: Int64) {
    if !row.isLinear {
      for place in row.leaves {
        // A look at the value moves the window's cursors, which `nextChange` wants.
        _ = fill(program.features.features[wiring.sums.leaf(place)].slot, block, now)
      }
    }
    let next = wiring.sums.nextChange(of: row.leaves, among: .max, after: now, block, memory)
    write(next: next, row, block)
  }

  mutating func logit(_ score: Int, _ block: Words, _ now: Int64) -> Double? {
    for index in program.scores[score].weights.indices {
      _ = fill(program.scores[score].weights[index].slot, block, now)
    }
    return program.scores[score].logit(row.span)
  }

  /// How far the probability stands above its least in (now − within, now], if it has just come to
  /// stand `by` above it.
  ///
  /// The queue holds spans (since, until, probability) in which a value was in force, least first:
  /// a span whose value is not below a later one's can never be the least again.
  private mutating func rises(
    _ plan: RisePlan, before: Double?, now value: Double, at now: Int64, _ block: Words
  ) -> Double? {
    let queue = SpanQueue(block.slice(plan.offset, RisePlan.words))
    let probability = logistic(value)
    queue.expire(upTo: now &- plan.within, memory)
    var wasUp = false
    if let before, let least = queue.least(memory) {
      wasUp = logistic(before) - min(least, logistic(before)) >= plan.by
    }
    if queue.count >= CustomerBounds.spans {
      queue.dropFirst(memory)
      flag(block)
    }
    queue.push(probability, at: now, &memory)
    let least = queue.least(memory) ?? probability
    return !wasUp && probability - least >= plan.by ? probability - least : nil
  }
}

/// Spans of time with the value in force, in the arena; values rise from first to last. Two words in
/// the block: the piece's handle, and the count.
struct SpanQueue {
  private static let width = 3
  private let meta: Words
  init(_ meta: Words) { self.meta = meta }

  private var handle: ArenaHandle { ArenaHandle(raw: UInt64(bitPattern: meta[0])) }
  var count: Int { Int(meta[1]) }

  func span(_ index: Int, _ memory: borrowing StateMemory) -> Words {
    memory.arena.words(handle).slice(index * Self.width, Self.width)
  }

  func least(_ memory: borrowing StateMemory) -> Double? {
    count == 0 ? nil : Double(bitPattern: UInt64(bitPattern: span(0, memory)[2]))
  }

  /// Drops spans that ended at or before `time`; the last one has not ended.
  func expire(upTo time: Int64, _ memory: borrowing StateMemory) {
    var gone = 0
    while gone + 1 < count, span(gone, memory)[1] <= time { gone += 1 }
    if gone > 0 { drop(gone, memory) }
  }

  func dropFirst(_ memory: borrowing StateMemory) { drop(1, memory) }

  private func drop(_ gone: Int, _ memory: borrowing StateMemory) {
    let words = memory.arena.words(handle)
    words.move(from: gone * Self.width, to: 0, count: (count - gone) * Self.width)
    meta[1] -= Int64(gone)
  }

  func push(_ value: Double, at time: Int64, _ memory: inout StateMemory) {
    if count > 0 { span(count - 1, memory)[1] = time }
    while count > 0, Double(bitPattern: UInt64(bitPattern: span(count - 1, memory)[2])) >= value {
      meta[1] -= 1
    }
    append(since: time, until: .max, Int64(bitPattern: value.bitPattern), &memory)
  }

  func append(since: Int64, until: Int64, _ bits: Int64, _ memory: inout StateMemory) {
    if (count + 1) * Self.width > handle.capacity {
      let larger = memory.arena.allocate(atLeast: max(4, 2 * count) * Self.width)
      if handle != .none {
        memory.arena.words(larger).copy(
          from: memory.arena.words(handle), count: count * Self.width)
        memory.arena.release(handle)
      }
      meta[0] = Int64(bitPattern: larger.raw)
    }
    meta[1] += 1
    let words = span(count - 1, memory)
    words[0] = since
    words[1] = until
    words[2] = bits
  }
}
