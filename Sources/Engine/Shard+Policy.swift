internal import Cel
internal import Decisions
internal import Events

// Events that the policy layer reads: they act when they are read, never held back. Between two
// consents their own times decide.
//
//     consent.granted, consent.withdrawn        data.purpose, data.channel
//     suppression.added, suppression.removed    data.channel, or none: all channels
//     decision.approved, decision.rejected      data.decision: the decision's id
//     receipt.failed                            data.decision: its cap use is given back

extension Shard {
  mutating func applyPolicy(_ slot: Int) {
    let event = slab[slot]
    let special = program.types[Int(event.type)].special
    guard special != .none else { return }
    let now = policyNow(event.time)
    let id = slab.id(slot)
    switch special {
    case .none: return
    case .consentGranted, .consentWithdrawn:
      let granted = special == .consentGranted
      let purpose = policyField(slot, program.policyFields.purpose)
      let channel = policyField(slot, program.policyFields.channel)
      guard purpose != .unknown, channel != .unknown else { return }
      if files[event.customer.int].consent(purpose: purpose, channel: channel) == nil {
        guard makeRoom(forConsent: event.customer, granted: granted) else { break }
        memory.texts.retain(purpose)
        memory.texts.retain(channel)
      }
      files[event.customer.int].record(
        purpose: purpose, channel: channel, granted: granted, time: event.time, proof: id)
      let stands = files[event.customer.int].consent(purpose: purpose, channel: channel)
      if stands?.granted == false {
        revokeUnconsented(event.customer, purpose: purpose, channel: channel, at: now)
      }
    case .suppressionAdded:
      var channel = policyField(slot, program.policyFields.channel)
      liftSuppression(event.customer, channel)
      if files[event.customer.int].suppressions.count >= CustomerBounds.permissions {
        // Rather nothing at all than something on a channel that was to be closed.
        liftSuppression(event.customer, .unknown)
        channel = .unknown
        flag(blocks[event.customer.int])
      }
      memory.texts.retain(channel)
      files[event.customer.int].suppressions.append(
        .init(channel: channel, since: event.time, proof: id))
      let decisions = program.checks.decisions
      let all = channel
      revoke(event.customer, at: now, because: "suppressed", check: .suppression) {
        all == .unknown || decisions[$0.decision].channelText == all
      }
    case .suppressionRemoved:
      liftSuppression(event.customer, policyField(slot, program.policyFields.channel))
    case .decisionApproved, .decisionRejected:
      answer(slot, event, approved: special == .decisionApproved, now: now)
    case .receiptFailed:
      guard let decision = decisionNamed(slot) else { return }
      files[event.customer.int].releases.removeAll { $0.id.text == decision }
    }
    reschedule(event.customer, blocks[event.customer.int])
  }

  /// The text that the event holds; what keeps it longer takes a reference of its own.
  private func policyField(_ slot: Int, _ field: Int) -> TextId {
    let value = slab.field(slot, field)
    return value.kind == .string ? value.text : .unknown
  }

  /// Whether one more consent has a place: a grant has none beyond the bound, a withdrawal takes that
  /// of a grant.
  private mutating func makeRoom(forConsent customer: CustomerIndex, granted: Bool) -> Bool {
    guard files[customer.int].consents.count >= CustomerBounds.permissions else { return true }
    counts.dropped += 1
    flag(blocks[customer.int])
    guard !granted, let victim = files[customer.int].consents.firstIndex(where: \.granted) else {
      return false
    }
    let gone = files[customer.int].consents.remove(at: victim)
    memory.texts.release(gone.purpose)
    memory.texts.release(gone.channel)
    return true
  }

  private mutating func liftSuppression(_ customer: CustomerIndex, _ channel: TextId) {
    let before = files[customer.int].suppressions.count
    files[customer.int].suppressions.removeAll { $0.channel == channel }
    for _ in files[customer.int].suppressions.count..<before { memory.texts.release(channel) }
  }

  private func decisionNamed(_ slot: Int) -> String? {
    let value = slab.field(slot, program.policyFields.decision)
    return value.kind == .string ? memory.texts.string(value.text) : nil
  }

  private mutating func revokeUnconsented(
    _ customer: CustomerIndex, purpose: TextId, channel: TextId, at now: Int64
  ) {
    let decisions = program.checks.decisions
    revoke(customer, at: now, because: "consent was withdrawn", check: .consent) {
      decisions[$0.decision].purposeText == purpose
        && decisions[$0.decision].channelText == channel
    }
  }

  /// A person has answered: an approved decision goes through the whole chain again.
  private mutating func answer(
    _ slot: Int, _ event: EventSlab.Event, approved: Bool, now: Int64
  ) {
    guard let name = decisionNamed(slot) else { return }
    let isMeant = { (candidate: Candidate) in
      candidate.id.text == name && candidate.state == .awaitingApproval
    }
    guard approved else {
      revoke(
        event.customer, at: now, because: "rejected by a person", check: .authority, where: isMeant)
      return
    }
    guard let index = files[event.customer.int].pending.firstIndex(where: isMeant) else { return }
    var candidate = files[event.customer.int].pending.remove(at: index)
    candidate.state = .approved
    candidate.revision += 1
    let block = blocks[event.customer.int]
    begin(event.customer, now: clock(block, at: .min), event: nil)
    judge([candidate], event.customer, block, now: now)
  }
}
