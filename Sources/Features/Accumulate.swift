internal import Cel
internal import Events

// What happens to a feature's accumulators when an element comes into its window or leaves it.
// Sums are exact integers, so that leaving undoes entering to the last bit.

extension FeatureTable {
  /// Lets the window move up to `clock`. Cost: the elements that enter and leave.
  func advance(
    _ feature: FeaturePlan, to clock: Int64, _ block: Words, _ memory: inout StateMemory
  ) {
    guard feature.isCursored, feature.source >= 0 else { return }
    let source = sources[feature.source]
    guard source.keepsRing else { return }
    let ring = ring(source, block)
    let cursor = Cursor(word: block, at: feature.offset)
    let upper = clock &- feature.ending
    while cursor.hi != ring.tail, ring.time(cursor.hi, memory) <= upper {
      enter(element(source, ring, cursor.hi, memory), feature, block, &memory)
      cursor.hi = cursor.hi &+ 1
    }
    guard let over = feature.over else { return }
    let lower = upper &- over
    while cursor.lo != cursor.hi, ring.time(cursor.lo, memory) <= lower {
      leave(element(source, ring, cursor.lo, memory), feature, block)
      cursor.lo = cursor.lo &+ 1
    }
  }

  /// What a feature without cursors, or without a ring, takes from an event as it comes.
  func arrive(
    _ sample: Sample, _ feature: FeaturePlan, _ block: Words, _ memory: inout StateMemory
  ) {
    switch feature.kind {
    case .since:
      if sample.time > block[feature.offset] { block[feature.offset] = sample.time }
    case .streak(let zone):
      mark(day: zones.localDay(ms: sample.time, zone: zone), feature, block, &memory)
    default:
      if !sources[feature.source].keepsRing { enter(sample, feature, block, &memory) }
    }
  }

  func enter(
    _ sample: Sample, _ feature: FeaturePlan, _ block: Words, _ memory: inout StateMemory
  ) {
    var at = accumulators(feature)
    switch feature.kind {
    case .distinct, .since, .streak, .value: return
    case .first, .last:
      if feature.over == nil { remember(sample, feature, block, &memory) }
      return
    case .weightedMean(let halfLife):
      if feature.over == nil { weigh(sample, feature, halfLife, block) }
      return
    default: break
    }
    if feature.over == nil {
      block[at] += 1
      at += 1
    }
    switch feature.kind {
    case .sum, .mean: block.setWide(at, block.wide(at) &+ Int128(sample.bits))
    case .deviation:
      let square = Int128(sample.bits) * Int128(sample.bits)
      block.setWide(at, block.wide(at) &+ Int128(sample.bits))
      block.setWide(at + 2, block.wide(at + 2) &+ square)
    case .slope: tilt(sample, at, block, sign: 1)
    case .min, .max:
      let best = block[at]
      if block[at + 1] == Extremum.known,
        feature.kind == .min ? sample.bits >= best : sample.bits <= best
      {
        return
      }
      if block[at + 1] == Extremum.stale { return }
      block[at] = sample.bits
      block[at + 1] = Extremum.known
    default: break
    }
  }

  func leave(_ sample: Sample, _ feature: FeaturePlan, _ block: Words) {
    let at = accumulators(feature)
    switch feature.kind {
    case .sum, .mean: block.setWide(at, block.wide(at) &- Int128(sample.bits))
    case .deviation:
      let square = Int128(sample.bits) * Int128(sample.bits)
      block.setWide(at, block.wide(at) &- Int128(sample.bits))
      block.setWide(at + 2, block.wide(at + 2) &- square)
    case .slope: tilt(sample, at, block, sign: -1)
    case .min, .max:
      if block[at + 1] == Extremum.known, sample.bits == block[at] {
        block[at + 1] = Extremum.stale
      }
    default: break
    }
  }

  /// Σt, Σt², Σx, Σtx, with t counted from the first sample's time.
  private func tilt(_ sample: Sample, _ at: Int, _ block: Words, sign: Int128) {
    if block[at] == 0 { block[at] = sample.time == 0 ? 1 : sample.time }
    let t = Int128(sample.time - block[at])
    let x = Int128(sample.bits)
    block.setWide(at + 1, block.wide(at + 1) &+ sign * t)
    block.setWide(at + 3, block.wide(at + 3) &+ sign * t * t)
    block.setWide(at + 5, block.wide(at + 5) &+ sign * x)
    block.setWide(at + 7, block.wide(at + 7) &+ sign * t * x)
  }

  /// Earliest or latest value without a window: time, kind, bits.
  private func remember(
    _ sample: Sample, _ feature: FeaturePlan, _ block: Words, _ memory: inout StateMemory
  ) {
    let at = accumulators(feature)
    let held = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[at + 1])) ?? .missing
    if held != .missing {
      let wins = feature.kind == .first ? sample.time < block[at] : sample.time >= block[at]
      guard wins else { return }
      if held == .string {
        memory.texts.release(Scalar(kind: held, bits: UInt64(bitPattern: block[at + 2])).text)
      }
    }
    if sample.kind == .string { memory.texts.retain(sample.scalar.text) }
    block[at] = sample.time
    block[at + 1] = Int64(sample.kind.rawValue)
    block[at + 2] = sample.bits
  }

  /// Numerator and denominator of the exponentially weighted mean, as of the latest sample's time.
  private func weigh(_ sample: Sample, _ feature: FeaturePlan, _ halfLife: Int64, _ block: Words) {
    let at = accumulators(feature)
    let x = Double(sample.bits) / feature.scale
    var top = Double(bitPattern: UInt64(bitPattern: block[at + 1]))
    var bottom = Double(bitPattern: UInt64(bitPattern: block[at + 2]))
    if bottom == 0 {
      block[at] = sample.time
      (top, bottom) = (x, 1)
    } else if sample.time >= block[at] {
      let decay = exp2(Double(block[at] - sample.time) / Double(halfLife))
      block[at] = sample.time
      (top, bottom) = (top * decay + x, bottom * decay + 1)
    } else {
      let weight = exp2(Double(sample.time - block[at]) / Double(halfLife))
      (top, bottom) = (top + weight * x, bottom + weight)
    }
    block[at + 1] = Int64(bitPattern: top.bitPattern)
    block[at + 2] = Int64(bitPattern: bottom.bitPattern)
  }
}

/// Whether a window's cached extremum may be believed.
enum Extremum {
  static let none: Int64 = 0
  static let known: Int64 = 1
  /// The element that was it has left: look again.
  static let stale: Int64 = 2
}
