internal import Engine
internal import Log

extension FoldLoop {
  package struct Settings: Sendable {
    package var journal: String
    package var decisions: String
    /// Where state is kept; nil: nowhere, and each restore folds from the journal's first record.
    package var state: String?
    /// Nil: hash points are not published; the same for the next.
    package var hashes: String?
    package var erasures: String?
    package var group: String
    /// Stable per process: a new writer of this id fences the one that a crash left behind.
    package var writerId: String
    /// Offsets without decisions are committed this often, ms.
    package var offsetsEvery: Int64
    /// After so many decisions a batch is committed as far as it has been folded. What one record
    /// leads to stays together.
    package var decisionsAtOnce: Int
    /// How many records a restore of all partitions of this process should have to fold at most.
    /// Where more customers than that have state, twice their number.
    package var restoreRecords: Int64 = 250_000
    /// State is sealed at least so often while records come, ms.
    package var sealEvery: Int64 = 60_000
    /// Bytes of state that one commit takes along where it is early enough; `stateBytesMost` where
    /// passes fall behind.
    package var stateBytesAtOnce = 256 << 10
    package var stateBytesMost = 2 << 20
    /// How long a restore waits for state that was committed to become readable, ms.
    package var stateWait: Int64 = 30_000
    /// A partition that stands still for want of a book asks for it this often, ms.
    package var retryStopped: Int64 = 5_000
    /// Partitions that have a long way to fold are restored so many at a time.
    package var restoresAtOnce = 4
    /// Leave state aside, overwrite it, and fold from the journal's first record.
    package var rebuildsState = false
    /// Semantics numbers that this build implements.
    package var semantics: ClosedRange<Int>
    /// Faults on purpose, for the simulation's own test and nothing else.
    package var defects: Set<Defect> = []

    package init(
      journal: String = TopicContract.journal.name,
      decisions: String = TopicContract.decisions.name,
      state: String? = TopicContract.state.name,
      hashes: String? = TopicContract.hashes.name,
      erasures: String? = TopicContract.erasures.name,
      group: String = "kairos-fold", writerId: String, offsetsEvery: Int64 = 1000,
      decisionsAtOnce: Int = 2000
    ) {
      self.journal = journal
      self.decisions = decisions
      self.state = state
      self.hashes = hashes
      self.erasures = erasures
      self.group = group
      self.writerId = writerId
      self.offsetsEvery = offsetsEvery
      self.decisionsAtOnce = decisionsAtOnce
      semantics = Semantics.known
    }
  }

  /// Mistakes that a fold could make, one of each kind. The simulation plants them and must find
  /// them.
  package enum Defect: String, CaseIterable, Sendable {
    /// Decisions are committed without the journal offset that they belong to.
    case lostOffset
    /// After a commit whose end is unknown its records are written again, without a look at what
    /// was committed.
    case doubleCommit
    /// A restore forgets what is due.
    case forgottenTimer
    /// A partition that comes back is gone on with as it was, whoever had it in between.
    case staleState
  }
}
