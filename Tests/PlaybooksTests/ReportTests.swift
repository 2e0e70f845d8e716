import Cel
import Playbooks
import TestSupport
import Testing
import Yaml

@Suite struct `A book's report` {
  private func report(_ text: String) throws -> BookReport {
    let book = try book("kairos: 1\nname: p\n" + text)
    let (program, diagnostics) = book.compile(zones: try ZoneTable.system())
    let compiled = try #require(program, "\(diagnostics)")
    return BookReport(book, compiled)
  }

  /// A decision with the given trigger and what else it says.
  private func decision(_ trigger: String, _ more: String = "") -> String {
    """
    decisions:
      act:
        when: \(trigger)
        \(more)
        action: { topic: actions.x, channel: sms }
        purpose: service

    """
  }

  @Test func `tells what shares a stream`() throws {
    let report = try report(
      """
      features:
        week: { count: a, over: 7d }
        before: { count: a, over: 7d, ending: 7d }
        other: { count: b, over: 1h }
        ratio: { value: double(week) / 2.0 }
      """)
    let features = report.parts[0].features
    #expect(features.map(\.sharedWith) == [["before"], ["week"], [], []])
    #expect(features.map(\.window) == ["(t-7d, t]", "(t-14d, t-7d]", "(t-1h, t]", ""])
    #expect(features[3].stream == nil && features[3].standsOn == ["week"])
    #expect(report.warnings.isEmpty)
  }

  @Test func `bounds a customer's memory, stream by stream`() throws {
    let report = try report("features:\n  n: { count: a, over: 30d }\n")
    let stream = try #require(report.memory.first { $0.what == "stream 1" })
    // All of the 16 MB that a customer may have.
    #expect(stream.bytesMax == 16 << 20)
    // Thirty of eight bytes, in a piece of a power of two.
    #expect(stream.bytesTypical == 256)
    let forEver = try self.report("features:\n  n: { count: a }\n")
    #expect(!forEver.memory.contains { $0.what.hasPrefix("stream") })
  }

  @Test func `shows a sequence as a state machine and how many matches it can keep`() throws {
    let report = try report(
      """
      moments:
        m:
          sequence:
            - { on: a }
            - { on: b, within: 72h }
            - { absent: c, for: 2h }
          max_open: 5
      """)
    let moment = report.parts[0].moments[0]
    #expect(moment.states.count == 3)
    #expect(moment.states[0] == "start: a -> 1")
    #expect(moment.states[1].contains("b within 3d -> 2"))
    #expect(moment.states[2].contains("after 2h it is complete"))
    #expect(try #require(moment.partialsMax) >= 5 && moment.bytesMax != nil)
  }

  @Test func `lists the fields that each event type must bring`() throws {
    let report = try report(
      """
      facts:
        plan: { last: data.plan, from: changed, type: string }
      features:
        spent: { sum: data.amount, from: bought, where: data.shop == "x", over: 1d }
      """)
    let reads = Dictionary(uniqueKeysWithValues: report.reads.map { ($0.type, $0.fields) })
    #expect(reads["changed"] == ["data.plan"])
    #expect(reads["bought"] == ["data.amount", "data.shop"])
  }

  @Test(
    arguments: [
      ("\"20:00\", to: \"08:00\"", "\"08:00\", to: \"20:00\"", true),
      ("\"20:00\", to: \"08:00\"", "\"08:01\", to: \"20:00\"", false),
      ("\"20:00\", to: \"08:00\"", "\"08:00\", to: \"19:59\"", false),
    ])
  func `warns of a decision that is quiet all day`(one: String, two: String, warns: Bool) throws {
    let report = try report(
      decision("{ becomes: n > 2 }") + """
        features: { n: { count: a, over: 1d } }
        policy:
          quiet_hours:
            - { channels: [sms], from: \(one) }
            - { from: \(two) }
        """)
    #expect(report.warnings.contains { $0.message.contains("quiet hours") } == warns)
  }

  /// z = −2 + 0.1 · quiet, quiet at most 20: at most 0.5.
  @Test(
    arguments: [
      ("rises_above: 0.5", false), ("rises_above: 0.51", true), ("falls_below: 0.12", false),
      ("falls_below: 0.11", true), ("rises_by: 0.38, within: 1d", false),
      ("rises_by: 0.39, within: 1d", true),
    ])
  func `warns of a threshold that the score cannot reach`(change: String, warns: Bool) throws {
    let report = try report(
      """
      features: { quiet: { since: a, in: days, at_most: 20, default: 0 } }
      scores: { risk: { logistic: { bias: -2.0, weights: { quiet: 0.1 } } } }

      """ + decision("{ score: risk, \(change) }"))
    #expect(report.warnings.isEmpty == !warns, "\(report.warnings)")
  }

  @Test(
    arguments: [
      ("windows: { w: { after: { on: a, where: 1 > 2 }, opens: 1h, closes: 2h } }\n", 2),
      ("windows: { w: { after: { on: a, where: 2 > 1 }, opens: 1h, closes: 2h } }\n", 0),
      (
        "moments: { m: { becomes: 'false' } }\n"
          + "windows: { w: { after: { moment: m }, opens: 1h, closes: 2h } }\n", 2
      ),
    ])
  func `warns of a window that nobody can reach, and of its decision`(
    windows: String, count: Int
  ) throws {
    let report = try report(windows + decision("{ window: w }"))
    #expect(report.warnings.count == count, "\(report.warnings)")
  }

  @Test func `warns of a window that no decision waits for, with its place`() throws {
    let report = try report("windows: { w: { after: { on: a }, opens: 1h, closes: 2h } }\n")
    #expect(report.warnings.map(\.line) == [3])
  }

  @Test(arguments: [
    (
      "moments: { m: { sequence: [{ on: a }, { on: b }], matches: all } }",
      "keeps every partial match, without bound"
    ),
    ("policy: { caps: [{ any: true, at_most: 0, per: 1d }] }", "the cap allows nothing"),
    ("policy: { holdout: { share: 100%, salt: s } }", "everybody, is held out"),
    (
      "decisions: { d: { when: { becomes: 'true' }, action: { topic: actions.x, channel: c },"
        + " purpose: p, expires: 0s } }", "expires"
    ),
  ])
  func `what can never work is refused before there is a report`(text: String, says: String) {
    let said = complaints("kairos: 1\nname: p\n\(text)\n")
    #expect(said.contains { $0.contains(says) }, "\(said)")
  }
}
