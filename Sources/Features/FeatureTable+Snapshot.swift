internal import Cel
package import Events

// A customer's sources and features as bytes, each alone. Rings are written from their heads on,
// cursors relative to them; a ring's capacity belongs to the state, as it says when room is made next.
// A feature is read after its source.

extension FeatureTable {
  package func write(
    source index: Int, _ block: Words, _ memory: borrowing StateMemory,
    to out: inout SnapshotWriter
  ) {
    let source = sources[index]
    guard source.keepsRing else { return }
    let ring = ring(source, block)
    out.count(ring.capacity)
    out.count(ring.count)
    var before: Int64 = 0
    for place in 0..<UInt32(ring.count) {
      let sample = element(source, ring, ring.head &+ place, memory)
      out.time(sample.time, after: &before, isFirst: place == 0)
      switch source.carries {
      case .time: break
      case .number: out.int(sample.bits)
      case .uniqueHash, .hash: out.fixed(UInt64(bitPattern: sample.bits))
      case .scalar: out.scalar(sample.scalar, memory.texts)
      }
    }
  }

  package func write(
    feature index: Int, _ block: Words, _ memory: borrowing StateMemory,
    to out: inout SnapshotWriter
  ) {
    let feature = features[index]
    guard feature.source >= 0 else { return }
    if case .streak = feature.kind {
      let runs = runs(feature, block)
      out.count(runs.capacity)
      out.count(runs.count)
      var before: Int64 = 0
      for place in 0..<UInt32(runs.count) {
        let run = runs.element(runs.head &+ place, memory)
        out.time(run[0], after: &before, isFirst: place == 0)
        out.int(run[1])
      }
      return
    }
    if feature.isCursored, sources[feature.source].keepsRing {
      let head = ring(sources[feature.source], block).head
      let cursor = Cursor(word: block, at: feature.offset)
      out.count(Int(cursor.lo &- head))
      out.count(Int(cursor.hi &- head))
    }
    let words = ownWords(feature)
    if holdsScalar(feature) {
      out.int(block[words.lowerBound])
      out.scalar(scalar(block, words.lowerBound), memory.texts)
    } else {
      for index in words { out.int(block[index]) }
    }
  }

  /// For a customer that has nothing of the source yet.
  package func read(
    source index: Int, _ block: Words, _ memory: inout StateMemory,
    from input: inout SnapshotReader
  ) throws(SnapshotError) {
    let source = sources[index]
    guard source.keepsRing else { return }
    let ring = ring(source, block)
    let count = try ring.reserve(from: &input, limit: source.limit, &memory)
    var before: Int64 = 0
    for place in 0..<count {
      var sample = Sample(time: try input.time(after: &before, isFirst: place == 0))
      switch source.carries {
      case .time: break
      case .number: sample.bits = try input.int()
      case .uniqueHash, .hash: sample.bits = Int64(bitPattern: try input.fixed())
      case .scalar:
        let value = try input.scalar(&memory.texts)
        sample.kind = value.kind
        sample.bits = Int64(bitPattern: value.bits)
      }
      self.place(sample, source, ring.open(at: ring.tail, memory))
    }
  }

  /// For a customer that has nothing of the feature yet.
  package func read(
    feature index: Int, _ block: Words, _ memory: inout StateMemory,
    from input: inout SnapshotReader
  ) throws(SnapshotError) {
    let feature = features[index]
    guard feature.source >= 0 else { return }
    if case .streak = feature.kind {
      let runs = runs(feature, block)
      let count = try runs.reserve(from: &input, limit: FeatureTable.runsKept, &memory)
      var before: Int64 = 0
      for place in 0..<count {
        let words = runs.open(at: runs.tail, memory)
        words[0] = try input.time(after: &before, isFirst: place == 0)
        words[1] = try input.int()
      }
      return
    }
    if feature.isCursored, sources[feature.source].keepsRing {
      let ring = ring(sources[feature.source], block)
      let lo = try input.index(below: ring.count + 1, "element")
      let hi = try input.index(below: ring.count + 1, "element")
      guard lo <= hi else { throw .damaged("a window ends before it begins") }
      let cursor = Cursor(word: block, at: feature.offset)
      cursor.lo = ring.head &+ UInt32(lo)
      cursor.hi = ring.head &+ UInt32(hi)
    }
    let words = ownWords(feature)
    if holdsScalar(feature) {
      block[words.lowerBound] = try input.int()
      let value = try input.scalar(&memory.texts)
      block[words.lowerBound + 1] = Int64(value.kind.rawValue)
      block[words.lowerBound + 2] = Int64(bitPattern: value.bits)
    } else {
      for index in words { block[index] = try input.int() }
    }
  }

  /// The feature's words but for its cursors.
  func ownWords(_ feature: FeaturePlan) -> Range<Int> {
    let end = feature.offset + stateWords(of: feature)
    return (feature.isCursored ? accumulators(feature) : feature.offset)..<end
  }

  /// An earliest or latest value without a window: time, kind, bits.
  func holdsScalar(_ feature: FeaturePlan) -> Bool {
    (feature.kind == .first || feature.kind == .last) && feature.over == nil
  }

  func scalar(_ block: Words, _ at: Int) -> Scalar {
    let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[at + 1])) ?? .missing
    return Scalar(kind: kind, bits: UInt64(bitPattern: block[at + 2]))
  }
}

extension Ring {
  /// Takes the room that the ring had, and returns how many elements follow.
  func reserve(
    from input: inout SnapshotReader, limit: Int, _ memory: inout StateMemory
  ) throws(SnapshotError) -> Int {
    let capacity = try input.index(below: max(3, 2 * limit + 1), "capacity")
    guard capacity & (capacity - 1) == 0, capacity != 1 else {
      throw .damaged("no ring has room for \(capacity)")
    }
    let count = try input.count()
    guard count <= capacity else { throw .damaged("a ring holds more than it has room for") }
    if capacity > 0 { reserve(capacity, &memory) }
    return count
  }
}

extension SnapshotWriter {
  /// The first time whole, each later one as its distance.
  fileprivate mutating func time(_ time: Int64, after before: inout Int64, isFirst: Bool) {
    if isFirst { int(time) } else { word(UInt64(bitPattern: time &- before)) }
    before = time
  }
}

extension SnapshotReader {
  fileprivate mutating func time(
    after before: inout Int64, isFirst: Bool
  ) throws(SnapshotError) -> Int64 {
    if isFirst {
      before = try int()
      return before
    }
    let time = before &+ Int64(bitPattern: try word())
    guard time >= before else { throw .damaged("times are out of order") }
    before = time
    return time
  }
}
