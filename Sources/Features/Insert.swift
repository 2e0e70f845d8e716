package import Cel
package import Events

/// A value on its way into a source.
package struct Sample: Sendable {
  package var time: Int64
  /// The fixed-point number, the hash, or a scalar's bits, as the source carries it.
  package var bits: Int64
  /// The scalar's kind, where the source carries scalars.
  package var kind: Scalar.Kind
  package init(time: Int64, bits: Int64 = 0, kind: Scalar.Kind = .missing) {
    self.time = time
    self.bits = bits
    self.kind = kind
  }
}

/// What became of an event's field at a source.
package struct Insertion: Sendable {
  /// The source has taken it.
  package var isTaken = false
  /// The source was full and gave up its oldest element.
  package var gaveUp = false
  /// When time would have moved a window over the source next, had the event not come.
  package var next = Int64.max
}

extension FeatureTable {
  /// Takes an event's field into a source. `clock`: the customer's clock, not before `time`.
  package func take(
    _ field: Scalar, hash: UInt64, at time: Int64, into index: Int, clock: Int64, _ block: Words,
    _ memory: inout StateMemory
  ) -> Insertion {
    guard let sample = sample(sources[index], time: time, field: field, hash: hash, &memory) else {
      return Insertion()
    }
    let next = nextChange(ofSource: index, after: clock, block, memory)
    let gaveUp = insert(sample, into: index, clock: clock, block, &memory)
    return Insertion(isTaken: true, gaveUp: gaveUp, next: next)
  }

  /// What the source takes from an event's field; nil: it passes the event over. A string that the
  /// state will hold takes a reference.
  package func sample(
    _ source: SourcePlan, time: Int64, field: Scalar, hash: UInt64, _ memory: inout StateMemory
  ) -> Sample? {
    switch source.carries {
    case .time: return Sample(time: time)
    case .number:
      let number: Double
      switch field.kind {
      case .double: number = field.double
      case .int: number = Double(field.int)
      case .uint: number = Double(field.bits)
      default: return nil
      }
      guard let fixed = scaledHalfEven(number, scale: source.scale),
        fixed.magnitude <= UInt64(source.magnitude)
      else { return nil }
      return Sample(time: time, bits: fixed)
    case .scalar:
      if field.kind == .missing || field.kind == .other { return nil }
      if field.kind == .string { memory.texts.retain(field.text) }
      return Sample(time: time, bits: Int64(bitPattern: field.bits), kind: field.kind)
    case .uniqueHash, .hash:
      if field.kind == .missing { return nil }
      return Sample(time: time, bits: Int64(bitPattern: hash))
    }
  }

  /// Puts a sample where it belongs. `clock`: the customer's clock, not before the sample's time.
  /// True: the source was full and gave up its oldest element.
  package func insert(
    _ sample: Sample, into index: Int, clock: Int64, _ block: Words, _ memory: inout StateMemory
  ) -> Bool {
    let source = sources[index]
    for place in arrivals[index] {
      arrive(sample, features[arriving[place]], block, &memory)
    }
    guard source.keepsRing else {
      release(sample, source, &memory)
      return false
    }
    if let retention = source.retention, sample.time <= clock &- retention {
      // Outside every window by now; only what has no beginning still wants it.
      for place in source.listeners where features[listeners[place]].over == nil {
        enter(sample, features[listeners[place]], block, &memory)
      }
      release(sample, source, &memory)
      return false
    }
    let ring = ring(source, block)
    if source.carries == .uniqueHash, !makeUnique(sample, source, ring, block, memory) {
      return false
    }
    var gaveUp = false
    if ring.isFull { gaveUp = makeRoom(source, ring, clock: clock, block, &memory) }
    if let end = ring.append(at: sample.time, memory) {
      place(sample, source, end)
      return gaveUp
    }
    let at = ring.index(after: sample.time, memory)
    place(sample, source, ring.open(at: at, memory))
    if at &+ 1 != ring.tail { shiftCursors(sample, source, at, ring, block, &memory) }
    return gaveUp
  }

  func place(_ sample: Sample, _ source: SourcePlan, _ words: Words) {
    words[0] = sample.time
    switch source.carries {
    case .time: break
    case .number, .uniqueHash, .hash: words[1] = sample.bits
    case .scalar:
      words[1] = Int64(sample.kind.rawValue)
      words[2] = sample.bits
    }
  }

  /// A late element stands before others: each cursor that is past it moves up, and if it stands
  /// inside a window it is counted there.
  private func shiftCursors(
    _ sample: Sample, _ source: SourcePlan, _ at: UInt32, _ ring: Ring, _ block: Words,
    _ memory: inout StateMemory
  ) {
    let place = at &- ring.head
    for listener in source.listeners where features[listeners[listener]].isCursored {
      let feature = features[listeners[listener]]
      let cursor = Cursor(word: block, at: feature.offset)
      if place < cursor.lo &- ring.head {
        cursor.lo = cursor.lo &+ 1
        cursor.hi = cursor.hi &+ 1
      } else if place < cursor.hi &- ring.head {
        cursor.hi = cursor.hi &+ 1
        enter(sample, feature, block, &memory)
      }
    }
  }

  /// Removes an older element of the same value. False: a newer one is there already.
  private func makeUnique(
    _ sample: Sample, _ source: SourcePlan, _ ring: Ring, _ block: Words,
    _ memory: borrowing StateMemory
  ) -> Bool {
    guard let index = ring.last(holding: sample.bits, memory) else { return true }
    if ring.time(index, memory) >= sample.time { return false }
    ring.remove(at: index, memory)
    let place = index &- ring.head
    for listener in source.listeners where features[listeners[listener]].isCursored {
      let cursor = Cursor(word: block, at: features[listeners[listener]].offset)
      if place < cursor.lo &- ring.head { cursor.lo = cursor.lo &- 1 }
      if place < cursor.hi &- ring.head { cursor.hi = cursor.hi &- 1 }
    }
    return true
  }

  /// Drops what is past every window; grows if that is too little. True: the limit was reached,
  /// and the oldest element went although a window still held it.
  private func makeRoom(
    _ source: SourcePlan, _ ring: Ring, clock: Int64, _ block: Words, _ memory: inout StateMemory
  ) -> Bool {
    if let retention = source.retention {
      for place in source.listeners {
        advance(features[listeners[place]], to: clock, block, &memory)
      }
      drop(source, ring, to: ring.index(after: clock &- retention, memory), &memory)
      // What has no beginning has taken all that went; its window starts with what is left.
      for place in source.listeners {
        let feature = features[listeners[place]]
        guard feature.isCursored, feature.over == nil else { continue }
        Cursor(word: block, at: feature.offset).lo = ring.head
      }
    }
    if ring.capacity > 0, ring.count * 4 <= ring.capacity * 3 { return false }
    if ring.count < source.limit {
      ring.grow(&memory)
      return false
    }
    dropOldest(source, ring, block, &memory)
    return !source.isCounter
  }

  /// Gives up the oldest element although a window may hold it still.
  func dropOldest(
    _ source: SourcePlan, _ ring: Ring, _ block: Words, _ memory: inout StateMemory
  ) {
    let victim = ring.head
    for listener in source.listeners where features[listeners[listener]].isCursored {
      let feature = features[listeners[listener]]
      let sample = element(source, ring, victim, memory)
      let cursor = Cursor(word: block, at: feature.offset)
      if cursor.hi == victim {
        enter(sample, feature, block, &memory)
        cursor.hi = victim &+ 1
      }
      if cursor.lo == victim {
        cursor.lo = victim &+ 1
        if feature.over != nil { leave(sample, feature, block) }
      }
    }
    drop(source, ring, to: victim &+ 1, &memory)
  }

  func drop(
    _ source: SourcePlan, _ ring: Ring, to first: UInt32, _ memory: inout StateMemory
  ) {
    if source.carries == .scalar {
      var index = ring.head
      while index != first {
        release(element(source, ring, index, memory), source, &memory)
        index &+= 1
      }
    }
    ring.dropFirst(to: first)
  }

  func element(
    _ source: SourcePlan, _ ring: Ring, _ index: UInt32, _ memory: borrowing StateMemory
  ) -> Sample {
    let words = ring.element(index, memory)
    switch source.carries {
    case .time: return Sample(time: words[0])
    case .number, .uniqueHash, .hash: return Sample(time: words[0], bits: words[1])
    case .scalar:
      let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: words[1])) ?? .missing
      return Sample(time: words[0], bits: words[2], kind: kind)
    }
  }

  private func release(_ sample: Sample, _ source: SourcePlan, _ memory: inout StateMemory) {
    guard source.carries == .scalar, sample.kind == .string else { return }
    memory.texts.release(sample.scalar.text)
  }
}

extension Sample {
  package var scalar: Scalar { Scalar(kind: kind, bits: UInt64(bitPattern: bits)) }
}

extension FeaturePlan {
  /// Whether its state begins with a cursor pair into the source's ring.
  var isCursored: Bool {
    switch kind {
    case .since, .streak, .value: false
    default: true
    }
  }
}
