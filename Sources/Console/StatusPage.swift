/// The page at `/`: what this process is, whether it is well, and the numbers that matter most.
/// It needs no script and loads nothing.
struct StatusPage {
  var about: ConsoleSite.About
  var stuck: [String]
  var unready: [String]
  var families: [FamilySamples]

  /// The number of rows that a table shows.
  static let rowLimit = 20

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en"><head><meta charset="utf-8"><title>kairos</title>
    <meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">
    <style>
    body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:48rem;padding:0 1rem}
    table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
    th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #8884}
    td:last-child,th:last-child{text-align:right;font-variant-numeric:tabular-nums}
    .bad{color:#b00020}
    :root{color-scheme:light dark}
    </style></head><body>
    <h1>kairos</h1>
    <p>Version \(Self.escaped(about.version)). \(Self.escaped(about.role))</p>
    \(state)
    <p><a href="/metrics">metrics</a> · <a href="/healthz">healthz</a> ·
    <a href="/readyz">readyz</a></p>
    \(summary)\(decisions)\(delays)
    </body></html>

    """
  }

  private var state: String {
    if unready.isEmpty { return "<p>Alive and ready.</p>" }
    let lines = unready.map { "<li>\(Self.escaped($0))</li>" }.joined()
    return "<p class=\"bad\">\(stuck.isEmpty ? "Not ready" : "Stuck"):</p><ul>\(lines)</ul>"
  }

  private var summary: String {
    var rows: [(String, String)] = []
    let sums = [
      ("kairos_events_total", "Events"), ("kairos_rejects_total", "Dead letters"),
      ("kairos_events_late_total", "Late events"), ("kairos_decisions_total", "Decisions"),
      ("kairos_customers", "Customers"), ("kairos_partial_matches", "Open sequences"),
      ("kairos_lag_records", "Records not yet read"),
    ]
    for (name, title) in sums {
      if let family = family(name) { rows.append((title, Self.total(family))) }
    }
    if let bytes = family("kairos_state_bytes"), let series = bytes.series.first,
      case .number(let number) = series.value
    {
      rows.append(("State", "\(Self.tenths(number / 1_048_576)) MB"))
    }
    for (name, title) in [
      ("kairos_decision_latency_seconds", "Append to decision"),
      ("kairos_commit_seconds", "Commit"),
    ] {
      guard let series = family(name)?.series.first, case .durations(let times, _) = series.value,
        let p50 = times.quantile(0.5), let p99 = times.quantile(0.99)
      else { continue }
      rows.append(
        ("\(title), p50 / p99", "\(Self.milliseconds(p50)) / \(Self.milliseconds(p99)) ms"))
    }
    return table("Now", head: ["", ""], rows: rows.map { [$0.0, $0.1] })
  }

  private var decisions: String {
    guard let family = family("kairos_decisions_total") else { return "" }
    let counted = family.series.compactMap { series -> (labels: [String], count: UInt64)? in
      guard case .count(let count) = series.value else { return nil }
      return (series.labels, count)
    }
    let top = counted.enumerated().sorted {
      ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
    }
    let rows = top.prefix(Self.rowLimit).map { $0.element.labels + ["\($0.element.count)"] }
    return table("Decisions", head: ["Decision", "Outcome", "Count"], rows: rows)
  }

  private var delays: String {
    guard let family = family("kairos_watermark_delay_seconds") else { return "" }
    let counted = family.series.compactMap { series -> (labels: [String], delay: Double)? in
      guard case .number(let delay) = series.value else { return nil }
      return (series.labels, delay)
    }
    let top = counted.enumerated().sorted {
      ($1.element.delay, $0.offset) < ($0.element.delay, $1.offset)
    }
    let rows = top.prefix(Self.rowLimit).map {
      $0.element.labels + ["\(Self.tenths($0.element.delay)) s"]
    }
    return table("Watermarks furthest behind", head: ["Partition", "Delay"], rows: rows)
  }

  private func family(_ name: String) -> FamilySamples? {
    families.first { $0.description.name == name && !$0.series.isEmpty }
  }

  private func table(_ title: String, head: [String], rows: [[String]]) -> String {
    guard !rows.isEmpty else { return "" }
    let top = head.map { "<th>\($0)</th>" }.joined()
    let body = rows.map { row in
      "<tr>" + row.map { "<td>\(Self.escaped($0))</td>" }.joined() + "</tr>\n"
    }
    return "<h2>\(title)</h2><table><tr>\(top)</tr>\n\(body.joined())</table>\n"
  }

  private static func total(_ family: FamilySamples) -> String {
    var sum = 0.0
    for series in family.series {
      switch series.value {
      case .count(let count): sum += Double(count)
      case .number(let number): sum += number
      case .durations(let times, _): sum += Double(times.count)
      }
    }
    return PrometheusText.shown(sum)
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    tenths(Double(nanoseconds) / 1e6)
  }

  private static func tenths(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
