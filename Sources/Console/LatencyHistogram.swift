/// How often which value was seen, in buckets whose width grows with the value.
///
/// Values are whole numbers, nanoseconds by custom. Below 64 each has a bucket of its own; above,
/// each power-of-two range is cut into 32 equal ones. So a bucket is never wider than 1/32 of its
/// lowest value, and the whole range of `UInt64` takes 1,920 buckets (15 KB).
///
/// Histograms with the same layout merge by adding, which is exact.
package struct LatencyHistogram: Equatable, Sendable {
  package static let bucketCount = 1920

  /// How many values fell into each bucket; empty until the first value comes.
  private var buckets: [UInt64] = []
  package private(set) var count: UInt64 = 0
  /// Stays at `UInt64.max` once it got there.
  package private(set) var sum: UInt64 = 0
  /// The greatest value, exactly; 0 while there is none.
  package private(set) var max: UInt64 = 0

  package init() {}

  /// From buckets that were counted elsewhere. `max` is trusted.
  init(buckets: [UInt64], sum: UInt64, max: UInt64) {
    precondition(buckets.count == Self.bucketCount)
    self.buckets = buckets
    self.count = buckets.reduce(0, &+)
    self.sum = sum
    self.max = max
  }

  package mutating func record(_ value: UInt64, times: UInt64 = 1) {
    guard times > 0 else { return }
    if buckets.isEmpty { buckets = Array(repeating: 0, count: Self.bucketCount) }
    buckets[Self.bucket(of: value)] &+= times
    count &+= times
    let (product, tooBig) = value.multipliedReportingOverflow(by: times)
    sum = Self.saturatingSum(sum, tooBig ? .max : product)
    max = Swift.max(max, value)
  }

  package mutating func merge(_ other: LatencyHistogram) {
    guard other.count > 0 else { return }
    if buckets.isEmpty { buckets = Array(repeating: 0, count: Self.bucketCount) }
    for index in buckets.indices { buckets[index] &+= other.buckets[index] }
    count &+= other.count
    sum = Self.saturatingSum(sum, other.sum)
    max = Swift.max(max, other.max)
  }

  /// The value that a share `q` of all values does not exceed (nearest rank). It is never below the
  /// exact one, and above it by at most 1/32. Nil while the histogram is empty.
  package func quantile(_ q: Double) -> UInt64? {
    guard count > 0 else { return nil }
    let wanted = (Swift.min(Swift.max(q, 0), 1) * Double(count)).rounded(.up)
    let rank = Swift.min(Swift.max(UInt64(wanted), 1), count)
    var seen: UInt64 = 0
    for index in buckets.indices {
      seen &+= buckets[index]
      if seen >= rank { return Swift.min(Self.highest(in: index), max) }
    }
    return max
  }

  package var mean: Double? { count == 0 ? nil : Double(sum) / Double(count) }

  /// For each bound (ascending) how many values are at most that. A bucket that a bound cuts in two
  /// is counted above it, so no figure is ever too high, and each is what it ought to be for a bound
  /// at most 1/32 lower.
  package func cumulative(upTo bounds: [UInt64]) -> [UInt64] {
    var result: [UInt64] = []
    result.reserveCapacity(bounds.count)
    var seen: UInt64 = 0
    var index = 0
    for bound in bounds {
      while index < buckets.count, Self.highest(in: index) <= bound {
        seen &+= buckets[index]
        index += 1
      }
      result.append(seen)
    }
    return result
  }

  package static func bucket(of value: UInt64) -> Int {
    guard value >= 64 else { return Int(value) }
    let shift = 58 - value.leadingZeroBitCount
    return shift * 32 + Int(value >> UInt64(shift))
  }

  package static func lowest(in bucket: Int) -> UInt64 {
    guard bucket >= 64 else { return UInt64(bucket) }
    return UInt64(bucket % 32 + 32) << UInt64(bucket / 32 - 1)
  }

  package static func highest(in bucket: Int) -> UInt64 {
    guard bucket >= 64 else { return UInt64(bucket) }
    return lowest(in: bucket) + ((1 << UInt64(bucket / 32 - 1)) - 1)
  }

  private static func saturatingSum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
  }
}
