internal import Decisions

extension MigrationPlan {
  /// For a terminal.
  package var text: String {
    var out = "migration \(from.prefix(12)) -> \(to.prefix(12))\n\n"
    if from == to { return out + "  nothing changes: it is the same book\n\n" }
    if isNothing {
      return out + "  nothing changes: every item is what it was, and keeps its state\n\n"
    }
    out += section("kept, with its state", items.filter { $0.fate == .kept })
    out += section("changed: the old state goes", items.filter { $0.fate == .changed })
    out += section("new", items.filter { $0.fate == .new })
    out += section("dropped", items.filter { $0.fate == .dropped })
    if !policy.isEmpty {
      out += "  policy\n"
      for change in policy { out += "    \(change.what)  \(change.text)\n" }
      out += "\n"
    }
    out += "  \(count(.kept)) kept, \(count(.changed)) changed, \(count(.new)) new, "
    out += "\(count(.dropped)) dropped; publishing itself decides nothing\n"
    if backfill == nil, items.contains(where: { $0.start == "starts empty" }) {
      out += "  what starts empty can be filled from the journal: --backfill 30d, or all\n"
    }
    return out + "\n"
  }

  private func section(_ title: String, _ items: [Item]) -> String {
    guard !items.isEmpty else { return "" }
    let names = items.map { "\($0.playbook)/\($0.name)" }
    let width = names.map(\.count).max() ?? 0
    var out = "  \(title)\n"
    for (item, name) in zip(items, names) {
      let kind = item.kind + String(repeating: " ", count: max(0, 8 - item.kind.count))
      let gap = String(repeating: " ", count: width - name.count)
      var line = "    \(kind)  \(name)\(gap)"
      let clauses = item.reasons + [item.start].compactMap { $0 }
      if let first = clauses.first { line += "  \(first)" }
      while line.last == " " { line.removeLast() }
      out += line + "\n"
      let indent = String(repeating: " ", count: 4 + 8 + 2 + width + 2)
      for clause in clauses.dropFirst() { out += indent + clause + "\n" }
    }
    return out + "\n"
  }

  /// One line.
  package var json: String {
    var json = JsonWriter()
    json.beginObject()
    write(to: &json)
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self) + "\n"
  }

  /// Appends the plan as the members of the object that is open.
  private func write(to json: inout JsonWriter) {
    json.string("from", from)
    json.string("to", to)
    if let backfill { json.string("backfill", backfill) }
    json.bool("changesNothing", isNothing)
    json.beginArray("items")
    for item in items {
      json.beginObject()
      json.string("kind", item.kind)
      json.string("playbook", item.playbook)
      json.string("name", item.name)
      json.string("fate", item.fate.rawValue)
      if let start = item.start { json.string("start", start) }
      json.beginArray("reasons")
      for reason in item.reasons { json.string(nil, reason) }
      json.endArray()
      json.endObject()
    }
    json.endArray()
    json.beginArray("policy")
    for change in policy {
      json.beginObject()
      json.string("what", change.what)
      if let old = change.old { json.string("old", old) }
      if let new = change.new { json.string("new", new) }
      json.endObject()
    }
    json.endArray()
  }
}

extension MigrationPlan.Change {
  fileprivate var text: String {
    switch (old, new) {
    case (let old?, let new?): "changed: \(old) -> \(new)"
    case (nil, let new?): "new: \(new)"
    case (let old?, nil): "dropped: \(old)"
    case (nil, nil): ""
    }
  }
}
