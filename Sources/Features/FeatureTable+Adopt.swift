internal import Cel
package import Events

// What a customer's new features take over from a fold that has caught up, beside those that go on.
// Both blocks have this table's layout, and both stand at one clock.

extension FeatureTable {
  /// `isNew`: by source, by feature. A stream that new and kept features share has afterwards what
  /// either fold knows of it, and all windows over it count that. True: a stream reached its limit.
  package func adopt(
    _ isNew: (sources: [Bool], features: [Bool]), _ block: Words, _ memory: inout StateMemory,
    from other: Words, _ otherMemory: borrowing StateMemory, at clock: Int64
  ) -> Bool {
    var gaveUp = false
    for (index, source) in sources.enumerated() where source.keepsRing {
      if isNew.sources[index] {
        take(source: index, block, &memory, from: self, source: index, other, otherMemory)
      }
    }
    for index in features.indices where isNew.features[index] && features[index].source >= 0 {
      begin(feature: index, block)
      take(
        feature: index, block, &memory, from: self, feature: index, other, otherMemory)
    }
    for (index, source) in sources.enumerated() where source.keepsRing && !isNew.sources[index] {
      let isShared = listeners[source.listeners].contains { isNew.features[$0] }
      guard isShared else { continue }
      gaveUp = merge(source, block, &memory, other, otherMemory) || gaveUp
      for listener in listeners[source.listeners] where features[listener].isCursored {
        place(features[listener], block, &memory, at: clock)
      }
    }
    return gaveUp
  }

  /// Lets a ring have the elements of both. True: it has given up its oldest.
  private func merge(
    _ source: SourcePlan, _ block: Words, _ memory: inout StateMemory, _ other: Words,
    _ otherMemory: borrowing StateMemory
  ) -> Bool {
    let (ring, otherRing) = (ring(source, block), ring(source, other))
    let mine = elements(source, ring, memory)
    var theirs = elements(source, otherRing, otherMemory)
    if source.carries == .scalar {
      for index in theirs.indices {
        let value = memory.texts.take(theirs[index].scalar, from: otherMemory.texts)
        theirs[index].bits = Int64(bitPattern: value.bits)
      }
    }
    var (all, dropped) =
      source.carries == .uniqueHash ? (unique(mine + theirs), []) : union(mine, theirs)
    let excess = max(0, all.count - source.limit)
    dropped += all[..<excess]
    all.removeFirst(excess)
    for sample in dropped where source.carries == .scalar && sample.kind == .string {
      memory.texts.release(sample.scalar.text)
    }
    ring.clear(&memory)
    var capacity = 2
    while capacity < all.count { capacity *= 2 }
    ring.reserve(capacity, &memory)
    for sample in all { place(sample, source, ring.open(at: ring.tail, memory)) }
    return excess > 0 && !source.isCounter
  }

  private func elements(
    _ source: SourcePlan, _ ring: Ring, _ memory: borrowing StateMemory
  ) -> [Sample] {
    var samples: [Sample] = []
    for place in 0..<UInt32(ring.count) {
      samples.append(element(source, ring, ring.head &+ place, memory))
    }
    return samples
  }

  /// Of each instant what the fold with more of it has: the other one began later, or has forgotten.
  private func union(_ a: [Sample], _ b: [Sample]) -> (all: [Sample], dropped: [Sample]) {
    var all: [Sample] = []
    var dropped: [Sample] = []
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
      let time = min(i < a.count ? a[i].time : .max, j < b.count ? b[j].time : .max)
      let (first, second) = (i, j)
      while i < a.count, a[i].time == time { i += 1 }
      while j < b.count, b[j].time == time { j += 1 }
      if i - first >= j - second {
        all += a[first..<i]
        dropped += b[second..<j]
      } else {
        all += b[second..<j]
        dropped += a[first..<i]
      }
    }
    return (all, dropped)
  }

  /// Each value once, at its latest time.
  private func unique(_ samples: [Sample]) -> [Sample] {
    var latest: [Int64: Int64] = [:]
    for sample in samples { latest[sample.bits] = max(latest[sample.bits] ?? .min, sample.time) }
    return latest.map { Sample(time: $0.value, bits: $0.key) }
      .sorted { $0.time != $1.time ? $0.time < $1.time : $0.bits < $1.bits }
  }

  /// Puts a feature's window where it belongs in a ring that is new to it.
  private func place(
    _ feature: FeaturePlan, _ block: Words, _ memory: inout StateMemory, at clock: Int64
  ) {
    let ring = ring(sources[feature.source], block)
    let cursor = Cursor(word: block, at: feature.offset)
    cursor.lo = ring.head
    guard feature.over != nil else {
      // What it has counted stays counted, whatever the ring holds of it.
      cursor.hi = ring.index(after: clock &- feature.ending, memory)
      return
    }
    cursor.hi = ring.head
    for word in accumulators(feature)..<(feature.offset + stateWords(of: feature)) {
      block[word] = 0
    }
    advance(feature, to: clock, block, &memory)
  }
}
