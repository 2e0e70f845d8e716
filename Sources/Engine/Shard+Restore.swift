internal import Cel
internal import Decisions
package import Events
internal import Features
internal import Moments

extension Shard {
  /// A shard that goes on where the one that wrote the snapshot stood. Bytes that it did not write
  /// are refused, never trusted: numbers that would lead out of a table are looked for.
  package init(
    program: Program, partition: Int32, restoring bytes: [UInt8]
  ) throws(SnapshotError) {
    self.init(program: program, partition: partition)
    var input = try SnapshotReader(bytes, version: Self.snapshotVersion)
    try readPreface(&input)
    policyTime = try input.int()
    passed = try input.int()
    position = try input.int()
    let watermark = try input.int()
    counts = try Counts(&input)
    for _ in 0..<(try input.count()) { try readCustomer(&input) }
    try readOrigins(&input, watermark: watermark)
    try readParked(&input)
    try input.finish()
    rebuildDue()
    countPartialMatches()
    guard program.checks.policy.time == .append else { return }
    for number in files.indices {
      for candidate in files[number].pending {
        wakes.push(.init(time: candidate.wake, customer: CustomerIndex(number)), customers)
      }
    }
  }

  private func readPreface(_ input: inout SnapshotReader) throws(SnapshotError) {
    let semantics = try input.word()
    guard semantics == UInt64(Program.semantics) else { throw .semantics(semantics) }
    let hash = try input.string()
    guard hash == program.hash else { throw .book(snapshot: hash, program: program.hash) }
    guard try input.word() == UInt64(program.blockWords) else {
      throw .damaged("a customer's block has another size")
    }
    let number = try input.int()
    guard number == Int64(partition) else {
      throw .partition(snapshot: Int32(truncatingIfNeeded: number), wanted: partition)
    }
  }

  private mutating func readCustomer(_ input: inout SnapshotReader) throws(SnapshotError) {
    let id = try input.text()
    var fresh = false
    let number = customers.number(of: id.span, in: 0..<id.count, fresh: &fresh)
    guard fresh else { throw .damaged("a customer stands in it twice") }
    addCustomer()
    try read(blocks[number.int], &input)
    files[number.int] = try CustomerFile(
      &input, decisions: program.checks.decisions.count, &memory.texts)
  }

  private mutating func read(
    _ block: Words, _ input: inout SnapshotReader
  ) throws(SnapshotError) {
    for index in 0..<Header.used { block[index] = try input.int() }
    for plan in program.facts {
      let value = try input.scalar(&memory.texts)
      block[plan.offset] = try input.int()
      block[plan.offset + 1] = Int64(value.kind.rawValue)
      block[plan.offset + 2] = Int64(bitPattern: value.bits)
    }
    try program.features.read(block, &memory, from: &input)
    for plan in program.watches { try read(plan, block, &input) }
    for use in program.sequences { try read(use, block, &input) }
    for use in program.gatherings {
      for index in 0..<use.plan.stateWords { block[use.offset + index] = try input.int() }
    }
    for use in program.windows {
      for index in 0..<InterventionWindow.stateWords {
        block[use.offset + index] = try input.int()
      }
      let phase = block[use.offset]
      guard InterventionWindow.Phase(rawValue: phase) != nil else {
        throw .damaged("there is no phase \(phase) of a window")
      }
    }
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

  private mutating func readOrigins(
    _ input: inout SnapshotReader, watermark: Int64
  ) throws(SnapshotError) {
    var restored: [OriginTable.Origin] = []
    for _ in 0..<(try input.count()) {
      let name = try input.text()
      let incarnation = try input.word()
      let partition = try input.int()
      guard let incarnation = UInt32(exactly: incarnation),
        let partition = Int32(exactly: partition)
      else { throw .damaged("an origin's number is too large") }
      var origin = OriginTable.Origin(
        name: name, incarnation: incarnation, partition: partition, highest: try input.int(),
        watermark: try input.int())
      for _ in 0..<(try input.count()) {
        let slot = try readEvent(&input)
        origin.held.push(.init(time: slab[slot].time, position: slab[slot].position, slot: slot))
      }
      restored.append(origin)
    }
    origins.restore(restored, watermark: watermark)
  }

  private mutating func readParked(_ input: inout SnapshotReader) throws(SnapshotError) {
    for _ in 0..<(try input.count()) {
      let customer = CustomerIndex(try input.index(below: customers.count, "customer"))
      guard parked[customer] == nil else { throw .damaged("a customer's events stand there twice") }
      var slots: [Int] = []
      for _ in 0..<(try input.count()) {
        let slot = try readEvent(&input)
        guard slab[slot].customer == customer else {
          throw .damaged("an event waits for another customer")
        }
        slots.append(slot)
      }
      guard !slots.isEmpty else { throw .damaged("no event waits where one should") }
      parked[customer] = slots
    }
  }

  private mutating func readEvent(
    _ input: inout SnapshotReader
  ) throws(SnapshotError) -> Int {
    try slab.read(&input, customers: customers.count, program, &memory.texts)
  }
}

extension Shard.Counts {
  fileprivate init(_ input: inout SnapshotReader) throws(SnapshotError) {
    events = try input.int()
    late = try input.int()
    behind = try input.int()
    duplicates = try input.int()
    celErrors = try input.int()
    dropped = try input.int()
    unreadable = try input.int()
  }
}
