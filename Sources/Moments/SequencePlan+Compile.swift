extension SequencePlan {
  /// Compiles a sequence, or says what is wrong with it.
  ///
  /// `within`: ms from the first event of a match in which all of its events must come.
  /// `contextual`: conditions that `advance` asks its caller about, match by match.
  package init(
    _ parts: [SequencePart], mode: Mode, within: Int64? = nil, contextual: UInt64 = 0,
    maxOpen: Int = 64, maxPartials: Int = 1_000
  ) throws(SequenceRefusal) {
    try Self.check(parts, within)
    if mode == .latest, let refusal = Self.requiresAll(parts, within, contextual) { throw refusal }
    waitsFromFirst = Self.waitsFromFirst(parts, within)
    var parts = parts
    if waitsFromFirst, let last = parts.indices.last, let condition = parts[last].absence {
      parts[last].kind = .absent(condition: condition, lasting: within)
    }
    var graph = SequenceGraph()
    let chain = SequenceChain(parts, head: nil, until: 0) { (_, _) throws(SequenceRefusal) in
      SequenceGraph.finish
    }
    let start = try chain.place(&graph, 0, SequenceGraph.Entry())
    guard graph.places.count < 0x1_0000 else {
      throw SequenceRefusal(
        reason: "the sequence has more than 65,535 places: ask for fewer repetitions", part: 0)
    }
    var table = Table(graph)
    for place in graph.places.indices { table.add(place) }
    table.settlePatience()

    self.mode = mode
    self.within = within
    self.maxOpen = maxOpen
    self.maxPartials = maxPartials
    self.contextual = contextual
    self.start = start
    nodes = table.nodes
    actions = table.actions
    conditions = table.nodes.reduce(0) { $0 | $1.reads }
    let first = table.nodes[start]
    starting = table.actions[first.first..<(first.first + first.count)]
      .reduce(0) { $1.kind == .take ? $0 | $1.yes : $0 }
    longest = Self.longest(parts)
    hasDeadline = graph.places.contains { $0.lasting != nil }
    var order: [Int] = Array(repeating: -1, count: 64)
    var count = 0
    Self.number(parts, &order, &count)
    self.order = order
    middleAbsences = parts.dropLast().reduce(0) { $0 | ($1.absence.map { 1 << $0 } ?? 0) }
  }

  /// Why the default mode cannot run these parts; nil if it can.
  package static func requiresAll(
    _ parts: [SequencePart], _ within: Int64?, _ contextual: UInt64
  ) -> SequenceRefusal? {
    if contextual != 0 {
      return SequenceRefusal(
        reason: "a step that looks at earlier steps needs `matches: all`", part: 0)
    }
    // Then every first event has a deadline of its own, not only the latest.
    if waitsFromFirst(parts, within), longest(parts) != 1 {
      return SequenceRefusal(
        reason: "an absence at the end without `for`, after several events, needs `matches: all`",
        part: parts.count - 1)
    }
    for (index, part) in parts.enumerated() {
      if longest([part]) == nil {
        return SequenceRefusal(
          reason: "a repetition without an upper bound needs `matches: all`", part: index)
      }
      if within != nil, hasBranches(part) {
        return SequenceRefusal(
          reason: "`within` of a whole sequence with optional steps needs `matches: all`",
          part: index)
      }
    }
    return nil
  }

  /// Whether the parts end with an absence that lasts until the whole's time is over.
  private static func waitsFromFirst(_ parts: [SequencePart], _ within: Int64?) -> Bool {
    if within != nil, case .absent(_, nil)? = parts.last?.kind { true } else { false }
  }

  /// Whether a match may or may not take an event here.
  private static func hasBranches(_ part: SequencePart) -> Bool {
    if part.isOptional || part.atMost != part.atLeast { return true }
    if case .group(let parts) = part.kind { return parts.contains(where: hasBranches) }
    return false
  }

  /// The most events that a match takes; nil: any number.
  private static func longest(_ parts: [SequencePart]) -> Int? {
    var sum = 0
    for part in parts where !part.isNegative {
      guard let times = part.atMost else { return nil }
      if case .group(let inner) = part.kind {
        guard let length = longest(inner) else { return nil }
        sum += times * length
      } else {
        sum += times
      }
    }
    return sum
  }

  private static func number(_ parts: [SequencePart], _ order: inout [Int], _ count: inout Int) {
    for part in parts {
      switch part.kind {
      case .on(let condition), .absent(let condition, _), .notNext(let condition):
        order[condition] = count
        count += 1
      case .group(let inner): number(inner, &order, &count)
      }
    }
  }

  // MARK: What is refused

  private static func check(
    _ parts: [SequencePart], _ within: Int64?
  ) throws(SequenceRefusal) {
    guard let first = parts.first, !first.isNegative else {
      throw SequenceRefusal(reason: "a sequence begins with a step that takes an event", part: 0)
    }
    var seen: UInt64 = 0
    for (index, part) in parts.enumerated() {
      let following = index + 1 < parts.count ? parts[index + 1] : nil
      if let reason = refusal(part, following, &seen) {
        throw SequenceRefusal(reason: reason, part: index)
      }
      if let each = part.innerWithin, let within, each > within {
        throw SequenceRefusal(
          reason: "the time between repetitions is longer than `within` of the whole", part: index)
      }
      if case .absent(_, let lasting) = part.kind, lasting != nil, following != nil {
        throw SequenceRefusal(
          reason: "an absence between two steps lasts until the next one: leave out `for:`",
          part: index)
      }
    }
  }

  private static func refusal(
    _ part: SequencePart, _ following: SequencePart?, _ seen: inout UInt64
  ) -> String? {
    if part.atLeast < 1 { return "at least once is the least: make the step optional instead" }
    if let most = part.atMost, most < part.atLeast { return "at most is less than at least" }
    if part.isOptional, let following, following.isNegative {
      return "an optional step cannot stand before an absence"
    }
    if part.until != nil, part.atMost != nil {
      return "`until` belongs to a repetition without an upper bound"
    }
    if part.inner != .followedBy, !part.repeats {
      return "consecutive or all combinations belongs to a repetition"
    }
    if part.isGreedy { if let reason = refusalOfGreed(part, following) { return reason } }
    switch part.kind {
    case .on(let condition): return note(condition, &seen)
    case .absent(let condition, _), .notNext(let condition):
      if part.repeats || part.isOptional { return "an absence cannot repeat or be optional" }
      return note(condition, &seen)
    case .group(let inner):
      guard let first = inner.first, !first.isNegative else {
        return "a group begins with a step that takes an event"
      }
      if inner.allSatisfy({ $0.isOptional || $0.isNegative }) {
        return "a group needs a step that is not optional"
      }
      for (index, part) in inner.enumerated() {
        let following = index + 1 < inner.count ? inner[index + 1] : nil
        if let reason = refusal(part, following, &seen) { return reason }
      }
      return nil
    }
  }

  private static func refusalOfGreed(_ part: SequencePart, _ following: SequencePart?) -> String? {
    if case .group = part.kind { return "a group cannot be greedy" }
    if !part.repeats { return "only a repetition can be greedy" }
    if part.inner == .any { return "a repetition with all combinations cannot be greedy" }
    if let following, following.isOptional {
      return "a greedy repetition cannot stand before an optional step"
    }
    return nil
  }

  private static func note(_ condition: Int, _ seen: inout UInt64) -> String? {
    guard condition >= 0, condition < 64 else { return "a sequence has 64 conditions at most" }
    guard seen & 1 << condition == 0 else { return "each step has a condition of its own" }
    seen |= 1 << condition
    return nil
  }
}

/// Turns the graph into flat tables: for each place, what an event does there and at all places
/// that it reaches without an event.
private struct Table {
  let graph: SequenceGraph
  var nodes: [SequencePlan.Node] = []
  var actions: [SequencePlan.Action] = []
  /// Under which conditions a match that gets to the place is complete there and then; as in Flink
  /// they are those of the event just taken.
  private var completions: [[SequenceGraph.Guard]]
  /// Whether a match can wait at the place.
  private var waits: [Bool]

  init(_ graph: SequenceGraph) {
    self.graph = graph
    completions = Array(repeating: [], count: graph.places.count)
    waits = Array(repeating: false, count: graph.places.count)
    completions[SequenceGraph.finish] = [SequenceGraph.Guard()]
    for place in graph.places.indices where place != SequenceGraph.finish {
      let reached = reach(place)
      completions[place] = reached.completions
      waits[place] = !reached.edges.isEmpty
    }
  }

  private struct Reached {
    var edges: [SequenceGraph.Edge] = []
    var completions: [SequenceGraph.Guard] = []

    mutating func complete(_ condition: SequenceGraph.Guard) {
      if completions.contains(SequenceGraph.Guard()) || completions.contains(condition) { return }
      if condition == SequenceGraph.Guard() { completions.removeAll() }
      completions.append(condition)
    }

    mutating func add(_ edge: SequenceGraph.Edge, _ condition: SequenceGraph.Guard) {
      if !condition.isImpossible, !edges.contains(edge) { edges.append(edge) }
    }
  }

  /// The edges of a place and of those reached from it, under the joined conditions.
  private func reach(_ place: Int) -> Reached {
    var reached = Reached()
    var seen: Set<Step> = []
    var path = [Step(place: place, condition: SequenceGraph.Guard())]
    while let step = path.popLast() {
      guard seen.insert(step).inserted else { continue }
      for edge in graph.places[step.place].edges {
        switch edge {
        case .take(let own, let name, let to, let within):
          let joined = step.condition + own
          reached.add(.take(joined, step: name, to: to, within: within), joined)
        case .move(let own, let to):
          reached.add(.move(step.condition + own, to: to), step.condition + own)
        case .kill(let own):
          reached.add(.kill(step.condition + own), step.condition + own)
        case .pass(let own, let to):
          if to == SequenceGraph.finish {
            reached.complete(step.condition + own)
          } else if !(step.condition + own).isImpossible {
            path.append(Step(place: to, condition: step.condition + own))
          }
        }
      }
    }
    return reached
  }

  private struct Step: Hashable {
    var place: Int
    var condition: SequenceGraph.Guard
  }

  mutating func add(_ place: Int) {
    let first = actions.count
    for edge in reach(place).edges { add(edge) }
    let own = actions[first...]
    let takes = own.filter { $0.kind == .take }
    let idle = own.filter { $0.yes == 0 && $0.kind == .move }
    let stays = idle.count == 1 && idle.allSatisfy { $0.target == place && !$0.finishes }
    nodes.append(
      SequencePlan.Node(
        first: first, count: own.count, isUnstable: !own.isEmpty && !stays,
        patience: takes.reduce(0) { max($0, $1.within) },
        lasting: graph.places[place].lasting,
        reads: own.reduce(0) { $0 | $1.yes | $1.no }))
  }

  /// An edge as an action, and one more for each way in which it completes a match.
  private mutating func add(_ edge: SequenceGraph.Edge) {
    switch edge {
    case .take(let condition, let step, let to, let within):
      let action = SequencePlan.Action(
        kind: .take, yes: condition.yes, no: condition.no, step: step, target: to, within: within,
        finishes: false, goesOn: waits[to])
      if action.goesOn { actions.append(action) }
      for completion in completions[to] where !(condition + completion).isImpossible {
        var finishing = action
        finishing.yes |= completion.yes
        finishing.no |= completion.no
        finishing.finishes = true
        finishing.goesOn = false
        actions.append(finishing)
      }
    case .move(let condition, let to):
      actions.append(
        SequencePlan.Action(
          kind: .move, yes: condition.yes, no: condition.no, step: 0, target: to,
          within: graph.places[to].lasting ?? .max, finishes: to == SequenceGraph.finish,
          goesOn: waits[to]))
    case .pass(let condition, _), .kill(let condition):
      actions.append(
        SequencePlan.Action(
          kind: .kill, yes: condition.yes, no: condition.no, step: 0, target: 0, within: .max,
          finishes: false, goesOn: false))
    }
  }

  /// Lets a place be as patient as those to which its matches may move.
  mutating func settlePatience() {
    var isSettled = false
    while !isSettled {
      isSettled = true
      for place in nodes.indices {
        let own = actions[nodes[place].first..<(nodes[place].first + nodes[place].count)]
        for action in own where action.kind == .move {
          let isEnd = action.finishes || nodes[action.target].lasting != nil
          let patience = isEnd ? .max : nodes[action.target].patience
          if patience > nodes[place].patience {
            nodes[place].patience = patience
            isSettled = false
          }
        }
      }
    }
  }
}
