import Playbooks

// Moments by brute force: every choice of events is tried.

/// A sequence that has come to its end: by an event, or by a deadline.
struct NaiveMatch {
  /// Indices into the history, one per step that takes an event.
  var events: [Int]
  /// When the silence at its end was long enough; nil: the last event completes it.
  var deadline: Int64?
}

extension NaiveHistory {
  /// The sequence's matches in the whole history: those with an absence at their end whether or
  /// not time has reached the deadline.
  func matches(_ sequence: Playbook.Sequence) -> [NaiveMatch] {
    extend([], sequence, step: 0)
  }

  private func extend(
    _ taken: [Int], _ sequence: Playbook.Sequence, step index: Int
  ) -> [NaiveMatch] {
    guard index < sequence.steps.count else { return [NaiveMatch(events: taken, deadline: nil)] }
    let step = sequence.steps[index]
    switch step.kind {
    case .group: fatalError("the generator writes no groups")
    case .absent(let pattern, let duration):
      guard index + 1 == sequence.steps.count, let last = taken.last else {
        return extend(taken, sequence, step: index + 1)
      }
      let deadline =
        duration.map { events[last].time + $0 } ?? events[taken[0]].time + sequence.within!
      let isBroken = events[(last + 1)...].contains { event in
        event.time < deadline && fits(event, pattern)
      }
      return isBroken ? [] : [NaiveMatch(events: taken, deadline: deadline)]
    case .event(let pattern):
      return candidates(pattern, step.contiguity, after: taken.last).filter { candidate in
        isAllowed(candidate, taken, sequence, step: index)
      }.flatMap { extend(taken + [$0], sequence, step: index + 1) }
    }
  }

  /// The events that a step may take by its contiguity.
  private func candidates(
    _ pattern: EventPattern, _ contiguity: Playbook.Step.Contiguity, after last: Int?
  ) -> [Int] {
    let fitting = events.indices.filter { fits(events[$0], pattern) }
    guard let last else { return fitting }
    let later = fitting.filter { $0 > last }
    switch contiguity {
    case .followedBy: return Array(later.prefix(1))
    case .next: return later.filter { $0 == last + 1 }
    case .any: return later
    }
  }

  /// Held against `within` and an absence before the step.
  private func isAllowed(
    _ candidate: Int, _ taken: [Int], _ sequence: Playbook.Sequence, step index: Int
  ) -> Bool {
    guard let last = taken.last else { return true }
    let time = events[candidate].time
    if let within = sequence.steps[index].within, time >= events[last].time + within {
      return false
    }
    if let within = sequence.within, time >= events[taken[0]].time + within { return false }
    if case .absent(let pattern, _) = sequence.steps[index - 1].kind {
      return !events[(last + 1)..<candidate].contains { fits($0, pattern) }
    }
    return true
  }

  /// The match with the latest evidence, compared from the last step backwards by journal position.
  func latest(_ matches: [NaiveMatch]) -> NaiveMatch? {
    matches.max { a, b in
      let (x, y) = (a.events.reversed(), b.events.reversed())
      return x.lexicographicallyPrecedes(y) { events[$0].position < events[$1].position }
    }
  }

  /// How many different indicators of events have their latest event in (t − within, t]; the
  /// rises of conditions are given.
  func indicators(
    _ atLeast: Playbook.AtLeast, at now: Int64, without position: Int?,
    rises: (Int) -> Int64?
  ) -> Int {
    atLeast.indicators.indices.filter { index in
      let latest: Int64?
      switch atLeast.indicators[index].condition {
      case .event(let pattern):
        latest = events.last { $0.position != position && fits($0, pattern) }?.time
      case .becomes: latest = rises(index)
      }
      return latest.map { $0 > now - atLeast.within } ?? false
    }.count
  }
}
