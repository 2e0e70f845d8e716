import Moments

/// Matches sequences by brute force, from the description of the parts alone: it writes out every
/// way in which a sequence can be spelled as a list of slots, tries every choice of events for
/// them, and checks each rule on the whole choice. Events come in the order of their times.
struct SequenceOracle {
  struct Event {
    var time: Int64
    var matches: UInt64
  }

  struct Match: Hashable {
    /// Step and index of the event.
    var taken: [Pair]
    /// The event with which it is complete; nil: it is complete at `at`, a deadline.
    var completing: Int?
    var at: Int64
  }

  struct Pair: Hashable {
    var step: Int
    var event: Int
  }

  /// A place in a spelled-out sequence that takes one event.
  private struct Slot {
    var step: Int
    var contiguity: SequencePart.Contiguity
    /// An event with one of these does not lie before it.
    var stops: UInt64
    /// An event with one of these is not taken.
    var refuses: UInt64
    var within: Int64?
  }

  private enum Item {
    case slot(Slot)
    /// Watched from the slot `back` before the last one on.
    case absent(Int, lasting: Int64?, back: Int, mayLoop: Bool)
    /// The next event after each of the last `back + 1` slots is not such a one.
    case notNext(Int, back: Int, isLast: Bool)
    /// A greedy repetition that has just been left, or left out.
    case greedy(Int, until: Int?)
  }

  /// What a group prescribes for its first part.
  private struct Head {
    var contiguity: SequencePart.Contiguity
    var inner: SequencePart.Contiguity
    var within: Int64?
  }

  let parts: [SequencePart]
  let within: Int64?
  let events: [Event]
  let end: Int64
  /// The absence at the end lasts until `within` after the first event.
  private let waitsFromFirst: Bool

  init(parts: [SequencePart], within: Int64?, events: [Event], end: Int64) {
    self.within = within
    self.events = events
    self.end = end
    var parts = parts
    if let within, case .absent(let condition, nil)? = parts.last?.kind {
      parts[parts.count - 1].kind = .absent(condition: condition, lasting: within)
      waitsFromFirst = true
    } else {
      waitsFromFirst = false
    }
    self.parts = parts
  }

  func matches() -> [Match] {
    spell(parts[...], nil, 0).flatMap(matches(of:))
  }

  // MARK: Spelling

  private func spell(
    _ parts: ArraySlice<SequencePart>, _ head: Head?, _ until: UInt64
  ) -> [[Item]] {
    var all: [[Item]] = [[]]
    for (index, part) in zip(parts.indices, parts) {
      let isHead = index == parts.startIndex && head != nil
      let previous = index > parts.startIndex ? parts[index - 1] : nil
      switch part.kind {
      case .absent(let condition, let lasting):
        all = all.map { items in
          let loops = previous.map { Self.repetitions($0, items) } ?? 0
          let mayLoop = previous.map { $0.atMost == nil || loops < $0.atMost! } ?? false
          let item = Item.absent(
            condition, lasting: lasting, back: max(0, loops - 1), mayLoop: mayLoop)
          return items + [item]
        }
      case .notNext(let condition):
        all = all.map { items in
          let loops = previous.map { Self.repetitions($0, items) } ?? 1
          let isLast = index == parts.endIndex - 1
          return items + [
            .notNext(condition, back: loops - (previous?.atLeast ?? 1), isLast: isLast)
          ]
        }
      case .on, .group:
        let spelled = spell(part, isHead ? head : nil, until)
        all = join(all, spelled)
      }
    }
    return all
  }

  /// How many slots at the end of the items belong to a plain part.
  private static func repetitions(_ part: SequencePart, _ items: [Item]) -> Int {
    guard case .on(let condition) = part.kind else { return 1 }
    return items.reversed().prefix {
      switch $0 {
      case .slot(let slot): slot.step == condition
      case .greedy: true
      default: false
      }
    }.filter { if case .slot = $0 { true } else { false } }.count
  }

  private func spell(_ part: SequencePart, _ head: Head?, _ until: UInt64) -> [[Item]] {
    let ends = until | (part.until.map { 1 << $0 } ?? 0)
    var all: [[Item]] = []
    var longest: [[Item]] = [[]]
    for count in 1...max(part.atLeast, part.atMost ?? events.count) {
      let isFirst = count == 1
      let own = Head(
        contiguity: isFirst ? head?.contiguity ?? part.contiguity : head?.inner ?? part.inner,
        inner: part.inner,
        within: isFirst ? least(head?.within, part.within) : part.innerWithin)
      let once: [[Item]]
      switch part.kind {
      case .group(let parts):
        once = spell(parts[...], own, ends)
      case .on(let condition):
        once = [
          [
            .slot(
              Slot(
                step: condition, contiguity: own.contiguity, stops: isFirst ? until : ends,
                refuses: ends, within: own.within))
          ]
        ]
      case .absent, .notNext: fatalError("an absence takes no event")
      }
      longest = join(longest, once)
      if longest.isEmpty { break }
      if count >= part.atLeast { all += longest }
    }
    if part.isOptional { all.append([]) }
    if part.isGreedy, part.atLeast != part.atMost, case .on(let condition) = part.kind {
      all = all.map { $0 + [.greedy(condition, until: part.until)] }
    }
    return all
  }

  /// Every spelling of one followed by every one of the other, unless it needs too many events.
  private func join(_ a: [[Item]], _ b: [[Item]]) -> [[Item]] {
    a.flatMap { items in b.map { items + $0 } }.filter { items in
      items.count { if case .slot = $0 { true } else { false } } <= events.count
    }
  }

  private func least(_ a: Int64?, _ b: Int64?) -> Int64? {
    [a, b].compactMap { $0 }.min()
  }

  // MARK: Choosing events

  private func matches(of items: [Item]) -> [Match] {
    let slots: [Slot] = items.compactMap { if case .slot(let slot) = $0 { slot } else { nil } }
    if slots.isEmpty || slots.count > events.count { return [] }
    var found: [Match] = []
    choose(slots, []) { chosen in
      if let match = judge(items, slots, chosen) { found.append(match) }
    }
    return found
  }

  private func choose(_ slots: [Slot], _ chosen: [Int], _ visit: ([Int]) -> Void) {
    if chosen.count == slots.count { return visit(chosen) }
    let slot = slots[chosen.count]
    for event in ((chosen.last ?? -1) + 1)..<max(events.count, (chosen.last ?? -1) + 1) {
      guard has(event, slot.step), events[event].matches & slot.refuses == 0 else { continue }
      if let last = chosen.last {
        guard (last + 1..<event).allSatisfy({ mayLieBefore(slot, $0) }) else { continue }
        if let within = slot.within, events[event].time - events[last].time >= within { continue }
      }
      choose(slots, chosen + [event], visit)
    }
  }

  private func has(_ event: Int, _ condition: Int) -> Bool {
    events[event].matches & 1 << condition != 0
  }

  private func mayLieBefore(_ slot: Slot, _ event: Int) -> Bool {
    if events[event].matches & slot.stops != 0 { return false }
    return switch slot.contiguity {
    case .next: false
    case .followedBy: !has(event, slot.step)
    case .any: true
    }
  }

  // MARK: Rules on the whole choice

  private func judge(_ items: [Item], _ slots: [Slot], _ chosen: [Int]) -> Match? {
    let first = events[chosen[0]].time
    let last = chosen[chosen.count - 1]
    if let within, events[last].time - first >= within { return nil }
    var match = Match(
      taken: zip(slots, chosen).map { Pair(step: $0.step, event: $1) }, completing: last,
      at: events[last].time)
    var taken = 0
    for (index, item) in items.enumerated() {
      let next = taken < chosen.count ? chosen[taken] : nil
      switch item {
      case .slot: taken += 1
      case .absent(let condition, let lasting?, let back, let mayLoop):
        let deadline = (waitsFromFirst ? first : events[last].time) + lasting
        guard
          waits(items, index, chosen, condition, deadline, back: back, mayLoop: mayLoop),
          deadline <= end
        else { return nil }
        match.completing = nil
        match.at = deadline
      case .absent(let condition, nil, let back, _):
        let from = chosen[taken - 1 - back]
        let isBroken = (from + 1..<(next ?? last) + 1).contains {
          has($0, condition) && !($0 == last && !endsInSilence(items))
        }
        if isBroken { return nil }
      case .notNext(let condition, let back, let isLast):
        let isLeftOut = next == nil && !isLast
        // As in Flink: a match that may end before the next event is judged by its own last one.
        if isLeftOut, has(last, condition) { return nil }
        for slot in (taken - 1 - back)..<(isLeftOut ? taken - 1 : taken)
        where chosen[slot] + 1 < events.count {
          if has(chosen[slot] + 1, condition) { return nil }
        }
        if isLast {
          guard last + 1 < events.count else { return nil }
          if let within, events[last + 1].time - first >= within { return nil }
          match.completing = last + 1
          match.at = events[last + 1].time
        }
      case .greedy(let condition, let until):
        guard let next else { continue }
        if isBarred(taken > 0 ? chosen[taken - 1] : next - 1, next, condition, until) { return nil }
      }
    }
    return match
  }

  /// Whether a match is complete only after its last event.
  private func endsInSilence(_ items: [Item]) -> Bool {
    switch items[items.count - 1] {
    case .absent(_, let lasting, _, _): lasting != nil
    case .notNext(_, _, let isLast): isLast
    case .slot, .greedy: false
    }
  }

  /// Whether an event of a greedy repetition lies in (from, to].
  private func isBarred(_ from: Int, _ to: Int, _ condition: Int, _ until: Int?) -> Bool {
    if from + 1 > to { return false }
    if let until, has(from + 1, until) { return false }
    return (from + 1...to).contains { has($0, condition) }
  }

  /// Whether the absence at the end is waited out.
  private func waits(
    _ items: [Item], _ index: Int, _ chosen: [Int], _ condition: Int, _ deadline: Int64, back: Int,
    mayLoop: Bool
  ) -> Bool {
    let last = chosen[chosen.count - 1]
    let span = (last + 1..<max(events.count, last + 1)).filter { events[$0].time < deadline }
    if span.contains(where: { has($0, condition) }) { return false }
    let inside = chosen[chosen.count - 1 - back] + 1..<last + 1
    if inside.contains(where: { has($0, condition) }) { return false }
    if index > 0, case .greedy(let greedy, let until) = items[index - 1], let end = span.last,
      isBarred(last, end, greedy, until)
    {
      return false
    }
    if !mayLoop { return true }
    // As in Flink: what may still repeat begins to wait with the next event, whatever it is.
    guard let next = span.first else { return false }
    return within.map { events[next].time - events[chosen[0]].time < $0 } ?? true
  }
}
