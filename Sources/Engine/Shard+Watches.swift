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
    for index in program.watches.indices {
      let offset = program.watches[index].offset
      let moved = block[offset + 2] <= now || block[offset + 1] == 0
      if let type {
        guard
          moved || program.watches[index].always || program.types[type].watches.contains(index)
        else { continue }
      } else {
        guard moved, !program.watches[index].eventsOnly else { continue }
      }
      look(index, block, now)
    }
  }

  mutating func look(_ index: Int, _ block: Words, _ now: Int64) {
    let offset = program.watches[index].offset
    let before: Double? =
      block[offset + 1] == 0 ? nil : Double(bitPattern: UInt64(bitPattern: block[offset]))
    let value: Double?
    switch program.watches[index].subject {
    case .score(let score): value = logit(score, block, now)
    case .condition(let predicate): value = isTrue(predicate, block, now) ? 1 : 0
    }
    if let value {
      happening.moves[index] = .init(moved: true, before: before, now: value)
      block[offset] = Int64(bitPattern: value.bitPattern)
      block[offset + 1] = 1
      for rise in program.watches[index].rises.indices {
        happening.rose[index][rise] = rises(
          program.watches[index].rises[rise], before: before, now: value, at: now, block)
      }
    } else {
      counts.celErrors += 1
    }
    var next = Int64.max
    for leaf in program.watches[index].leaves {
      // A look at the value moves the window's cursors, which `nextChange` wants.
      _ = fill(program.features.features[leaf].slot, block, now)
      next = min(next, program.features.nextChange(leaf, after: now, block, memory))
    }
    block[offset + 2] = next
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
