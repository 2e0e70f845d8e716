internal import Events

/// When each customer has to be looked at next, earliest first; of equal times the customer whose id
/// comes first. Entries that a customer has outdated stay until they come up, and are passed over.
struct DueQueue {
  struct Entry {
    var time: Int64
    var customer: CustomerIndex
  }
  private(set) var entries: [Entry] = []

  var first: Entry? { entries.first }
  var count: Int { entries.count }

  mutating func push(_ entry: Entry, _ customers: borrowing CustomerTable) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard precedes(entries[child], entries[parent], customers) else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop(_ customers: borrowing CustomerTable) -> Entry? {
    guard let top = entries.first else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return top }
    entries[0] = last
    sink(0, customers)
    return top
  }

  private mutating func sink(_ start: Int, _ customers: borrowing CustomerTable) {
    var parent = start
    while true {
      var child = 2 * parent + 1
      guard child < entries.count else { return }
      if child + 1 < entries.count, precedes(entries[child + 1], entries[child], customers) {
        child += 1
      }
      guard precedes(entries[child], entries[parent], customers) else { return }
      entries.swapAt(child, parent)
      parent = child
    }
  }

  /// Drops a customer's entries: another may get the number, and the order hangs on the id.
  mutating func remove(_ customer: CustomerIndex, _ customers: borrowing CustomerTable) {
    let before = entries.count
    entries.removeAll { $0.customer == customer }
    if entries.count == before { return }
    for parent in (0..<(entries.count / 2)).reversed() { sink(parent, customers) }
  }

  mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

  private func precedes(
    _ a: Entry, _ b: Entry, _ customers: borrowing CustomerTable
  ) -> Bool {
    if a.time != b.time { return a.time < b.time }
    return a.customer != b.customer && customers.precedes(a.customer, b.customer)
  }
}
