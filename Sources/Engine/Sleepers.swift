internal import Events

/// While a restore is under way: customers whose slices hold more of the journal than has been read.
/// Until reading has come so far they take no part, and their events are passed over.
struct Sleepers {
  struct Sleeper {
    var customer: CustomerIndex
    /// All records before it are in the slice.
    var asOf: Int64
    var key: [UInt8]
    var slice: [UInt8]
  }
  /// The one to wake first is the last.
  private var list: [Sleeper] = []
  private var isAsleep: [Bool] = []

  var isEmpty: Bool { list.isEmpty }

  mutating func add(_ sleepers: [Sleeper]) {
    list = sleepers.sorted { $0.asOf > $1.asOf }
    for sleeper in sleepers {
      while sleeper.customer.int >= isAsleep.count { isAsleep.append(false) }
      isAsleep[sleeper.customer.int] = true
    }
  }

  func contains(_ customer: CustomerIndex) -> Bool {
    !list.isEmpty && customer.int < isAsleep.count && isAsleep[customer.int]
  }

  /// The next one, if its slice holds nothing from `offset` on.
  mutating func wake(at offset: Int64) -> Sleeper? {
    guard let next = list.last, next.asOf <= offset else { return nil }
    isAsleep[next.customer.int] = false
    return list.removeLast()
  }
}
