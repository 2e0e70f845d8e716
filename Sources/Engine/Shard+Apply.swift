internal import Cel
internal import Decisions
internal import Events
internal import Features

extension Shard {
  /// Applies an event: state first, then triggers, then the checks; and gives its place back.
  mutating func apply(_ slot: Int) {
    let event = slab[slot]
    let block = blocks[event.customer.int]
    let isLate = event.time < block[Header.latest]
    if isLate { counts.late += 1 }
    let now = clock(block, at: event.time)
    block[Header.clock] = max(block[Header.clock], event.time)
    block[Header.latest] = max(block[Header.latest], event.time)
    begin(event.customer, now: now, event: slot)
    let type = Int(event.type)
    updateFacts(type, event.time, block, now)
    insertSamples(type, slot, event.time, block, now)
    watch(type: type, block, now)
    advanceMoments(type, slot, block, now)
    if observesMoments { observeMoments(at: event.time) }
    decide(event.customer, block, instant: now, event: slot)
    refreshMoved(block)
    happening.clear()
    discard(slot)
    current = nil
    clearFields()
  }

  /// All that is due for a customer at one instant, then its triggers, once.
  mutating func process(_ customer: CustomerIndex, _ block: Words, at instant: Int64) {
    block[Header.clock] = max(block[Header.clock], instant)
    begin(customer, now: instant, event: nil)
    passDeadlines(block, at: instant)
    watch(type: nil, block, instant)
    followMoments(block, instant)
    if observesMoments { observeMoments(at: instant) }
    decide(customer, block, instant: instant, event: nil)
    refreshMoved(block)
    happening.clear()
  }

  private mutating func updateFacts(_ type: Int, _ time: Int64, _ block: Words, _ now: Int64) {
    for place in 0..<program.types[type].facts.count {
      let plan = program.facts[program.types[type].facts[place]]
      if let condition = plan.condition, !isTrue(condition, block, now) { continue }
      let value = plan.type.take(row[plan.fieldSlot])
      if value.kind == .missing { continue }
      let held = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[plan.offset + 1]))
      if held != .missing, time < block[plan.offset] { continue }
      if value.kind == .string { memory.texts.retain(value.text) }
      if held == .string {
        memory.texts.release(
          Scalar(kind: .string, bits: UInt64(bitPattern: block[plan.offset + 2])).text)
      }
      block[plan.offset] = time
      block[plan.offset + 1] = Int64(value.kind.rawValue)
      block[plan.offset + 2] = Int64(bitPattern: value.bits)
      filled[plan.slot] = 0
    }
  }

  private mutating func observeMoments(at time: Int64) {
    for fired in happening.fired {
      observed.append(
        ObservedMoment(
          moment: fired.moment,
          evidence: fired.evidence.map { .init(part: $0.part, position: $0.position) }, at: time))
    }
  }

  /// What time can move next, for this customer.
  func refresh(_ block: Words) {
    refreshSoft(block)
    block[Header.nextHard] = nextDeadline(block)
  }

  /// The same after an instant, of which only some may have moved.
  func refreshMoved(_ block: Words) {
    if happening.looked { refreshSoft(block) }
    if happening.deadlinesMoved { block[Header.nextHard] = nextDeadline(block) }
  }

  private func refreshSoft(_ block: Words) {
    var soft = Int64.max
    for index in wiring.watches.indices where !wiring.watches[index].eventsOnly {
      soft = min(soft, block[wiring.watches[index].offset + 2])
    }
    block[Header.nextSoft] = soft
  }
}

extension FactPlan.ValueType {
  /// The value as this type, or missing: facts are typed, and a value of another type is no news.
  func take(_ value: Scalar) -> Scalar {
    switch (self, value.kind) {
    case (.string, .string), (.bool, .bool), (.double, .double): return value
    case (.double, .int): return Scalar(Double(value.int))
    case (.int, .int): return value
    case (.int, .double):
      // Not `Int64(exactly:)`, which asks libm to round.
      let double = value.double
      guard double >= -0x1p63, double < 0x1p63, Double(Int64(double)) == double else {
        return .missing
      }
      return Scalar(Int64(double))
    default: return .missing
    }
  }
}
