package import Cel
package import Events

// A customer's file in a snapshot. Purposes and channels are written as what they say; each one
// that is held has one reference in the pool.

extension CustomerFile {
  /// Gives up the references to texts.
  package func release(_ texts: inout TextPool) {
    for consent in consents {
      texts.release(consent.purpose)
      texts.release(consent.channel)
    }
    for suppression in suppressions { texts.release(suppression.channel) }
  }

  /// `seen`: hashes of ids that the customer has sent lately, which stand behind the file.
  package func write(
    _ texts: TextPool, seen: [(hash: UInt64, time: Int64)], to out: inout SnapshotWriter
  ) {
    out.count(consents.count)
    for consent in consents {
      out.text(consent.purpose, texts)
      out.text(consent.channel, texts)
      out.flag(consent.granted)
      out.int(consent.time)
      out.text(consent.proof)
    }
    out.count(suppressions.count)
    for suppression in suppressions {
      out.text(suppression.channel, texts)
      out.int(suppression.since)
      out.text(suppression.proof)
    }
    out.count(releases.count)
    for release in releases {
      out.int(release.time)
      out.count(release.decision + 1)
      if let gone = release.gone {
        out.string(gone.playbook)
        out.string(gone.name)
        out.string(gone.channel)
      }
      out.string(release.id.text)
    }
    out.count(pending.count)
    for candidate in pending { candidate.write(to: &out) }
    out.count(evidence.count)
    for entry in evidence {
      out.int(entry.position)
      out.text(entry.id)
    }
    out.count(seen.count)
    for entry in seen {
      out.fixed(entry.hash)
      out.int(entry.time)
    }
  }

  /// `decisions`: how many there are.
  package init(
    _ input: inout SnapshotReader, decisions: Int, _ texts: inout TextPool,
    seen: inout [(hash: UInt64, time: Int64)]
  ) throws(SnapshotError) {
    self.init()
    for _ in 0..<(try input.count()) {
      consents.append(
        Consent(
          purpose: try input.text(&texts), channel: try input.text(&texts),
          granted: try input.flag(), time: try input.int(), proof: try input.text()))
    }
    for _ in 0..<(try input.count()) {
      suppressions.append(
        Suppression(
          channel: try input.text(&texts), since: try input.int(), proof: try input.text()))
    }
    for _ in 0..<(try input.count()) {
      let time = try input.int()
      let decision = try input.index(below: decisions + 1, "decision") - 1
      var gone: GoneDecision?
      if decision < 0 {
        gone = GoneDecision(
          playbook: try input.string(), name: try input.string(), channel: try input.string())
      }
      releases.append(
        Release(
          time: time, decision: decision, id: DecisionId(text: try input.string()), gone: gone))
    }
    for _ in 0..<(try input.count()) {
      pending.append(try Candidate(&input, decisions: decisions))
    }
    for _ in 0..<(try input.count()) {
      evidence.append((try input.int(), try input.text()))
    }
    for _ in 0..<(try input.count()) {
      seen.append((try input.fixed(), try input.int()))
    }
  }
}

extension Candidate {
  fileprivate func write(to out: inout SnapshotWriter) {
    out.count(decision)
    out.string(id.text)
    out.count(revision)
    out.byte(state.rawValue)
    out.int(instant)
    out.int(expires)
    out.int(wake)
    out.flag(window != nil)
    if let window {
      out.int(window.opens)
      out.int(window.closes)
    }
    out.flag(score != nil)
    if let score {
      out.string(score.name)
      out.double(score.value)
      out.double(score.change)
    }
    out.count(reasons.count)
    for reason in reasons {
      out.string(reason.code)
      out.string(reason.text)
      out.double(reason.contribution)
      out.string(reason.talkingPoint)
      out.count(reason.evidence.count)
      for id in reason.evidence { out.text(id) }
    }
    out.count(fields.count)
    for field in fields {
      out.string(field.name)
      out.text(field.json)
    }
    out.string(owner)
    out.string(account)
    out.flag(approximate)
  }

  fileprivate init(
    _ input: inout SnapshotReader, decisions: Int
  ) throws(SnapshotError) {
    decision = try input.index(below: decisions, "decision")
    id = DecisionId(text: try input.string())
    revision = try input.index(below: .max, "revision")
    let raw = try input.byte()
    guard let state = State(rawValue: raw) else {
      throw .damaged("there is no state \(raw) of a candidate")
    }
    self.state = state
    instant = try input.int()
    expires = try input.int()
    wake = try input.int()
    if try input.flag() { window = Window(opens: try input.int(), closes: try input.int()) }
    if try input.flag() {
      score = Score(
        name: try input.string(), value: try input.double(), change: try input.optionalDouble())
    }
    reasons = []
    for _ in 0..<(try input.count()) {
      var reason = Reason(
        code: try input.string(), text: try input.string(),
        contribution: try input.optionalDouble(), talkingPoint: try input.optionalString())
      for _ in 0..<(try input.count()) { reason.evidence.append(try input.text()) }
      reasons.append(reason)
    }
    for _ in 0..<(try input.count()) {
      fields.append((try input.string(), try input.text()))
    }
    owner = try input.optionalString()
    account = try input.optionalString()
    approximate = try input.flag()
  }
}

extension SnapshotWriter {
  fileprivate mutating func double(_ value: Double?) {
    flag(value != nil)
    if let value { double(value) }
  }
}

extension SnapshotReader {
  fileprivate mutating func optionalDouble() throws(SnapshotError) -> Double? {
    try flag() ? try double() : nil
  }
}
