/// Builds the graph of a sequence: places at which a partial match waits, and edges between them.
///
/// A repetition is unrolled into a place per event it asks for; without an upper bound the last one
/// leads to itself. A place that may be left without an event (an optional part, a repetition that
/// has enough) has a twin that has decided to wait: an event that is let pass moves the match to the
/// twin, and at once on to what follows. So no two branches ever wait for the same thing.
struct SequenceGraph {
  /// Conditions that must and must not hold.
  struct Guard: Hashable {
    var yes: UInt64 = 0
    var no: UInt64 = 0
    var isImpossible: Bool { yes & no != 0 }
    static func + (a: Self, b: Self) -> Self { Guard(yes: a.yes | b.yes, no: a.no | b.no) }
  }

  enum Edge: Hashable {
    /// Takes the event.
    case take(Guard, step: Int, to: Int, within: Int64)
    /// Lets the event pass.
    case move(Guard, to: Int)
    /// Goes on without an event; what lies there applies to the event as well.
    case pass(Guard, to: Int)
    /// Ends this partial match and all that the event would make of it.
    case kill(Guard)
  }

  struct Place {
    var edges: [Edge] = []
    /// Whether an absence is waited out here, and for how long.
    var lasting: Int64?
  }

  /// What holds on the way into a part.
  struct Entry: Hashable {
    /// Absences that are still watched.
    var watched: UInt64 = 0
    /// Events of a greedy repetition just left.
    var barred: UInt64 = 0
  }

  /// The place of a complete match.
  static let finish = 0
  var places = [Place()]
  /// The part now being compiled, for refusals.
  var part = 0

  mutating func place(_ edges: [Edge] = [], lasting: Int64? = nil) -> Int {
    places.append(Place(edges: edges, lasting: lasting))
    return places.count - 1
  }
}

/// A list of parts with what follows it, compiled from the end to the beginning.
final class SequenceChain {
  typealias Entry = SequenceGraph.Entry
  typealias Edge = SequenceGraph.Edge
  typealias Guard = SequenceGraph.Guard
  typealias Exit = (inout SequenceGraph, Entry) throws(SequenceRefusal) -> Int

  /// What the group around the list prescribes for its first part.
  struct Head {
    var contiguity: SequencePart.Contiguity
    var within: Int64?
    /// The contiguity inside of a repeated first part.
    var inner: SequencePart.Contiguity
    /// How to leave the whole list before its first event.
    var skip: [Edge]
  }

  private let parts: [SequencePart]
  private let head: Head?
  /// Conditions that close the groups around the list.
  private let until: UInt64
  private let exit: Exit
  private var known: [[Entry: Int]]

  init(_ parts: [SequencePart], head: Head?, until: UInt64, exit: @escaping Exit) {
    self.parts = parts
    self.head = head
    self.until = until
    self.exit = exit
    known = Array(repeating: [:], count: parts.count + 1)
  }

  private var isOutermost: Bool { head == nil }

  /// The place at which part `index` and what follows begins.
  func place(
    _ graph: inout SequenceGraph, _ index: Int, _ entry: Entry
  ) throws(SequenceRefusal) -> Int {
    if let place = known[index][entry] { return place }
    let place = try compile(&graph, index, entry)
    known[index][entry] = place
    return place
  }

  private func compile(
    _ graph: inout SequenceGraph, _ index: Int, _ entry: Entry
  ) throws(SequenceRefusal) -> Int {
    if index == parts.count { return try exit(&graph, entry) }
    if isOutermost { graph.part = index }
    switch parts[index].kind {
    case .absent(let condition, let lasting):
      if index + 1 == parts.count {
        return try waiting(&graph, condition, lasting, entry)
      }
      var entry = entry
      entry.watched |= 1 << condition
      return try place(&graph, index + 1, entry)
    case .notNext(let condition):
      return try looking(&graph, index, condition, entry)
    case .on, .group:
      return try repetition(&graph, index, entry)
    }
  }

  /// An absence at the end.
  private func waiting(
    _ graph: inout SequenceGraph, _ condition: Int, _ lasting: Int64?, _ entry: Entry
  ) throws(SequenceRefusal) -> Int {
    guard isOutermost else {
      throw refuse(graph, "an absence cannot end a group: put a step after it")
    }
    guard let lasting, lasting > 0 else {
      throw refuse(graph, "an absence at the end needs a duration: write `for:`")
    }
    let place = graph.place(lasting: lasting)
    let entry = Entry(watched: entry.watched | 1 << condition, barred: entry.barred)
    graph.places[place].edges =
      kills(entry) + [.move(Guard(no: entry.watched | entry.barred), to: place)]
    return place
  }

  /// A part that looks at the very next event.
  private func looking(
    _ graph: inout SequenceGraph, _ index: Int, _ condition: Int, _ entry: Entry
  ) throws(SequenceRefusal) -> Int {
    let bit = UInt64(1) << condition
    let barred = entry.barred | until
    var edges = kills(entry)
    edges.append(.kill(Guard(yes: bit, no: barred)))
    if index + 1 == parts.count {
      guard isOutermost else {
        throw refuse(graph, "`not next` cannot end a group: put a step after it")
      }
      edges.append(.move(Guard(no: bit | barred), to: SequenceGraph.finish))
    } else {
      let next = try place(&graph, index + 1, Entry(watched: entry.watched))
      edges.append(.pass(Guard(no: bit | barred), to: next))
    }
    return graph.place(edges)
  }

  private func kills(_ entry: Entry) -> [Edge] {
    bits(entry.watched).map { .kill(Guard(yes: 1 << $0, no: entry.barred)) }
  }

  /// A positive part with all its repetitions.
  private func repetition(
    _ graph: inout SequenceGraph, _ index: Int, _ entry: Entry
  ) throws(SequenceRefusal) -> Int {
    let part = parts[index]
    let repetition = Repetition(
      part: part, watchedInside: watchedAfter(index),
      barred: part.isGreedy && part.atMost != part.atLeast ? barredAfter(part) : 0)
    let first = Element(
      contiguity: isHead(index) ? head!.contiguity : part.contiguity,
      within: isHead(index) ? least(head!.within, part.within) : part.within,
      stopping: until, entry: entry, skip: try skips(&graph, index, repetition, entry))
    return try element(&graph, repetition, first) { (graph, left) throws(SequenceRefusal) in
      try self.place(&graph, index, repetition, taken: 1, barred: left.barred)
    }
  }

  private func isHead(_ index: Int) -> Bool { head != nil && index == 0 }

  /// How the part, and at the head of a group the group, may be left out.
  private func skips(
    _ graph: inout SequenceGraph, _ index: Int, _ repetition: Repetition, _ entry: Entry
  ) throws(SequenceRefusal) -> [Edge] {
    var skip = isHead(index) ? head!.skip : []
    if parts[index].isOptional {
      skip += try leave(&graph, index, repetition, watched: entry.watched)
    }
    return skip
  }

  /// The edges that lead from the part to the next one without an event.
  private func leave(
    _ graph: inout SequenceGraph, _ index: Int, _ repetition: Repetition, watched: UInt64
  ) throws(SequenceRefusal) -> [Edge] {
    let barred = Entry(watched: watched, barred: repetition.barred)
    let outer = Guard(no: until)
    let next = try place(&graph, index + 1, barred)
    guard let end = repetition.part.until, repetition.barred != 0 else {
      return [.pass(outer, to: next)]
    }
    let free = try place(&graph, index + 1, Entry(watched: watched))
    return [
      .pass(outer + Guard(yes: 1 << end), to: free), .pass(outer + Guard(no: 1 << end), to: next),
    ]
  }

  /// The place after `taken` repetitions; `barred`: by a greedy part at the end of a group.
  private func place(
    _ graph: inout SequenceGraph, _ index: Int, _ repetition: Repetition, taken: Int,
    barred: UInt64
  ) throws(SequenceRefusal) -> Int {
    let part = repetition.part
    if taken == part.atMost {
      return try place(&graph, index + 1, Entry(barred: repetition.barred | barred))
    }
    let isEnough = taken >= part.atLeast
    let next = Element(
      contiguity: isHead(index) ? head!.inner : part.inner, within: part.innerWithin,
      stopping: until | (part.until.map { 1 << $0 } ?? 0),
      entry: Entry(watched: repetition.watchedInside, barred: barred),
      skip: isEnough ? try leave(&graph, index, repetition, watched: 0) : [])
    if part.atMost == nil, isEnough {
      let loop = graph.place()
      let body = try element(&graph, repetition, next) { (_, _) throws(SequenceRefusal) in loop }
      graph.places[loop].edges = [.pass(Guard(), to: body)]
      return loop
    }
    return try element(&graph, repetition, next) { (graph, left) throws(SequenceRefusal) in
      try self.place(&graph, index, repetition, taken: taken + 1, barred: left.barred)
    }
  }

  /// One repetition of a part: a place that takes its event, or the list of a group.
  private func element(
    _ graph: inout SequenceGraph, _ repetition: Repetition, _ element: Element,
    exit: @escaping Exit
  ) throws(SequenceRefusal) -> Int {
    let part = repetition.part
    let ended = until | (part.until.map { 1 << $0 } ?? 0)
    switch part.kind {
    case .group(let inner):
      let chain = SequenceChain(
        inner,
        head: Head(
          contiguity: element.contiguity, within: element.within, inner: part.inner,
          skip: element.skip), until: ended, exit: exit)
      return try chain.place(&graph, 0, element.entry)
    case .on(let condition):
      let bit = UInt64(1) << condition
      let barred = element.entry.barred
      let target = try exit(&graph, Entry())
      let take = Edge.take(
        Guard(yes: bit, no: ended | barred), step: condition, to: target,
        within: element.within ?? .max)
      let passing: Guard? =
        switch element.contiguity {
        case .next: nil
        case .followedBy: Guard(no: bit | element.stopping | barred)
        case .any: Guard(no: element.stopping | barred)
        }
      let entry = graph.place(kills(element.entry) + [take])
      let waiting =
        element.skip.isEmpty || passing == nil
        ? entry : graph.place(kills(element.entry) + [take])
      if let passing {
        graph.places[entry].edges.append(.move(passing, to: waiting))
        if waiting != entry { graph.places[waiting].edges.append(.move(passing, to: waiting)) }
      }
      graph.places[entry].edges += element.skip.map { barring($0, barred) }
      return entry
    case .absent, .notNext:
      throw refuse(graph, "an absence takes no event, so it cannot repeat or be optional")
    }
  }

  private func barring(_ edge: Edge, _ barred: UInt64) -> Edge {
    guard case .pass(let condition, let to) = edge else { return edge }
    return .pass(condition + Guard(no: barred), to: to)
  }

  /// Absences that directly follow a part: they are watched between its repetitions, too.
  private func watchedAfter(_ index: Int) -> UInt64 {
    parts[(index + 1)...].prefix { $0.absence != nil }
      .reduce(0) { $0 | 1 << $1.absence! }
  }

  private func barredAfter(_ part: SequencePart) -> UInt64 {
    if case .on(let condition) = part.kind { 1 << condition } else { 0 }
  }

  private func refuse(_ graph: SequenceGraph, _ reason: String) -> SequenceRefusal {
    SequenceRefusal(reason: reason, part: graph.part)
  }

  struct Repetition {
    var part: SequencePart
    var watchedInside: UInt64
    /// The events of the repetition, if it is greedy.
    var barred: UInt64
  }

  struct Element {
    var contiguity: SequencePart.Contiguity
    var within: Int64?
    /// Conditions that are never let pass.
    var stopping: UInt64
    var entry: Entry
    var skip: [Edge]
  }
}

/// The smaller of two bounds, of which either may be missing.
func least(_ a: Int64?, _ b: Int64?) -> Int64? {
  guard let a else { return b }
  guard let b else { return a }
  return min(a, b)
}

/// The numbers of the bits that are set, in rising order.
func bits(_ mask: UInt64) -> [Int] {
  (0..<64).filter { mask & 1 << $0 != 0 }
}
