package import Engine
internal import Features

/// What becomes of each item when one book takes over from another: told before anything happens,
/// and what the fold then does.
package struct MigrationPlan: Sendable {
  package enum Fate: String, Sendable {
    /// Its state goes on.
    case kept
    /// Of this name, but not what it was: the old state goes, it starts anew.
    case changed
    /// Not in the old book.
    case new
    /// Not in the new book.
    case dropped
  }
  package struct Item: Equatable, Sendable {
    package var kind: String
    package var playbook: String
    package var name: String
    package var fate: Fate
    /// What it starts with; nil: it goes on, or is gone, or has no state of its own.
    package var start: String?
    /// Why, a clause each.
    package var reasons: [String]
  }
  package struct Change: Equatable, Sendable {
    package var what: String
    /// Nil: it was not there.
    package var old: String?
    package var new: String?
    package init(what: String, old: String?, new: String?) {
      self.what = what
      self.old = old
      self.new = new
    }
  }

  package var from: String
  package var to: String
  /// In the order of the new book, then what is dropped in that of the old one.
  package var items: [Item] = []
  /// What holds for all decisions.
  package var policy: [Change] = []
  /// "30d", "all"; nil: new items start empty.
  package var backfill: String?

  package init(from old: Program, to new: Program, backfill: String? = nil) {
    from = old.hash
    to = new.hash
    self.backfill = backfill
    let migration = Migration(from: old, to: new)
    let start = backfill.map { $0 == "all" ? "back-filled" : "back-filled from \($0) ago" }
    let (before, after) = (old.items, new.items)
    let empty = start ?? "starts empty"
    add("fact", before.facts, after.facts, migration.facts, start: empty)
    // What is computed keeps nothing, whatever it is called.
    add("feature", before.features, after.features, migration.features, start: empty) {
      new.features.features[$0].source < 0 ? nil : empty
    }
    add("score", before.scores, after.scores, nil, start: "its triggers start from its value then")
    addMoments(old, new, migration, empty)
    add("window", before.windows, after.windows, migration.windows, start: empty)
    addDecisions(before.decisions, after.decisions)
    policy = Self.changes(before.policy, after.policy)
  }

  package func count(_ fate: Fate) -> Int { items.count { $0.fate == fate } }

  /// Nothing changes for any customer.
  package var isNothing: Bool {
    policy.isEmpty && items.allSatisfy { $0.fate == .kept && $0.reasons.isEmpty }
  }

  // MARK: Items

  /// `known`: by new item, the old one whose state it takes over; nil: they have none, and are
  /// matched by what they are.
  private mutating func add(
    _ kind: String, _ old: [ProgramItem], _ new: [ProgramItem], _ known: [Int?]?, start: String,
    startOf: ((Int) -> String?)? = nil
  ) {
    var taken: Set<Int> = []
    for (index, item) in new.enumerated() {
      let named = old.firstIndex { $0.playbook == item.playbook && $0.name == item.name }
      let match =
        known.map { $0[index] }
        ?? (named.flatMap { old[$0].identity == item.identity ? $0 : nil }
          ?? old.firstIndex { $0.identity == item.identity })
      var plan = Item(
        kind: kind, playbook: item.playbook, name: item.name, fate: .new, start: nil, reasons: [])
      if let match {
        taken.insert(match)
        plan.fate = .kept
        if old[match].playbook != item.playbook || old[match].name != item.name {
          plan.reasons = ["it was `\(old[match].playbook)/\(old[match].name)`"]
        }
        plan.reasons += Self.reasons(old[match].parts, item.parts)
      } else {
        plan.start = startOf.map { $0(index) } ?? start
        if let named {
          taken.insert(named)
          plan.fate = .changed
          plan.reasons = Self.reasons(old[named].parts, item.parts)
        }
      }
      items.append(plan)
    }
    drop(kind, old.indices.filter { !taken.contains($0) }.map { old[$0] }, [])
  }

  private mutating func drop(_ kind: String, _ items: [ProgramItem], _ reasons: [String]) {
    self.items += items.map {
      Item(
        kind: kind, playbook: $0.playbook, name: $0.name, fate: .dropped, start: nil,
        reasons: reasons)
    }
  }

  private mutating func addMoments(
    _ old: Program, _ new: Program, _ migration: Migration, _ empty: String
  ) {
    func number(_ program: Program, _ index: Int?, _ kind: (MomentPlan.Kind) -> Int?) -> Int? {
      program.moments.firstIndex { kind($0.kind) == index }
    }
    func sequence(_ kind: MomentPlan.Kind) -> Int? {
      if case .sequence(let index) = kind { index } else { nil }
    }
    func gathering(_ kind: MomentPlan.Kind) -> Int? {
      if case .gathering(let index) = kind { index } else { nil }
    }
    func watch(_ kind: MomentPlan.Kind) -> Int? {
      if case .becomes(let index) = kind { index } else { nil }
    }
    let known = new.moments.map { moment -> Int? in
      switch moment.kind {
      case .sequence(let index):
        migration.sequences[index].flatMap { number(old, $0, sequence) }
      case .gathering(let index):
        migration.gatherings[index].flatMap { number(old, $0, gathering) }
      case .becomes(let index): migration.watches[index].flatMap { number(old, $0, watch) }
      }
    }
    add("moment", old.items.moments, new.items.moments, known, start: empty) {
      watch(new.moments[$0].kind) == nil ? empty : "starts from what is true then"
    }
  }

  /// Decisions are the same as long as they are called the same; their rules may change.
  private mutating func addDecisions(_ old: [ProgramItem], _ new: [ProgramItem]) {
    for item in new {
      let named = old.first { $0.playbook == item.playbook && $0.name == item.name }
      let reasons = named.map { Self.reasons($0.parts, item.parts) } ?? []
      items.append(
        Item(
          kind: "decision", playbook: item.playbook, name: item.name,
          fate: named == nil ? .new : .kept,
          start: named == nil ? "its trigger starts from what is true then" : nil, reasons: reasons)
      )
    }
    drop(
      "decision",
      old.filter { item in
        !new.contains { $0.playbook == item.playbook && $0.name == item.name }
      },
      ["what it has pending is revoked; what it has released still counts for caps of its channel"])
  }

  // MARK: Reasons

  private static func reasons(
    _ old: [ProgramItem.Part], _ new: [ProgramItem.Part]
  ) -> [String] {
    var found: [String] = []
    for part in new {
      guard let known = old.first(where: { $0.what == part.what && $0.isRead == part.isRead })
      else {
        found.append(
          part.isRead ? "it reads \(part.what) now" : "\(part.what) is new: \(told(part.text))")
        continue
      }
      if known.text == part.text { continue }
      found.append(
        part.isRead
          ? "\(part.what), which it reads, changed"
          : "\(part.what) changed: \(told(known.text)) -> \(told(part.text))")
    }
    for part in old where !new.contains(where: { $0.what == part.what && $0.isRead == part.isRead })
    {
      found.append(part.isRead ? "it reads \(part.what) no more" : "\(part.what) is gone")
    }
    return found
  }

  private static func told(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.isEmpty ? "none" : line.count > 72 ? line.prefix(71) + "…" : line
  }

  /// What there is one of is changed; of caps and quiet hours each stands for itself.
  private static func changes(
    _ old: [ProgramItem.Part], _ new: [ProgramItem.Part]
  ) -> [Change] {
    var found: [Change] = []
    for part in new where !old.contains(part) {
      let before = old.filter { $0.what == part.what }
      let isOne = before.count == 1 && new.count { $0.what == part.what } == 1
      found.append(
        Change(what: part.what, old: isOne ? before.first?.text : nil, new: part.text))
    }
    for part in old where !new.contains(part) {
      let isReplaced = found.contains { $0.what == part.what && $0.old == part.text }
      if !isReplaced { found.append(Change(what: part.what, old: part.text, new: nil)) }
    }
    return found
  }
}
