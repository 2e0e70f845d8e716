import Engine
import Testing

@Suite struct `Holding back, lateness, silence, redelivery` {
  /// Speaks with each login.
  let logins = playbook(
    "features:\n  logins: { count: login }\n"
      + "moments:\n  back: { sequence: [ { on: login } ] }\n"
      + "decisions:\n" + decision("hello", when: "moment: back"))

  /// Opens two hours after a start, and speaks with each login.
  let opening = playbook(
    "moments:\n  back: { sequence: [ { on: login } ] }\n"
      + "windows:\n  after: { after: { on: start }, opens: 2h, closes: 4h }\n"
      + "decisions:\n" + decision("hello", when: "moment: back")
      + decision("call", when: "window: after"))

  /// Speaks after ten hours of silence that follow a visit.
  let silence = playbook(
    "moments:\n  quiet: { sequence: [ { on: visit }, { absent: ticket, for: 10h } ] }\n"
      + "decisions:\n" + decision("ask", when: "moment: quiet"))

  @Test func `an event is applied at once if its source is never out of order`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["hello released @1h"])
  }

  @Test func `an event waits until the watermark of its own source reaches it`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(1), delay: 3_600_000)
    #expect(fold.said() == [])
    fold.event("other", at: hour(2) - 1, delay: 3_600_000)
    #expect(fold.said() == [])
    fold.event("other", at: hour(2), delay: 3_600_000)
    #expect(fold.said() == ["hello released @1h"])
  }

  @Test func `a source out of order within its delay is put in order`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(2), delay: 3_600_000)
    fold.event("login", at: hour(1), delay: 3_600_000)
    fold.tick(hour(3))
    #expect(fold.said() == ["hello released @1h", "hello released @2h"])
    #expect(fold.shard.counts.late == 0)
  }

  @Test func `sources that one tick raises are put in order`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(2), source: "web", delay: 3_600_000)
    fold.event("login", at: hour(1) + 1, source: "mail", delay: 3_600_000)
    fold.tick(hour(3), "web", "mail")
    #expect(fold.said() == ["hello released @1h+1ms", "hello released @2h"])
    #expect(fold.shard.counts.late == 0)
  }

  @Test func `sources do not wait for each other`() throws {
    var fold = try Fold(logins)
    fold.tick(hour(0), "slow")
    fold.event("login", at: hour(9), source: "fast")
    #expect(fold.said() == ["hello released @9h"])
  }

  @Test func `an event before its customer's deadline does not wait for a slow source`() throws {
    var fold = try Fold(opening)
    fold.tick(hour(0), "slow")
    fold.event("start", at: hour(1), source: "fast")
    fold.event("login", at: hour(3) - 1, source: "fast")
    #expect(fold.said() == ["hello released @3h-1ms"])
  }

  @Test func `an event at its customer's deadline waits until the slow source has passed it`()
    throws
  {
    var fold = try Fold(opening)
    fold.tick(hour(0), "slow")
    fold.event("start", at: hour(1), source: "fast")
    fold.event("login", at: hour(3), source: "fast")
    #expect(fold.said() == [])
    fold.tick(hour(3) - 1, "slow")
    #expect(fold.said() == [])
    fold.tick(hour(3), "slow")
    #expect(fold.said() == ["call released @3h", "hello released @3h"])
  }

  @Test func `a deadline holds back nobody but its own customer`() throws {
    var fold = try Fold(opening)
    fold.tick(hour(0), "slow")
    fold.event("start", at: hour(1), source: "fast")
    fold.event("login", at: hour(4), customer: "bob", source: "fast")
    #expect(fold.said() == ["hello released @4h"])
  }

  @Test func `what a slow source tells before the deadline is applied before what waits`() throws {
    var fold = try Fold(opening.replacing("closes: 4h", with: "closes: 4h, cancelled_by: stop"))
    fold.tick(hour(0), "slow")
    fold.event("start", at: hour(1), source: "fast")
    fold.event("login", at: hour(5), source: "fast")
    fold.event("stop", at: hour(2), source: "slow")
    // The window is gone, and with it what the login waited for.
    #expect(fold.said() == ["hello released @5h"])
    fold.tick(.max, "slow", "fast")
    #expect(fold.said() == [])
  }

  @Test func `a late event is counted`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(2))
    fold.event("login", at: hour(2))
    #expect(fold.shard.counts.late == 0)
    fold.event("login", at: hour(2) - 1)
    #expect(fold.shard.counts.late == 1)
  }

  @Test(arguments: [(-1, false), (0, false), (1, true)])
  func `features place a late event where it belongs`(ms: Int64, counts: Bool) throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 2h }\n"
          + "decisions:\n" + decision("twice", when: "becomes: logins >= 2")))
    fold.event("login", at: hour(5))
    fold.event("login", at: hour(3) + ms)
    #expect(fold.said() == (counts ? ["twice released @5h"] : []))
  }

  @Test func `a late event leaves a window when it would have, had it come in time`() throws {
    var fold = try Fold(
      playbook(
        "features:\n  logins: { count: login, over: 3h }\n"
          + "decisions:\n" + decision("gone", when: "becomes: logins == 1")
      ))
    fold.event("login", at: hour(5))
    fold.event("login", at: hour(4))
    fold.tick(hour(7) - 1)
    #expect(fold.said() == ["gone released @5h"])
    fold.tick(hour(7))
    #expect(fold.said() == ["gone released @7h"])
  }

  @Test(arguments: [(-1, false), (0, true), (1, true)])
  func `a late event may cancel an open absence but not from before its start`(
    ms: Int64, cancels: Bool
  ) throws {
    var fold = try Fold(silence)
    fold.event("visit", at: hour(1))
    fold.event("other", at: hour(5))
    fold.event("ticket", at: hour(1) + ms)
    fold.tick(hour(11))
    #expect(fold.said() == (cancels ? [] : ["ask released @11h"]))
  }

  @Test(arguments: [(-1, false), (0, true), (1, true)])
  func `a late event is never a step before one taken`(ms: Int64, follows: Bool) throws {
    var fold = try Fold(
      playbook(
        "moments:\n  both: { sequence: [ { on: visit }, { on: ticket } ] }\n"
          + "decisions:\n" + decision("ask", when: "moment: both")))
    fold.event("visit", at: hour(2))
    fold.event("other", at: hour(4))
    fold.event("ticket", at: hour(2) + ms)
    #expect(fold.said().count == (follows ? 1 : 0))
  }

  @Test func `a late event rewrites nothing that was decided`() throws {
    var fold = try Fold(silence)
    fold.event("visit", at: hour(1))
    fold.tick(hour(11))
    #expect(fold.said() == ["ask released @11h"])
    fold.event("ticket", at: hour(2))
    fold.tick(.max)
    #expect(fold.said() == [])
    #expect(fold.shard.counts.late == 0)
    fold.event("ticket", at: hour(1))
    #expect(fold.shard.counts.late == 1)
  }

  @Test func `a deadline fires when the watermark reaches it and not before`() throws {
    var fold = try Fold(silence)
    fold.event("visit", at: hour(1))
    fold.tick(hour(11) - 1)
    #expect(fold.said() == [])
    fold.tick(hour(11))
    #expect(fold.said() == ["ask released @11h"])
  }

  @Test func `a source that falls silent moves time by its ticks`() throws {
    var fold = try Fold(silence)
    fold.event("visit", at: hour(1), source: "web")
    fold.tick(hour(1), "mail")
    fold.tick(hour(11), "web", "mail")
    #expect(fold.said() == ["ask released @11h"])
  }

  @Test func `a source that is merely behind lets no deadline fire`() throws {
    var fold = try Fold(silence)
    fold.tick(hour(0), "mail")
    fold.event("visit", at: hour(1), source: "web")
    fold.tick(hour(99), "web")
    #expect(fold.said() == [])
    // It was not silent: here is what it had to tell.
    fold.event("ticket", at: hour(10), source: "mail")
    fold.tick(hour(99), "mail")
    #expect(fold.said() == [])
  }

  @Test func `redelivery by origin changes nothing`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(1), id: "a", offset: 7)
    fold.event("login", at: hour(1), id: "b", offset: 7)
    fold.event("login", at: hour(1), id: "c", offset: 6)
    #expect(fold.said() == ["hello released @1h"])
    #expect(fold.shard.counts.duplicates == 2)
    fold.event("login", at: hour(1), id: "d", offset: 8)
    #expect(fold.said() == ["hello released @1h"])
  }

  @Test func `redelivery by id changes nothing for a day`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(1), id: "a")
    fold.event("login", at: hour(1), id: "a")
    fold.event("login", at: hour(25) - 1, id: "a")
    #expect(fold.said() == ["hello released @1h"])
    #expect(fold.shard.counts.duplicates == 2)
  }

  @Test func `an id is forgotten after a day`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(1), id: "a")
    fold.event("login", at: hour(25), id: "a")
    #expect(fold.said() == ["hello released @1h", "hello released @25h"])
  }

  @Test func `the same id of another source or another customer is another event`() throws {
    var fold = try Fold(logins)
    fold.event("login", at: hour(1), id: "a")
    fold.event("login", at: hour(1), source: "web", id: "a")
    fold.event("login", at: hour(1), customer: "bob", id: "a")
    #expect(fold.said().count == 3)
  }

  @Test func `a tick at infinity ends an archive`() throws {
    var fold = try Fold(silence)
    fold.event("visit", at: hour(1))
    fold.event("visit", at: hour(2), customer: "bob")
    #expect(fold.said() == [])
    fold.tick(.max)
    #expect(fold.said() == ["ask released @11h", "ask released @12h"])
  }
}
