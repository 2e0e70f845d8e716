import Yaml

extension BookReport {
  /// For a terminal: sections of aligned columns.
  package var text: String {
    var out = ""
    for part in parts { out += part.text }
    out += section(
      "read of each event type",
      rows: reads.map { read in
        [
          read.type.isEmpty ? "(all others)" : read.type,
          read.fields.isEmpty ? "only that it happened" : read.fields.joined(separator: ", "),
        ]
      })
    var rows = memory.map { [$0.what, size($0.bytesMax), size($0.bytesTypical), $0.text] }
    rows.insert(["", "at most", "typical", ""], at: 0)
    rows.append([
      "sum", size(memory.reduce(0) { $0 + $1.bytesMax }),
      size(memory.reduce(0) { $0 + $1.bytesTypical }), "typical: one event a day in each stream",
    ])
    out += section("memory of one customer", rows: rows, numbers: [1, 2])
    if !warnings.isEmpty {
      out += "  warnings\n" + warnings.map { "    \($0)\n" }.joined() + "\n"
    }
    return out
  }

  /// 512 B, 64 KiB, 1.5 MiB.
  private func size(_ bytes: Int) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] where bytes >= unit {
      let tenths = (bytes * 10 + unit / 2) / unit
      return (tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)") + " " + name
    }
    return "\(bytes) B"
  }
}

extension BookReport.Part {
  fileprivate var text: String {
    var out = "\(name)  (\(file), version \(version.prefix(12)), \(timezone))\n\n"
    out += section(
      "facts", rows: facts.map { [$0.name, $0.type, "\($0.text), else \($0.fallback)"] })
    out += section(
      "features",
      rows: features.map { feature in
        var text = feature.text
        if !feature.standsOn.isEmpty {
          text += "  [stands on \(feature.standsOn.joined(separator: ", "))]"
        }
        if !feature.sharedWith.isEmpty {
          text += "  [stream shared with \(feature.sharedWith.joined(separator: ", "))]"
        }
        let stream = feature.stream.map { "stream \($0)" } ?? "computed"
        return [feature.name, stream, feature.window, text]
      })
    out += section(
      "scores",
      rows: scores.map { score in
        [score.name, "\(score.text): from \(three(score.least)) to \(three(score.greatest))"]
      })
    for moment in moments {
      var text = moment.text
      if let most = moment.partialsMax { text += "; at most \(most) partial matches a customer" }
      if let bytes = moment.bytesMax { text += ", \(bytes) bytes" }
      out += section(
        "moment \(moment.name): \(text)", rows: moment.states.map { [$0] }, keepsTitle: true)
    }
    out += section(
      "windows",
      rows: windows.map { window in
        [window.name, window.text + (window.cancelledBy.map { "; cancelled by \($0)" } ?? "")]
      })
    for decision in decisions {
      var rows = [["when", decision.trigger]]
      if let condition = decision.condition { rows.append(["if", condition]) }
      rows.append(["do", decision.action])
      rows += decision.checks.map { ["check", "\($0.name): \($0.text)"] }
      out += section("decision \(decision.name)", rows: rows)
    }
    return out
  }

  private func three(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
}

/// A title and rows of columns under it; nothing without rows, unless the title says enough.
private func section(
  _ title: String, rows: [[String]], numbers: Set<Int> = [], keepsTitle: Bool = false
) -> String {
  guard keepsTitle || !rows.isEmpty else { return "" }
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in
    rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
  }
  var out = "  \(title)\n"
  for row in rows {
    var line = "    "
    for (column, cell) in row.enumerated() where widths[column] > 0 {
      let gap = String(repeating: " ", count: widths[column] - cell.count)
      let isLast = column == row.count - 1
      line += numbers.contains(column) ? gap + cell : isLast ? cell : cell + gap
      if !isLast { line += "  " }
    }
    while line.last == " " { line.removeLast() }
    out += line + "\n"
  }
  return out + "\n"
}
