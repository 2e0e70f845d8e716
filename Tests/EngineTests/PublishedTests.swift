import Decisions
import Engine
import Events
import TestSupport
import Testing

@Suite struct `What is published` {
  let text = playbook(
    "features:\n  logins: { count: login, over: 2h }\n"
      + "moments:\n  back: { sequence: [ { on: login } ] }\n"
      + "decisions:\n" + decision("hello", when: "moment: back")
      + decision("gone", when: "becomes: logins == 0"))

  private func ids(_ text: String, crowd: Bool) throws -> [String] {
    var fold = try Fold(text)
    if crowd { fold.event("login", at: hour(0), customer: "zoe", source: "other", id: "z") }
    fold.event("login", at: hour(1), id: "a")
    if crowd { fold.event("login", at: hour(1), customer: "bob", source: "other", id: "y") }
    fold.event("login", at: hour(2), id: "b")
    fold.tick(.max, "app", "other")
    return fold.records().filter { $0.customer == Array("ada".utf8) }.map(\.id.text)
  }

  @Test func `ids are the same in every fold and tell anchors apart`() throws {
    let alone = try ids(text, crowd: false)
    #expect(alone.count == 3)
    #expect(Set(alone).count == 3)
    #expect(try ids(text, crowd: true) == alone)
  }

  @Test func `an edited text calls nobody twice`() throws {
    let edited = text.replacing("purpose: service", with: "purpose: other")
    #expect(try ids(edited, crowd: false) == ids(text, crowd: false))
  }

  @Test func `an id begins with the hash that places its customer`() throws {
    var digits = String(murmur2(Array("ada".utf8).span), radix: 16)
    digits = String(repeating: "0", count: 8 - digits.count) + digits
    for id in try ids(text, crowd: false) { #expect(id.hasPrefix(digits + "-")) }
  }

  @Test func `revisions share the id and count up`() throws {
    var fold = try Fold(
      text.replacing(
        "policy_time: event",
        with: "policy_time: event, quiet_hours: { from: \"00:00\", to: \"08:00\" }"))
    fold.event("login", at: hour(1))
    fold.tick(hour(8))
    let records = fold.records().filter { $0.decision == 0 }
    #expect(records.map(\.revision) == [0, 1])
    #expect(records.map(\.outcome) == [.deferred, .released])
    #expect(Set(records.map(\.id)).count == 1)
    let headers = records[1].headers(journal: (0, 7), watermark: 0)
    let id = headers.first { $0.name == "ce_id" }?.value
    #expect(id == Array("\(records[1].id.text).1".utf8))
  }

  @Test func `the action topic gets what is released or revoked and nothing else`() throws {
    var fold = try Fold(
      playbook(
        "moments:\n  back: { sequence: [ { on: login } ] }\n  ever: { sequence: [ { on: any } ] }\n"
          + "decisions:\n" + decision("plain", when: "moment: back", "cool_down: 2h")
          + decision("later", when: "moment: back", channel: "push")
          + decision("never", when: "moment: back", "if: false, expires: 2h", channel: "email")
          + decision("brief", when: "moment: back", "expires: 1h", channel: "push")
          + decision("person", when: "moment: back", "authority: human", channel: "call")
          + decision("watched", when: "moment: back", "authority: monitor", channel: "call"),
        policy: "{ consent: { unknown: allow }, policy_time: event, "
          + "quiet_hours: { channels: push, from: \"00:00\", to: \"08:00\" } }"))
    fold.event("login", at: hour(1))
    fold.event("login", at: hour(2))
    fold.event("consent.withdrawn", at: hour(3), #"{"purpose":"service","channel":"push"}"#)
    let records = fold.records()
    let outcomes = Set(records.map(\.outcome.text))
    #expect(
      outcomes == [
        "released", "held:cool_down", "held:eligibility", "deferred", "expired",
        "awaiting_approval", "shadow", "revoked",
      ])
    for record in records {
      let speaks = record.outcome == .released || record.outcome == .revoked
      #expect(record.actionTopic == (speaks ? "actions.test" : nil), "\(record.outcome)")
    }
  }

  @Test func `a held out customer gets nothing and is told apart by salt alone`() throws {
    let held = (0..<400).filter { customer in
      bucket(salt: "s", customer: Array("c\(customer)".utf8)) < 2_500
    }
    #expect((60...140).contains(held.count))
    var fold = try Fold(
      text.replacing(
        "policy_time: event", with: "policy_time: event, holdout: { share: 25%, salt: s }"))
    for customer in 0..<400 { fold.event("login", at: hour(1), customer: "c\(customer)") }
    let records = fold.records()
    let silent = records.filter { $0.outcome == .holdout }.map {
      String(decoding: $0.customer, as: UTF8.self)
    }
    #expect(silent == held.map { "c\($0)" })
    #expect(records.filter { $0.outcome == .released }.count == 400 - held.count)
  }

  @Test func `every decision that is not released says which check held it`() throws {
    var fold = try Fold(
      text.replacing("unknown: allow", with: "unknown: deny"))
    fold.event("login", at: hour(1))
    let record = try #require(fold.records().first)
    let trace = try member(record, "trace")?.elements ?? []
    #expect(trace.last?["check"] == .string("consent"))
    #expect(trace.last?["result"] == .string("failed"))
  }
}
