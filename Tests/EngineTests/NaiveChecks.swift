import Decisions
import Foundation
import Playbooks
import TestSupport

/// A revision of a decision, as far as the reference knows it.
struct NaiveRow: Hashable, CustomStringConvertible {
  var customer: String
  var decision: String
  var at: Int64
  var revision: Int
  var outcome: String
  /// When what is deferred wakes; when cool-down or caps would let it pass.
  var ms: Int64?
  /// Ids of events, of decisions that follow a sequence.
  var evidence: [String] = []

  var description: String {
    "\(customer) \(decision).\(revision) \(outcome) @\(short(at))"
      + (ms.map { " until \(short($0))" } ?? "") + (evidence.isEmpty ? "" : " \(evidence)")
  }
}

struct NaiveCandidate {
  /// Place in the playbook.
  var decision: Int
  var instant: Int64
  var expires: Int64
  var revision = 0
  var wake = Int64.max
  var evidence: [String] = []
}

/// What the checks know of one customer, and the checks.
struct NaiveChecks {
  let customer: String
  let playbook: Playbook
  let policy: Policy
  let zone: TimeZone
  private var consents: [(purpose: String, channel: String, granted: Bool, time: Int64)] = []
  private var suppressed: [String?] = []
  private var releases: [(time: Int64, decision: Int)] = []
  var pending: [NaiveCandidate] = []
  var rows: [NaiveRow] = []

  init(customer: String, _ playbook: Playbook, _ policy: Policy, _ zone: TimeZone) {
    (self.customer, self.playbook, self.policy, self.zone) = (customer, playbook, policy, zone)
  }

  // MARK: What is told

  mutating func hear(_ event: NaiveEvent) {
    let (purpose, channel) = (event.data["purpose"]?.text, event.data["channel"]?.text)
    switch event.type {
    case "consent.granted", "consent.withdrawn":
      guard let purpose, let channel else { return }
      consents.append((purpose, channel, event.type == "consent.granted", event.time))
      if consent(purpose, channel) == false {
        revoke(at: event.time) { $0.purpose == purpose && $0.action.channel == channel }
      }
    case "suppression.added":
      suppressed.append(channel)
      revoke(at: event.time) { channel == nil || $0.action.channel == channel }
    case "suppression.removed": suppressed.removeAll { $0 == channel }
    default: return
    }
  }

  /// The latest by time; of equal times the withdrawal.
  private func consent(_ purpose: String, _ channel: String) -> Bool? {
    let told = consents.filter { $0.purpose == purpose && $0.channel == channel }
    guard let latest = told.map(\.time).max() else { return nil }
    return told.filter { $0.time == latest }.allSatisfy(\.granted)
  }

  mutating func revoke(at now: Int64, _ isMeant: (Playbook.Decision) -> Bool) {
    for candidate in pending where isMeant(playbook.decisions[candidate.decision]) {
      publish(candidate, "revoked", at: now, revision: candidate.revision + 1)
    }
    pending.removeAll { isMeant(playbook.decisions[$0.decision]) }
  }

  private mutating func publish(
    _ candidate: NaiveCandidate, _ outcome: String, at now: Int64, revision: Int, ms: Int64? = nil
  ) {
    rows.append(
      NaiveRow(
        customer: customer, decision: playbook.decisions[candidate.decision].name, at: now,
        revision: revision, outcome: outcome, ms: ms, evidence: candidate.evidence))
  }

  // MARK: One instant's candidates

  mutating func judge(
    _ new: [NaiveCandidate], at now: Int64, condition: (Playbook.Decision) -> Bool
  ) {
    var group = pending.filter { $0.wake <= now }
    pending.removeAll { $0.wake <= now }
    for index in group.indices { group[index].revision += 1 }
    group += new
    group = group.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      let (p, q) = (
        playbook.decisions[x.decision].priority, playbook.decisions[y.decision].priority
      )
      if p != q { return p > q }
      if x.decision != y.decision { return x.decision < y.decision }
      return x.instant != y.instant ? x.instant < y.instant : a.offset < b.offset
    }.map(\.element)
    for candidate in group { judge(candidate, at: now, condition: condition) }
  }

  private mutating func judge(
    _ candidate: NaiveCandidate, at now: Int64, condition: (Playbook.Decision) -> Bool
  ) {
    let decision = playbook.decisions[candidate.decision]
    let channel = decision.action.channel
    func end(_ outcome: String, _ ms: Int64? = nil) {
      publish(candidate, outcome, at: now, revision: candidate.revision, ms: ms)
    }
    if now >= candidate.expires { return end("expired") }
    if !condition(decision) { return end("held:eligibility") }
    guard consent(decision.purpose, channel) ?? (policy.unknownConsent == .allow) else {
      return end("held:consent")
    }
    if suppressed.contains(where: { $0 == nil || $0 == channel }) { return end("held:suppression") }
    if isHeldOut { return end("holdout") }
    if case .always(.monitor) = decision.authority { return end("shadow") }
    if case .always(.human) = decision.authority {
      end("awaiting_approval")
      return wait(candidate, until: candidate.expires)
    }
    let free = firstFree(now, channel)
    if free > now {
      guard free < candidate.expires else { return end("expired") }
      end("deferred", free)
      return wait(candidate, until: free)
    }
    if let next = first(from: now, where: { !isHot(candidate.decision, at: $0) }), next > now {
      return end("held:cool_down", next)
    }
    let uncapped = first(from: now) { time in
      policy.caps.allSatisfy { !isFull($0, candidate.decision, at: time) }
    }
    if let next = uncapped, next > now { return end("held:caps", next) }
    releases.append((now, candidate.decision))
    end("released")
  }

  private mutating func wait(_ candidate: NaiveCandidate, until time: Int64) {
    var waiting = candidate
    waiting.wake = time
    pending.append(waiting)
  }

  private var isHeldOut: Bool {
    guard let holdout = policy.holdout else { return false }
    let digest = sha256(Array(holdout.salt.utf8) + [0] + Array(customer.utf8))
    let place = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 10_000
    return place < UInt64(holdout.shareBasisPoints)
  }

  // MARK: Calendars

  private func local(_ time: Int64) -> Int64 {
    let date = Date(timeIntervalSince1970: Double(time) / 1000)
    return time + Int64(zone.secondsFromGMT(for: date)) * 1000
  }

  /// Minute by minute.
  private func firstFree(_ now: Int64, _ channel: String) -> Int64 {
    var time = now
    while isQuiet(time, channel) { time = time / 60_000 * 60_000 + 60_000 }
    return time
  }

  private func isQuiet(_ time: Int64, _ channel: String) -> Bool {
    let minute = Int(local(time) / 60_000 % 1_440)
    return policy.quietHours.contains { quiet in
      guard quiet.channels?.contains(channel) ?? true else { return false }
      return quiet.from < quiet.to
        ? quiet.from <= minute && minute < quiet.to : minute >= quiet.from || minute < quiet.to
    }
  }

  /// The first instant from `now` on at which it holds: nothing changes but where something leaves
  /// a span of time, or a calendar unit begins.
  private func first(from now: Int64, where holds: (Int64) -> Bool) -> Int64? {
    var instants = [now]
    for release in releases {
      for decision in playbook.decisions {
        if let span = decision.coolDown { instants.append(release.time + span) }
      }
      for cap in policy.caps {
        if case .rolling(let span) = cap.period { instants.append(release.time + span) }
      }
    }
    // Days begin at whole hours here.
    instants += (1...(24 * 32)).map { (now / 3_600_000 + $0) * 3_600_000 }
    return instants.filter { $0 >= now }.sorted().first(where: holds)
  }

  private func isHot(_ decision: Int, at now: Int64) -> Bool {
    guard let span = playbook.decisions[decision].coolDown else { return false }
    return releases.contains {
      $0.decision == decision && $0.time > now - span && $0.time <= now
    }
  }

  private func isFull(_ cap: Policy.Cap, _ decision: Int, at now: Int64) -> Bool {
    func covers(_ index: Int) -> Bool {
      switch cap.scope {
      case .any: true
      case .channel(let name): playbook.decisions[index].action.channel == name
      case .decision(let mention, _): playbook.decisions[index].name == mention.name
      }
    }
    guard covers(decision) else { return false }
    return releases.filter { covers($0.decision) && isWithin(cap.period, $0.time, now) }.count
      >= cap.atMost
  }

  private func isWithin(_ period: Policy.Cap.Period, _ time: Int64, _ now: Int64) -> Bool {
    switch period {
    case .rolling(let span): return time > now - span && time <= now
    case .calendar(let unit):
      var calendar = Calendar(identifier: .iso8601)
      calendar.timeZone = zone
      let (a, b) = (
        Date(timeIntervalSince1970: Double(time) / 1000),
        Date(timeIntervalSince1970: Double(now) / 1000)
      )
      let granularity: Calendar.Component =
        switch unit {
        case .day: .day
        case .week: .weekOfYear
        case .month: .month
        }
      return calendar.isDate(a, equalTo: b, toGranularity: granularity)
    }
  }
}
