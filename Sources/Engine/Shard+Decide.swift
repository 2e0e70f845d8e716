internal import Cel
internal import Decisions
internal import Events
internal import Features
internal import Scores

// From what happened to candidates, and through the checks.

extension Shard {
  /// Makes the instant's candidates, wakes those that are due, and takes them through the checks
  /// together.
  mutating func decide(
    _ customer: CustomerIndex, _ block: Words, instant: Int64, event: Int?
  ) {
    let mayWake = event == nil && program.checks.goesByEventTime
    guard happening.isNews || mayWake && !files[customer.int].pending.isEmpty else { return }
    var group = mayWake ? takeAwake(customer, upTo: instant) : []
    if happening.isNews {
      for decision in program.triggers.indices where mayFire(decision) {
        if let cause = cause(of: decision) {
          group.append(candidate(decision, cause, customer, block, instant: instant, event: event))
        }
      }
    }
    if !group.isEmpty { judge(group, customer, block, now: policyNow(instant)) }
  }

  /// Whether there is anything at all of what the decision waits for.
  @inline(__always)
  private func mayFire(_ decision: Int) -> Bool {
    switch program.triggers[decision] {
    case .score, .becomes: happening.moveCounts
    case .moment: !happening.fired.isEmpty
    case .window: !happening.openings.isEmpty
    }
  }

  /// What made a decision's trigger fire, if it did.
  private enum Cause {
    /// `rise`: above the least of its time, where that is what was asked for.
    case score(Int, before: Double?, now: Double, rise: Double?)
    case moment(Happening.Fired)
    case window(Happening.Opening)
    case condition
  }

  private func cause(of decision: Int) -> Cause? {
    switch program.triggers[decision] {
    case .score(let watch, let trigger, let rise):
      guard let move = happening.move(watch) else { return nil }
      if let rise {
        return happening.rose[watch][rise].map {
          .score(trigger.score, before: move.before, now: move.now, rise: $0)
        }
      }
      guard trigger.crosses(from: move.before, to: move.now) else { return nil }
      return .score(trigger.score, before: move.before, now: move.now, rise: nil)
    case .moment(let moment):
      return happening.fired.last { $0.moment == moment }.map { .moment($0) }
    case .window(let window):
      return happening.openings.first { $0.window == window }.map { .window($0) }
    case .becomes(let watch):
      return happening.move(watch)?.isRise == true ? .condition : nil
    }
  }

  private mutating func candidate(
    _ decision: Int, _ cause: Cause, _ customer: CustomerIndex, _ block: Words, instant: Int64,
    event: Int?
  ) -> Candidate {
    let plan = program.checks.decisions[decision]
    let anchor: DecisionId.Anchor = event.map { .event(slab[$0].hash) } ?? .instant(instant)
    let id = DecisionId(
      customer: customers.id(customer), playbook: plan.playbook, decision: plan.name,
      anchor: anchor)
    var candidate = Candidate(
      decision: decision, id: id, instant: instant, expires: instant &+ plan.expires, window: nil,
      score: nil, reasons: [])
    switch cause {
    case .score(let score, let before, let now, let rise):
      candidate.score = .init(
        name: program.scores[score].name, value: logistic(now),
        change: rise ?? before.map { logistic(now) - logistic($0) })
      candidate.reasons = scoreReasons(score, block, instant, event)
    case .moment(let fired): candidate.reasons = momentReasons(fired, customer)
    case .window(let opening):
      candidate.window = .init(opens: opening.opens, closes: opening.closes)
      candidate.expires = min(candidate.expires, opening.closes)
      candidate.reasons = [windowReason(opening, customer)]
    case .condition:
      candidate.reasons = [
        .init(
          code: plan.name,
          text: semantics < 2 ? "its condition became true" : "its condition has become true",
          evidence: event.map { [slab.id($0)] } ?? [])
      ]
    }
    for field in plan.fields {
      candidate.fields.append(
        (field.name, json(field.expression, block, instant) ?? Array("null".utf8)))
    }
    candidate.owner = plan.owner.flatMap { string($0, block, instant) }
    candidate.account = plan.account.flatMap { string($0, block, instant) }
    candidate.approximate = block[Header.flags] & 1 != 0
    return candidate
  }

  private mutating func scoreReasons(
    _ score: Int, _ block: Words, _ now: Int64, _ event: Int?
  ) -> [Candidate.Reason] {
    for index in program.scores[score].weights.indices {
      _ = fill(program.scores[score].weights[index].slot, block, now)
    }
    let evidence = event.map { [slab.id($0)] } ?? []
    return program.scores[score].contributions(row.span).map { weight, value, part in
      let words = weight.reason
      return Candidate.Reason(
        code: words.code, text: words.text ?? weight.feature + " is " + value.description,
        contribution: part,
        talkingPoint: words.talkingPoint, evidence: evidence)
    }
  }

  /// Screens each alone, ranks them together, and admits one after the other.
  mutating func judge(
    _ group: [Candidate], _ customer: CustomerIndex, _ block: Words, now: Int64
  ) {
    if group.count == 1 {
      var entry = screen(group[0], customer, block, now: now)
      admit(&entry, customer, block, now: now)
      return
    }
    var entries: [Screened] = []
    for candidate in group { entries.append(screen(candidate, customer, block, now: now)) }
    let order = entries.indices.sorted { a, b in
      let (x, y) = (entries[a].candidate, entries[b].candidate)
      let (p, q) = (
        program.checks.decisions[x.decision].priority,
        program.checks.decisions[y.decision].priority
      )
      if p != q { return p > q }
      if x.decision != y.decision { return x.decision < y.decision }
      return x.instant != y.instant ? x.instant < y.instant : a < b
    }
    for index in order { admit(&entries[index], customer, block, now: now) }
  }

  private struct Screened {
    var candidate: Candidate
    var verdict: Verdict
    var situation: Checks.Situation
  }

  private mutating func screen(
    _ candidate: Candidate, _ customer: CustomerIndex, _ block: Words, now: Int64
  ) -> Screened {
    var condition: Bool?
    if let predicate = program.checks.decisions[candidate.decision].condition {
      let value = evaluate(predicate, block, at.now)
      condition = value.kind == .bool ? value.bool : nil
    }
    let situation = Checks.Situation(
      now: now, zone: zone(playbook: program.playbookOf[candidate.decision], block),
      customer: program.checks.policy.holdout == nil ? [] : customers.id(customer),
      condition: condition)
    return Screened(
      candidate: candidate,
      verdict: program.checks.screen(candidate, files[customer.int], situation),
      situation: situation)
  }

  private mutating func admit(
    _ entry: inout Screened, _ customer: CustomerIndex, _ block: Words, now: Int64
  ) {
    program.checks.admit(
      entry.candidate, &entry.verdict, &files[customer.int], entry.situation)
    bound(&entry.verdict, customer, block)
    let time = entry.candidate.revision == 0 ? entry.candidate.instant : now
    publish(entry.candidate, entry.verdict, customer, time: time)
    keep(&entry.candidate, entry.verdict, customer)
  }

  /// Of one customer only so many decisions are kept waiting.
  private mutating func bound(_ verdict: inout Verdict, _ customer: CustomerIndex, _ block: Words) {
    guard verdict.outcome == .deferred || verdict.outcome == .awaitingApproval,
      files[customer.int].pending.count >= CustomerBounds.pending
    else { return }
    verdict.outcome = .held(.caps)
    verdict.nextAllowed = nil
    verdict.trace.append(
      .init("caps", .failed, "\(CustomerBounds.pending) decisions of this customer are waiting"))
    counts.dropped += 1
    flag(block)
  }

  /// A deferred or waiting one stays with the customer.
  private mutating func keep(
    _ candidate: inout Candidate, _ verdict: Verdict, _ customer: CustomerIndex
  ) {
    switch verdict.outcome {
    case .deferred:
      // What a person has approved stays approved.
      if candidate.state != .approved { candidate.state = .deferred }
      candidate.wake = verdict.nextAllowed ?? candidate.expires
    case .awaitingApproval:
      candidate.state = .awaitingApproval
      candidate.wake = candidate.expires
    default: return
    }
    files[customer.int].pending.append(candidate)
    if !program.checks.goesByEventTime {
      wakes.push(.init(time: candidate.wake, customer: customer), customers)
    }
  }

  private mutating func takeAwake(
    _ customer: CustomerIndex, upTo time: Int64
  ) -> [Candidate] {
    var awake = files[customer.int].pending.filter { $0.wake <= time }
    guard !awake.isEmpty else { return [] }
    files[customer.int].pending.removeAll { $0.wake <= time }
    for index in awake.indices { awake[index].revision += 1 }
    return awake
  }

  /// Wakes what is due in policy time, where that is append time.
  mutating func wake(_ customer: CustomerIndex, at time: Int64) {
    let group = takeAwake(customer, upTo: time)
    guard !group.isEmpty else { return }
    let block = blocks[customer.int]
    begin(customer, now: clock(block, at: .min), event: nil)
    judge(group, customer, block, now: policyTime)
  }

  mutating func publish(
    _ candidate: Candidate, _ verdict: Verdict, _ customer: CustomerIndex, time: Int64
  ) {
    let record = DecisionRecord(
      candidate, verdict, plan: program.checks.decisions[candidate.decision],
      customer: customers.id(customer), time: time)
    if isChained { chain.add(decision: record.value) }
    if isMuted(customer) { return }
    output.append(
      Published(
        record: record, position: position, watermark: watermark, appendTime: policyTime))
  }

  /// Takes pending decisions back.
  mutating func revoke(
    _ customer: CustomerIndex, at time: Int64, because detail: String, check: Outcome.Check,
    where isMeant: (Candidate) -> Bool
  ) {
    let revoked = files[customer.int].pending.filter(isMeant)
    guard !revoked.isEmpty else { return }
    files[customer.int].pending.removeAll(where: isMeant)
    for var candidate in revoked {
      candidate.revision += 1
      var verdict = Verdict()
      verdict.outcome = .revoked
      verdict.trace = [.init(check.rawValue, .failed, detail)]
      publish(candidate, verdict, customer, time: time)
    }
  }
}
