package import Cel

/// The checks between a candidate and its release, in their fixed order. Those of one candidate
/// alone come first (`screen`); then the candidates of one customer's one instant are ranked, and
/// each in turn is held against what has been released so far (`admit`).
package struct Checks: Sendable {
  package var decisions: [DecisionPlan]
  package var policy: PolicyPlan
  let zones: ZoneTable
  /// Whether policy time is event time.
  package let goesByEventTime: Bool
  /// How long releases are remembered, ms.
  package let memory: Int64
  /// Releases that no cap and no cool-down counts are kept up to so many, for books to come.
  private static let releasesKept = 1024

  package init(decisions: [DecisionPlan], policy: PolicyPlan, zones: ZoneTable) {
    self.decisions = decisions
    self.policy = policy
    self.zones = zones
    if case .event = policy.time { goesByEventTime = true } else { goesByEventTime = false }
    memory = policy.memory(of: decisions)
  }

  /// What a check is held against.
  package struct Situation {
    /// Policy time, ms.
    package var now: Int64
    /// The zone of quiet hours and calendar caps: the customer's own where it is known, else the
    /// policy's, else the playbook's.
    package var zone: ZoneId
    package var customer: [UInt8]
    /// Whether the decision's `if` is true; nil: it failed, or a field that it reads is missing.
    package var condition: Bool?
    package init(now: Int64, zone: ZoneId, customer: [UInt8], condition: Bool?) {
      self.now = now
      self.zone = zone
      self.customer = customer
      self.condition = condition
    }
  }

  /// Eligibility, consent, suppression, holdout, authority, quiet hours.
  package func screen(
    _ candidate: Candidate, _ file: CustomerFile, _ situation: Situation
  ) -> Verdict {
    let plan = decisions[candidate.decision]
    var verdict = Verdict()
    verdict.trace.reserveCapacity(8)
    // Each check that fails has written the outcome; those after it are not asked.
    _ =
      isEligible(candidate, plan, situation, &verdict)
      && isConsented(plan, file, &verdict)
      && isUnsuppressed(plan, file, &verdict)
      && isTreated(situation, &verdict)
      && isAuthorized(candidate, plan, &verdict)
      && isQuietPast(candidate, situation, &verdict)
    return verdict
  }

  /// Cool-down and caps; a release is written into the file.
  package func admit(
    _ candidate: Candidate, _ verdict: inout Verdict, _ file: inout CustomerFile,
    _ situation: Situation
  ) {
    guard verdict.outcome == .released else { return }
    let plan = decisions[candidate.decision]
    file.forgetReleases(before: situation.now - memory)
    guard isCooledDown(candidate, plan, file, situation, &verdict),
      isUnderCaps(candidate, file, situation, &verdict)
    else { return }
    let counts =
      plan.coolDown != nil || policy.caps.contains { $0.decisions[candidate.decision] }
    if counts || file.releases.count < Self.releasesKept {
      file.releases.append(
        .init(time: situation.now, decision: candidate.decision, id: candidate.id))
    }
    for index in verdict.caps.indices { verdict.caps[index].used += 1 }
    let zone = situation.zone
    if let quiet = policy.nextQuiet(
      situation.now, decision: candidate.decision, zone: zone, zones), quiet < candidate.expires
    {
      verdict.expires = quiet
    }
  }

  private func isEligible(
    _ candidate: Candidate, _ plan: DecisionPlan, _ situation: Situation, _ verdict: inout Verdict
  ) -> Bool {
    if situation.now >= candidate.expires {
      verdict.outcome = .expired
      verdict.trace.append(
        .init("expiry", .failed, "it was good until \(timestamp(candidate.expires))"))
      return false
    }
    guard plan.condition != nil else {
      verdict.trace.append(.init("eligibility", .notApplicable, "no condition"))
      return true
    }
    if situation.condition == true {
      verdict.trace.append(.init("eligibility", .passed))
      return true
    }
    verdict.outcome = .held(.eligibility)
    let why = situation.condition == nil ? "`if` could not be evaluated" : "`if` is false"
    verdict.trace.append(.init("eligibility", .failed, why))
    return false
  }

  private func isConsented(
    _ plan: DecisionPlan, _ file: CustomerFile, _ verdict: inout Verdict
  ) -> Bool {
    if let consent = file.consent(purpose: plan.purposeText, channel: plan.channelText) {
      let basis = consent.granted ? "granted" : "withdrawn"
      verdict.consent = .init(basis: basis, proof: consent.proof)
      verdict.trace.append(
        .init("consent", consent.granted ? .passed : .failed, plan.permission + ": " + basis))
      if !consent.granted { verdict.outcome = .held(.consent) }
      return consent.granted
    }
    verdict.consent = .init(basis: "unknown", proof: nil)
    let allowed = policy.unknownConsentAllows
    verdict.trace.append(
      .init("consent", allowed ? .passed : .failed, plan.unknownPermission))
    if !allowed { verdict.outcome = .held(.consent) }
    return allowed
  }

  private func isUnsuppressed(
    _ plan: DecisionPlan, _ file: CustomerFile, _ verdict: inout Verdict
  ) -> Bool {
    guard let suppression = file.suppression(channel: plan.channelText) else {
      verdict.trace.append(.init("suppression", .passed))
      return true
    }
    verdict.outcome = .held(.suppression)
    verdict.trace.append(
      .init("suppression", .failed, "suppressed since \(timestamp(suppression.since))"))
    return false
  }

  private func isTreated(_ situation: Situation, _ verdict: inout Verdict) -> Bool {
    guard let holdout = policy.holdout else {
      verdict.trace.append(.init("holdout", .notApplicable))
      return true
    }
    let bucket = bucket(salt: holdout.salt, customer: situation.customer)
    verdict.bucket = bucket
    let detail = "bucket \(bucket) of 10000, held out below \(holdout.share)"
    if bucket < holdout.share {
      verdict.outcome = .holdout
      verdict.trace.append(.init("holdout", .failed, detail))
      return false
    }
    verdict.trace.append(.init("holdout", .passed, detail))
    return true
  }

  private func isAuthorized(
    _ candidate: Candidate, _ plan: DecisionPlan, _ verdict: inout Verdict
  ) -> Bool {
    let level = authority(candidate, plan)
    verdict.authority = level?.rawValue
    if candidate.state == .approved {
      verdict.trace.append(.init("authority", .passed, "approved by a person"))
      return true
    }
    switch level {
    case .automatic:
      verdict.trace.append(.init("authority", .passed, "automatic"))
      return true
    case .human:
      verdict.outcome = .awaitingApproval
      verdict.trace.append(.init("authority", .deferred, "a person must approve"))
    case .monitor:
      verdict.outcome = .shadow
      verdict.trace.append(.init("authority", .failed, "monitored only"))
    case nil:
      verdict.outcome = .held(.authority)
      verdict.trace.append(.init("authority", .failed, "the score is below every level"))
    }
    return false
  }

  private func authority(_ candidate: Candidate, _ plan: DecisionPlan) -> DecisionPlan.Level? {
    switch plan.authority {
    case .always(let level): return level
    case .byScore(let human, let automatic, let monitor):
      let value = candidate.score?.value ?? 0
      let levels: [(DecisionPlan.Level, Double?)] = [
        (.human, human), (.automatic, automatic), (.monitor, monitor),
      ]
      // The highest threshold that the score reaches speaks.
      var best: (level: DecisionPlan.Level, threshold: Double)?
      for case (let level, let threshold?) in levels where value >= threshold {
        if best == nil || threshold > best!.threshold { best = (level, threshold) }
      }
      return best?.level
    }
  }

  private func isQuietPast(
    _ candidate: Candidate, _ situation: Situation, _ verdict: inout Verdict
  ) -> Bool {
    let zone = situation.zone
    let free = policy.quietUntil(
      situation.now, decision: candidate.decision, zone: zone, zones)
    if free <= situation.now {
      verdict.trace.append(.init("quiet_hours", .passed))
      return true
    }
    if free < candidate.expires {
      verdict.outcome = .deferred
      verdict.nextAllowed = free
      verdict.trace.append(.init("quiet_hours", .deferred, "until \(timestamp(free))"))
    } else {
      verdict.outcome = .expired
      verdict.trace.append(
        .init("quiet_hours", .failed, "quiet until \(timestamp(free)), after its expiry"))
    }
    return false
  }

  private func isCooledDown(
    _ candidate: Candidate, _ plan: DecisionPlan, _ file: CustomerFile, _ situation: Situation,
    _ verdict: inout Verdict
  ) -> Bool {
    guard let coolDown = plan.coolDown else {
      verdict.trace.append(.init("cool_down", .notApplicable))
      return true
    }
    guard let last = file.releases.last(where: { $0.decision == candidate.decision }),
      last.time > situation.now - coolDown
    else {
      verdict.trace.append(.init("cool_down", .passed))
      return true
    }
    verdict.outcome = .held(.coolDown)
    verdict.nextAllowed = last.time + coolDown
    verdict.trace.append(
      .init("cool_down", .failed, "released at \(timestamp(last.time))"))
    return false
  }

  private func isUnderCaps(
    _ candidate: Candidate, _ file: CustomerFile, _ situation: Situation,
    _ verdict: inout Verdict
  ) -> Bool {
    let zone = situation.zone
    var next: Int64?
    for cap in policy.caps where cap.decisions[candidate.decision] {
      let use = policy.use(of: cap, by: file, at: situation.now, zone: zone, zones)
      verdict.caps.append(
        .init(rule: cap.rule, used: use.used, limit: cap.atMost, nextAllowed: use.nextAllowed))
      if let allowed = use.nextAllowed { next = max(next ?? .min, allowed) }
    }
    guard let next else {
      verdict.trace.append(.init("caps", verdict.caps.isEmpty ? .notApplicable : .passed))
      return true
    }
    verdict.outcome = .held(.caps)
    verdict.nextAllowed = next
    let full = verdict.caps.filter { $0.nextAllowed != nil }.map(\.rule)
    verdict.trace.append(.init("caps", .failed, full.joined(separator: ", ") + " is used up"))
    return false
  }
}
