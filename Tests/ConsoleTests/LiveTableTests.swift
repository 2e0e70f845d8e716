import Console
import TestSupport
import Testing

@Suite struct `Live table` {
  var table = LiveTable(
    header: .init(
      title: "silent-churn", events: 1_234, eventsPerSecond: 20, decisions: 2,
      watermark: 1_772_357_400_000, lag: 7))

  private func row(_ customer: String, _ outcome: String, _ reason: String) -> LiveTable.Row {
    .init(
      time: 1_772_357_400_000, customer: customer, decision: "save_call", outcome: outcome,
      reason: reason)
  }

  @Test mutating func `shows figures above, and the latest decision at the bottom`() {
    table.add(row("ada", "released", "logins fell by 60 %"))
    table.add(row("grace", "held:consent", "no consent for retention by call"))
    #expect(
      table.lines(width: 110, height: 10, color: false) == [
        "silent-churn",
        "1234 events   20/s   2 decisions   watermark 2026-03-01 09:30:00   lag 7",
        "TIME                 CUSTOMER  DECISION   OUTCOME       REASON",
        "2026-03-01 09:30:00  ada       save_call  released      logins fell by 60 %",
        "2026-03-01 09:30:00  grace     save_call  held:consent  no consent for retention by call",
      ])
  }

  @Test mutating func `on a narrow terminal the reason has a line of its own`() {
    table.add(row("ada", "released", "logins fell by 60 %"))
    table.add(row("grace", "held:consent", "no consent for retention by call"))
    let lines = table.lines(width: 109, height: 7, color: false)
    #expect(
      lines.dropFirst(2) == [
        "TIME                 CUSTOMER  DECISION   OUTCOME",
        "2026-03-01 09:30:00  ada       save_call  released",
        "    logins fell by 60 %",
        "2026-03-01 09:30:00  grace     save_call  held:consent",
        "    no consent for retention by call",
      ])
    #expect(table.lines(width: 109, height: 6, color: false).count == 5)
  }

  @Test mutating func `never takes more room than there is`() {
    var random = SplitMix64(seed: 5)
    let letters = ["a", "ü", "猫", "🐈", "e\u{301}", "\u{1B}", "\n", " "]
    for _ in 0..<200 {
      let text = (0..<random.number(in: 0..<60)).map { _ in random.pick(letters) }.joined()
      table.add(row(text, random.pick(["released", text]), text))
      let (width, height) = (random.number(in: 0..<150), random.number(in: 0..<12))
      let lines = table.lines(width: width, height: height, color: false)
      #expect(lines.count <= height)
      for line in lines {
        #expect(TerminalText.columns(of: line) <= width)
        #expect(!line.contains("\u{1B}") && !line.contains("\n"))
      }
    }
  }

  @Test mutating func `colours outcomes, and only then`() {
    table.add(row("ada", "released", "x"))
    #expect(table.lines(width: 80, height: 9, color: true)[3].hasPrefix("\u{1B}[32m2026"))
    #expect(!table.lines(width: 80, height: 9, color: false).joined().contains("\u{1B}"))
  }

  @Test mutating func `keeps the latest only`() {
    for number in 0..<150 { table.add(row("c\(number)", "released", "x")) }
    #expect(table.rows.count == 100)
    #expect(table.rows.last?.customer == "c149")
    let lines = table.lines(width: 120, height: 5, color: false)
    #expect(lines.count == 5 && lines[3].contains("c148") && lines[4].contains("c149"))
  }

  @Test func `a row for a file is whole and plain`() {
    let text = LiveTable.plain(row("ada\u{1B}[2J", "released", String(repeating: "x", count: 300)))
    #expect(text.hasPrefix("2026-03-01 09:30:00  ada?[2J  save_call  released  xxx"))
    #expect(text.hasSuffix("xxx"))
  }

  @Test(
    arguments: [
      (0.0, "0"), (0.25, "0.3"), (9.94, "9.9"), (9.96, "10"), (12.4, "12"), (999, "999"),
      (1_000, "1k"),
      (1_250, "1.3k"), (34_600, "35k"), (1_200_000, "1.2M"), (5e9, "5G"), (.nan, "-"),
    ] as [(Double, String)])
  func `numbers are short`(number: Double, text: String) {
    #expect(PeopleNumber.short(number) == text)
  }
}

@Suite struct `Progress bar` {
  private func progress(_ share: Double?) -> Progress {
    Progress(title: "replay", unit: "events", count: 1_200_000, share: share, seconds: 4)
  }

  @Test func `shows share, rate and time to go`() {
    #expect(
      progress(0.5).bar(width: 60)
        == "replay [######       ]  50 %  1.2M events  300k/s  0:04 left")
    #expect(progress(0.5).line == "replay: 50 % 1.2M events  300k/s  0:04 left")
    #expect(progress(nil).bar(width: 60) == "replay  1.2M events  300k/s")
  }

  @Test func `is full at the end only, and never wider than it may`() {
    #expect(progress(0.999).bar(width: 80).contains("99 %"))
    #expect(progress(1).bar(width: 80).contains("100 %"))
    #expect(progress(7).bar(width: 80).contains("100 %"))
    #expect(progress(-1).bar(width: 80).contains("  0 %"))
    for width in 0..<120 {
      #expect(TerminalText.columns(of: progress(0.37).bar(width: width)) <= width)
    }
  }

  @Test(arguments: [(0.4, "0:00"), (59.6, "1:00"), (195, "3:15"), (7_395, "2:03:15")])
  func `a duration reads as on a clock`(seconds: Double, text: String) {
    #expect(PeopleNumber.clock(seconds: seconds) == text)
  }
}
