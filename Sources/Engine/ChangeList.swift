internal import Events

/// Which customers have changed since their last slice, and which of them the open pass has yet to
/// write. A slice holds all that has happened to its customer until it is taken, so it ends both.
struct ChangeList {
  private static let changed: UInt8 = 1
  private static let awaited: UInt8 = 2

  /// By customer.
  private var marks: [UInt8] = []
  /// Those that are marked changed, and some that no longer are.
  private var list: [CustomerIndex] = []
  /// Those that the open pass has yet to write, and some that it need not.
  private var awaiting: [CustomerIndex] = []
  /// Customers that changed and that no open pass will write.
  private(set) var count = 0
  /// Customers that the open pass has yet to write.
  private(set) var remaining = 0

  @inline(__always)
  mutating func mark(_ customer: CustomerIndex) {
    if customer.int < marks.count, marks[customer.int] & Self.changed != 0 { return }
    add(customer)
  }

  @inline(never)
  private mutating func add(_ customer: CustomerIndex) {
    while customer.int >= marks.count { marks.append(0) }
    if marks[customer.int] == 0 { count += 1 }
    marks[customer.int] |= Self.changed
    list.append(customer)
  }

  mutating func beginPass() {
    precondition(remaining == 0, "a pass is open")
    awaiting.removeAll(keepingCapacity: true)
    for customer in list where marks[customer.int] == Self.changed {
      marks[customer.int] = Self.awaited
      awaiting.append(customer)
    }
    list.removeAll(keepingCapacity: true)
    remaining = awaiting.count
    count = 0
  }

  /// The next customer to write, which counts as written.
  mutating func take() -> CustomerIndex? {
    while let customer = awaiting.popLast() {
      if marks[customer.int] & Self.awaited == 0 { continue }
      forget(customer)
      return customer
    }
    return nil
  }

  /// There is nothing to write of the customer.
  mutating func forget(_ customer: CustomerIndex) {
    guard customer.int < marks.count else { return }
    if marks[customer.int] & Self.awaited != 0 {
      remaining -= 1
    } else if marks[customer.int] != 0 {
      count -= 1
    }
    marks[customer.int] = 0
  }

  /// Gives the open pass up: what it has not written counts as changed.
  mutating func endPass() {
    while let customer = awaiting.popLast() {
      if marks[customer.int] & Self.awaited == 0 { continue }
      forget(customer)
      mark(customer)
    }
  }
}
