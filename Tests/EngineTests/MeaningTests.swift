import Decisions
import Events
import TestSupport
import Testing

@Suite struct `Both sides of each boundary` {
  // MARK: Windows of features

  @Test(arguments: [(-1, false), (0, true)])
  func `an event leaves a window at the instant of its end`(ms: Int64, left: Bool) throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 7d }\n"
          + "decisions:\n" + decision("gone", when: "becomes: logins == 0")))
    fold.event("login", at: hour(1))
    fold.tick(hour(1 + 7 * 24) + ms)
    #expect(fold.said() == (left ? ["gone released @169h"] : []))
  }

  @Test func `a window that ends earlier is entered by time alone`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  prior: { count: login, over: 2h, ending: 3h }\n"
          + "decisions:\n" + decision("entered", when: "becomes: prior == 1")
          + decision("left", when: "becomes: prior == 0")))
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["left released @1h"])
    fold.tick(hour(4) - 1)
    #expect(fold.said() == [])
    fold.tick(hour(4))
    #expect(fold.said() == ["entered released @4h"])
    fold.tick(hour(6) - 1)
    #expect(fold.said() == [])
    fold.tick(hour(6))
    #expect(fold.said() == ["left released @6h"])
  }

  @Test func `since steps at whole units up to its end`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  quiet: { since: login, in: hours, at_most: 2, default: 9 }\n"
          + "decisions:\n" + decision("one", when: "becomes: quiet == 1")
          + decision("two", when: "becomes: quiet == 2")
          + decision("three", when: "becomes: quiet == 3")))
    fold.event("login", at: hour(1))
    fold.tick(hour(2) - 1)
    #expect(fold.said() == [])
    fold.tick(.max)
    #expect(fold.said() == ["one released @2h", "two released @3h"])
  }

  @Test func `all that moves at one instant is looked at once`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  a: { count: login, over: 2h }\n  b: { count: visit, over: 1h }\n"
          + "decisions:\n" + decision("odd", when: "becomes: a != b")))
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["odd released @1h"])
    fold.event("visit", at: hour(2))
    fold.tick(.max)
    // Both leave at 3h, together.
    #expect(fold.said() == [])
  }

  @Test func `timers due at an instant fire before its events`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 2h }\n"
          + "decisions:\n" + decision("gone", when: "becomes: logins == 0")
          + decision("here", when: "becomes: logins == 1")))
    fold.event("login", at: hour(1))
    fold.event("login", at: hour(3))
    #expect(fold.said() == ["here released @1h", "gone released @3h", "here released @3h"])
  }

  @Test func `at events looks only when an event does`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 2h }\n"
          + "decisions:\n" + decision("gone", when: "becomes: logins == 0, at: events")))
    fold.event("login", at: hour(1))
    fold.tick(hour(9))
    #expect(fold.said() == [])
    fold.event("other", at: hour(10))
    #expect(fold.said() == ["gone released @10h"])
  }

  // MARK: Scores

  @Test func `a score rises above when it reaches the threshold and before stood below`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 5h }\n"
          + "scores:\n  s: { logistic: { bias: -2.0, weights: { logins: 1.0 } } }\n"
          + "decisions:\n" + decision("up", when: "score: s, rises_above: 0.5")
          + decision("down", when: "score: s, falls_below: 0.5")))
    fold.event("login", at: hour(1))
    #expect(fold.said() == [])
    fold.event("login", at: hour(2))
    fold.event("login", at: hour(3))
    #expect(fold.said() == ["up released @2h"])
    fold.tick(.max)
    #expect(fold.said() == ["down released @7h"])
  }

  @Test func `a new customer starts below every threshold`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 5h }\n"
          + "scores:\n  s: { logistic: { bias: 2.0, weights: { logins: 1.0 } } }\n"
          + "decisions:\n" + decision("up", when: "score: s, rises_above: 0.5")
          + decision("down", when: "score: s, falls_below: 0.5")))
    fold.event("other", at: hour(1))
    #expect(fold.said() == ["up released @1h"])
  }

  // MARK: Moments

  @Test(arguments: [(-1, true), (0, false)])
  func `within is half-open`(ms: Int64, holds: Bool) throws {
    var fold = try Fold(
      playbook(
        "moments:\n  m: { sequence: [ { on: a }, { on: b, within: 72h } ] }\n"
          + "  n: { sequence: [ { on: a }, { on: x }, { on: b } ], within: 72h }\n"
          + "decisions:\n" + decision("step", when: "moment: m")
          + decision("all", when: "moment: n")
      ))
    fold.event("a", at: hour(1))
    fold.event("x", at: hour(2))
    fold.event("b", at: hour(73) + ms)
    #expect(fold.said().count == (holds ? 2 : 0))
  }

  @Test(arguments: [(-1, true), (0, false)])
  func `an indicator counts in the window that ends now`(ms: Int64, counts: Bool) throws {
    var fold = try Fold(
      playbook(
        "moments:\n  m: { at_least: 2, within: 5h, of: [ { on: a }, { on: b } ] }\n"
          + "decisions:\n" + decision("both", when: "moment: m")))
    fold.event("a", at: hour(1))
    fold.event("b", at: hour(6) + ms)
    #expect(fold.said().count == (counts ? 1 : 0))
  }

  @Test func `at least so many different indicators are not one many times`() throws {
    var fold = try Fold(
      playbook(
        "moments:\n  m: { at_least: 2, within: 5h, of: [ { on: a }, { on: b } ] }\n"
          + "decisions:\n" + decision("both", when: "moment: m")))
    fold.event("a", at: hour(1))
    fold.event("a", at: hour(2))
    #expect(fold.said() == [])
    fold.event("b", at: hour(3))
    fold.event("b", at: hour(4))
    #expect(fold.said() == ["both released @3h"])
  }

  // MARK: Intervention windows

  @Test(arguments: [(-1, true), (0, false)])
  func `nth counts within the time before`(ms: Int64, reaches: Bool) throws {
    var fold = try Fold(
      playbook(
        "windows:\n  w: { after: { on: buy, nth: 2, within: 10h }, closes: 1h }\n"
          + "decisions:\n" + decision("thank", when: "window: w")))
    fold.event("buy", at: hour(1))
    fold.event("buy", at: hour(11) + ms)
    fold.tick(.max)
    #expect(fold.said().count == (reaches ? 1 : 0))
  }

  @Test func `nth is reached exactly and not passed`() throws {
    var fold = try Fold(
      playbook(
        "windows:\n  w: { after: { on: buy, nth: 2, within: 10h }, closes: 1h }\n"
          + "decisions:\n" + decision("thank", when: "window: w")))
    fold.event("buy", at: hour(1))
    fold.event("buy", at: hour(2))
    fold.event("buy", at: hour(4))
    fold.tick(.max)
    #expect(fold.said() == ["thank released @2h"])
  }

  let visit = playbook(
    "windows:\n  w: { after: { on: buy }, opens: 19h, closes: 37h, cancelled_by: stop }\n"
      + "decisions:\n" + decision("thank", when: "window: w"))

  @Test func `a window opens on time and its decision expires as it closes`() throws {
    var fold = try Fold(visit)
    fold.event("buy", at: hour(0))
    fold.tick(hour(19) - 1)
    #expect(fold.said() == [])
    fold.tick(hour(19))
    let record = try #require(fold.records().first)
    #expect(record.time == hour(19))
    #expect(try member(record, "expires") == .string("2026-03-03T13:00:00Z"))
  }

  @Test(arguments: [(-1, false), (0, true)])
  func `a cancelled window does not open`(ms: Int64, opens: Bool) throws {
    var fold = try Fold(visit)
    fold.event("buy", at: hour(0))
    fold.event("stop", at: hour(19) + ms)
    fold.tick(.max)
    #expect(fold.said() == (opens ? ["thank released @19h"] : []))
  }

  @Test func `an open instance of a window is kept and another start ignored until it closes`()
    throws
  {
    var fold = try Fold(visit.replacing("on: buy }", with: "on: buy, nth: 1, within: 1h }"))
    fold.event("buy", at: hour(0))
    fold.event("buy", at: hour(37) - 1)
    #expect(fold.said() == ["thank released @19h"])
    fold.tick(hour(60))
    #expect(fold.said() == [])
    fold.event("buy", at: hour(70))
    fold.event("buy", at: hour(107))
    fold.tick(.max)
    #expect(fold.said() == ["thank released @89h", "thank released @126h"])
  }

  @Test func `a window that is cancelled after its opening takes back what it deferred`() throws {
    let text = visit.replacing(
      "policy_time: event",
      with: "policy_time: event, "
        + "quiet_hours: { from: \"18:00\", to: \"06:00\" }")
    var fold = try Fold(text)
    fold.event("buy", at: hour(0))
    fold.event("stop", at: hour(20))
    #expect(fold.said() == ["thank deferred @19h", "thank.1 revoked @20h"])
    fold.tick(.max)
    #expect(fold.said() == [])
  }

  // MARK: Caps and cool-down

  func held(_ cap: String, _ extra: String = "", at times: [Int64]) throws -> [String] {
    var fold = try Fold(
      playbook(
        "moments:\n  back: { sequence: [ { on: login } ] }\n"
          + "decisions:\n" + decision("hello", when: "moment: back", extra),
        policy: "{ consent: { unknown: allow }, policy_time: event\(cap) }"))
    for time in times { fold.event("login", at: time) }
    return fold.records().map {
      "\($0.outcome.text) @\(short($0.time))"
        + ($0.nextAllowed.map { " until \(short($0))" } ?? "")
    }
  }

  @Test func `a rolling cap says when it would next allow and then does`() throws {
    let says = try held(
      ", caps: [ { channel: sms, at_most: 2, per: 48h } ]",
      at: [hour(1), hour(5), hour(49) - 1, hour(49), hour(50)])
    #expect(
      says == [
        "released @1h", "released @5h", "held:caps @49h-1ms until 49h", "released @49h",
        "held:caps @50h until 53h",
      ])
  }

  @Test func `a calendar cap starts over with its unit`() throws {
    let says = try held(
      ", caps: [ { any: true, at_most: 1, per: calendar day } ]",
      at: [hour(1), hour(24) - 1, hour(24)])
    #expect(says == ["released @1h", "held:caps @24h-1ms until 24h", "released @24h"])
    let week = try held(
      ", caps: [ { any: true, at_most: 1, per: calendar week } ]",
      at: [hour(-1), hour(0), hour(168) - 1, hour(168)])
    #expect(
      week == [
        "released @-1h", "released @0h", "held:caps @168h-1ms until 168h", "released @168h",
      ])
  }

  @Test func `a decision cools down for its time`() throws {
    let says = try held("", "cool_down: 3h", at: [hour(1), hour(4) - 1, hour(4)])
    #expect(says == ["released @1h", "held:cool_down @4h-1ms until 4h", "released @4h"])
  }

  @Test func `rivals of one instant are ranked and the cap goes to the first`() throws {
    var fold = try Fold(
      playbook(
        "moments:\n  back: { sequence: [ { on: login } ] }\n"
          + "decisions:\n" + decision("low", when: "moment: back")
          + decision("high", when: "moment: back", "priority: 5")
          + decision("last", when: "moment: back"),
        policy: "{ consent: { unknown: allow }, policy_time: event, "
          + "caps: [ { any: true, at_most: 2, per: 24h } ] }"))
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["high released @1h", "low released @1h", "last held:caps @1h"])
  }
}
