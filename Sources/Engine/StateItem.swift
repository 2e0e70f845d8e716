internal import Cel
internal import Events
internal import Features
internal import Moments

/// One piece of a customer's state that a book defines. Each can be written and read alone, so that a
/// customer's state can go from one book to another piece by piece. A feature is read after its
/// source.
package enum StateItem: Hashable, Sendable {
  case fact(Int)
  case source(Int)
  case feature(Int)
  case watch(Int)
  case sequence(Int)
  case gathering(Int)
  case window(Int)
}

extension Program {
  /// All items, in the order in which a slice has them.
  package var stateItems: [StateItem] {
    facts.indices.map { .fact($0) } + features.sources.indices.map { .source($0) }
      + features.features.indices.map { .feature($0) } + watches.indices.map { .watch($0) }
      + sequences.indices.map { .sequence($0) } + gatherings.indices.map { .gathering($0) }
      + windows.indices.map { .window($0) }
  }
}

// MARK: Removing

extension Shard {
  /// Gives up what a customer has of an item: texts and memory. What the block's words say then, means
  /// nothing any more.
  mutating func remove(_ item: StateItem, of block: Words) {
    switch item {
    case .fact(let index):
      let offset = program.facts[index].offset
      let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[offset + 1]))
      guard kind == .string else { return }
      let bits = UInt64(bitPattern: block[offset + 2])
      memory.texts.release(Scalar(kind: .string, bits: bits).text)
    case .source(let index): program.features.remove(source: index, block, &memory)
    case .feature(let index): program.features.remove(feature: index, block, &memory)
    case .watch(let index):
      for rise in program.watches[index].rises {
        memory.arena.erase(ArenaHandle(raw: UInt64(bitPattern: block[rise.offset])))
      }
    case .sequence(let index):
      let offset = program.sequences[index].offset
      memory.arena.erase(ArenaHandle(raw: UInt64(bitPattern: block[offset])))
    case .gathering, .window: break
    }
  }
}

// MARK: Writing

extension Shard {
  func write(_ item: StateItem, of block: Words, to out: inout SnapshotWriter) {
    switch item {
    case .fact(let index): write(program.facts[index], block, &out)
    case .source(let index): program.features.write(source: index, block, memory, to: &out)
    case .feature(let index): program.features.write(feature: index, block, memory, to: &out)
    case .watch(let index): write(program.watches[index], block, &out)
    case .sequence(let index): write(program.sequences[index], block, &out)
    case .gathering(let index):
      let use = program.gatherings[index]
      for index in 0..<use.plan.stateWords { out.int(block[use.offset + index]) }
    case .window(let index):
      let offset = program.windows[index].offset
      for index in 0..<InterventionWindow.stateWords { out.int(block[offset + index]) }
    }
  }

  private func write(_ plan: FactPlan, _ block: Words, _ out: inout SnapshotWriter) {
    let bits = UInt64(bitPattern: block[plan.offset + 2])
    let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[plan.offset + 1]))
    out.scalar(Scalar(kind: kind ?? .missing, bits: bits), memory.texts)
    out.int(block[plan.offset])
  }

  private func write(_ plan: WatchPlan, _ block: Words, _ out: inout SnapshotWriter) {
    out.flag(block[plan.offset + 1] != 0)
    out.fixed(UInt64(bitPattern: block[plan.offset]))
    out.int(block[plan.offset + 2])
    for rise in plan.rises {
      let queue = SpanQueue(block.slice(rise.offset, RisePlan.words))
      out.count(queue.count)
      for index in 0..<queue.count {
        let span = queue.span(index, memory)
        out.int(span[0])
        out.int(span[1])
        out.fixed(UInt64(bitPattern: span[2]))
      }
    }
  }

  private func write(_ use: SequenceUse, _ block: Words, _ out: inout SnapshotWriter) {
    let count = Int(block[use.offset + 1])
    out.count(count)
    if count == 0 { return }
    let held = memory.arena.words(ArenaHandle(raw: UInt64(bitPattern: block[use.offset])))
    for index in 0..<count { out.int(held[index]) }
  }
}

// MARK: Reading

extension Shard {
  /// Into a block that has nothing of the item yet.
  mutating func read(
    _ item: StateItem, of block: Words, from input: inout SnapshotReader
  ) throws(SnapshotError) {
    switch item {
    case .fact(let index): try read(program.facts[index], block, &input)
    case .source(let index):
      try program.features.read(source: index, block, &memory, from: &input)
    case .feature(let index):
      try program.features.read(feature: index, block, &memory, from: &input)
    case .watch(let index): try read(program.watches[index], block, &input)
    case .sequence(let index): try read(program.sequences[index], block, &input)
    case .gathering(let index):
      let use = program.gatherings[index]
      for index in 0..<use.plan.stateWords { block[use.offset + index] = try input.int() }
    case .window(let index): try read(program.windows[index], block, &input)
    }
  }

  private mutating func read(
    _ plan: FactPlan, _ block: Words, _ input: inout SnapshotReader
  ) throws(SnapshotError) {
    let value = try input.scalar(&memory.texts)
    block[plan.offset] = try input.int()
    block[plan.offset + 1] = Int64(value.kind.rawValue)
    block[plan.offset + 2] = Int64(bitPattern: value.bits)
  }

  private mutating func read(
    _ plan: WatchPlan, _ block: Words, _ input: inout SnapshotReader
  ) throws(SnapshotError) {
    block[plan.offset + 1] = try input.flag() ? 1 : 0
    block[plan.offset] = Int64(bitPattern: try input.fixed())
    block[plan.offset + 2] = try input.int()
    for rise in plan.rises {
      let queue = SpanQueue(block.slice(rise.offset, RisePlan.words))
      for _ in 0..<(try input.count()) {
        queue.append(
          since: try input.int(), until: try input.int(),
          Int64(bitPattern: try input.fixed()), &memory)
      }
    }
  }

  private mutating func read(
    _ use: SequenceUse, _ block: Words, _ input: inout SnapshotReader
  ) throws(SnapshotError) {
    var words: [Int64] = []
    for _ in 0..<(try input.count()) { words.append(try input.int()) }
    if words.isEmpty { return }
    guard use.plan.isState(words, steps: use.steps.count) else {
      throw .damaged("a sequence's state is none of that sequence")
    }
    let handle = memory.arena.allocate(atLeast: words.count)
    let held = memory.arena.words(handle)
    for index in words.indices { held[index] = words[index] }
    block[use.offset] = Int64(bitPattern: handle.raw)
    block[use.offset + 1] = Int64(words.count)
  }

  private func read(
    _ use: WindowUse, _ block: Words, _ input: inout SnapshotReader
  ) throws(SnapshotError) {
    for index in 0..<InterventionWindow.stateWords {
      block[use.offset + index] = try input.int()
    }
    let phase = block[use.offset]
    guard InterventionWindow.Phase(rawValue: phase) != nil else {
      throw .damaged("there is no phase \(phase) of a window")
    }
  }
}
