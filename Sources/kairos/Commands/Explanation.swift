import Events

/// One decision's revisions, told to a person.
struct Explanation {
  var id: String
  /// As published, in order; at least one.
  var revisions: [JsonTree]

  var text: String {
    let last = revisions[revisions.count - 1]
    let playbook = last["playbook"]
    var lines = ["Decision \(id)"]
    lines += columns([
      ("decision", "\(last.text("decision")) of playbook \(playbook?.text("name") ?? "?")"),
      ("version", playbook?.text("version") ?? ""), ("customer", last.text("customer")),
      ("account", last.text("account")), ("owner", last.text("owner")),
      ("action", Self.action(last["action"])),
      (
        "in short",
        revisions.map(Self.short).joined(
          separator: ", then ")
      ),
    ])
    var told: [JsonTree.Member] = []
    for revision in revisions {
      let why = Self.grounds(revision)
      lines.append("")
      lines += self.revision(revision, isSameWhy: why == told)
      told = why
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What makes two revisions' reasons the same.
  private static func grounds(_ revision: JsonTree) -> [JsonTree.Member] {
    guard case .object(let members) = revision else { return [] }
    return members.filter { $0.name == "reasons" || $0.name == "score" || $0.name == "window" }
  }

  private static func short(_ revision: JsonTree) -> String { outcome(revision.text("outcome")) }

  private static func outcome(_ text: String) -> String {
    if text.hasPrefix("held:") { return "held back by \(text.dropFirst(5))" }
    switch text {
    case "awaiting_approval": return "waiting for a person's approval"
    case "shadow": return "only watched, not released"
    case "holdout": return "held out as one of the control group"
    default: return text
    }
  }

  private static func action(_ action: JsonTree?) -> String {
    guard let action else { return "" }
    var text = "\(action.text("channel")) by topic \(action.text("topic"))"
    let template = action.text("template")
    if !template.isEmpty { text += ", template \(template)" }
    if case .object(let fields)? = action["fields"], !fields.isEmpty {
      text += ", " + fields.map { "\($0.name) = \($0.value.plain)" }.joined(separator: ", ")
    }
    return text
  }

  // MARK: A revision

  private func revision(_ revision: JsonTree, isSameWhy: Bool) -> [String] {
    let number = revision.text("revision")
    let what = Self.outcome(revision.text("outcome"))
    var lines = ["Revision \(number): \(what), \(time(revision.text("time")))"]
    lines += columns(timing(revision))
    lines += isSameWhy ? ["  why: as before"] : why(revision)
    lines += checks(revision)
    lines += permission(revision)
    if revision["approximate"] == .bool(true) {
      lines.append("  approximate: the customer's state had outgrown a bound")
    }
    return lines
  }

  private func timing(_ revision: JsonTree) -> [(String, String)] {
    var rows: [(String, String)] = []
    let outcome = revision.text("outcome")
    if let failed = revision["trace"]?.elements.last(where: {
      ["failed", "deferred"].contains($0.text("result"))
    }) {
      let detail = failed.text("detail")
      let what = failed.text("result") == "failed" ? "failed" : "deferred it"
      rows.append(
        (
          "because",
          "the check \(failed.text("check")) \(what)" + (detail.isEmpty ? "" : ": \(detail)")
        ))
    }
    let next = [revision.text("notBefore"), revision.text("nextAllowed")].first { !$0.isEmpty }
    if let next {
      rows.append(("next allowed", time(next)))
    } else if outcome.hasPrefix("held:") || outcome == "holdout" || outcome == "shadow" {
      rows.append(("next allowed", "no time alone changes it"))
    }
    if let window = revision["window"] {
      rows.append(("window", "\(time(window.text("opens"))) to \(time(window.text("closes")))"))
    }
    rows.append(("good until", time(revision.text("expires"))))
    rows.append(("authority", revision.text("authority")))
    if let experiment = revision["experiment"] {
      rows.append(
        (
          "experiment", "\(experiment.text("arm")), bucket \(experiment.text("bucket")) of 10000"
        ))
    }
    return rows
  }

  private func why(_ revision: JsonTree) -> [String] {
    var lines = ["  why"]
    if let score = revision["score"] {
      let change = score["change"].map { ", moved by \($0.short)" } ?? ""
      lines.append("    \(score.text("name")) is \(score["value"]?.short ?? "?")\(change)")
    }
    for (place, reason) in (revision["reasons"]?.elements ?? []).enumerated() {
      var line = "    \(place + 1). \(reason.text("text")) (\(reason.text("code"))"
      if let part = reason["contribution"] { line += ", contributes \(part.short)" }
      let point = reason.text("talkingPoint")
      line += point.isEmpty ? ")" : ", talking point \(point))"
      lines.append(line)
      let evidence = reason["evidence"]?.elements.map(\.plain) ?? []
      if !evidence.isEmpty {
        lines.append("       evidence: " + evidence.joined(separator: ", "))
      }
    }
    return lines.count > 1 ? lines : ["  why: no reason is recorded"]
  }

  private func checks(_ revision: JsonTree) -> [String] {
    let trace = revision["trace"]?.elements ?? []
    guard !trace.isEmpty else { return [] }
    let rows = trace.map { line in
      let result = line.text("result") == "not_applicable" ? "none" : line.text("result")
      return (line.text("check"), result, line.text("detail"))
    }
    let (first, second) = (rows.map(\.0.count).max() ?? 0, rows.map(\.1.count).max() ?? 0)
    let isCutShort = rows.contains { $0.1 == "failed" || $0.1 == "deferred" }
    let title = isCutShort ? "; those after the one that held it were not asked" : ""
    return ["  checks, in their order" + title]
      + rows.map { check, result, detail in
        trimmed("    \(padded(check, first))  \(padded(result, second))  \(detail)")
      }
  }

  private func permission(_ revision: JsonTree) -> [String] {
    var lines: [String] = []
    if let consent = revision["consent"] {
      let basis = consent.text("basis") == "not_checked" ? "not asked" : consent.text("basis")
      let proof = consent.text("proof")
      lines.append(
        "  consent: \(consent.text("purpose")) by \(consent.text("channel")): \(basis)"
          + (proof.isEmpty ? "" : ", proved by event \(proof)"))
    }
    for cap in revision["caps"]?.elements ?? [] {
      let next = cap.text("nextAllowed")
      lines.append(
        "  cap \(cap.text("rule")): \(cap.text("used")) of \(cap.text("limit")) used"
          + (next.isEmpty ? "" : ", next allowed \(time(next))"))
    }
    return lines
  }

  // MARK: Words

  /// `2026-02-19T15:00:00Z` as `2026-02-19 15:00:00 UTC`.
  private func time(_ text: String) -> String {
    guard text.hasSuffix("Z") else { return text }
    return text.dropLast().replacing("T", with: " ") + " UTC"
  }

  /// Rows whose value is empty are left out.
  private func columns(_ rows: [(String, String)]) -> [String] {
    let kept = rows.filter { !$0.1.isEmpty }
    let width = kept.map(\.0.count).max() ?? 0
    return kept.map { "  \(padded($0.0, width))  \($0.1)" }
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private func trimmed(_ line: String) -> String {
    var line = line
    while line.last == " " { line.removeLast() }
    return line
  }
}

extension JsonTree {
  /// A member as text; empty if it is not there.
  fileprivate func text(_ name: String) -> String { self[name]?.plain ?? "" }

  fileprivate var elements: [JsonTree] {
    if case .array(let elements) = self { return elements }
    return []
  }

  /// A number with four decimals at most.
  fileprivate var short: String {
    guard case .double(let value) = self, value.magnitude < 1e9 else { return plain }
    return ((value * 10_000).rounded() / 10_000).description
  }

  /// As a person would write it, without a line end or any other control character.
  fileprivate var plain: String {
    switch self {
    case .null: return "null"
    case .bool(let value): return String(value)
    case .int(let value): return String(value)
    case .uint(let value): return String(value)
    case .double(let value): return value.description
    case .string(let text):
      var line = String.UnicodeScalarView()
      for scalar in text.unicodeScalars {
        line.append(scalar.properties.generalCategory == .control ? " " : scalar)
      }
      return String(line)
    case .array(let elements):
      return "[" + elements.map(\.plain).joined(separator: ", ") + "]"
    case .object(let members):
      return "{" + members.map { "\($0.name): \($0.value.plain)" }.joined(separator: ", ") + "}"
    }
  }
}
