import Decisions
import TestSupport
import Testing

@Suite struct `Policy time, consent, approval, receipts` {
  func greeting(_ extra: String = "", policy: String) -> String {
    playbook(
      "moments:\n  back: { sequence: [ { on: login } ] }\n"
        + "decisions:\n" + decision("hello", when: "moment: back", extra), policy: policy)
  }
  let quietNights =
    "{ consent: { unknown: allow }, "
    + "quiet_hours: { channels: [sms], from: \"21:00\", to: \"08:00\" } }"
  let quietNightsInEventTime =
    "{ consent: { unknown: allow }, policy_time: event, "
    + "quiet_hours: { channels: [sms], from: \"21:00\", to: \"08:00\" } }"
  let consentNeeded = "{ consent: { unknown: deny }, policy_time: event }"
  let sms = #"{"purpose":"service","channel":"sms"}"#

  // MARK: A restart after ten hours

  @Test func `after an outage what has expired is published as expired`() throws {
    var fold = try Fold(greeting("expires: 4h", policy: quietNights))
    fold.event("login", at: hour(16), appended: hour(16))
    #expect(fold.said() == ["hello released @16h"])
    fold.event("login", at: hour(17), appended: hour(27))
    #expect(fold.said() == ["hello expired @17h"])
  }

  @Test(arguments: [(-1, "hello released @10h"), (0, "hello expired @10h")])
  func `a decision is good until the instant of its expiry`(ms: Int64, says: String) throws {
    var fold = try Fold(greeting("expires: 4h", policy: quietNights))
    fold.event("login", at: hour(10), appended: hour(14) + ms)
    #expect(fold.said() == [says])
  }

  @Test func `after an outage nobody is texted at three in the morning`() throws {
    var fold = try Fold(greeting("expires: 24h", policy: quietNights))
    fold.event("login", at: hour(16), appended: hour(27))
    let record = try #require(fold.records().first)
    #expect(record.outcome == .deferred)
    #expect(record.nextAllowed == hour(32))
    fold.tick(hour(31), appended: hour(32) - 1)
    #expect(fold.said() == [])
    fold.tick(hour(32), appended: hour(32))
    #expect(fold.said() == ["hello.1 released @32h"])
  }

  @Test func `policy time is the highest append time read so far`() throws {
    var fold = try Fold(greeting("expires: 4h", policy: quietNights))
    fold.tick(hour(0), appended: hour(20))
    // Another producer's clock is behind.
    fold.event("login", at: hour(15), appended: hour(15))
    #expect(fold.said() == ["hello expired @15h"])
  }

  @Test func `a release expires where the next quiet time begins`() throws {
    var fold = try Fold(greeting("expires: 24h", policy: quietNights))
    fold.event("login", at: hour(16), appended: hour(16))
    let record = try #require(fold.records().first)
    #expect(record.outcome == .released)
    #expect(try member(record, "expires") == .string("2026-03-02T21:00:00Z"))
  }

  @Test(arguments: [
    (hour(21) - 1, "hello released @21h-1ms"), (hour(21), "hello deferred @21h"),
    (hour(32) - 1, "hello deferred @32h-1ms"), (hour(32), "hello released @32h"),
  ])
  func `quiet hours hold from their first minute up to their last`(at: Int64, says: String) throws {
    var fold = try Fold(greeting(policy: quietNightsInEventTime))
    fold.event("login", at: at)
    #expect(fold.said() == [says])
  }

  @Test(arguments: [("10h", "expired"), ("11h", "deferred")])
  func `what does not outlive the quiet hours is expired`(expires: String, outcome: String) throws {
    var fold = try Fold(greeting("expires: \(expires)", policy: quietNightsInEventTime))
    fold.event("login", at: hour(21) + 1)
    #expect(fold.said() == ["hello \(outcome) @21h+1ms"])
  }

  @Test func `the customer's own zone wins over the policy's where it is known`() throws {
    let text = playbook(
      "facts:\n  timezone: { last: data.zone, from: profile, type: string, default: UTC }\n"
        + "moments:\n  back: { sequence: [ { on: login } ] }\n"
        + "decisions:\n" + decision("hello", when: "moment: back"),
      policy: quietNightsInEventTime.replacing("{ consent", with: "{ timezone: UTC, consent"))
    var fold = try Fold(text)
    fold.event("profile", at: hour(1), #"{"zone":"Asia/Tokyo"}"#)
    fold.event("login", at: hour(11))
    #expect(fold.said() == ["hello released @11h"])
    // 21:00 in Tokyo.
    fold.event("login", at: hour(12))
    #expect(fold.said() == ["hello deferred @12h"])
  }

  // MARK: Consent

  @Test func `unknown consent denies`() throws {
    var fold = try Fold(greeting(policy: consentNeeded))
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["hello held:consent @1h"])
  }

  @Test(arguments: [
    (#"{"purpose":"service","channel":"sms"}"#, "released"),
    (#"{"purpose":"service","channel":"email"}"#, "held:consent"),
    (#"{"purpose":"marketing","channel":"sms"}"#, "held:consent"),
    (#"{"purpose":"service"}"#, "held:consent"),
  ])
  func `consent covers exactly its purpose and channel`(data: String, outcome: String) throws {
    var fold = try Fold(greeting(policy: consentNeeded))
    fold.event("consent.granted", at: hour(0), data)
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["hello \(outcome) @1h"])
  }

  @Test(arguments: [
    (["granted", "withdrawn"], [Int64(0), 0], "held:consent"),
    (["withdrawn", "granted"], [0, 0], "held:consent"),
    (["withdrawn", "granted"], [0, 1], "released"),
    (["granted", "withdrawn"], [1, 0], "released"),
    (["granted", "withdrawn"], [0, 1], "held:consent"),
  ])
  func `between two consents their own time decides and a tie goes to withdrawal`(
    kinds: [String], ms: [Int64], outcome: String
  ) throws {
    var fold = try Fold(greeting(policy: consentNeeded))
    for (kind, time) in zip(kinds, ms) { fold.event("consent.\(kind)", at: hour(0) + time, sms) }
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["hello \(outcome) @1h"])
  }

  @Test func `consent applies on reading and is never held back`() throws {
    var fold = try Fold(greeting(policy: consentNeeded))
    fold.event("login", at: hour(1), source: "web", delay: 3_600_000)
    fold.event("consent.granted", at: hour(5), sms, source: "crm", delay: 86_400_000)
    fold.tick(hour(1), "web")
    #expect(fold.said() == ["hello released @1h"])
  }

  @Test func `a withdrawal revokes what is deferred`() throws {
    var fold = try Fold(greeting(policy: quietNightsInEventTime))
    fold.event("login", at: hour(22))
    fold.event("consent.withdrawn", at: hour(23), #"{"purpose":"service","channel":"email"}"#)
    #expect(fold.said() == ["hello deferred @22h"])
    fold.event("consent.withdrawn", at: hour(23), sms)
    #expect(fold.said() == ["hello.1 revoked @23h"])
    fold.tick(.max)
    #expect(fold.said() == [])
  }

  @Test func `a withdrawal older than a grant revokes nothing`() throws {
    var fold = try Fold(greeting(policy: quietNightsInEventTime))
    fold.event("consent.granted", at: hour(20), sms)
    fold.event("login", at: hour(22))
    fold.event("consent.withdrawn", at: hour(20) - 1, sms)
    #expect(fold.said() == ["hello deferred @22h"])
    fold.tick(hour(32))
    #expect(fold.said() == ["hello.1 released @32h"])
  }

  @Test func `suppression holds its channel or all of them until it is removed`() throws {
    var fold = try Fold(
      greeting(policy: "{ consent: { unknown: allow }, policy_time: event }"))
    fold.event("suppression.added", at: hour(0), #"{"channel":"email"}"#)
    fold.event("login", at: hour(1))
    fold.event("suppression.added", at: hour(1), #"{"channel":"sms"}"#)
    fold.event("login", at: hour(2))
    fold.event("suppression.removed", at: hour(2), #"{"channel":"sms"}"#)
    fold.event("login", at: hour(3))
    fold.event("suppression.added", at: hour(3))
    fold.event("login", at: hour(4))
    #expect(
      fold.said() == [
        "hello released @1h", "hello held:suppression @2h", "hello released @3h",
        "hello held:suppression @4h",
      ])
  }

  // MARK: Approval

  /// Feeds a login at hour 1 and answers with the decision's id.
  private func asked(_ fold: inout Fold) throws -> String {
    fold.event("login", at: hour(1))
    let record = try #require(fold.records().first)
    #expect(record.outcome == .awaitingApproval)
    return #"{"decision":"\#(record.id.text)"}"#
  }
  let open = "{ consent: { unknown: allow }, policy_time: event }"

  @Test(arguments: [(-1, "hello.1 released @5h-1ms"), (0, "hello.1 expired @5h")])
  func `a person may approve until a decision expires`(ms: Int64, says: String) throws {
    var fold = try Fold(greeting("authority: human, expires: 4h", policy: open))
    let answer = try asked(&fold)
    fold.event("decision.approved", at: hour(5) + ms, answer)
    #expect(fold.said() == [says])
    fold.event("decision.approved", at: hour(6), answer)
    fold.tick(.max)
    #expect(fold.said() == [])
  }

  @Test func `what a person rejects is revoked`() throws {
    var fold = try Fold(greeting("authority: human", policy: open))
    let answer = try asked(&fold)
    fold.event("decision.rejected", at: hour(2), answer)
    #expect(fold.said() == ["hello.1 revoked @2h"])
    fold.event("decision.approved", at: hour(3), answer)
    #expect(fold.said() == [])
  }

  @Test func `an answer that names another decision changes nothing`() throws {
    var fold = try Fold(greeting("authority: human", policy: open))
    _ = try asked(&fold)
    fold.event("decision.approved", at: hour(2), #"{"decision":"another"}"#)
    #expect(fold.said() == [])
  }

  @Test func `what is approved goes through the whole chain again`() throws {
    var fold = try Fold(greeting("authority: human, expires: 48h", policy: quietNightsInEventTime))
    let answer = try asked(&fold)
    fold.event("decision.approved", at: hour(22), answer)
    #expect(fold.said() == ["hello.1 deferred @22h"])
    fold.tick(hour(40))
    #expect(fold.said() == ["hello.2 released @32h"])
  }

  @Test func `a withdrawal revokes what waits for approval`() throws {
    var fold = try Fold(greeting("authority: human", policy: open))
    let answer = try asked(&fold)
    fold.event("consent.withdrawn", at: hour(2), sms)
    #expect(fold.said() == ["hello.1 revoked @2h"])
    fold.event("decision.approved", at: hour(3), answer)
    #expect(fold.said() == [])
  }

  // MARK: Receipts

  @Test func `a receipt that says failed gives the cap's use back`() throws {
    var fold = try Fold(
      greeting(
        policy: "{ consent: { unknown: allow }, policy_time: event, "
          + "caps: [ { any: true, at_most: 1, per: 24h } ] }"))
    fold.event("login", at: hour(1))
    let record = try #require(fold.records().first)
    fold.event("login", at: hour(2))
    fold.event("receipt.failed", at: hour(3), #"{"decision":"another"}"#)
    fold.event("login", at: hour(4))
    #expect(fold.said() == ["hello held:caps @2h", "hello held:caps @4h"])
    fold.event("receipt.failed", at: hour(5), #"{"decision":"\#(record.id.text)"}"#)
    fold.event("login", at: hour(6))
    #expect(fold.said() == ["hello released @6h"])
    // Once is once.
    fold.event("receipt.failed", at: hour(7), #"{"decision":"\#(record.id.text)"}"#)
    fold.event("login", at: hour(8))
    #expect(fold.said() == ["hello held:caps @8h"])
  }
}
