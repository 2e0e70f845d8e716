/// What has just happened to the customer at hand, until its candidates are made.
struct Happening {
  struct Move {
    var moved = false
    var before: Double?
    var now = 0.0
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
  /// By watch.
  var moves: [Move] = []
  /// By watch, by rise: how far the probability stands above its least, if it has just come to.
  var rose: [[Double?]] = []
  var fired: [Fired] = []
  var openings: [Opening] = []

  // What the lists above say in short, so that an event of which nothing follows asks no further.

  /// A watch has a move.
  var moved = false
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
  private var hasRises = false

  init() {}
  init(_ program: Program) {
    moves = Array(repeating: Move(), count: program.watches.count)
    rose = program.watches.map { Array(repeating: nil, count: $0.rises.count) }
    hasRises = program.watches.contains { !$0.rises.isEmpty }
  }

  /// Whether a decision may follow.
  var isNews: Bool { moveCounts || !fired.isEmpty || !openings.isEmpty }

  mutating func clear() {
    if moved { clearMoves() }
    if !fired.isEmpty { fired.removeAll(keepingCapacity: true) }
    if !openings.isEmpty { openings.removeAll(keepingCapacity: true) }
    moveCounts = false
    becameTrue = false
    looked = false
    deadlinesMoved = false
    touched = 0
    touchedNext = .max
  }

  private mutating func clearMoves() {
    moved = false
    for index in moves.indices where moves[index].moved {
      moves[index].moved = false
      if !hasRises { continue }
      for rise in rose[index].indices { rose[index][rise] = nil }
    }
  }
}
