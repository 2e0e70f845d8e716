/// Recent decisions as a table that a person can watch. A value: `lines` says what to show.
package struct LiveTable: Equatable, Sendable {
  package struct Row: Equatable, Sendable {
    /// The instant that was decided about, in milliseconds since 1970.
    package var time: Int64
    package var customer: String
    package var decision: String
    /// `released`, `held:consent`, `deferred` …
    package var outcome: String
    /// The strongest one, in words.
    package var reason: String

    package init(
      time: Int64, customer: String, decision: String, outcome: String, reason: String
    ) {
      self.time = time
      self.customer = customer
      self.decision = decision
      self.outcome = outcome
      self.reason = reason
    }
  }

  package struct Header: Equatable, Sendable {
    package var title: String
    package var events: UInt64
    package var eventsPerSecond: Double
    package var decisions: UInt64
    /// Milliseconds since 1970; nil: none yet.
    package var watermark: Int64?
    /// Records not read yet; nil: not known.
    package var lag: Int64?

    package init(
      title: String, events: UInt64 = 0, eventsPerSecond: Double = 0, decisions: UInt64 = 0,
      watermark: Int64? = nil, lag: Int64? = nil
    ) {
      self.title = title
      self.events = events
      self.eventsPerSecond = eventsPerSecond
      self.decisions = decisions
      self.watermark = watermark
      self.lag = lag
    }
  }

  package var header: Header
  /// The oldest first; at most `capacity`.
  package private(set) var rows: [Row] = []
  private let capacity: Int

  package init(header: Header, capacity: Int = 100) {
    precondition(capacity > 0)
    self.header = header
    self.capacity = capacity
  }

  package mutating func add(_ row: Row) {
    if rows.count == capacity { rows.removeFirst() }
    rows.append(row)
  }

  /// Title, figures, column heads, and as many of the latest rows as fit, the latest at the bottom:
  /// at most `height` lines of at most `width` columns. Below `wide` columns each reason has a line
  /// of its own under its row: it is what people read.
  package func lines(width: Int, height: Int, color: Bool) -> [String] {
    let isWide = width >= Self.wide
    let shown = rows.suffix(max(0, height - 3) / (isWide ? 1 : 2))
    let widths = Self.widths(of: shown, in: width)
    let heads = ["TIME", "CUSTOMER", "DECISION", "OUTCOME"] + (isWide ? ["REASON"] : [])
    var lines = [
      Self.styled(TerminalText.clipped(header.title, width: width), "1", color),
      TerminalText.clipped(figures, width: width),
      Self.styled(
        Self.line(heads, widths, width: width), "2", color),
    ]
    for row in shown {
      let cells = Self.cells(row).prefix(heads.count)
      let text = Self.line(Array(cells), widths, width: width)
      lines.append(Self.styled(text, Self.style(of: row.outcome), color))
      if !isWide { lines.append(TerminalText.clipped("    \(row.reason)", width: width)) }
    }
    return Array(lines.prefix(max(0, height)))
  }

  /// The second line: rates, watermark, lag.
  package var figures: String {
    var parts = [
      "\(header.events) events", "\(PeopleNumber.short(header.eventsPerSecond))/s",
      "\(header.decisions) decisions",
    ]
    if let watermark = header.watermark { parts.append("watermark \(Self.time(watermark))") }
    if let lag = header.lag { parts.append("lag \(lag)") }
    return parts.joined(separator: "   ")
  }

  /// One row for a file or a pipe: no colour, nothing cut but what a terminal might obey.
  package static func plain(_ row: Row) -> String {
    cells(row).map { TerminalText.clipped($0, width: .max) }.joined(separator: "  ")
  }

  private static func cells(_ row: Row) -> [String] {
    [time(row.time), row.customer, row.decision, row.outcome, row.reason]
  }

  private static func time(_ milliseconds: Int64) -> String {
    switch milliseconds {
    case .max: "the end"
    case .min: "none"
    default: UtcText.short(milliseconds)
    }
  }

  package static let wide = 110

  /// As wide as their widest cell, within bounds; the reason gets the rest.
  private static func widths(of rows: ArraySlice<Row>, in width: Int) -> [Int] {
    func widest(_ cell: (Row) -> String, _ bounds: ClosedRange<Int>) -> Int {
      let needed = rows.map { TerminalText.columns(of: cell($0)) }.max() ?? 0
      return min(max(needed, bounds.lowerBound), bounds.upperBound)
    }
    return [
      19, widest(\.customer, 8...(width < 100 ? 12 : 20)),
      widest(\.decision, 8...(width < 100 ? 18 : 28)), widest(\.outcome, 8...18),
    ]
  }

  private static func line(_ cells: [String], _ widths: [Int], width: Int) -> String {
    var text = ""
    for (cell, width) in zip(cells, widths) {
      text += TerminalText.column(cell, width: width) + "  "
    }
    if cells.count > widths.count { text += cells[widths.count] }
    let clipped = TerminalText.clipped(text, width: width)
    return String(clipped.reversed().drop { $0 == " " }.reversed())
  }

  private static func style(of outcome: String) -> String {
    switch outcome {
    case "released": "32"
    case "deferred", "awaiting_approval": "36"
    case "revoked", "expired": "31"
    case "shadow", "holdout": "2"
    default: "33"
    }
  }

  private static func styled(_ text: String, _ style: String, _ color: Bool) -> String {
    color ? "\u{1B}[\(style)m\(text)\u{1B}[0m" : text
  }
}
