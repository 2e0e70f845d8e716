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
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < entries.count else { return top }
      if child + 1 < entries.count, precedes(entries[child + 1], entries[child], customers) {
        child += 1
      }
      guard precedes(entries[child], entries[parent], customers) else { return top }
      entries.swapAt(child, parent)
      parent = child
    }
  }

  mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

  private func precedes(
    _ a: Entry, _ b: Entry, _ customers: borrowing CustomerTable
  ) -> Bool {
    if a.time != b.time { return a.time < b.time }
    return a.customer != b.customer && customers.precedes(a.customer, b.customer)
  }
}
