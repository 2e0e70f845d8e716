internal import Features

/// From one program to another: which item goes on as which. An item of the new program that stands
/// for none of the old one begins without state.
///
/// Of several old items with one identity, that of the same playbook and name is taken, else the
/// first: they all have the same definition, and what has been seen of it serves either.
package struct Migration: Sendable {
  /// By number in the new program: the number in the old one.
  package var facts: [Int?]
  package var sources: [Int?]
  package var features: [Int?]
  package var watches: [Int?]
  /// By new watch, by rise.
  package var rises: [[Int?]]
  package var sequences: [Int?]
  package var gatherings: [Int?]
  package var windows: [Int?]
  /// By playbook and name, since that is what decisions' ids are made of; edited or not.
  package var decisions: [Int?]

  package init(from old: Program, to new: Program) {
    let (before, after) = (old.items, new.items)
    facts = match(before.facts, after.facts)
    let sources = matchSources(old, new)
    self.sources = sources
    // A window's cursors lead into its stream's ring: only with that ring they mean anything.
    features = match(before.features, after.features) { a, b in
      let (from, to) = (old.features.features[a].source, new.features.features[b].source)
      return from < 0 ? to < 0 : to >= 0 && sources[to] == from
    }
    let watches = match(before.watches, after.watches)
    self.watches = watches
    rises = new.watches.indices.map { watch in
      new.watches[watch].rises.map { rise in
        watches[watch].flatMap { known in
          old.watches[known].rises.firstIndex { $0.within == rise.within }
        }
      }
    }
    sequences = match(before.sequences, after.sequences)
    gatherings = match(before.gatherings, after.gatherings)
    windows = match(before.windows, after.windows)
    decisions = after.decisions.map { item in
      before.decisions.firstIndex { $0.playbook == item.playbook && $0.name == item.name }
    }
  }
}

private func match(
  _ old: [ProgramItem], _ new: [ProgramItem], where allows: (Int, Int) -> Bool = { _, _ in true }
) -> [Int?] {
  var byIdentity: [ItemIdentity: [Int]] = [:]
  for index in old.indices { byIdentity[old[index].identity, default: []].append(index) }
  return new.indices.map { index in
    let item = new[index]
    let found = (byIdentity[item.identity] ?? []).filter { allows($0, index) }
    return found.first { old[$0].playbook == item.playbook && old[$0].name == item.name }
      ?? found.first
  }
}

/// Streams have no names. Of several that are equal, each playbook having its own, the one is taken
/// that most of the same features and windows look at.
private func matchSources(_ old: Program, _ new: Program) -> [Int?] {
  let (before, after) = (listeners(old), listeners(new))
  return new.items.sources.indices.map { index in
    let identity = new.items.sources[index].identity
    let found = old.items.sources.indices.filter { old.items.sources[$0].identity == identity }
    let shared = found.map { before[$0].intersection(after[index]).count }
    guard let most = shared.max() else { return nil }
    return shared.firstIndex(of: most).map { found[$0] }
  }
}

private func listeners(_ program: Program) -> [Set<String>] {
  var names = Array(repeating: Set<String>(), count: program.items.sources.count)
  for index in program.features.features.indices {
    let (source, item) = (program.features.features[index].source, program.items.features[index])
    if source >= 0 { names[source].insert("feature \(item.playbook)/\(item.name)") }
  }
  for index in program.windows.indices {
    guard case .event(let source, _, _, _, _) = program.windows[index].anchor else { continue }
    let item = program.items.windows[index]
    names[source].insert("window \(item.playbook)/\(item.name)")
  }
  return names
}
