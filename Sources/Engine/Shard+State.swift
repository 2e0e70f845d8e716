internal import Events

// State as records of a compacted topic. A slice is one customer's whole state as of a journal
// offset. A pass lists the customers that have changed, and writes them out bit by bit while the fold
// goes on; each slice holds what has happened until it is taken. The pass's seal holds what the shard
// knew apart from its customers when the pass began. The head goes with every commit.

extension Shard {
  package static var stateVersion: UInt8 { 1 }

  /// The pass that is open: where its seal will stand, and how many customers are left to slice.
  package var pass: (sealsAt: Int64, remaining: Int)? {
    sealing.map { ($0.at, changes.remaining) }
  }

  /// Customers that have changed since their last slice, without those that the open pass will write.
  package var dirtyCount: Int { changes.count }

  /// A restore is under way: some customers' slices, or the head, stand further on in the journal.
  package var isRestoring: Bool { !sleepers.isEmpty || restoringTo != nil }

  /// Begins to write out what has changed. No pass may be open, nor a restore be under way.
  package mutating func beginPass() {
    precondition(sealing == nil && !isRestoring)
    sealing = (next, sealBytes())
    changes.beginPass()
  }

  /// What a seal would say now.
  func sealBytes() -> [UInt8] {
    var out = SnapshotWriter()
    out.byte(Self.stateVersion)
    out.string(program.hash)
    out.int(Int64(partition))
    out.int(next)
    writePartition(to: &out)
    out.seal(key: StateRecord.seal)
    return out.bytes
  }

  /// Slices of the open pass's customers, until they have `atMostBytes` or none is left; one at
  /// least if any is left. Take the erasures first: a tombstone must not follow the slice of a
  /// customer who came back.
  package mutating func takeSlices(atMostBytes: Int) -> [StateRecord] {
    guard sealing != nil else { return [] }
    precondition(erasures.isEmpty)
    var records: [StateRecord] = []
    var bytes = 0
    while records.isEmpty || bytes < atMostBytes, let customer = changes.take() {
      let record = slice(customer)
      bytes += record.key.count + (record.value?.count ?? 0)
      records.append(record)
    }
    return records
  }

  /// The seal of the open pass, once no customer remains; it closes the pass.
  package mutating func takeSeal() -> StateRecord? {
    guard let sealing, changes.remaining == 0 else { return nil }
    self.sealing = nil
    return StateRecord(key: StateRecord.seal, value: sealing.bytes)
  }

  /// Gives the open pass up, as if it had never begun.
  mutating func dropPass() {
    guard sealing != nil else { return }
    sealing = nil
    changes.endPass()
  }

  func slice(_ customer: CustomerIndex) -> StateRecord {
    let key = StateRecord.key(customer: customers.id(customer))
    var out = SnapshotWriter()
    out.byte(Self.stateVersion)
    out.fixed(program.tag)
    out.int(next)
    write(customer, to: &out)
    out.seal(key: key)
    return StateRecord(key: key, value: out.bytes)
  }

  /// Where the shard stands: to be committed with each step, with `next` as the journal's offset.
  package func head() -> StateRecord {
    precondition(damage == nil, "a shard whose state could not be read must not be committed")
    var out = SnapshotWriter()
    out.byte(Self.stateVersion)
    out.int(next)
    counts.write(to: &out)
    chain.write(to: &out)
    out.seal(key: StateRecord.head)
    return StateRecord(key: StateRecord.head, value: out.bytes)
  }

  /// All that determines what the shard will do next, for comparing shards: what it knows apart from
  /// its customers, then each of them, ordered by their ids.
  package func snapshot() -> [UInt8] {
    precondition(sleepers.isEmpty)
    var out = SnapshotWriter()
    out.string(program.hash)
    writePartition(to: &out)
    counts.write(to: &out)
    chain.write(to: &out)
    let order = (0..<customers.places).map { CustomerIndex($0) }.filter {
      customers.isTaken($0)
    }.sorted { $0 != $1 && customers.precedes($0, $1) }
    for customer in order {
      out.text(customers.id(customer))
      write(customer, to: &out)
    }
    return out.bytes
  }
}

extension Program {
  /// The first eight bytes of the book's hash.
  package var tag: UInt64 { UInt64(hash.prefix(16), radix: 16) ?? 0 }
}

extension Shard {
  /// A fault on purpose, for the simulation's own test: nothing that is due will wake any more.
  package mutating func forgetTimers() {
    due = DueQueue()
    wakes = DueQueue()
  }
}
