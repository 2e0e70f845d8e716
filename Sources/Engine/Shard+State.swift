internal import Events

extension Shard {
  /// The offset after the last record read; 0 before any.
  package var next: Int64 { following }

  /// The pass that is open: where its seal will stand, and how many customers are left to slice.
  package var pass: (sealsAt: Int64, remaining: Int)? { nil }

  /// Customers that have changed since their last slice.
  package var dirtyCount: Int { customers.count }

  /// Begins to write out what has changed. No pass may be open.
  package mutating func beginPass() {}

  /// Slices of the open pass's customers, as many as fit, one at least.
  package mutating func takeSlices(atMostBytes: Int) -> [StateRecord] { [] }

  /// The seal of the open pass, once no customer remains; it closes the pass.
  package mutating func takeSeal() -> StateRecord? { nil }

  /// Where the shard stands: to be committed with each step.
  package func head() -> StateRecord { StateRecord(key: StateRecord.head, value: []) }

  package mutating func takeHashPoints() -> [HashPoint] { [] }

  package mutating func takeErasures() -> [Erasure] { [] }

  /// Makes a book known to the shard, before it reads the record that puts it in force.
  package mutating func know(_ program: Program) {}
}

extension Shard {
  /// A fault on purpose, for the simulation's own test: nothing that is due will wake any more.
  package mutating func forgetTimers() {
    due = DueQueue()
    wakes = DueQueue()
  }
}
