package import Events

extension SequencePlan {
  private static let header = 2
  private static let unstable: Int64 = 1

  // MARK: What the state says

  /// Whether the very next event counts, of whatever type.
  package func wantsEveryEvent(_ words: [Int64]) -> Bool {
    !words.isEmpty && Self.wantsEveryEvent(flags: words[0])
  }
  /// The same of a state's first word.
  package static func wantsEveryEvent(flags: Int64) -> Bool { flags & unstable != 0 }

  /// Whether any state of it may want every event.
  package var mayWantEveryEvent: Bool { nodes.contains { $0.isUnstable } }

  /// When the next absence will have been waited out; `.end` if none is.
  package func nextDeadline(_ words: [Int64]) -> EventTime {
    words.isEmpty ? .end : EventTime(milliseconds: words[1])
  }

  /// Calls `visit` with each journal position that the state still holds.
  package func livePositions(_ words: [Int64], _ visit: (Int64) -> Void) {
    var index = Self.header
    while index < words.count {
      let count = SequenceRecord.count(words[index])
      for event in 0..<count { visit(SequenceRecord.position(words[index + 1 + 2 * event])) }
      index += 1 + 2 * count
    }
  }

  /// How many partial matches and open absences the state holds.
  package func partials(_ words: [Int64]) -> Int {
    var index = Self.header
    var partials = 0
    while index < words.count {
      index += SequenceRecord.size(words[index])
      partials += 1
    }
    return partials
  }

  // MARK: Events

  /// Applies an event: `position` is its place in the journal (rising, below 2^57), `matches` the
  /// conditions that it satisfies. Deadlines at or before its time must have fired.
  ///
  /// An event older than the last one of a partial match is no step of it and does not stand
  /// between two of its steps, except that it may break an absence that it falls into.
  package func advance(
    _ words: inout [Int64], at time: EventTime, position: Int64, matches: UInt64,
    scratch: inout SequenceScratch, into found: inout [SequenceMatch]
  ) {
    precondition(contextual == 0, "this sequence asks about its events: pass `holds`")
    apply(
      &words, Occurrence(time: time, position: position, matches: matches), &scratch, &found
    ) { _, _ in true }
  }

  /// The same, and how many partial matches there are more than before.
  package func advanceCounting(
    _ words: inout [Int64], at time: EventTime, position: Int64, matches: UInt64,
    scratch: inout SequenceScratch, into found: inout [SequenceMatch]
  ) -> Int {
    let before = partials(words)
    advance(
      &words, at: time, position: position, matches: matches, scratch: &scratch, into: &found)
    return partials(words) - before
  }

  /// The same for a sequence with `contextual` conditions. The bit of such a condition in `matches`
  /// says that it may hold; `holds(condition, events so far)` then decides, match by match.
  package func advance(
    _ words: inout [Int64], at time: EventTime, position: Int64, matches: UInt64,
    scratch: inout SequenceScratch, into found: inout [SequenceMatch],
    holds: (Int, TakenSoFar) -> Bool
  ) {
    apply(
      &words, Occurrence(time: time, position: position, matches: matches), &scratch, &found, holds)
  }

  private struct Occurrence {
    let time: EventTime
    let position: Int64
    let matches: UInt64
    var t: Int64 { time.milliseconds }
  }

  private func apply(
    _ words: inout [Int64], _ event: Occurrence, _ scratch: inout SequenceScratch,
    _ found: inout [SequenceMatch], _ holds: (Int, TakenSoFar) -> Bool
  ) {
    if words.isEmpty {
      if event.matches & starting == 0 { return }
    } else if event.matches & conditions == 0, words[0] & Self.unstable == 0 {
      return
    }
    scratch.fresh.removeAll(keepingCapacity: true)
    scratch.finished.removeAll(keepingCapacity: true)
    var read = Self.header
    var write = Self.header
    while read < words.count {
      let size = SequenceRecord.size(words[read])
      if survives(words, read, event, &scratch, holds) {
        if write != read { for i in 0..<size { words[write + i] = words[read + i] } }
        write += size
      }
      read += size
    }
    if words.count > write { words.removeLast(words.count - write) }
    if event.matches & starting != 0 { begin(words, event, &scratch, holds) }
    report(event.time, scratch, &found)
    insert(&words, &scratch)
    seal(&words)
  }

  /// Whether a partial match still waits where it is; what else becomes of it goes to `scratch`.
  private func survives(
    _ words: [Int64], _ index: Int, _ event: Occurrence, _ scratch: inout SequenceScratch,
    _ holds: (Int, TakenSoFar) -> Bool
  ) -> Bool {
    let count = SequenceRecord.count(words[index])
    let last = words[index + 2 * count]
    if event.t < last { return !breaksAbsence(words, index, event, holds) }
    let node = nodes[SequenceRecord.node(words[index])]
    if let lasting = node.lasting {
      if event.t >= deadline(words, index, lasting) { return true }
    } else {
      if event.t &- last >= node.patience { return false }
      if let within, event.t &- words[index + 2] >= within { return false }
    }
    let matches = narrowed(event.matches, node, words, index, holds)
    let fresh = scratch.fresh.count
    var stays = false
    var killed = false
    for action in actions[node.first..<(node.first + node.count)]
    where matches & action.yes == action.yes && matches & action.no == 0 {
      switch action.kind {
      case .kill: killed = true
      case .move where action.target == SequenceRecord.node(words[index]): stays = true
      case .move, .take:
        if event.t &- last >= action.within { break }
        branch(words, index, action, action.kind == .take ? event : nil, &scratch)
      }
    }
    if killed { scratch.fresh.removeLast(scratch.fresh.count - fresh) }
    return stays && !killed
  }

  /// The event's conditions, as this partial match sees them.
  private func narrowed(
    _ matches: UInt64, _ node: Node, _ words: [Int64], _ index: Int,
    _ holds: (Int, TakenSoFar) -> Bool
  ) -> UInt64 {
    let asked = matches & contextual & node.reads
    if asked == 0 { return matches }
    let count = index < words.count ? SequenceRecord.count(words[index]) : 0
    let taken = TakenSoFar(words: words, start: index + 1, count: count)
    return bits(asked).reduce(matches) { holds($1, taken) ? $0 : $0 & ~(1 << $1) }
  }

  /// A match that begins with the event.
  private func begin(
    _ words: [Int64], _ event: Occurrence, _ scratch: inout SequenceScratch,
    _ holds: (Int, TakenSoFar) -> Bool
  ) {
    let node = nodes[start]
    let matches = narrowed(event.matches, node, words, words.count, holds)
    for action in actions[node.first..<(node.first + node.count)]
    where action.kind == .take && matches & action.yes == action.yes
      && matches & action.no == 0
    {
      branch(words, nil, action, event, &scratch)
    }
  }

  /// Adds what an action makes of a partial match; `taken` is the event, if it takes it.
  private func branch(
    _ words: [Int64], _ index: Int?, _ action: Action, _ taken: Occurrence?,
    _ scratch: inout SequenceScratch
  ) {
    if action.finishes { write(words, index, action, taken, &scratch.finished) }
    if action.goesOn { write(words, index, action, taken, &scratch.fresh) }
  }

  private func write(
    _ words: [Int64], _ index: Int?, _ action: Action, _ taken: Occurrence?, _ out: inout [Int64]
  ) {
    let count = index.map { SequenceRecord.count(words[$0]) } ?? 0
    out.append(
      SequenceRecord.head(node: action.target, count: count + (taken == nil ? 0 : 1)))
    if let index { for i in 0..<(2 * count) { out.append(words[index + 1 + i]) } }
    if let taken {
      out.append(SequenceRecord.key(position: taken.position, step: action.step))
      out.append(taken.t)
    }
  }

  /// Whether a late event falls between two steps where an absence is written that it breaks.
  private func breaksAbsence(
    _ words: [Int64], _ index: Int, _ event: Occurrence, _ holds: (Int, TakenSoFar) -> Bool
  ) -> Bool {
    guard event.matches & middleAbsences != 0 else { return false }
    for absence in bits(event.matches & middleAbsences) {
      for i in 1..<SequenceRecord.count(words[index]) {
        let before = SequenceRecord.taken(words, index + 2 * i - 1)
        let after = SequenceRecord.taken(words, index + 2 * i + 1)
        if order[before.step] < order[absence], order[absence] < order[after.step],
          before.time <= event.time, event.time < after.time,
          contextual & 1 << absence == 0
            || holds(absence, TakenSoFar(words: words, start: index + 1, count: i))
        {
          return true
        }
      }
    }
    return false
  }

  /// Hands over the complete matches; in the mode `latest` the latest of them.
  private func report(
    _ time: EventTime, _ scratch: SequenceScratch, _ found: inout [SequenceMatch]
  ) {
    if scratch.finished.isEmpty { return }
    var index = 0
    var best: Int?
    while index < scratch.finished.count {
      if mode == .all {
        found.append(
          SequenceMatch(evidence: SequenceRecord.evidence(scratch.finished, at: index), at: time))
      } else if best == nil
        || SequenceRecord.isLater(scratch.finished, index, than: scratch.finished, best!)
      {
        best = index
      }
      index += SequenceRecord.size(scratch.finished[index])
    }
    if let best {
      found.append(
        SequenceMatch(evidence: SequenceRecord.evidence(scratch.finished, at: best), at: time))
    }
  }

  // MARK: New partial matches

  private func insert(_ words: inout [Int64], _ scratch: inout SequenceScratch) {
    if scratch.fresh.isEmpty { return }
    if words.isEmpty { for _ in 0..<Self.header { words.append(0) } }
    var partials = mode == .all ? self.partials(words) : 0
    var index = 0
    while index < scratch.fresh.count {
      let size = SequenceRecord.size(scratch.fresh[index])
      if mode == .latest {
        merge(&words, &scratch, index)
      } else if partials < maxPartials {
        words.append(contentsOf: scratch.fresh[index..<(index + size)])
        partials += 1
      } else {
        scratch.dropped += 1
      }
      index += size
    }
  }

  /// Keeps the latest partial match of each node, and of each deadline.
  private func merge(_ words: inout [Int64], _ scratch: inout SequenceScratch, _ fresh: Int) {
    let head = scratch.fresh[fresh]
    let node = SequenceRecord.node(head)
    let isOpen = nodes[node].lasting != nil
    let size = SequenceRecord.size(head)
    var open = 0
    var index = Self.header
    while index < words.count {
      let other = SequenceRecord.size(words[index])
      if nodes[SequenceRecord.node(words[index])].lasting != nil { open += 1 }
      if SequenceRecord.node(words[index]) == node,
        !isOpen || words[index + other - 1] == scratch.fresh[fresh + size - 1]
      {
        if SequenceRecord.isLater(words, index, than: scratch.fresh, fresh) { return }
        words.replaceSubrange(index..<(index + other), with: scratch.fresh[fresh..<(fresh + size)])
        return
      }
      index += other
    }
    if isOpen, open >= maxOpen {
      scratch.dropped += 1
    } else {
      words.append(contentsOf: scratch.fresh[fresh..<(fresh + size)])
    }
  }

  /// Writes the header anew.
  private func seal(_ words: inout [Int64]) {
    if words.count <= Self.header {
      words.removeAll(keepingCapacity: true)
      return
    }
    var flags: Int64 = 0
    var deadline = Int64.max
    var index = Self.header
    while index < words.count {
      let node = nodes[SequenceRecord.node(words[index])]
      if node.isUnstable { flags |= Self.unstable }
      if let lasting = node.lasting {
        deadline = min(deadline, self.deadline(words, index, lasting))
      }
      index += SequenceRecord.size(words[index])
    }
    words[0] = flags
    words[1] = deadline
  }

  /// When the absence at the end of the partial match at `index` has been waited out.
  private func deadline(_ words: [Int64], _ index: Int, _ lasting: Int64) -> Int64 {
    let size = SequenceRecord.size(words[index])
    return later(words[waitsFromFirst ? index + 2 : index + size - 1], lasting)
  }

  private func later(_ time: Int64, _ ms: Int64) -> Int64 {
    let (sum, overflow) = time.addingReportingOverflow(ms)
    return overflow ? .max : sum
  }

  // MARK: Time

  /// Lets time pass up to the watermark: absences whose deadline is at or before it fire, in the
  /// order of their deadlines, and what can no longer match is forgotten.
  package func advanceTime(
    _ words: inout [Int64], to watermark: EventTime, into found: inout [SequenceMatch]
  ) {
    if words.isEmpty { return }
    while words[1] <= watermark.milliseconds, words[1] < .max { fire(&words, &found) }
    var read = Self.header
    var write = Self.header
    while read < words.count {
      let size = SequenceRecord.size(words[read])
      if !isDead(words, read, watermark.milliseconds) {
        if write != read { for i in 0..<size { words[write + i] = words[read + i] } }
        write += size
      }
      read += size
    }
    if words.count > write { words.removeLast(words.count - write) }
    seal(&words)
  }

  private func isDead(_ words: [Int64], _ index: Int, _ watermark: Int64) -> Bool {
    let node = nodes[SequenceRecord.node(words[index])]
    if node.lasting != nil { return false }
    let last = words[index + SequenceRecord.size(words[index]) - 1]
    if node.patience < .max, watermark >= later(last, node.patience) { return true }
    guard let within else { return false }
    return watermark >= later(words[index + 2], within)
  }

  /// Fires all absences of the earliest deadline; in the mode `latest` one for all of them.
  private func fire(_ words: inout [Int64], _ found: inout [SequenceMatch]) {
    let deadline = words[1]
    var best: Int?
    var index = Self.header
    while index < words.count {
      let size = SequenceRecord.size(words[index])
      if let lasting = nodes[SequenceRecord.node(words[index])].lasting,
        self.deadline(words, index, lasting) == deadline
      {
        if mode == .latest {
          if best.map({ SequenceRecord.isLater(words, index, than: words, $0) }) ?? true {
            best = index
          }
        } else {
          report(words, index, deadline, &found)
        }
      }
      index += size
    }
    if let best { report(words, best, deadline, &found) }
    remove(&words, due: deadline)
  }

  private func report(
    _ words: [Int64], _ index: Int, _ deadline: Int64, _ found: inout [SequenceMatch]
  ) {
    found.append(
      SequenceMatch(
        evidence: SequenceRecord.evidence(words, at: index), at: EventTime(milliseconds: deadline)))
  }

  private func remove(_ words: inout [Int64], due deadline: Int64) {
    var index = Self.header
    while index < words.count {
      let size = SequenceRecord.size(words[index])
      if let lasting = nodes[SequenceRecord.node(words[index])].lasting,
        self.deadline(words, index, lasting) == deadline
      {
        words.removeSubrange(index..<(index + size))
      } else {
        index += size
      }
    }
    if words.count > Self.header {
      seal(&words)
    } else {
      words[0] = 0
      words[1] = .max
    }
  }
}
