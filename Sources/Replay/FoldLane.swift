internal import Engine
internal import Log

/// One journal partition in our hands: `loading` its state, `restoring` (folding up to what is
/// committed, muted), then `ready`.
final class FoldLane {
  let partition: Int32
  /// Output from records before this offset has been committed already.
  let mutedUntil: Int64
  /// Empty while the state is being loaded.
  var shard: Shard
  private(set) var isLoaded = false
  var restore: StateRestore?
  /// The journal offset that the state read so far is of; nil: it does not say.
  var stateAsOf: Int64?
  /// The state read so far is without a head.
  var lacksHead = false
  /// The journal offset to read next. It may lie beyond `shard.next`, behind control batches.
  var position: Int64 = 0
  /// The offset of our last commit, or what was committed when we came.
  var committed: Int64
  /// The reader delivers this partition.
  var isReading = false
  /// Everything up to `mutedUntil` is folded.
  private(set) var isReady = false
  var stop: Stop?
  var pace: SealPace
  var countsAtStart = Shard.Counts()
  /// State records that were read, and those still to be read, in bytes and offsets.
  var loadedBytes = 0
  var toLoad: Int64 = 0
  /// Its old state is being overwritten, not read.
  var isClearing = false
  /// Since when the state has been waited for that its commit promises, ms.
  var waitingSince: Int64?
  /// The seal of the open pass is part of the open transaction.
  var isSealing = false
  /// What fills the new items of a book that was ordered; made anew after a restore.
  var feed: ShadowFeed?
  /// The order that it is for, in the journal.
  var feedPosition: Int64 = -1
  /// Where the journal puts the book in force, while the lane waits there for the shadow.
  var awaitsShadowAt: Int64?
  /// When the book may be put in force, once more if need be, ms.
  var orderAgainAt = Int64.min
  /// Hash points and erasures that were committed here.
  var hashPoints = 0
  var erasures = 0

  /// Why a partition stands still while others go on.
  struct Stop {
    var message: String
    /// When to ask again, ms; nil: only a restart helps.
    var retryAt: Int64?
    /// It ends by itself, and soon: nobody need be told.
    var isQuiet = false
  }

  /// `program`: the one in force from the journal's beginning.
  init(_ partition: Int32, _ program: Program, committed: Int64, now: Int64) {
    self.partition = partition
    shard = Shard(program: program, partition: partition)
    mutedUntil = committed
    self.committed = committed
    pace = SealPace(sealed: 0, now: now)
  }

  /// What is folded and may be committed; equals `committed` if there is nothing new.
  var next: Int64 { shard.next }
  /// Records still to be folded, muted.
  var left: Int64 { isReady ? 0 : max(0, mutedUntil - position) }
  var hasMoved: Bool { isReady && next > committed }

  func take(_ shard: consuming Shard) {
    self.shard = shard
    begin()
  }

  /// Goes on with the shard as it is.
  func begin() {
    isLoaded = true
    position = shard.next
    pace.sealed = shard.next
    settle()
  }

  /// Becomes ready where all that is committed has been folded; what came out until then is dropped.
  func settle() {
    guard !isReady, isLoaded, position >= mutedUntil else { return }
    isReady = true
    dropOutput()
    countsAtStart = shard.counts
  }

  func dropOutput() {
    _ = shard.takeOutput()
    _ = shard.takeHashPoints()
    _ = shard.takeErasures()
  }

  /// Whether it can go on where the group stands: nothing of it is uncommitted, and nobody else has
  /// gone on meanwhile.
  func canGoOn(at offset: Int64) -> Bool {
    guard isLoaded, stop == nil else { return false }
    return isReady ? max(next, committed) == offset : mutedUntil == offset
  }
}
