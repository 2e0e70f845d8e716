internal import Decisions
internal import Events

/// Customers' files by customer. Many have nothing in theirs, and then it takes four bytes.
struct FileStore {
  private static let isPending: UInt32 = 1 << 31

  /// By customer: the file's place + 1, or 0; and whether something is pending in it.
  private var places: [UInt32] = []
  private var files: [CustomerFile] = []
  private var free: [UInt32] = []
  private let none = CustomerFile()

  init() {}

  /// A customer more, without a file.
  mutating func append() {
    if places.count == places.capacity {
      places.reserveCapacity(places.count + places.count / 4 + 256)
    }
    places.append(0)
  }

  /// Whether a decision is deferred, or waits for approval.
  func hasPending(_ customer: CustomerIndex) -> Bool {
    places[customer.int] & Self.isPending != 0
  }

  subscript(customer: Int) -> CustomerFile {
    @inline(__always) _read {
      let place = places[customer] & ~Self.isPending
      if place == 0 { yield none } else { yield files[Int(place) - 1] }
    }
    @inline(__always) _modify {
      var place = places[customer] & ~Self.isPending
      if place == 0 {
        place = free.popLast() ?? UInt32(files.count) + 1
        if Int(place) > files.count { files.append(CustomerFile()) }
      }
      yield &files[Int(place) - 1]
      if files[Int(place) - 1].isEmpty {
        files[Int(place) - 1] = CustomerFile()
        free.append(place)
        place = 0
      } else if !files[Int(place) - 1].pending.isEmpty {
        place |= Self.isPending
      }
      places[customer] = place
    }
  }
}
