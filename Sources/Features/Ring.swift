internal import Events

/// A queue of elements in order of time, in the arena: `width` words each, the first of them the
/// time. Its two words in the customer's block are the piece's handle, and first and next index
/// (32 bits each, ever growing, so that cursors stay valid while elements come and go).
struct Ring {
  static let words = 2
  private let meta: Words
  private let width: Int

  init(_ meta: Words, width: Int) {
    self.meta = meta
    self.width = width
  }

  var head: UInt32 { UInt32(truncatingIfNeeded: meta[1]) }
  var tail: UInt32 { UInt32(truncatingIfNeeded: meta[1] >> 32) }
  var count: Int { Int(tail &- head) }
  private var handle: ArenaHandle { ArenaHandle(raw: UInt64(bitPattern: meta[0])) }

  private func set(head: UInt32, tail: UInt32) {
    meta[1] = Int64(bitPattern: UInt64(head) | UInt64(tail) << 32)
  }

  /// How many elements fit: a power of two, so that an index is a mask away. As `words` is one too,
  /// it is the words by the least power of two that is not below `width`, which is 1, 2 or 3.
  private static func capacity(words: Int, width: Int) -> Int { words >> (width - 1) }

  var capacity: Int { Self.capacity(words: handle.capacity, width: width) }

  /// The element's words. `index` lies between head and tail.
  func element(_ index: UInt32, _ memory: borrowing StateMemory) -> Words {
    let slot = Int(index) & (capacity - 1)
    return memory.arena.words(handle).slice(slot * width, width)
  }

  func time(_ index: UInt32, _ memory: borrowing StateMemory) -> Int64 {
    let slot = Int(index) & (capacity - 1)
    return memory.arena.words(handle)[slot * width]
  }

  /// The first index whose time is greater than `time`. Searches from the end, where it mostly is.
  func index(after time: Int64, _ memory: borrowing StateMemory) -> UInt32 {
    if count == 0 || self.time(tail &- 1, memory) <= time { return tail }
    var low = head
    var high = tail &- 1
    while low != high {
      let middle = low &+ (high &- low) / 2
      if self.time(middle, memory) <= time { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// The last element whose second word is `bits`.
  func last(holding bits: Int64, _ memory: borrowing StateMemory) -> UInt32? {
    if head == tail { return nil }
    let words = memory.arena.words(handle)
    let mask = capacity - 1
    var index = tail
    let first = head
    while index != first {
      index &-= 1
      if words[(Int(index) & mask) * width + 1] == bits { return index }
    }
    return nil
  }

  func dropFirst(to index: UInt32) { set(head: index, tail: tail) }

  /// Drops all elements and gives the memory back.
  func clear(_ memory: inout StateMemory) {
    memory.arena.erase(handle)
    meta[0] = 0
    set(head: tail, tail: tail)
  }

  var isFull: Bool { count == capacity }

  /// Makes room for one more.
  func grow(_ memory: inout StateMemory) {
    let old = handle
    let new = memory.arena.allocate(atLeast: max(2 * capacity, old == .none ? 2 : 1) * width)
    if old != .none {
      let (from, to) = (memory.arena.words(old), memory.arena.words(new))
      let mask = Self.capacity(words: new.capacity, width: width) - 1
      let oldMask = capacity - 1
      var index = head
      while index != tail {
        to.slice((Int(index) & mask) * width, width).copy(
          from: from.slice((Int(index) & oldMask) * width, width), count: width)
        index &+= 1
      }
      memory.arena.release(old)
    }
    meta[0] = Int64(bitPattern: new.raw)
  }

  /// Takes room for `capacity` elements, a power of two; for a ring without any.
  func reserve(_ capacity: Int, _ memory: inout StateMemory) {
    meta[0] = Int64(bitPattern: memory.arena.allocate(atLeast: capacity * width).raw)
  }

  /// Opens a place at the end if an element of `time` belongs there. There is room.
  func append(at time: Int64, _ memory: borrowing StateMemory) -> Words? {
    let words = memory.arena.words(handle)
    let mask = Self.capacity(words: words.count, width: width) - 1
    let (first, next) = (head, tail)
    if first != next, words[(Int(next &- 1) & mask) * width] > time { return nil }
    set(head: first, tail: next &+ 1)
    return words.slice((Int(next) & mask) * width, width)
  }

  /// Opens a place at `index` by moving what follows one up. There is room.
  func open(at index: UInt32, _ memory: borrowing StateMemory) -> Words {
    var to = tail
    set(head: head, tail: tail &+ 1)
    while to != index {
      element(to, memory).copy(from: element(to &- 1, memory), count: width)
      to &-= 1
    }
    return element(index, memory)
  }

  /// Removes the element at `index` by moving what follows one down.
  func remove(at index: UInt32, _ memory: borrowing StateMemory) {
    let words = memory.arena.words(handle)
    let mask = Self.capacity(words: words.count, width: width) - 1
    let last = tail &- 1
    var to = index
    while to != last {
      let (from, into) = (Int(to &+ 1) & mask, Int(to) & mask)
      for word in 0..<width { words[into * width + word] = words[from * width + word] }
      to &+= 1
    }
    set(head: head, tail: last)
  }
}
