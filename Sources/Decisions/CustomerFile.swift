package import Cel

/// What the checks must remember of one customer: consents, what was released, what is pending.
/// Most customers have little of it.
package struct CustomerFile: Equatable, Sendable {
  package struct Consent: Equatable, Sendable {
    package var purpose: TextId
    package var channel: TextId
    package var granted: Bool
    package var time: Int64
    /// Id of the event that said so.
    package var proof: [UInt8]
  }
  package struct Suppression: Equatable, Sendable {
    /// `.unknown`: all channels.
    package var channel: TextId
    package var since: Int64
    package var proof: [UInt8]
    package init(channel: TextId, since: Int64, proof: [UInt8]) {
      self.channel = channel
      self.since = since
      self.proof = proof
    }
  }
  package struct Release: Equatable, Sendable {
    package var time: Int64
    /// -1: the book has it no more, and `gone` says what it was.
    package var decision: Int
    package var id: DecisionId
    package var gone: GoneDecision?
    package init(time: Int64, decision: Int, id: DecisionId, gone: GoneDecision? = nil) {
      self.time = time
      self.decision = decision
      self.id = id
      self.gone = gone
    }
  }

  package var consents: [Consent] = []
  package var suppressions: [Suppression] = []
  /// In order of policy time.
  package var releases: [Release] = []
  /// Deferred, or waiting for approval; in the order in which they came.
  package var pending: [Candidate] = []
  /// Ids of events that state refers to by journal position, in order of position.
  package var evidence: [(position: Int64, id: [UInt8])] = []
  package init() {}

  package var isEmpty: Bool {
    consents.isEmpty && suppressions.isEmpty && releases.isEmpty && pending.isEmpty
      && evidence.isEmpty
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.consents == b.consents && a.suppressions == b.suppressions && a.releases == b.releases
      && a.pending == b.pending && a.evidence.count == b.evidence.count
      && zip(a.evidence, b.evidence).allSatisfy { $0.position == $1.position && $0.id == $1.id }
  }

  /// The latest consent by its own time decides; of equal times, the withdrawal.
  package mutating func record(
    purpose: TextId, channel: TextId, granted: Bool, time: Int64, proof: [UInt8]
  ) {
    let new = Consent(
      purpose: purpose, channel: channel, granted: granted, time: time, proof: proof)
    guard
      let index = consents.firstIndex(where: { $0.purpose == purpose && $0.channel == channel })
    else {
      consents.append(new)
      return
    }
    let old = consents[index]
    if time > old.time || (time == old.time && !granted) { consents[index] = new }
  }

  package func consent(purpose: TextId, channel: TextId) -> Consent? {
    consents.first { $0.purpose == purpose && $0.channel == channel }
  }

  package func suppression(channel: TextId) -> Suppression? {
    suppressions.first { $0.channel == .unknown || $0.channel == channel }
  }

  /// Forgets releases that no cap or cool-down can count at `now` or later.
  package mutating func forgetReleases(before time: Int64) {
    let keep = releases.firstIndex { $0.time > time } ?? releases.count
    if keep > 0 { releases.removeFirst(keep) }
  }
}
