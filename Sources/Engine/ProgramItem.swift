/// One thing that a book defines, known by what it is: the hash of its definition with all that it
/// reads. Neither its number nor its place nor the rest of the book is in it, nor, where customers'
/// state does not hang on it, its name. What has the same identity in two books has the same state.
package struct ProgramItem: Sendable {
  /// One member of the definition, in words; what a migration plan compares.
  package struct Part: Equatable, Sendable {
    /// How a sentence names it: "its filter".
    package var what: String
    package var text: String
    /// Whether customers' state hangs on it. Not on a default, for example: that is what stands in
    /// for state that there is not.
    package var isOfState: Bool
    /// The name of what it reads, of which `text` is the identity.
    package var isRead: Bool
    package init(_ what: String, _ text: String, isOfState: Bool = true, isRead: Bool = false) {
      self.what = what
      self.text = text
      self.isOfState = isOfState
      self.isRead = isRead
    }
  }

  /// Empty for what several playbooks share.
  package var playbook: String
  package var name: String
  /// Of the parts that state hangs on.
  package var identity: ItemIdentity
  package var parts: [Part]

  package init(playbook: String, name: String, identity: ItemIdentity, parts: [Part]) {
    self.playbook = playbook
    self.name = name
    self.identity = identity
    self.parts = parts
  }
}

/// The first 16 bytes of a SHA-256.
package struct ItemIdentity: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// All items of a program, in the order of its tables.
package struct ProgramItems: Sendable {
  package var facts: [ProgramItem] = []
  /// Streams of events: they have no name, and belong to all who look at them.
  package var sources: [ProgramItem] = []
  package var features: [ProgramItem] = []
  package var scores: [ProgramItem] = []
  package var watches: [ProgramItem] = []
  package var sequences: [ProgramItem] = []
  package var gatherings: [ProgramItem] = []
  package var moments: [ProgramItem] = []
  package var windows: [ProgramItem] = []
  package var decisions: [ProgramItem] = []
  /// What holds for all decisions: caps, quiet hours, consent and the rest, by what it is about.
  package var policy: [ProgramItem.Part] = []
  package init() {}
}
