internal import CPrefetch
internal import Synchronization

/// Where a piece of an `Arena` lies: its first word, and its size class.
@frozen public struct ArenaHandle: Equatable, Sendable {
  /// Bits 0–5: size class (log2 of the words) + 1; the rest: the first word's number.
  /// Zero: nothing is allocated.
  public var raw: UInt64
  @inlinable public init(raw: UInt64) { self.raw = raw }
  @inlinable public static var none: ArenaHandle { ArenaHandle(raw: 0) }

  @inlinable init(word: Int, sizeClass: Int) { raw = UInt64(word) << 6 | UInt64(sizeClass + 1) }
  @inlinable var word: Int { Int(raw >> 6) }
  @inlinable var sizeClass: Int { Int(raw & 63) - 1 }
  /// How many words it holds.
  @inlinable public var capacity: Int { raw == 0 ? 0 : 1 << sizeClass }
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
  /// Says that they will be read soon: of many, the first 64.
  package func prefetch() {
    var word = 0
    while word < min(count, 64) {
      unsafe kp_prefetch(base + word)
      word += 8
    }
  }
  /// Takes bytes in, from the first word on.
  package func store(_ bytes: Span<UInt8>) {
    precondition(bytes.count <= count * 8)
    if bytes.isEmpty { return }
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe UnsafeMutableRawPointer(base).copyMemory(from: start, byteCount: source.count)
    }
  }
  /// Some of the bytes that were stored.
  package func bytes(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count * 8)
    let start = unsafe UnsafeRawPointer(base) + range.lowerBound
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: range.count))
  }
}

/// The start of one chunk of memory.
@safe @usableFromInline @frozen struct Chunk {
  @usableFromInline let base: UnsafeMutablePointer<Int64>
  init(_ base: UnsafeMutablePointer<Int64>) { unsafe self.base = base }
}

/// Memory for what grows with a customer's history: pieces of 2^n words, with a free list per size.
/// Pieces never move, so that a checkpoint may copy them and a hot loop may keep a base.
///
/// `public`, as `Words`, for its speed alone.
public struct Arena: ~Copyable {
  @usableFromInline static var chunkBits: Int { @inlinable get { 16 } }
  @usableFromInline static var chunkWords: Int { @inlinable get { 1 << chunkBits } }
  /// One entry per chunk number; a piece larger than a chunk takes several, contiguous in memory.
  @usableFromInline var chunks: [Chunk] = []
  /// The pointers that must be freed.
  private var owned: [Chunk] = []
  /// By size class: the first word of the first free piece, or -1. A free piece's first word says
  /// where the next one is.
  private var free = [48 of Int](repeating: -1)
  private var next = 0
  private var end = 0
  /// Keeps the arena, and what it is part of, where it lies. Without it Swift would copy the bits of
  /// an arena, of a whole shard even, to the stack for each call that only reads it.
  private let pin = Atomic<Bool>(false)
  /// Words in pieces that are in use.
  package private(set) var wordsUsed = 0

  package init() {}

  deinit {
    for chunk in owned { unsafe chunk.base.deallocate() }
  }

  /// Words taken from the system.
  package var wordsReserved: Int { chunks.count * Self.chunkWords }

  package mutating func allocate(atLeast words: Int) -> ArenaHandle {
    let sizeClass = words <= 2 ? 1 : Int.bitWidth - (words - 1).leadingZeroBitCount
    wordsUsed += 1 << sizeClass
    let known = free[sizeClass]
    if known >= 0 {
      let handle = ArenaHandle(word: known, sizeClass: sizeClass)
      free[sizeClass] = Int(self.words(handle)[0])
      return handle
    }
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
    giveAway(handle)
  }

  private mutating func giveAway(_ handle: ArenaHandle) {
    words(handle)[0] = Int64(free[handle.sizeClass])
    free[handle.sizeClass] = handle.word
  }

  @inlinable public func words(_ handle: ArenaHandle) -> Words {
    precondition(handle.raw != 0)
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
      giveAway(ArenaHandle(word: next, sizeClass: sizeClass))
      next += 1 << sizeClass
    }
  }
}

/// One block of words per customer, all of one size, in the order in which customers came.
public struct BlockStore: ~Copyable {
  @usableFromInline static var chunkBits: Int { @inlinable get { 10 } }
  @usableFromInline let stride: Int
  @usableFromInline var chunks: [Chunk] = []
  @usableFromInline var number = 0

  /// How many there are.
  @inlinable public var count: Int { number }

  package init(words: Int) { stride = (max(words, 8) + 1) & ~1 }

  deinit {
    for chunk in chunks { unsafe UnsafeMutableRawPointer(chunk.base).deallocate() }
  }

  package var wordsReserved: Int { chunks.count * stride << Self.chunkBits }

  /// Adds a block of zeros and returns its number.
  package mutating func append() -> Int {
    if number >> Self.chunkBits == chunks.count {
      let words = stride << Self.chunkBits
      let raw = UnsafeMutableRawPointer.allocate(byteCount: words * 8, alignment: 64)
      let pointer = unsafe raw.bindMemory(to: Int64.self, capacity: words)
      unsafe pointer.initialize(repeating: 0, count: words)
      unsafe chunks.append(Chunk(pointer))
    }
    defer { number += 1 }
    return number
  }

  /// Makes a block what a new one is.
  package func clear(_ index: Int) {
    let block = self[index]
    for word in 0..<block.count { block[word] = 0 }
  }

  @inlinable public subscript(index: Int) -> Words {
    precondition(index < number)
    let chunk = chunks[index >> Self.chunkBits]
    return unsafe Words(
      base: chunk.base + (index & ((1 << Self.chunkBits) - 1)) * stride, count: stride)
  }
}
