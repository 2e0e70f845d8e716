// What writers write and scrapes read. A cell belongs to the thread that asked for it: cells of the
// same series are summed when they are read, so that writers never share a cache line on purpose.

import Synchronization

/// A number that only grows.
package final class Counter: Sendable {
  private let value = Atomic<UInt64>(0)

  package func add(_ n: UInt64 = 1) { value.wrappingAdd(n, ordering: .relaxed) }
  package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// A number that goes up and down.
package final class Gauge: Sendable {
  private let bits = Atomic<UInt64>(0)

  package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
  package var current: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// Durations in nanoseconds, in the buckets of `LatencyHistogram` (15 KB a cell).
///
/// One thread writes. A scrape in the middle of a `record` may see the bucket without the sum: the
/// count that it reports is the sum of the buckets, so it never contradicts itself.
package final class Durations: Sendable {
  private let buckets: [1920 of Atomic<UInt64>] = .init { _ in Atomic(0) }
  private let sum = Atomic<UInt64>(0)
  private let max = Atomic<UInt64>(0)

  package func record(nanoseconds: UInt64, times: UInt64 = 1) {
    buckets[LatencyHistogram.bucket(of: nanoseconds)].wrappingAdd(times, ordering: .relaxed)
    sum.wrappingAdd(nanoseconds &* times, ordering: .relaxed)
    if nanoseconds > max.load(ordering: .relaxed) { max.store(nanoseconds, ordering: .relaxed) }
  }

  package var current: LatencyHistogram {
    var copy: [UInt64] = []
    copy.reserveCapacity(LatencyHistogram.bucketCount)
    for index in buckets.indices { copy.append(buckets[index].load(ordering: .relaxed)) }
    return LatencyHistogram(
      buckets: copy, sum: sum.load(ordering: .relaxed), max: max.load(ordering: .relaxed))
  }
}
