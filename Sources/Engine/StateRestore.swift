package import Events

/// Puts a shard together from the records of one state partition, read in their order.
package struct StateRestore: ~Copyable {
  private let partition: Int32
  private let programs: [String: Program]
  private let initial: Program

  /// `programs`: by hash, all that the journal may have put in force. `initial`: the one in force from
  /// the journal's beginning.
  package init(partition: Int32, programs: [String: Program], initial: Program) {
    self.partition = partition
    self.programs = programs
    self.initial = initial
  }

  package mutating func read(
    key: Span<UInt8>, value: Span<UInt8>?
  ) throws(SnapshotError) {}

  /// The journal offset of the latest head that was read; nil: none was. The caller compares it with
  /// what the group has committed, and reads on while it is behind: a commit's records may become
  /// readable a moment after its offsets.
  package var headAsOf: Int64? { nil }

  /// The shard to go on with, from its `next` on; its output before `committed` is already committed.
  /// Nil: nothing was sealed, so fold from the journal's first record.
  package consuming func finish(committed: Int64) throws(SnapshotError) -> Shard? { nil }
}
