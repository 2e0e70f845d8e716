internal import Events

/// What the control records read so far have left to be done, and the books that the next ones name.
struct Orders {
  /// A book that is in force once its shadow has caught up.
  struct Backfill: Equatable {
    var hash: String
    /// Records appended from then on are folded by the shadow, ms.
    var since: Int64
    /// Of the order, in the journal.
    var position: Int64
  }

  var backfill: Backfill?
  /// By hash; not part of the state.
  var known: [String: Program] = [:]
  /// What fills the new items of the book that an `activate` names; not part of the state.
  var shadow: Shadow?

  init() {}

  func write(to out: inout SnapshotWriter) {
    out.flag(backfill != nil)
    guard let backfill else { return }
    out.string(backfill.hash)
    out.int(backfill.since)
    out.int(backfill.position)
  }

  init(_ input: inout SnapshotReader) throws(SnapshotError) {
    guard try input.flag() else { return }
    backfill = Backfill(
      hash: try input.string(), since: try input.int(), position: try input.int())
  }
}

extension Shard {
  /// Makes a book known to the shard, before it reads the record that puts it in force. A shard passes
  /// over orders of books that it does not know: that is how another book is replayed over a journal.
  package mutating func know(_ program: Program) { orders.known[program.hash] = program }

  /// Gives the shard what has been folded to fill the book that the next `activate` puts in force; it
  /// has read all records before that one.
  package mutating func know(_ shadow: Shadow) { orders.shadow = shadow }

  /// The back-fill that is under way: a shadow of this book has to fold the records appended from
  /// `since` on (ms), and then `activate` it. `position`: of the order.
  package var backfill: (hash: String, since: Int64, position: Int64)? {
    orders.backfill.map { ($0.hash, $0.since, $0.position) }
  }

  /// Books that came into force since the last call.
  package mutating func takeActivations() -> [Activation] {
    defer { activations.removeAll() }
    return activations
  }

  mutating func obey(_ control: Control) {
    switch control {
    case .book(let hash, let since):
      guard hash == program.hash || orders.known[hash] != nil else { return }
      // The latest order counts: what an earlier one has begun is given up.
      orders.backfill = nil
      guard hash != program.hash, let next = orders.known[hash] else { return }
      if let since {
        orders.backfill = .init(hash: hash, since: since, position: position)
      } else {
        activate(next)
      }
    case .activate(let hash):
      guard orders.backfill?.hash == hash, let next = orders.known[hash] else { return }
      orders.backfill = nil
      let shadow = orders.shadow
      orders.shadow = nil
      activate(next, filledBy: shadow)
    case .journal, .semantics, .incarnation: break
    }
  }
}
