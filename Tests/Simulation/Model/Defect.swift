import Replay

/// A deliberate fault of the fold, of the log's clients, or of the log: the simulation must notice
/// each.
package enum Defect: String, CaseIterable, Sendable {
  // Of the fold, which has them built in (`FoldLoop.Defect`).
  case lostOffset, doubleCommit, forgottenTimer, staleState
  /// Decisions are committed first, the offset in a transaction of its own.
  case splitCommit
  /// A new writer or generation does not put the one before it out.
  case noFencing
  /// Readers see open and aborted transactions.
  case readUncommitted
  /// An aborted transaction's records go out with the next.
  case forgottenAbort
  /// The plain producer is not idempotent: a request sent twice is written twice, and late ones count.
  case noSequence
  /// After a delivery that failed for good the plain producer goes on with what is behind it.
  case gap
  /// Source offsets are committed before the journal has the events.
  case earlyCommit

  /// Among so many seeds one at least must fail.
  package var seeds: Range<UInt64> { 0..<100 }

  var ofFold: FoldLoop.Defect? { FoldLoop.Defect(rawValue: rawValue) }
}
