import Foundation
import Playbooks

/// One customer, instant by instant: whatever may move is looked at whenever it may move, and
/// computed anew. Events come in order; nothing is late.
struct NaiveCustomer {
  private struct Instance {
    var anchor: Int64
    var isOpen = false
  }
  /// A score or a condition, and whether only events make it look.
  private struct Watch: Hashable {
    var subject: String
    var isScore: Bool
    var eventsOnly: Bool
  }
  private struct Move {
    var before: Double?
    var now: Double
  }
  private var history: NaiveHistory
  private var checks: NaiveChecks
  private let playbook: Playbook
  private var clock = Int64.min
  private var instances: [String: Instance] = [:]
  private var values: [Watch: Double] = [:]
  /// Values of scores while they were in force, for `rises_by`.
  private var spans: [Watch: [(since: Int64, until: Int64, value: Double)]] = [:]
  private var rises: [String: Int64] = [:]
  /// When time may move something, since the last event.
  private var instants: [Int64] = []
  private var silences: [(moment: String, match: NaiveMatch)] = []

  // Of the look at hand.
  private var moves: [Watch: Move] = [:]
  private var risen: Set<String> = []
  private var fired: [(moment: String, evidence: [String])] = []
  private var opened: [(window: String, closes: Int64)] = []

  init(_ customer: String, _ book: Book, _ expressions: NaiveExpressions) throws {
    playbook = book.playbooks[0]
    history = try NaiveHistory(playbook, expressions)
    checks = NaiveChecks(customer: customer, playbook, book.policy, history.zone)
  }

  /// All revisions of all decisions up to and at `end`.
  mutating func run(_ events: [NaiveEvent], until end: Int64) -> [NaiveRow] {
    for event in events {
      pass(to: event.time)
      apply(event)
    }
    pass(to: end)
    return checks.rows
  }

  private mutating func pass(to time: Int64) {
    while let next = next, next <= time { process(max(next, clock)) }
  }

  private var next: Int64? {
    var times = [
      instants.first { $0 > clock }, silences.map(\.match.deadline!).first { $0 > clock },
    ]
    times += playbook.windows.map { window in
      instances[window.name].map { $0.anchor + ($0.isOpen ? window.closes : window.opens) }
    }
    times += checks.pending.map(\.wake)
    return times.compactMap { $0 }.min()
  }

  // MARK: An instant, an event

  private mutating func process(_ now: Int64) {
    let before = clock
    clock = now
    for window in playbook.windows {
      guard let instance = instances[window.name] else { continue }
      if !instance.isOpen, instance.anchor + window.opens <= now {
        instances[window.name]?.isOpen = true
        opened.append((window.name, instance.anchor + window.closes))
      }
      if instance.anchor + window.closes <= now { instances[window.name] = nil }
    }
    for (moment, _) in silences.map({ ($0.moment, $0.match) }) {
      guard !fired.contains(where: { $0.moment == moment }) else { continue }
      let due = silences.filter {
        $0.moment == moment && $0.match.deadline! <= now && $0.match.deadline! > before
      }.map(\.match)
      if let match = history.latest(due) { fired.append((moment, ids(match))) }
    }
    look(isEvent: false)
    gather(nil)
    becomeMoments()
    anchorByMoments()
    decide(isEvent: false)
  }

  private mutating func apply(_ event: NaiveEvent) {
    clock = event.time
    checks.hear(event)
    history.insert(event)
    instants = history.instants(after: clock)
    look(isEvent: true)
    match(event)
    gather(event)
    becomeMoments()
    for window in playbook.windows { touch(window, event) }
    anchorByMoments()
    decide(isEvent: true)
  }

  private func ids(_ match: NaiveMatch) -> [String] { match.events.map { history.events[$0].id } }

  // MARK: Watches

  private var watches: [Watch] {
    var found: [Watch] = []
    for decision in playbook.decisions {
      switch decision.trigger {
      case .score(let score, _):
        found.append(Watch(subject: score.name, isScore: true, eventsOnly: decision.at == .events))
      case .becomes(let text):
        found.append(Watch(subject: text.text, isScore: false, eventsOnly: decision.at == .events))
      default: continue
      }
    }
    for moment in playbook.moments {
      switch moment.kind {
      case .becomes(let text):
        found.append(Watch(subject: text.text, isScore: false, eventsOnly: false))
      case .atLeast(let atLeast):
        for indicator in atLeast.indicators {
          guard case .becomes(let text) = indicator.condition else { continue }
          found.append(Watch(subject: text.text, isScore: false, eventsOnly: false))
        }
      case .sequence: continue
      }
    }
    return found
  }

  private mutating func look(isEvent: Bool) {
    for watch in Set(watches) where isEvent || !watch.eventsOnly {
      let value: Double
      if watch.isScore {
        value = logit(watch.subject)
      } else {
        value = isTrue(watch.subject) ? 1 : 0
      }
      moves[watch] = Move(before: values[watch], now: value)
      values[watch] = value
      if watch.isScore { rise(watch, value) }
    }
  }

  private func isTrue(_ text: String) -> Bool {
    history.expressions.isTrue(text) { history.value(of: $0, at: clock) }
  }

  private func logit(_ name: String) -> Double {
    let score = playbook.scores.first { $0.name == name }!
    guard case .logistic(var z, let weights) = score.model else { return .nan }
    for weight in weights {
      z += weight.weight * (history.value(of: weight.feature.name, at: clock)?.number ?? .nan)
    }
    return z
  }

  /// The value less its least in (t − within, t], before this look and with it.
  private mutating func rise(_ watch: Watch, _ value: Double) {
    let probability = 1 / (1 + exp(-value))
    var past = spans[watch] ?? []
    for decision in playbook.decisions {
      guard case .score(let score, .risesBy(let by, let within)) = decision.trigger,
        score.name == watch.subject, (decision.at == .events) == watch.eventsOnly
      else { continue }
      let held = past.filter { $0.until > clock - within }.map(\.value)
      let was = past.last.map { $0.value - held.min()! >= by } ?? false
      let isNow = probability - min(held.min() ?? probability, probability) >= by
      if isNow, !was { risen.insert(decision.name) }
    }
    if !past.isEmpty { past[past.count - 1].until = clock }
    past.append((clock, .max, probability))
    spans[watch] = past
  }

  private func becameTrue(_ text: String, eventsOnly: Bool = false) -> Bool {
    let watch = Watch(subject: text, isScore: false, eventsOnly: eventsOnly)
    return moves[watch].map { $0.now == 1 && $0.before != 1 } ?? false
  }

  // MARK: Moments and windows

  private mutating func match(_ event: NaiveEvent) {
    silences = []
    for moment in playbook.moments {
      guard case .sequence(let sequence) = moment.kind else { continue }
      let matches = history.matches(sequence)
      silences += matches.filter { $0.deadline != nil }.map { (moment.name, $0) }
      let complete = matches.filter { match in
        match.deadline == nil && history.events[match.events.last!].position == event.position
      }
      if let match = history.latest(complete) { fired.append((moment.name, ids(match))) }
    }
    silences.sort { $0.match.deadline! < $1.match.deadline! }
  }

  private mutating func gather(_ event: NaiveEvent?) {
    for moment in playbook.moments {
      guard case .atLeast(let atLeast) = moment.kind else { continue }
      var with = rises
      for (index, indicator) in atLeast.indicators.enumerated() {
        guard case .becomes(let text) = indicator.condition, becameTrue(text.text) else { continue }
        with["\(moment.name) \(index)"] = clock
      }
      let before = history.indicators(atLeast, at: clock, without: event?.position) { index in
        rises["\(moment.name) \(index)"]
      }
      let after = history.indicators(atLeast, at: clock, without: nil) { index in
        with["\(moment.name) \(index)"]
      }
      rises = with
      if before < atLeast.count, after >= atLeast.count { fired.append((moment.name, [])) }
    }
  }

  private mutating func becomeMoments() {
    for moment in playbook.moments {
      guard case .becomes(let text) = moment.kind, becameTrue(text.text) else { continue }
      fired.append((moment.name, []))
    }
  }

  private mutating func touch(_ window: Playbook.Window, _ event: NaiveEvent) {
    if instances[window.name] != nil,
      window.cancelledBy.contains(where: { history.fits(event, $0) })
    {
      instances[window.name] = nil
      checks.revoke(at: clock) { decision in
        if case .window(let mention) = decision.trigger {
          mention.name == window.name
        } else {
          false
        }
      }
    }
    guard case .event(let pattern, let nth, let within) = window.anchor,
      history.fits(event, pattern), instances[window.name] == nil
    else { return }
    let count = history.events.filter { known in
      history.fits(known, pattern) && (within.map { known.time > clock - $0 } ?? true)
    }.count
    if count == nth { instances[window.name] = Instance(anchor: clock) }
  }

  private mutating func anchorByMoments() {
    for window in playbook.windows where instances[window.name] == nil {
      guard case .moment(let mention) = window.anchor,
        fired.contains(where: { $0.moment == mention.name })
      else { continue }
      instances[window.name] = Instance(anchor: clock)
    }
  }

  // MARK: Decisions

  private mutating func decide(isEvent: Bool) {
    var new: [NaiveCandidate] = []
    for (index, decision) in playbook.decisions.enumerated() {
      guard var candidate = candidate(decision, index) else { continue }
      candidate.decision = index
      new.append(candidate)
    }
    let (history, now) = (self.history, clock)
    checks.judge(new, at: now) { decision in
      decision.condition.map { text in
        history.expressions.isTrue(text.text) { history.value(of: $0, at: now) }
      } ?? true
    }
    moves = [:]
    risen = []
    fired = []
    opened = []
  }

  private func candidate(_ decision: Playbook.Decision, _ index: Int) -> NaiveCandidate? {
    var candidate = NaiveCandidate(
      decision: index, instant: clock, expires: clock + (decision.expires ?? 86_400_000))
    switch decision.trigger {
    case .moment(let mention):
      guard let moment = fired.last(where: { $0.moment == mention.name }) else { return nil }
      candidate.evidence = moment.evidence
    case .window(let mention):
      guard let window = opened.first(where: { $0.window == mention.name }) else { return nil }
      candidate.expires = min(window.closes, decision.expires.map { clock + $0 } ?? .max)
    case .becomes(let text):
      guard becameTrue(text.text, eventsOnly: decision.at == .events) else { return nil }
    case .score(let score, let change):
      let watch = Watch(subject: score.name, isScore: true, eventsOnly: decision.at == .events)
      guard let move = moves[watch], crosses(move, change, decision.name) else { return nil }
    }
    return candidate
  }

  private func crosses(
    _ move: Move, _ change: Playbook.Decision.Change, _ decision: String
  ) -> Bool {
    let before = move.before ?? -.infinity
    switch change {
    case .risesAbove(let threshold):
      let level = log(threshold / (1 - threshold))
      return before < level && level <= move.now
    case .fallsBelow(let threshold):
      let level = log(threshold / (1 - threshold))
      return move.now < level && level <= before
    case .risesBy: return risen.contains(decision)
    }
  }
}
