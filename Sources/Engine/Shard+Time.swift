internal import Decisions
internal import Events

// How time passes: source watermarks rise, the partition's with them, and what falls due on the way
// is processed in order of due time, then of the customers' ids.

extension Shard {
  mutating func raise(_ origin: Int, to time: Int64) {
    _ = origins.raise(origin, to: time)
    release(origin)
    settle()
  }

  /// Raises several sources' watermarks as one: what they let go is applied in order of time,
  /// whichever source it is of, so that it does not matter in how many ticks they rise.
  mutating func raise(_ marks: [(origin: Int, time: Int64)]) {
    for mark in marks { _ = origins.raise(mark.origin, to: mark.time) }
    while let origin = origins.nextToRelease, let entry = origins.release(origin) {
      hand(on: entry)
    }
    settle()
  }

  /// Hands on the events that the source's own watermark has reached, each after what falls due
  /// before it.
  mutating func release(_ origin: Int) {
    while let entry = origins.release(origin) { hand(on: entry) }
  }

  private mutating func hand(on entry: HeldQueue.Entry) {
    fireDue(upTo: min(entry.time, watermark))
    apply(orPark: entry.slot)
  }

  /// Processes all that falls due up to the watermark.
  mutating func settle() { fireDue(upTo: watermark) }

  private mutating func fireDue(upTo time: Int64) {
    while let first = due.first, first.time <= time {
      guard let entry = due.pop(customers) else { return }
      let block = blocks[entry.customer.int]
      guard block[Header.scheduled] == entry.time else { continue }
      block[Header.scheduled] = .max
      passed = max(passed, entry.time)
      processDue(entry.customer, block, at: entry.time)
      drainParked(entry.customer, block)
      reschedule(entry.customer, block)
    }
    passed = max(passed, time)
  }

  /// One instant of one customer, or one of its parked events, whichever made it due.
  private mutating func processDue(_ customer: CustomerIndex, _ block: Words, at time: Int64) {
    let instant = min(nextInstant(customer, block), allowedHard(block))
    if instant <= time {
      process(customer, block, at: instant)
      return
    }
    guard let slot = slab.firstParked(customer, block) else { return }
    if isBlocked(block, slab[slot].time) { return }
    slab.unparkFirst(customer, block)
    apply(slot)
  }

  /// Applies parked events that are ahead of the watermark (their source is ahead of others) and
  /// have no deadline in their way any more; those behind it come up in the due queue.
  mutating func drainParked(_ customer: CustomerIndex, _ block: Words) {
    while let slot = slab.firstParked(customer, block) {
      let time = slab[slot].time
      if time <= watermark || isBlocked(block, time) { return }
      let instant = nextInstant(customer, block)
      // What the watermark has reached comes up in the due queue too, each at its own instant.
      if min(instant, block[Header.nextHard]) <= watermark { return }
      if instant <= time {
        process(customer, block, at: instant)
        continue
      }
      slab.unparkFirst(customer, block)
      apply(slot)
    }
  }

  /// The next instant that needs no watermark: time moves a watched value, or a deferred decision
  /// wakes (where policy time is event time).
  func nextInstant(_ customer: CustomerIndex, _ block: Words) -> Int64 {
    var next = block[Header.nextSoft]
    if files.hasPending(customer), routes.isEventTime {
      for candidate in files[customer.int].pending { next = min(next, candidate.wake) }
    }
    return next
  }

  /// The next deadline, if the watermark has reached it.
  func allowedHard(_ block: Words) -> Int64 {
    block[Header.nextHard] <= watermark ? block[Header.nextHard] : .max
  }

  /// Whether a deadline of the customer, not after `time`, is still ahead of the watermark.
  private func isBlocked(_ block: Words, _ time: Int64) -> Bool {
    block[Header.nextHard] <= time && block[Header.nextHard] > watermark
  }

  /// Applies an event after all that is due before it; or parks it, if that cannot be known yet.
  mutating func apply(orPark slot: Int) {
    let (customer, time) = (slab[slot].customer, slab[slot].time)
    let block = blocks[customer.int]
    while true {
      let instant = min(nextInstant(customer, block), allowedHard(block))
      if instant <= time, instant < block[Header.nextHard] || block[Header.nextHard] <= watermark {
        process(customer, block, at: instant)
        continue
      }
      if isBlocked(block, time) {
        slab.park(slot, block)
        break
      }
      apply(slot)
      // It may have cancelled the deadline that others wait for.
      drainParked(customer, block)
      break
    }
    reschedule(customer, block)
  }

  /// Puts the customer into the due queue at the time when it next has to be looked at.
  mutating func reschedule(_ customer: CustomerIndex, _ block: Words) {
    var next = min(nextInstant(customer, block), block[Header.nextHard])
    if let slot = slab.firstParked(customer, block), block[Header.nextHard] > slab[slot].time {
      next = min(next, slab[slot].time)
    }
    if next == block[Header.scheduled] { return }
    block[Header.scheduled] = next
    if next == .max { return }
    due.push(.init(time: next, customer: customer), customers)
    if due.count > 4 * customers.count + 1024 { rebuildDue() }
  }

  mutating func rebuildDue() {
    due.removeAll()
    for number in 0..<customers.places {
      let time = blocks[number][Header.scheduled]
      if time != .max { due.push(.init(time: time, customer: CustomerIndex(number)), customers) }
    }
  }

  /// Raises policy time where that is append time, and wakes what it reaches.
  mutating func raisePolicyTime(to time: Int64) {
    guard time > policyTime else { return }
    policyTime = time
    guard !routes.isEventTime else { return }
    while let first = wakes.first, first.time <= policyTime {
      guard let entry = wakes.pop(customers) else { return }
      wake(entry.customer, at: entry.time)
    }
  }

  /// Policy time at an instant of event time.
  func policyNow(_ instant: Int64) -> Int64 {
    routes.isEventTime ? instant : policyTime
  }
}
