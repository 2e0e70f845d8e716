package import Events

/// Puts a shard together from the records of one state partition, read in their order. Of each key
/// the latest counts, whether the topic has been compacted or not.
package struct StateRestore: ~Copyable {
  private let partition: Int32
  private let programs: [String: Program]
  private let initial: Program
  private var slices: [[UInt8]: [UInt8]] = [:]
  private var seal: [UInt8]?
  private var head: StateHead?
  /// Keys whose latest record is not whole. An earlier one does no harm: it was overwritten, and
  /// stands there until the topic is compacted.
  private var damaged: [[UInt8]: SnapshotError] = [:]

  /// `programs`: by hash, all that the journal may have put in force. `initial`: the one in force from
  /// the journal's beginning.
  package init(partition: Int32, programs: [String: Program], initial: Program) {
    self.partition = partition
    self.programs = programs
    self.initial = initial
  }

  /// Takes a record in. Whether it is whole is said by `finish`, if no later one replaces it.
  package mutating func read(key: Span<UInt8>, value: Span<UInt8>?) {
    let key = copy(key)
    var held: [UInt8]?
    if let value { held = copy(value) }
    do throws(SnapshotError) {
      try take(key, held)
      damaged[key] = nil
    } catch {
      damaged[key] = error
    }
  }

  private mutating func take(_ key: [UInt8], _ value: [UInt8]?) throws(SnapshotError) {
    if key == StateRecord.head { head = nil }
    if let value {
      var input = try SnapshotReader(value, version: Shard.stateVersion, key: key)
      if key == StateRecord.head { head = try StateHead(whole: &input) }
    }
    switch key {
    case StateRecord.seal: seal = value
    case StateRecord.head: break
    default:
      guard key.starts(with: StateRecord.customerPrefix) else {
        throw .damaged("there is no state under the key \(String(decoding: key, as: UTF8.self))")
      }
      slices[key] = value
    }
  }

  private func copy(_ bytes: Span<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    unsafe bytes.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
    return out
  }

  /// The journal offset of the latest head that was read; nil: none was. The caller compares it with
  /// what the group has committed, and reads on while it is behind: a commit's records may become
  /// readable a moment after its offsets.
  package var headAsOf: Int64? { head?.asOf }

  /// Slices or a seal were read, all of them whole, and no head: it was compacted away behind a newer
  /// one, which is still to be read.
  package var lacksHead: Bool {
    head == nil && damaged.isEmpty && (seal != nil || !slices.isEmpty)
  }

  /// The shard to go on with, from its `next` on; its output before `committed` is already committed.
  /// Nil: nothing was sealed, so fold from the journal's first record.
  package consuming func finish(committed: Int64) throws(SnapshotError) -> Shard? {
    if let first = damaged.min(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      throw first.value
    }
    guard let head else {
      guard seal == nil, slices.isEmpty else { throw .damaged("there is no head") }
      return nil
    }
    guard head.asOf == committed else {
      throw .offset(snapshot: head.asOf, committed: committed)
    }
    guard let seal else { return nil }
    var input = try SnapshotReader(seal, version: Shard.stateVersion, key: StateRecord.seal)
    let hash = try input.string()
    guard let program = programs[hash] ?? (initial.hash == hash ? initial : nil) else {
      throw .book(snapshot: hash, program: initial.hash)
    }
    let number = try input.int()
    guard number == Int64(partition) else {
      throw .partition(snapshot: Int32(truncatingIfNeeded: number), wanted: partition)
    }
    var shard = Shard(program: program, partition: partition)
    let start = try input.int()
    guard start <= committed else { throw .offset(snapshot: start, committed: committed) }
    shard.next = start
    shard.position = start - 1
    try shard.readPartition(&input)
    try input.finish()
    let known = Set(programs.values.map(\.tag) + [initial.tag])
    try shard.sleep(slices, committed: committed, books: known)
    shard.restoringTo = head
    try shard.wakeSleepers()
    return shard
  }
}

/// What a head says: what cannot be built from a seal, because it is of all records.
struct StateHead {
  var asOf: Int64
  var counts: Shard.Counts
  var chain: HashChain

  init(whole input: inout SnapshotReader) throws(SnapshotError) {
    asOf = try input.int()
    counts = try Shard.Counts(&input)
    chain = try HashChain(&input)
    try input.finish()
  }
}

extension Shard {
  /// Lays slices aside until reading has come to where they were taken.
  mutating func sleep(
    _ slices: [[UInt8]: [UInt8]], committed: Int64, books: Set<UInt64>
  ) throws(SnapshotError) {
    var asleep: [Sleepers.Sleeper] = []
    for (key, slice) in slices {
      var input = try SnapshotReader(slice, version: Self.stateVersion, key: key)
      let tag = try input.fixed()
      guard books.contains(tag) else {
        throw .book(snapshot: HashPoint.hex(tag) + "…", program: program.hash)
      }
      let asOf = try input.int()
      guard asOf <= committed else { throw .offset(snapshot: asOf, committed: committed) }
      let id = Array(key.dropFirst(StateRecord.customerPrefix.count))
      var fresh = false
      let customer = customers.number(of: id.span, in: 0..<id.count, fresh: &fresh)
      addCustomer(customer)
      asleep.append(.init(customer: customer, asOf: asOf, key: key, slice: slice))
    }
    sleepers.add(asleep)
  }

  /// Wakes who has slept until `next`, and takes over from the head what it has.
  mutating func wakeSleepers() throws(SnapshotError) {
    while let sleeper = sleepers.wake(at: next) {
      var input = try SnapshotReader(sleeper.slice, version: Self.stateVersion, key: sleeper.key)
      guard try input.fixed() == program.tag else {
        throw .damaged("a slice is of another book than the one in force at \(sleeper.asOf)")
      }
      _ = try input.int()
      try read(sleeper.customer, from: &input)
      try input.finish()
      join(sleeper.customer)
    }
    if let head = restoringTo, head.asOf <= next {
      counts = head.counts
      chain = head.chain
      restoringTo = nil
    }
  }

  /// All journal records before `offset` have been read.
  mutating func reach(_ offset: Int64) {
    guard isRestoring else { return }
    next = max(next, offset)
    do {
      try wakeSleepers()
    } catch {
      damage = error
      restoringTo = nil
      sleepers = Sleepers()
    }
  }
}
