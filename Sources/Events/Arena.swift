/// Where a piece of an `Arena` lies: its first word, and its size class.
package struct ArenaHandle: Equatable, Sendable {
  /// Bits 0–5: size class (log2 of the words) + 1; the rest: the first word's number.
  /// Zero: nothing is allocated.
  package var raw: UInt64
  package init(raw: UInt64) { self.raw = raw }
  package static let none = ArenaHandle(raw: 0)

  init(word: Int, sizeClass: Int) { raw = UInt64(word) << 6 | UInt64(sizeClass + 1) }
  var word: Int { Int(raw >> 6) }
  var sizeClass: Int { Int(raw & 63) - 1 }
  /// How many words it holds.
  package var capacity: Int { raw == 0 ? 0 : 1 << sizeClass }
}

/// Some words of state that may be read and written in place. It is valid until its arena or block
/// store is gone, and never moves.
///
/// `public` for its speed alone: across modules only `@inlinable public` code is inlined, and this is
/// read some thirty times an event.
@safe @frozen public struct Words {
  @usableFromInline let base: UnsafeMutablePointer<Int64>
  public let count: Int
  @inlinable init(base: UnsafeMutablePointer<Int64>, count: Int) {
    unsafe self.base = base
    self.count = count
  }
  @inlinable public subscript(index: Int) -> Int64 {
    @inline(__always) get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe base[index]
    }
    @inline(__always) nonmutating set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      unsafe base[index] = newValue
    }
  }
  /// A part of these words, numbered from 0.
  @inlinable public func slice(_ start: Int, _ count: Int) -> Words {
    precondition(start >= 0 && count >= 0 && start + count <= self.count)
    return unsafe Words(base: base + start, count: count)
  }
  /// Moves `count` words from index `from` to index `to`; the two may overlap.
  package func move(from: Int, to: Int, count: Int) {
    precondition(from >= 0 && to >= 0 && from + count <= self.count && to + count <= self.count)
    unsafe (base + to).update(from: base + from, count: count)
  }
  /// Lends the words to code that wants a span.
  package func modify(_ body: (inout MutableSpan<Int64>) -> Void) {
    let buffer = unsafe UnsafeMutableBufferPointer(start: base, count: count)
    var span = unsafe MutableSpan(_unsafeElements: buffer)
    body(&span)
  }
  package func read(_ body: (Span<Int64>) -> Void) {
    body(unsafe Span(_unsafeElements: UnsafeBufferPointer(start: base, count: count)))
  }
  package func copy(from other: Words, count: Int) {
    precondition(count <= self.count && count <= other.count)
    unsafe base.update(from: other.base, count: count)
  }
}

/// The start of one chunk of memory.
@safe private struct Chunk {
  let base: UnsafeMutablePointer<Int64>
  init(_ base: UnsafeMutablePointer<Int64>) { unsafe self.base = base }
}

/// Memory for what grows with a customer's history: pieces of 2^n words, with a free list per size.
/// Pieces never move, so that a checkpoint may copy them and a hot loop may keep a base.
package struct Arena: ~Copyable {
  private static let chunkBits = 16
  private static let chunkWords = 1 << chunkBits
  /// One entry per chunk number; a piece larger than a chunk takes several, contiguous in memory.
  private var chunks: [Chunk] = []
  /// The pointers that must be freed.
  private var owned: [Chunk] = []
  private var free: [[Int]] = Array(repeating: [], count: 48)
  private var next = 0
  private var end = 0
  /// Words in pieces that are in use.
  package private(set) var wordsUsed = 0

  package init() {}

  deinit {
    for chunk in owned { unsafe chunk.base.deallocate() }
  }

  /// Words taken from the system.
  package var wordsReserved: Int { chunks.count * Self.chunkWords }

  package mutating func allocate(atLeast words: Int) -> ArenaHandle {
    var sizeClass = 1
    while 1 << sizeClass < words { sizeClass += 1 }
    wordsUsed += 1 << sizeClass
    if let word = free[sizeClass].popLast() { return ArenaHandle(word: word, sizeClass: sizeClass) }
    let size = 1 << sizeClass
    if size > Self.chunkWords {
      let first = chunks.count
      reserve(chunks: size / Self.chunkWords)
      return ArenaHandle(word: first * Self.chunkWords, sizeClass: sizeClass)
    }
    if end - next < size {
      giveAwayRest()
      next = chunks.count * Self.chunkWords
      reserve(chunks: 1)
      end = next + Self.chunkWords
    }
    defer { next += size }
    return ArenaHandle(word: next, sizeClass: sizeClass)
  }

  /// Releases a piece and leaves nothing of what it held.
  package mutating func erase(_ handle: ArenaHandle) {
    guard handle != .none else { return }
    let held = words(handle)
    for index in 0..<held.count { held[index] = 0 }
    release(handle)
  }

  package mutating func release(_ handle: ArenaHandle) {
    guard handle != .none else { return }
    wordsUsed -= handle.capacity
    free[handle.sizeClass].append(handle.word)
  }

  package func words(_ handle: ArenaHandle) -> Words {
    precondition(handle != .none)
    let word = handle.word
    let chunk = chunks[word >> Self.chunkBits]
    return unsafe Words(base: chunk.base + (word & (Self.chunkWords - 1)), count: handle.capacity)
  }

  private mutating func reserve(chunks count: Int) {
    let words = count * Self.chunkWords
    let pointer = UnsafeMutablePointer<Int64>.allocate(capacity: words)
    unsafe pointer.initialize(repeating: 0, count: words)
    unsafe owned.append(Chunk(pointer))
    for index in 0..<count { unsafe chunks.append(Chunk(pointer + index * Self.chunkWords)) }
  }

  /// What is left of the current chunk goes to the free lists, largest pieces first.
  private mutating func giveAwayRest() {
    while end - next >= 2 {
      var sizeClass = 1
      while 1 << (sizeClass + 1) <= end - next { sizeClass += 1 }
      free[sizeClass].append(next)
      next += 1 << sizeClass
    }
  }
}

/// One block of words per customer, all of one size, in the order in which customers came.
package struct BlockStore: ~Copyable {
  private static let chunkBits = 10
  private let stride: Int
  private var chunks: [Chunk] = []
  package private(set) var count = 0

  /// The stride is rounded up to whole cache lines of 8 words.
  package init(words: Int) { stride = (max(words, 8) + 7) & ~7 }

  deinit {
    for chunk in chunks { unsafe UnsafeMutableRawPointer(chunk.base).deallocate() }
  }

  package var wordsReserved: Int { chunks.count * stride << Self.chunkBits }

  /// Adds a block of zeros and returns its number.
  package mutating func append() -> Int {
    if count >> Self.chunkBits == chunks.count {
      let words = stride << Self.chunkBits
      let raw = UnsafeMutableRawPointer.allocate(byteCount: words * 8, alignment: 64)
      let pointer = unsafe raw.bindMemory(to: Int64.self, capacity: words)
      unsafe pointer.initialize(repeating: 0, count: words)
      unsafe chunks.append(Chunk(pointer))
    }
    defer { count += 1 }
    return count
  }

  /// Makes a block what a new one is.
  package func clear(_ index: Int) {
    let block = self[index]
    for word in 0..<block.count { block[word] = 0 }
  }

  package subscript(index: Int) -> Words {
    precondition(index < count)
    let chunk = chunks[index >> Self.chunkBits]
    return unsafe Words(
      base: chunk.base + (index & ((1 << Self.chunkBits) - 1)) * stride, count: stride)
  }
}
