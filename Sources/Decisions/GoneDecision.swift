/// What stays of a decision that a later book does not have: enough for caps to go on counting what it
/// released, and for the decision to come back.
package final class GoneDecision: Equatable, Sendable {
  package let playbook: String
  package let name: String
  package let channel: String

  package init(playbook: String, name: String, channel: String) {
    self.playbook = playbook
    self.name = name
    self.channel = channel
  }

  package static func == (a: GoneDecision, b: GoneDecision) -> Bool {
    a.playbook == b.playbook && a.name == b.name && a.channel == b.channel
  }
}

extension PolicyPlan.Cap {
  /// Whether it counts the release.
  func counts(_ release: CustomerFile.Release) -> Bool {
    guard let gone = release.gone else { return decisions[release.decision] }
    if let playbook, playbook != gone.playbook { return false }
    switch scope {
    case .any: return true
    case .channel(let channel): return channel == gone.channel
    case .decision(let name, let owner):
      return name == gone.name && (owner == nil || owner == gone.playbook)
    }
  }
}
