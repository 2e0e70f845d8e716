/// What has just happened to the customer at hand, until its candidates are made.
struct Happening {
  struct Move {
    /// The instant's number; moves of others count for nothing.
    var instant = 0
    var before: Double?
    var now = 0.0
    /// A watched condition has become true.
    var isRise: Bool { now == 1 && before != 1 }
  }
  struct Fired {
    var moment: Int
    /// (step or indicator, position of its event).
    var evidence: [(part: Int, position: Int64)]
  }
  struct Opening {
    var window: Int
    var anchorPosition: Int64
    var opens: Int64
    var closes: Int64
  }
  /// By watch, of whatever instant.
  private var moves: [Move] = []
  /// Counts instants, so that there is nothing to clear.
  private var instant = 1
  /// By watch, by rise: how far the probability stands above its least, if it has just come to. Of the
  /// watch's last move.
  var rose: [[Double?]] = []
  var fired: [Fired] = []
  var openings: [Opening] = []

  // What the lists above say in short, so that an event of which nothing follows asks no further.

  /// A watch's move may be a decision's trigger.
  var moveCounts = false
  /// A watched condition has become true.
  var becameTrue = false
  /// A watch that time alone can move was looked at.
  var looked = false
  /// A sequence's or window's deadline may be another.
  var deadlinesMoved = false
  /// Sources that have taken the event, as bits of `FeatureTable.bit`; and the first instant at which
  /// time would have moved a window over one of them, had the event not come.
  var touched: UInt64 = 0
  var touchedNext = Int64.max

  init() {}
  init(_ program: Program) {
    moves = Array(repeating: Move(), count: program.watches.count)
    rose = program.watches.map { Array(repeating: nil, count: $0.rises.count) }
  }

  /// Whether a decision may follow.
  var isNews: Bool { moveCounts || !fired.isEmpty || !openings.isEmpty }

  mutating func clear() {
    instant += 1
    if !fired.isEmpty { fired.removeAll(keepingCapacity: true) }
    if !openings.isEmpty { openings.removeAll(keepingCapacity: true) }
    moveCounts = false
    becameTrue = false
    looked = false
    deadlinesMoved = false
    touched = 0
    touchedNext = .max
  }

  /// A watch has been looked at.
  mutating func move(_ watch: Int, from before: Double?, to now: Double) {
    moves[watch] = Move(instant: instant, before: before, now: now)
  }

  /// How a watch has moved, if it was looked at.
  func move(_ watch: Int) -> Move? { moves[watch].instant == instant ? moves[watch] : nil }
}
