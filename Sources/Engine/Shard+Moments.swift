internal import Decisions
internal import Events
internal import Features
internal import Moments
internal import Scores

// Sequences, gatherings (at least N different of …) and intervention windows of the customer at
// hand. Their state refers to events by journal position; the ids behind the positions that are
// still referred to stand in the customer's file.

extension Shard {
  func initializeMoments(_ block: Words) {
    for use in program.gatherings {
      let initial = use.plan.initialState
      for index in initial.indices { block[use.offset + index] = initial[index] }
    }
  }

  /// An event's effect on moments and windows, after features and watches.
  mutating func advanceMoments(_ type: Int, _ slot: Int, _ block: Words, _ now: Int64) {
    let row = wiring.types[type]
    guard row.concernsMoments || happening.becameTrue else { return }
    let event = slab[slot]
    var taken = false
    for place in row.sequences {
      taken = advance(wiring.sequences[place], event, block, now) || taken
    }
    for place in row.gatherings {
      taken = gather(wiring.gatherings[place], event, block, now) || taken
    }
    if happening.becameTrue {
      taken = gatherRises(block, now, event.position) || taken
      becomeMoments(event.position)
    }
    for place in row.windows {
      taken = touch(wiring.windows[place], event, block, now) || taken
    }
    if taken { remember(event.position, slab.id(slot), event.customer, block) }
    if !happening.fired.isEmpty { anchorWindows(block, at: event.time, position: event.position) }
  }

  /// What has come to its deadline at an instant: absences, openings, closings.
  mutating func passDeadlines(_ block: Words, at instant: Int64) {
    let limit = min(instant, watermark)
    guard block[Header.nextHard] <= limit else { return }
    happening.deadlinesMoved = true
    for index in program.windows.indices where block[program.windows[index].offset] != 0 {
      let use = program.windows[index]
      var changes: [InterventionWindow.Change] = []
      window(use, block).modify { words in
        use.plan.advanceTime(&words, to: EventTime(milliseconds: limit), into: &changes)
      }
      for change in changes where change.kind == .opened {
        happening.openings.append(
          .init(
            window: index, anchorPosition: change.position, opens: change.at.milliseconds,
            closes: change.closes.milliseconds))
      }
    }
    for index in program.sequences.indices {
      guard program.sequences[index].plan.hasDeadline, load(index, block), sequenceWords[1] <= limit
      else { continue }
      found.removeAll(keepingCapacity: true)
      partialMatches -= program.sequences[index].plan.partials(sequenceWords)
      program.sequences[index].plan.advanceTime(
        &sequenceWords, to: EventTime(milliseconds: limit), into: &found)
      partialMatches += program.sequences[index].plan.partials(sequenceWords)
      store(index, block)
      report(index)
    }
  }

  /// Moments that follow from time alone, and the windows that they anchor.
  mutating func followMoments(_ block: Words, _ now: Int64) {
    if happening.becameTrue {
      _ = gatherRises(block, now, Int64.min)
      becomeMoments(.min)
    }
    if !happening.fired.isEmpty { anchorWindows(block, at: now, position: .min) }
  }

  // MARK: Sequences

  /// The first word of a sequence's state, where there is one.
  @inline(__always)
  private mutating func sequenceFlags(_ index: Int, _ block: Words) -> Int64 {
    let handle = ArenaHandle(raw: UInt64(bitPattern: block[program.sequences[index].offset]))
    return memory.arena.words(handle)[0]
  }

  /// Copies a sequence's state out; false: there is none.
  private mutating func load(_ index: Int, _ block: Words) -> Bool {
    let offset = program.sequences[index].offset
    sequenceWords.removeAll(keepingCapacity: true)
    let count = Int(block[offset + 1])
    guard count > 0 else { return false }
    let held = memory.arena.words(ArenaHandle(raw: UInt64(bitPattern: block[offset])))
    for index in 0..<count { sequenceWords.append(held[index]) }
    return true
  }

  /// How many partial matches a customer's block holds.
  mutating func partialMatches(_ block: Words) -> Int {
    var count = 0
    for index in program.sequences.indices where load(index, block) {
      count += program.sequences[index].plan.partials(sequenceWords)
    }
    return count
  }

  private mutating func store(_ index: Int, _ block: Words) {
    if program.sequences[index].plan.hasDeadline { happening.deadlinesMoved = true }
    let offset = program.sequences[index].offset
    var handle = ArenaHandle(raw: UInt64(bitPattern: block[offset]))
    if sequenceWords.count > handle.capacity || (sequenceWords.isEmpty && handle != .none) {
      memory.arena.release(handle)
      handle = sequenceWords.isEmpty ? .none : memory.arena.allocate(atLeast: sequenceWords.count)
      block[offset] = Int64(bitPattern: handle.raw)
    }
    block[offset + 1] = Int64(sequenceWords.count)
    guard !sequenceWords.isEmpty else { return }
    let held = memory.arena.words(handle)
    for index in sequenceWords.indices { held[index] = sequenceWords[index] }
  }

  /// True: the state now refers to the event.
  private mutating func advance(
    _ listener: Wiring.SequenceRow, _ event: EventSlab.Event, _ block: Words, _ now: Int64
  ) -> Bool {
    let index = listener.sequence
    let isUnderWay = block[program.sequences[index].offset + 1] != 0
    let matches = matches(listener.steps, block, now)
    if matches == 0, !isUnderWay { return false }
    if matches == 0, !SequencePlan.wantsEveryEvent(flags: sequenceFlags(index, block)) {
      return false
    }
    if isUnderWay { _ = load(index, block) } else { sequenceWords.removeAll(keepingCapacity: true) }
    if !found.isEmpty { found.removeAll(keepingCapacity: true) }
    let dropped = scratch.dropped
    partialMatches += program.sequences[index].plan.advanceCounting(
      &sequenceWords, at: EventTime(milliseconds: event.time), position: event.position,
      matches: matches, scratch: &scratch, into: &found)
    counts.dropped += scratch.dropped - dropped
    store(index, block)
    report(index)
    return matches != 0
  }

  /// Which of a sequence's conditions, or a gathering's indicators, the event satisfies.
  private mutating func matches(_ tests: Range<Int>, _ block: Words, _ now: Int64) -> UInt64 {
    var bits: UInt64 = 0
    for place in tests {
      let test = wiring.tests[place]
      if holds(test.condition, block, now) { bits |= test.bit }
    }
    return bits
  }

  private mutating func report(_ index: Int) {
    for match in found {
      happening.fired.append(
        .init(
          moment: program.sequences[index].moment,
          evidence: match.evidence.map { ($0.step, $0.position) }))
    }
  }

  // MARK: At least N different

  private mutating func gather(
    _ listener: Wiring.GatheringRow, _ event: EventSlab.Event, _ block: Words, _ now: Int64
  ) -> Bool {
    let taken = matches(listener.indicators, block, now)
    guard taken != 0 else { return false }
    gathered(
      program.gatherings[listener.gathering], block, taken, at: event.time, now: now,
      position: event.position)
    return true
  }

  /// Indicators that are conditions: their rise counts like an event.
  private mutating func gatherRises(_ block: Words, _ now: Int64, _ position: Int64) -> Bool {
    var any = false
    for use in program.gatherings where use.watches {
      var taken: UInt64 = 0
      for part in use.indicators.indices {
        guard case .watch(let watch) = use.indicators[part] else { continue }
        if happening.move(watch)?.isRise == true { taken |= 1 << part }
      }
      guard taken != 0 else { continue }
      gathered(use, block, taken, at: now, now: now, position: position)
      any = true
    }
    return any
  }

  private mutating func gathered(
    _ use: GatheringUse, _ block: Words, _ taken: UInt64, at time: Int64, now: Int64,
    position: Int64
  ) {
    let clock = EventTime(milliseconds: now)
    var evidence: [Taken]?
    block.slice(use.offset, use.plan.stateWords).modify { words in
      let fires = use.plan.advance(
        &words, at: EventTime(milliseconds: time), position: position, indicators: taken,
        now: clock)
      if fires { evidence = use.plan.evidence(words.span, now: clock) }
    }
    guard let evidence else { return }
    happening.fired.append(
      .init(moment: use.moment, evidence: evidence.map { ($0.step, $0.position) }))
  }

  private mutating func becomeMoments(_ position: Int64) {
    for index in program.moments.indices {
      guard case .becomes(let watch) = program.moments[index].kind else { continue }
      if happening.move(watch)?.isRise == true {
        happening.fired.append(
          .init(moment: index, evidence: position == .min ? [] : [(0, position)]))
      }
    }
  }

  // MARK: Windows

  /// An event may cancel a window's instance, or anchor one. True: an instance refers to it.
  private mutating func touch(
    _ listener: Wiring.WindowRow, _ event: EventSlab.Event, _ block: Words, _ now: Int64
  ) -> Bool {
    let index = listener.window
    if block[program.windows[index].offset] != 0, isCancelled(listener, block, now) {
      happening.deadlinesMoved = true
      let use = program.windows[index]
      var was = InterventionWindow.Phase.idle
      window(use, block).modify { words in
        was = use.plan.cancel(&words, at: EventTime(milliseconds: event.time))
      }
      if was != .idle { takeBack(window: index, event) }
    }
    guard listener.anchors,
      case .event(let source, _, let condition, let nth, let within) = program.windows[index]
        .anchor, holds(condition ?? -1, block, now)
    else { return false }
    let from = within.map { event.time &- $0 } ?? .min
    let count = program.features.count(
      source: source, from: from, to: event.time, block, memory)
    guard count == nth else { return false }
    return anchor(program.windows[index], block, at: event.time, position: event.position)
  }

  private func window(_ use: WindowUse, _ block: Words) -> Words {
    block.slice(use.offset, InterventionWindow.stateWords)
  }

  /// True: an instance has begun.
  private mutating func anchor(
    _ use: WindowUse, _ block: Words, at time: Int64, position: Int64
  ) -> Bool {
    happening.deadlinesMoved = true
    var began = false
    window(use, block).modify { words in
      began = use.plan.anchor(&words, at: EventTime(milliseconds: time), position: position)
    }
    return began
  }

  private mutating func isCancelled(
    _ listener: Wiring.WindowRow, _ block: Words, _ now: Int64
  ) -> Bool {
    for place in listener.cancels where holds(wiring.tests[place].condition, block, now) {
      return true
    }
    return false
  }

  /// A cancelled window takes back what it has deferred.
  private mutating func takeBack(window index: Int, _ event: EventSlab.Event) {
    let isOfWindow = program.triggers.map { trigger in
      if case .window(let window) = trigger { window == index } else { false }
    }
    revoke(
      event.customer, at: policyNow(event.time), because: "its window was cancelled",
      check: .eligibility
    ) { isOfWindow[$0.decision] }
  }

  /// Moments that have just fired anchor the windows that wait for them.
  private mutating func anchorWindows(_ block: Words, at time: Int64, position: Int64) {
    for fired in happening.fired {
      for index in program.moments[fired.moment].windows {
        let use = program.windows[index]
        let evidence = fired.evidence.last?.position ?? position
        _ = anchor(use, block, at: time, position: evidence)
      }
    }
  }

  func nextDeadline(_ block: Words) -> Int64 {
    var next = Int64.max
    for index in program.sequences.indices where program.sequences[index].plan.hasDeadline {
      let offset = program.sequences[index].offset
      if block[offset + 1] == 0 { continue }
      let held = memory.arena.words(ArenaHandle(raw: UInt64(bitPattern: block[offset])))
      next = min(next, held[1])
    }
    for index in program.windows.indices where block[program.windows[index].offset] != 0 {
      let use = program.windows[index]
      window(use, block).read { next = min(next, use.plan.nextDeadline($0).milliseconds) }
    }
    return next
  }

  // MARK: Evidence

  /// Keeps an event's id while something refers to it.
  private mutating func remember(
    _ position: Int64, _ id: [UInt8], _ customer: CustomerIndex, _ block: Words
  ) {
    if files[customer.int].evidence.count >= 16,
      files[customer.int].evidence.count.nonzeroBitCount == 1
    {
      forgetEvidence(customer, block)
    }
    if files[customer.int].evidence.last?.position != position {
      files[customer.int].evidence.append((position, id))
    }
  }

  /// Drops the ids that nothing refers to any more.
  mutating func forgetEvidence(_ customer: CustomerIndex, _ block: Words) {
    var live: [Int64] = happening.fired.flatMap { $0.evidence.map(\.position) }
    live += happening.openings.map(\.anchorPosition)
    for index in program.sequences.indices where load(index, block) {
      program.sequences[index].plan.livePositions(sequenceWords) { live.append($0) }
    }
    for use in program.gatherings {
      block.slice(use.offset, use.plan.stateWords).read { words in
        use.plan.livePositions(words) { live.append($0) }
      }
    }
    for use in program.windows {
      window(use, block).read { words in use.plan.livePositions(words) { live.append($0) } }
    }
    live.sort()
    files[customer.int].evidence.removeAll { entry in
      var (low, high) = (0, live.count)
      while low < high {
        let middle = (low + high) / 2
        if live[middle] < entry.position { low = middle + 1 } else { high = middle }
      }
      return low == live.count || live[low] != entry.position
    }
  }

  func eventId(_ position: Int64, _ customer: CustomerIndex) -> [UInt8]? {
    if let current, slab[current].position == position { return slab.id(current) }
    return files[customer.int].evidence.last { $0.position == position }?.id
  }

  func momentReasons(
    _ fired: Happening.Fired, _ customer: CustomerIndex
  ) -> [Candidate.Reason] {
    let moment = program.moments[fired.moment]
    let ids = fired.evidence.map { eventId($0.position, customer) }
    let whole = Candidate.Reason(
      code: moment.words.code, text: moment.words.text ?? moment.name,
      talkingPoint: moment.words.talkingPoint, evidence: ids.compactMap { $0 })
    if case .becomes = moment.kind { return [whole] }
    var parts: [Candidate.Reason] = []
    for (index, (part, _)) in fired.evidence.enumerated() {
      let words = self.words(of: moment, part: part)
      parts.append(
        .init(
          code: words.code, text: words.text ?? words.code, talkingPoint: words.talkingPoint,
          evidence: ids[index].map { [$0] } ?? []))
    }
    // What the playbook says of the moment as a whole is the strongest reason.
    return moment.words.isTold || parts.isEmpty ? [whole] + parts : parts
  }

  private func words(of moment: MomentPlan, part: Int) -> ReasonWords {
    switch moment.kind {
    case .sequence(let index): program.sequences[index].steps[part].words
    case .gathering(let index): program.gatherings[index].words[part]
    case .becomes: moment.words
    }
  }

  func windowReason(
    _ opening: Happening.Opening, _ customer: CustomerIndex
  ) -> Candidate.Reason {
    let use = program.windows[opening.window]
    return .init(
      code: use.words.code, text: use.words.text ?? "\(use.name) has opened",
      talkingPoint: use.words.talkingPoint,
      evidence: eventId(opening.anchorPosition, customer).map { [$0] } ?? [])
  }
}
