internal import Cel
package import Events

// What is asked of features with every event, on flat rows: no optionals, no payloads, one row to a
// cache line or two. `FeatureTable.value` and `nextChange` are the plain form; the two always agree.

/// One feature of a linear sum.
package struct LinearTerm: Sendable {
  package var feature: Int
  package var weight: Double
  package init(feature: Int, weight: Double) {
    self.feature = feature
    self.weight = weight
  }
}

/// The frequent part of a `FeaturePlan` and its source.
struct FeatureRow: Sendable {
  enum Kind: UInt8, Sendable {
    /// The window's elements; each of them once where the source keeps a value only once.
    case count
    case sum, mean
    /// Time since the latest event, with its fraction.
    case sinceExact
    /// All else: asked of the plain form.
    case other
  }
  var kind = Kind.other
  /// Whether it has a cursor pair into a ring.
  var isCursored = false
  /// Whether elements leave its window.
  var hasEnd = false
  var hasFallback = false
  /// Words per element of its ring.
  var width: Int = 1
  /// In the block: the ring's two words, the cursors, the accumulators.
  var ring = 0
  var cursor = 0
  var accumulators = 0
  var over: Int64 = 0
  var ending: Int64 = 0
  var scale = 1.0
  var atMost = 0.0
  var fallback = 0.0
  /// Its source's bit in a mask; from the 64th source on all bits, so that it is never passed over.
  var bit: UInt64 = .max

  init(_ feature: FeaturePlan, _ source: SourcePlan?, accumulators: Int) {
    cursor = feature.offset
    guard let source else { return }
    self.accumulators = accumulators
    isCursored = feature.isCursored && source.keepsRing
    hasEnd = feature.over != nil
    width = source.carries.width
    ring = source.offset
    over = feature.over ?? 0
    ending = feature.ending
    scale = feature.scale
    bit = feature.source < 64 ? 1 << feature.source : .max
    if let number = feature.fallback.number {
      hasFallback = true
      fallback = number
    }
    switch feature.kind {
    case .count where isCursored && hasEnd: kind = .count
    case .distinct where isCursored && source.carries == .uniqueHash: kind = .count
    case .sum where isCursored && hasEnd: kind = .sum
    case .mean where isCursored && hasEnd: kind = .mean
    case .since(let unit, let atMost, let exact) where exact:
      kind = .sinceExact
      scale = Double(unit)
      self.atMost = atMost
    default: break
    }
  }
}

extension FeatureTable {
  static func rows(_ table: FeatureTable) -> [FeatureRow] {
    table.features.map { feature in
      guard feature.source >= 0 else { return FeatureRow(feature, nil, accumulators: 0) }
      return FeatureRow(
        feature, table.sources[feature.source], accumulators: table.accumulators(feature))
    }
  }

  /// The source's bit in the masks that `linear` and `nextChange` take.
  package static func bit(ofSource index: Int) -> UInt64 { index < 64 ? 1 << index : .max }

  /// Whether the feature's value stands still while neither an event concerns it nor
  /// `nextChange` is reached.
  package func standsStill(_ index: Int) -> Bool {
    switch features[index].kind {
    case .value: false
    case .since(_, _, let exact): !exact
    default: true
    }
  }

  /// The first instant after `clock` at which time alone changes a feature over the source, where
  /// their windows stand by now.
  package func nextChange(
    ofSource index: Int, after clock: Int64, _ block: Words, _ memory: borrowing StateMemory
  ) -> Int64 {
    var next = Int64.max
    for place in sources[index].listeners {
      next = min(next, change(listeners[place], after: clock, block, memory))
    }
    return next
  }

  /// How many elements a window holds.
  @inline(__always)
  fileprivate func window(_ row: FeatureRow, _ block: Words) -> UInt32 {
    let cursors = UInt64(bitPattern: block[row.cursor])
    return UInt32(truncatingIfNeeded: cursors >> 32) &- UInt32(truncatingIfNeeded: cursors)
  }

  /// Lets a window move, if anything enters or leaves it.
  @inline(__always)
  func advance(
    _ row: FeatureRow, _ index: Int, to clock: Int64, _ block: Words, _ memory: inout StateMemory
  ) {
    let cursors = UInt64(bitPattern: block[row.cursor])
    let tail = UInt32(truncatingIfNeeded: block[row.ring + 1] >> 32)
    let (lo, hi) = (
      UInt32(truncatingIfNeeded: cursors), UInt32(truncatingIfNeeded: cursors >> 32)
    )
    let upper = clock &- row.ending
    if hi == tail {
      if lo == hi || !row.hasEnd { return }
      let ring = Ring(block.slice(row.ring, Ring.words), width: row.width)
      if ring.time(lo, memory) > upper &- row.over { return }
    }
    advance(features[index], to: clock, block, &memory)
  }

  @inline(__always)
  fileprivate func change(
    _ index: Int, after clock: Int64, _ block: Words, _ memory: borrowing StateMemory
  ) -> Int64 {
    let row = rows[index]
    if row.kind == .sinceExact { return .max }
    guard row.isCursored else { return nextChange(index, after: clock, block, memory) }
    let cursors = UInt64(bitPattern: block[row.cursor])
    let (lo, hi) = (
      UInt32(truncatingIfNeeded: cursors), UInt32(truncatingIfNeeded: cursors >> 32)
    )
    let ring = Ring(block.slice(row.ring, Ring.words), width: row.width)
    var next = Int64.max
    if hi != ring.tail { next = ring.time(hi, memory) &+ row.ending }
    if row.hasEnd, lo != hi {
      next = min(next, ring.time(lo, memory) &+ row.ending &+ row.over)
    }
    return next
  }
}

/// Sums over features, as scores are: lists of terms, and of the features that must be followed to
/// know when time moves a sum.
package struct FeatureSums: Sendable {
  private let table: FeatureTable
  private var terms: [LinearTerm] = []
  private var leaves: [Int] = []

  package init(_ table: FeatureTable) { self.table = table }

  /// Adds terms, and returns where they lie.
  package mutating func add(_ new: [LinearTerm]) -> Range<Int> {
    terms += new
    return (terms.count - new.count)..<terms.count
  }

  package mutating func add(leaves new: [Int]) -> Range<Int> {
    leaves += new
    return (leaves.count - new.count)..<leaves.count
  }

  /// Their features, by place.
  package func leaf(_ place: Int) -> Int { leaves[place] }

  /// `start` + Σ weight · value over terms of `range`, in their order; nil: a value is missing or no
  /// number. Windows over sources in `mask` are moved up to `clock` first; the others stand there.
  package func linear(
    _ start: Double, _ range: Range<Int>, at clock: Int64,
    moving mask: UInt64, _ block: Words, _ memory: inout StateMemory
  ) -> Double? {
    var sum = start
    for place in range {
      let (index, weight) = (terms[place].feature, terms[place].weight)
      let row = table.rows[index]
      if row.isCursored, row.bit & mask != 0 {
        table.advance(row, index, to: clock, block, &memory)
      }
      let value: Double
      switch row.kind {
      case .count: value = Double(table.window(row, block))
      case .sum: value = Double(exact: block.wide(row.accumulators)) / row.scale
      case .mean:
        let count = table.window(row, block)
        if count == 0 {
          guard row.hasFallback else { return nil }
          value = row.fallback
        } else {
          value = Double(exact: block.wide(row.accumulators)) / (Double(count) * row.scale)
        }
      case .sinceExact:
        let last = block[row.cursor]
        if last == .min {
          guard row.hasFallback else { return nil }
          value = row.fallback
        } else {
          value = min(Double(max(clock - last, 0)) / row.scale, row.atMost)
        }
      case .other:
        guard let own = table.value(index, at: clock, block, &memory).number else { return nil }
        value = own
      }
      sum += weight * value
    }
    return sum
  }

  /// The first instant after `clock` at which time alone changes one of the features of `range`
  /// whose source is in `mask`. Their windows have been moved to `clock`.
  package func nextChange(
    of range: Range<Int>, among mask: UInt64, after clock: Int64,
    _ block: Words, _ memory: borrowing StateMemory
  ) -> Int64 {
    var next = Int64.max
    for place in range where table.rows[leaves[place]].bit & mask != 0 {
      next = min(next, table.change(leaves[place], after: clock, block, memory))
    }
    return next
  }
}
