import Console
import TestSupport
import Testing

@Suite struct `Latency histogram` {
  @Test func `each value lies within its bucket, and buckets follow each other without gaps`() {
    for bucket in 0..<LatencyHistogram.bucketCount {
      let (low, high) = (LatencyHistogram.lowest(in: bucket), LatencyHistogram.highest(in: bucket))
      #expect(LatencyHistogram.bucket(of: low) == bucket)
      #expect(LatencyHistogram.bucket(of: high) == bucket)
      #expect(low <= high && high - low <= low / 32)
      if bucket + 1 < LatencyHistogram.bucketCount {
        #expect(LatencyHistogram.lowest(in: bucket + 1) == high + 1)
      } else {
        #expect(high == .max)
      }
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func `quantiles are those of the sorted values, too high by a 32nd at most`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var histogram = LatencyHistogram()
    var values: [UInt64] = []
    for _ in 0..<random.number(in: 1..<5_000) {
      // From nanoseconds to hours, as many of each magnitude.
      let value = random.next() >> UInt64(random.number(in: 20..<64))
      values.append(value)
      histogram.record(value)
    }
    values.sort()
    #expect(histogram.count == UInt64(values.count))
    #expect(histogram.max == values.last)
    for q in [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
      let rank = max(Int((q * Double(values.count)).rounded(.up)), 1)
      let exact = values[rank - 1]
      let found = histogram.quantile(q) ?? 0
      #expect(found >= exact && found - exact <= exact / 32, "q \(q): \(found), exactly \(exact)")
    }
  }

  @Test func `merging two is the same as recording all in one`() {
    var random = SplitMix64(seed: 7)
    var (a, b, all) = (LatencyHistogram(), LatencyHistogram(), LatencyHistogram())
    for index in 0..<1_000 {
      let value = random.next() >> 30
      if index % 3 == 0 { a.record(value) } else { b.record(value) }
      all.record(value)
    }
    a.merge(b)
    a.merge(LatencyHistogram())
    #expect(a == all)
  }

  @Test func `an empty one has no quantile and no mean`() {
    #expect(LatencyHistogram().quantile(0.5) == nil)
    #expect(LatencyHistogram().mean == nil)
    #expect(LatencyHistogram().cumulative(upTo: [1, 2]) == [0, 0])
  }

  @Test func `a bound counts what is at most that`() {
    var histogram = LatencyHistogram()
    for value in [9, 10, 11] as [UInt64] { histogram.record(value) }
    #expect(histogram.cumulative(upTo: [8, 9, 10, 11, 12]) == [0, 1, 2, 3, 3])
  }

  @Test func `a bound is never credited with a value above it`() {
    var random = SplitMix64(seed: 11)
    var histogram = LatencyHistogram()
    var values: [UInt64] = []
    for _ in 0..<5_000 {
      values.append(random.next() >> UInt64(random.number(in: 24..<50)))
      histogram.record(values[values.count - 1])
    }
    let found = histogram.cumulative(upTo: Metrics.latencyBounds)
    for (bound, count) in zip(Metrics.latencyBounds, found) {
      let exact = values.count { $0 <= bound }
      let surely = values.count { $0 <= bound - bound / 32 }
      #expect(count <= exact && count >= surely)
    }
  }

  @Test func `a sum too great stays at the greatest number`() {
    var histogram = LatencyHistogram()
    histogram.record(.max, times: 3)
    #expect(histogram.sum == .max)
    #expect(histogram.count == 3)
    #expect(histogram.quantile(1) == .max)
  }
}
