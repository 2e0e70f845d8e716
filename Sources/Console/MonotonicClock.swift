import Glibc

/// Time since some moment of this boot, in nanoseconds. It never goes back.
package enum MonotonicClock {
  package static func nanoseconds() -> UInt64 {
    var time = timespec()
    guard unsafe clock_gettime(CLOCK_MONOTONIC, &time) == 0 else {
      fatalError("the monotonic clock cannot be read: errno \(errno)")
    }
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// The clock on the wall, in milliseconds since 1970.
package enum WallClock {
  package static func milliseconds() -> Int64 {
    var time = timespec()
    guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else {
      fatalError("the clock cannot be read: errno \(errno)")
    }
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
