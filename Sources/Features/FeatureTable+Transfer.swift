package import Cel
package import Events

// One customer's streams and features on their way from one program's layout to another's. The old
// block is settled first: windows stand at the customer's clock, and no ring holds more than the new
// program allows.

extension FeatureTable {
  /// Brings a block to be taken over up to date. `limits`: by stream, what the new program keeps of
  /// it; nil: it is not taken over. True: a stream had to give up what a window still held.
  package func settle(
    _ block: Words, at clock: Int64, limits: [Int?], _ memory: inout StateMemory
  ) -> Bool {
    for feature in features { advance(feature, to: clock, block, &memory) }
    var gaveUp = false
    for (index, source) in sources.enumerated() where source.keepsRing {
      guard let limit = limits[index] else { continue }
      let ring = ring(source, block)
      while ring.count > limit {
        dropOldest(source, ring, block, &memory)
        gaveUp = gaveUp || !source.isCounter
      }
    }
    return gaveUp
  }

  /// Takes a stream's elements over. The block has none of it yet.
  package func take(
    source index: Int, _ block: Words, _ memory: inout StateMemory,
    from old: FeatureTable, source oldIndex: Int, _ oldBlock: Words,
    _ oldMemory: borrowing StateMemory
  ) {
    let (source, oldSource) = (sources[index], old.sources[oldIndex])
    guard source.keepsRing, oldSource.keepsRing else { return }
    let (ring, oldRing) = (ring(source, block), old.ring(oldSource, oldBlock))
    guard oldRing.capacity > 0 else { return }
    var capacity = oldRing.capacity
    while capacity > 2 * source.limit, capacity / 2 >= max(2, oldRing.count) { capacity /= 2 }
    ring.reserve(capacity, &memory)
    for place in 0..<UInt32(oldRing.count) {
      var sample = old.element(oldSource, oldRing, oldRing.head &+ place, oldMemory)
      if source.carries == .scalar {
        let value = memory.texts.take(sample.scalar, from: oldMemory.texts)
        sample.bits = Int64(bitPattern: value.bits)
      }
      self.place(sample, source, ring.open(at: ring.tail, memory))
    }
  }

  /// Takes over what a feature has of its own, after its stream. The block has nothing of it yet.
  package func take(
    feature index: Int, _ block: Words, _ memory: inout StateMemory,
    from old: FeatureTable, feature oldIndex: Int, _ oldBlock: Words,
    _ oldMemory: borrowing StateMemory
  ) {
    let (feature, oldFeature) = (features[index], old.features[oldIndex])
    switch feature.kind {
    case .value: return
    case .since:
      block[feature.offset] = oldBlock[oldFeature.offset]
      return
    case .streak:
      let (runs, oldRuns) = (runs(feature, block), old.runs(oldFeature, oldBlock))
      guard oldRuns.capacity > 0 else { return }
      runs.reserve(oldRuns.capacity, &memory)
      for place in 0..<UInt32(oldRuns.count) {
        runs.open(at: runs.tail, memory).copy(
          from: oldRuns.element(oldRuns.head &+ place, oldMemory), count: 2)
      }
      return
    default: break
    }
    if sources[feature.source].keepsRing, old.sources[oldFeature.source].keepsRing {
      let head = old.ring(old.sources[oldFeature.source], oldBlock).head
      let (cursor, oldCursor) = (
        Cursor(word: block, at: feature.offset), Cursor(word: oldBlock, at: oldFeature.offset)
      )
      cursor.lo = oldCursor.lo &- head
      cursor.hi = oldCursor.hi &- head
    }
    let (from, to) = (old.accumulators(oldFeature), accumulators(feature))
    let count = feature.offset + stateWords(of: feature) - to
    for word in 0..<count { block[to + word] = oldBlock[from + word] }
    guard holdsScalar(feature) else { return }
    let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[to + 1])) ?? .missing
    let value = memory.texts.take(
      Scalar(kind: kind, bits: UInt64(bitPattern: block[to + 2])), from: oldMemory.texts)
    block[to + 2] = Int64(bitPattern: value.bits)
  }

  /// Lets a feature begin empty: what its stream holds by now is not counted.
  package func begin(feature index: Int, _ block: Words) {
    let feature = features[index]
    guard feature.isCursored, feature.source >= 0, sources[feature.source].keepsRing else { return }
    let tail = ring(sources[feature.source], block).tail
    let cursor = Cursor(word: block, at: feature.offset)
    cursor.lo = tail
    cursor.hi = tail
  }
}

extension TextPool {
  /// The value in this pool, with a reference on its text.
  package mutating func take(_ value: Scalar, from other: TextPool) -> Scalar {
    value.kind == .string ? Scalar(text: take(value.text, from: other)) : value
  }

  package mutating func take(_ text: TextId, from other: TextPool) -> TextId {
    if text == .unknown { return .unknown }
    let bytes = other.bytes(text)
    return intern(bytes.span)
  }
}
