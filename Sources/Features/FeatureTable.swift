package import Cel
package import Events

/// What is known of one customer: all sources and features of a program, laid out in the customer's
/// block.
///
/// Invariant of a cursor pair (lo, hi) into its source's ring: elements before `lo` have left the
/// window, those from `lo` up to `hi` are inside and counted by the accumulators, those from `hi` on
/// have not entered yet. Cursors move when a feature is looked at, not with each event.
package struct FeatureTable: Sendable {
  package var sources: [SourcePlan]
  package var features: [FeaturePlan]
  /// By feature.
  package let names: [String]
  /// By feature: what a `.value` is computed from, directly or not; never `.value` ones.
  package let leaves: [[Int]]
  /// The features that look at each source, source by source.
  package private(set) var listeners: [Int] = []
  /// By feature: what is asked of it with every event.
  private(set) var rows: [FeatureRow] = []
  /// By source: which of `arriving` take something of an event as it comes.
  private(set) var arrivals: [Range<Int>] = []
  private(set) var arriving: [Int] = []
  let zones: ZoneTable

  /// Lays the state out from word `start` of the block on.
  package init(
    sources: [SourcePlan], features: [FeaturePlan], names: [String], leaves: [[Int]],
    zones: ZoneTable, start: Int
  ) {
    precondition(names.count == features.count && leaves.count == features.count)
    self.sources = sources
    self.features = features
    self.names = names
    self.leaves = leaves
    self.zones = zones
    var next = start
    for index in self.sources.indices {
      let first = listeners.count
      listeners += features.indices.filter { features[$0].source == index }
      self.sources[index].listeners = first..<listeners.count
      self.sources[index].offset = next
      if self.sources[index].keepsRing { next += Ring.words }
    }
    for index in self.features.indices {
      self.features[index].offset = next
      next += stateWords(of: self.features[index])
    }
    end = next
    rows = Self.rows(self)
    for source in self.sources {
      let first = arriving.count
      arriving += listeners[source.listeners].filter { takesArrivals(self.features[$0], source) }
      arrivals.append(first..<arriving.count)
    }
  }

  /// The first word after the features' state.
  package private(set) var end = 0

  /// Whether a feature takes something of an event as it comes: see `arrive`.
  private func takesArrivals(_ feature: FeaturePlan, _ source: SourcePlan) -> Bool {
    switch feature.kind {
    case .since, .streak: true
    default: !source.keepsRing
    }
  }

  /// Words of a feature's state: its cursors if its source keeps a ring, then its accumulators.
  func stateWords(of feature: FeaturePlan) -> Int {
    guard feature.source >= 0 else { return 0 }
    let cursor = sources[feature.source].keepsRing ? 1 : 0
    let counted = feature.over == nil ? 1 : 0
    switch feature.kind {
    case .count, .rate: return cursor + counted
    case .distinct: return cursor
    case .sum, .mean: return cursor + counted + 2
    case .deviation: return cursor + counted + 4
    case .min, .max: return cursor + counted + 2
    case .slope: return cursor + counted + 9
    case .first, .last: return cursor + (feature.over == nil ? 3 : 0)
    case .weightedMean: return cursor + (feature.over == nil ? 3 : 0)
    case .since: return 1
    case .streak: return Ring.words
    case .value: return 0
    }
  }

  /// Writes what a customer without any event has. Only what is not zero needs it.
  package func initialize(_ block: Words) {
    for feature in features {
      switch feature.kind {
      case .since: block[feature.offset] = .min
      default: break
      }
    }
  }

  func ring(_ source: SourcePlan, _ block: Words) -> Ring {
    Ring(block.slice(source.offset, Ring.words), width: source.carries.width)
  }

  func runs(_ feature: FeaturePlan, _ block: Words) -> Ring {
    Ring(block.slice(feature.offset, Ring.words), width: 2)
  }

  /// Where a feature's accumulators start, after its cursors.
  func accumulators(_ feature: FeaturePlan) -> Int {
    feature.offset + (sources[feature.source].keepsRing ? 1 : 0)
  }
}

/// First and next index of the elements inside a window, packed into one word.
struct Cursor {
  let word: Words
  let at: Int
  var lo: UInt32 {
    get { UInt32(truncatingIfNeeded: word[at]) }
    nonmutating set { word[at] = Int64(bitPattern: UInt64(newValue) | UInt64(hi) << 32) }
  }
  var hi: UInt32 {
    get { UInt32(truncatingIfNeeded: word[at] >> 32) }
    nonmutating set { word[at] = Int64(bitPattern: UInt64(lo) | UInt64(newValue) << 32) }
  }
}

extension Double {
  /// The nearest double, ties to even: what the standard library's generic conversion gives, ten
  /// times faster. Below 2^63 it is one instruction; above, the 64 leading bits with a sticky last
  /// one round as the whole would.
  init(exact wide: Int128) {
    if let small = Int64(exactly: wide) {
      self = Double(small)
      return
    }
    let magnitude = wide.magnitude
    let shift = 64 - magnitude.leadingZeroBitCount
    var top = UInt64(truncatingIfNeeded: magnitude >> shift)
    if magnitude & ((UInt128(1) << shift) - 1) != 0 { top |= 1 }
    // 2^shift, exactly; shift lies in 1...64 here (or 0, where the value is just 2^63 or above).
    let scale = Double(bitPattern: UInt64(1023 + shift) << 52)
    self = Double(top) * scale * (wide < 0 ? -1 : 1)
  }
}

extension Words {
  /// A 128-bit integer in two words, the low one first.
  func wide(_ at: Int) -> Int128 {
    Int128(truncatingIfNeeded: UInt64(bitPattern: self[at])) | Int128(self[at + 1]) << 64
  }
  func setWide(_ at: Int, _ value: Int128) {
    self[at] = Int64(truncatingIfNeeded: value)
    self[at + 1] = Int64(truncatingIfNeeded: value >> 64)
  }
}
