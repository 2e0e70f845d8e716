package import Cel
package import Events

extension FeatureTable {
  /// The feature's value at the customer's clock. Not for `.value`, which the engine evaluates.
  package func value(
    _ index: Int, at clock: Int64, _ block: Words, _ memory: inout StateMemory
  ) -> Scalar {
    let feature = features[index]
    if rows[index].isCursored { advance(rows[index], index, to: clock, block, &memory) }
    switch feature.kind {
    case .count: return Scalar(Int64(size(feature, block)))
    case .rate(let per):
      guard let over = feature.over else { return feature.fallback }
      return Scalar(Double(size(feature, block)) * Double(per) / Double(over))
    case .distinct: return Scalar(distinct(feature, block, memory))
    case .sum, .mean, .deviation, .slope: return number(feature, block)
    case .min, .max: return extremum(feature, block, memory)
    case .first, .last: return end(feature, block, memory)
    case .weightedMean(let halfLife): return weightedMean(feature, halfLife, block, memory)
    case .since(let unit, let atMost, let exact):
      return since(feature, at: clock, unit: unit, atMost: atMost, exact: exact, block)
    case .streak(let zone):
      return Scalar(streak(feature, at: clock, zone: zone, block, memory))
    case .value: return .missing
    }
  }

  /// How many elements the window holds.
  private func size(_ feature: FeaturePlan, _ block: Words) -> Int {
    if feature.over == nil { return Int(block[accumulators(feature)]) }
    let cursor = Cursor(word: block, at: feature.offset)
    return Int(cursor.hi &- cursor.lo)
  }

  private func number(_ feature: FeaturePlan, _ block: Words) -> Scalar {
    let n = size(feature, block)
    let at = accumulators(feature) + (feature.over == nil ? 1 : 0)
    switch feature.kind {
    case .sum: return Scalar(Double(exact: block.wide(at)) / feature.scale)
    case .mean:
      if n == 0 { return feature.fallback }
      return Scalar(Double(exact: block.wide(at)) / (Double(n) * feature.scale))
    case .deviation:
      if n < 2 { return feature.fallback }
      let (sum, squares, count) = (block.wide(at), block.wide(at + 2), Int128(n))
      let (a, overA) = count.multipliedReportingOverflow(by: squares)
      let (b, overB) = sum.multipliedReportingOverflow(by: sum)
      let top =
        overA || overB
        ? Double(exact: count) * Double(exact: squares) - Double(exact: sum) * Double(exact: sum)
        : Double(exact: a - b)
      let variance = max(top, 0) / (Double(n) * Double(n - 1))
      return Scalar(squareRoot(variance) / feature.scale)
    case .slope(let per): return slope(feature, per, n, at, block)
    default: return feature.fallback
    }
  }

  private func slope(
    _ feature: FeaturePlan, _ per: Int64, _ n: Int, _ at: Int, _ block: Words
  ) -> Scalar {
    if n < 2 { return feature.fallback }
    let count = Int128(n)
    let (t, tt) = (block.wide(at + 1), block.wide(at + 3))
    let (x, tx) = (block.wide(at + 5), block.wide(at + 7))
    let below = count &* tt &- t &* t
    if below == 0 { return feature.fallback }
    let (a, overA) = count.multipliedReportingOverflow(by: tx)
    let (b, overB) = t.multipliedReportingOverflow(by: x)
    let above =
      overA || overB
      ? Double(exact: count) * Double(exact: tx) - Double(exact: t) * Double(exact: x)
      : Double(exact: a - b)
    return Scalar(above / Double(exact: below) * Double(per) / feature.scale)
  }

  private func extremum(
    _ feature: FeaturePlan, _ block: Words, _ memory: borrowing StateMemory
  ) -> Scalar {
    if size(feature, block) == 0 {
      if feature.over != nil { block[accumulators(feature) + 1] = Extremum.none }
      return feature.fallback
    }
    let at = accumulators(feature) + (feature.over == nil ? 1 : 0)
    if block[at + 1] != Extremum.known {
      let ring = ring(sources[feature.source], block)
      let cursor = Cursor(word: block, at: feature.offset)
      var index = cursor.lo
      var best = ring.element(index, memory)[1]
      while index != cursor.hi {
        let value = ring.element(index, memory)[1]
        if feature.kind == .min ? value < best : value > best { best = value }
        index &+= 1
      }
      block[at] = best
      block[at + 1] = Extremum.known
    }
    return Scalar(Double(block[at]) / feature.scale)
  }

  private func distinct(
    _ feature: FeaturePlan, _ block: Words, _ memory: borrowing StateMemory
  ) -> Int64 {
    let source = sources[feature.source]
    let cursor = Cursor(word: block, at: feature.offset)
    if source.carries == .uniqueHash { return Int64(cursor.hi &- cursor.lo) }
    let ring = ring(source, block)
    var hashes: [Int64] = []
    var index = cursor.lo
    while index != cursor.hi {
      hashes.append(ring.element(index, memory)[1])
      index &+= 1
    }
    hashes.sort()
    var count: Int64 = 0
    for place in hashes.indices where place == 0 || hashes[place] != hashes[place - 1] {
      count += 1
    }
    return count
  }

  private func end(
    _ feature: FeaturePlan, _ block: Words, _ memory: borrowing StateMemory
  ) -> Scalar {
    if feature.over == nil {
      let at = accumulators(feature)
      let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[at + 1])) ?? .missing
      if kind == .missing { return feature.fallback }
      return Scalar(kind: kind, bits: UInt64(bitPattern: block[at + 2]))
    }
    let source = sources[feature.source]
    let ring = ring(source, block)
    let cursor = Cursor(word: block, at: feature.offset)
    if cursor.lo == cursor.hi { return feature.fallback }
    let index = feature.kind == .first ? cursor.lo : cursor.hi &- 1
    return element(source, ring, index, memory).scalar
  }

  private func weightedMean(
    _ feature: FeaturePlan, _ halfLife: Int64, _ block: Words, _ memory: borrowing StateMemory
  ) -> Scalar {
    if feature.over == nil {
      let at = accumulators(feature)
      let bottom = Double(bitPattern: UInt64(bitPattern: block[at + 2]))
      if bottom == 0 { return feature.fallback }
      return Scalar(Double(bitPattern: UInt64(bitPattern: block[at + 1])) / bottom)
    }
    let ring = ring(sources[feature.source], block)
    let cursor = Cursor(word: block, at: feature.offset)
    if cursor.lo == cursor.hi { return feature.fallback }
    let newest = ring.time(cursor.hi &- 1, memory)
    var (top, bottom) = (0.0, 0.0)
    var index = cursor.lo
    while index != cursor.hi {
      let words = ring.element(index, memory)
      let weight = exp2(Double(words[0] - newest) / Double(halfLife))
      top += weight * (Double(words[1]) / feature.scale)
      bottom += weight
      index &+= 1
    }
    return Scalar(top / bottom)
  }

  private func since(
    _ feature: FeaturePlan, at clock: Int64, unit: Int64, atMost: Double, exact: Bool,
    _ block: Words
  ) -> Scalar {
    let last = block[feature.offset]
    if last == .min { return feature.fallback }
    let elapsed = max(clock - last, 0)
    if exact { return Scalar(min(Double(elapsed) / Double(unit), atMost)) }
    let units = elapsed / unit
    return Double(units) < atMost ? Scalar(units) : Scalar(Int64(atMost))
  }

  /// The first instant after `clock` at which time alone changes the value; `Int64.max`: never.
  /// The feature has been advanced to `clock`.
  package func nextChange(
    _ index: Int, after clock: Int64, _ block: Words, _ memory: borrowing StateMemory
  ) -> Int64 {
    let feature = features[index]
    switch feature.kind {
    case .value: return .max
    case .since(let unit, let atMost, let exact):
      let last = block[feature.offset]
      if exact || last == .min { return .max }
      let next = max(clock - last, 0) / unit + 1
      return Double(next) <= atMost ? last + next * unit : .max
    case .streak(let zone): return streakEnd(feature, after: clock, zone: zone, block, memory)
    default: break
    }
    let source = sources[feature.source]
    guard source.keepsRing else { return .max }
    let ring = ring(source, block)
    let cursor = Cursor(word: block, at: feature.offset)
    var next = Int64.max
    if cursor.hi != ring.tail { next = ring.time(cursor.hi, memory) &+ feature.ending }
    if let over = feature.over, cursor.lo != cursor.hi {
      next = min(next, ring.time(cursor.lo, memory) &+ feature.ending &+ over)
    }
    return next
  }

  /// How many samples of a source lie in (from, to].
  package func count(
    source index: Int, from: Int64, to: Int64, _ block: Words, _ memory: borrowing StateMemory
  ) -> Int {
    let ring = ring(sources[index], block)
    return Int(ring.index(after: to, memory) &- ring.index(after: from, memory))
  }
}
