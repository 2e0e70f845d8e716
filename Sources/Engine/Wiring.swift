internal import Cel
internal import Events
internal import Features
internal import Moments
internal import Scores

/// What each type of event concerns, worked out once: the program's tables as rows of plain numbers
/// that refer to one another by index, so that an event looks at what listens to it and at nothing
/// else, and no row that is read touches a reference count.
struct Wiring {
  /// Ranges of the lists below.
  struct TypeRow {
    var sources = 0..<0
    var looks = 0..<0
    var sequences = 0..<0
    var gatherings = 0..<0
    var windows = 0..<0
    var concernsMoments: Bool { !(sequences.isEmpty && gatherings.isEmpty && windows.isEmpty) }
  }
  struct SourceRow {
    var source: Int
    /// -1: none.
    var condition: Int
    /// The event field's slot; -1: none.
    var slot: Int
    /// Row slots of the features that look at it.
    var slots: Range<Int>
    var bit: UInt64
  }
  /// A watch that an event of the type moves, or that is looked at with each event.
  struct Look {
    var watch: Int
    var listens: Bool
  }
  /// A sequence that takes events of the type, or that may want any event.
  struct SequenceRow {
    var sequence: Int
    /// Of `tests`: the steps that events of the type may satisfy. Empty: it does not listen.
    var steps: Range<Int>
  }
  struct GatheringRow {
    var gathering: Int
    var indicators: Range<Int>
  }
  struct WindowRow {
    var window: Int
    /// Any of them cancels.
    var cancels: Range<Int>
    /// Whether events of the type may anchor it.
    var anchors: Bool
  }
  /// A step's or an indicator's bit, and its condition; -1: none.
  struct Test {
    var bit: UInt64
    var condition: Int
  }
  struct WatchRow {
    /// Words in the customer's block, as `WatchPlan` has them.
    var offset: Int
    /// -1: it watches a condition.
    var score: Int
    var predicate: Int
    var eventsOnly: Bool
    /// The score is a sum over features alone.
    var isLinear: Bool
    var rises: Int
    var bias = 0.0
    /// Terms that only events and `nextChange` move, and those after the first other one.
    var still = 0..<0
    var moving = 0..<0
    var crossings = 0..<0
    /// Of `sums`: features that it reads.
    var leaves: Range<Int>
    /// The leaves' sources.
    var mask: UInt64
  }

  private(set) var types: [TypeRow] = []
  private(set) var sources: [SourceRow] = []
  private(set) var looks: [Look] = []
  private(set) var sequences: [SequenceRow] = []
  private(set) var gatherings: [GatheringRow] = []
  private(set) var windows: [WindowRow] = []
  private(set) var tests: [Test] = []
  private(set) var watches: [WatchRow] = []
  private(set) var sums: FeatureSums
  let features: FeatureTable
  private(set) var crossings: [ScoreTrigger] = []
  private(set) var numbers: [Int] = []
  /// By predicate: the comparison that it is, where it is no more than that and reads the event.
  private(set) var comparisons: [NumberTest?] = []

  init(_ program: Program) {
    sums = FeatureSums(program.features)
    features = program.features
    comparisons = program.predicates.map { predicate in
      guard let test = predicate.scalar?.numberTest, test.slot < program.fields.count else {
        return nil
      }
      return test
    }
    for index in program.watches.indices { add(watch: index, program) }
    for index in program.types.indices { add(type: index, program) }
  }

  // MARK: Watches

  private mutating func add(watch index: Int, _ program: Program) {
    let plan = program.watches[index]
    var row = WatchRow(
      offset: plan.offset, score: -1, predicate: -1, eventsOnly: plan.eventsOnly, isLinear: false,
      rises: plan.rises.count, leaves: sums.add(leaves: plan.leaves),
      mask: plan.leaves.reduce(0) { mask, leaf in
        mask | FeatureTable.bit(ofSource: program.features.features[leaf].source)
      })
    switch plan.subject {
    case .condition(let predicate): row.predicate = predicate
    case .score(let score):
      row.score = score
      addTerms(of: program.scores[score], to: &row, program)
    }
    let crossing = crossings.count
    for case .score(index, let trigger, nil) in program.triggers { crossings.append(trigger) }
    row.crossings = crossing..<crossings.count
    watches.append(row)
  }

  private mutating func addTerms(
    of score: ScorePlan, to row: inout WatchRow, _ program: Program
  ) {
    row.bias = score.bias
    var terms: [LinearTerm] = []
    var still = 0
    for (place, weight) in score.weights.enumerated() {
      guard case .feature(let feature) = program.slots[weight.slot],
        program.features.features[feature].source >= 0
      else { return }
      if still == place, program.features.standsStill(feature) { still += 1 }
      terms.append(LinearTerm(feature: feature, weight: weight.weight))
    }
    row.isLinear = true
    let range = sums.add(terms)
    row.still = range.prefix(still)
    row.moving = range.dropFirst(still)
  }

  // MARK: Types

  private mutating func add(type: Int, _ program: Program) {
    let plan = program.types[type]
    var row = TypeRow()
    var start = sources.count
    for source in plan.sources { add(source: source, program) }
    row.sources = start..<sources.count
    start = looks.count
    for watch in program.watches.indices {
      let listens = plan.watches.contains(watch)
      if listens || program.watches[watch].always {
        looks.append(Look(watch: watch, listens: listens))
      }
    }
    row.looks = start..<looks.count
    start = sequences.count
    for index in program.sequences.indices { add(sequence: index, type, program) }
    row.sequences = start..<sequences.count
    start = gatherings.count
    for index in plan.gatherings { add(gathering: index, type, program) }
    row.gatherings = start..<gatherings.count
    start = windows.count
    for index in program.windows.indices where plan.windows.contains(index) {
      add(window: index, type, program)
    }
    row.windows = start..<windows.count
    types.append(row)
  }

  private mutating func add(source index: Int, _ program: Program) {
    let plan = program.features.sources[index]
    let first = numbers.count
    numbers += program.features.listeners[plan.listeners]
      .map { program.features.features[$0].slot }
    sources.append(
      SourceRow(
        source: index, condition: plan.condition ?? -1, slot: plan.slot ?? -1,
        slots: first..<numbers.count, bit: FeatureTable.bit(ofSource: index)))
  }

  private mutating func add(sequence index: Int, _ type: Int, _ program: Program) {
    let use = program.sequences[index]
    let listens = program.types[type].sequences.contains(index)
    guard listens || use.plan.mayWantEveryEvent else { return }
    let first = tests.count
    for (step, plan) in use.steps.enumerated() where listens && plan.types?[type] ?? true {
      tests.append(Test(bit: 1 << step, condition: plan.condition ?? -1))
    }
    sequences.append(SequenceRow(sequence: index, steps: first..<tests.count))
  }

  private mutating func add(gathering index: Int, _ type: Int, _ program: Program) {
    let first = tests.count
    for (part, indicator) in program.gatherings[index].indicators.enumerated() {
      guard case .event(let types, let condition) = indicator, types?[type] ?? true else {
        continue
      }
      tests.append(Test(bit: 1 << part, condition: condition ?? -1))
    }
    gatherings.append(GatheringRow(gathering: index, indicators: first..<tests.count))
  }

  private mutating func add(window index: Int, _ type: Int, _ program: Program) {
    let use = program.windows[index]
    let first = tests.count
    for pattern in use.cancels where pattern.types?[type] ?? true {
      tests.append(Test(bit: 1, condition: pattern.condition ?? -1))
    }
    var anchors = false
    if case .event(_, let types, _, _, _) = use.anchor { anchors = types?[type] ?? true }
    windows.append(WindowRow(window: index, cancels: first..<tests.count, anchors: anchors))
  }
}

extension Shard {
  /// Whether a condition is true of the event at hand; -1: there is none.
  @inline(__always)
  mutating func holds(_ condition: Int, _ block: Words, _ now: Int64) -> Bool {
    if condition < 0 { return true }
    if let test = wiring.comparisons[condition], let answer = test.holds(row[test.slot]) {
      return answer
    }
    return isTrue(condition, block, now)
  }
}
