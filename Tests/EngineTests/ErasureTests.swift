import Decisions
import Engine
import Events
import TestSupport
import Testing

private func contains(_ bytes: [UInt8], _ text: String) -> Bool {
  let wanted = Array(text.utf8)
  guard bytes.count >= wanted.count else { return false }
  return (0...(bytes.count - wanted.count)).contains { start in
    bytes[start..<(start + wanted.count)] == wanted[...]
  }
}

@Suite struct `Erasure` {
  private let book = playbook(
    """
    facts: { town: { last: data.town, from: moved, type: string, default: "" } }
    features: { n: { count: a, over: 9h }, k: { last: data.k, from: a, default: none } }
    moments:
      quiet: { sequence: [ { on: a }, { absent: b, for: 2h } ] }
    decisions:
    """ + "\n" + decision("call", when: "moment: quiet")
      + decision("ask", when: "becomes: n > 1", "authority: human, owner: town, expires: 99h"))

  private func busy() throws -> Fold {
    var fold = try Fold(book)
    fold.event("moved", at: hour(0), #"{"town":"Atlantis"}"#)
    fold.event("a", at: hour(0), #"{"k":"secret"}"#)
    fold.event("a", at: hour(1), #"{"k":"secret"}"#)
    return fold
  }

  @Test func `removes all state and revokes what is pending`() throws {
    var fold = try busy()
    #expect(fold.said() == ["ask awaiting_approval @1h"])
    fold.erase(at: hour(1))
    let records = fold.records()
    #expect(records.map(\.outcome.text) == ["revoked"])
    let told = String(decoding: try #require(records.first).value, as: UTF8.self)
    #expect(!told.contains("Atlantis"))
    let (customers, snapshot) = (fold.shard.customerCount, fold.shard.snapshot())
    #expect(customers == 0)
    for text in ["ada", "Atlantis", "secret"] { #expect(!contains(snapshot, text)) }
    let partials = fold.shard.partialMatches
    #expect(partials == 0)
    fold.tick(hour(50))
    #expect(fold.said() == [])
  }

  @Test func `drops the person's events that are held or wait for a deadline`() throws {
    var fold = try busy()
    // Its source is ahead of the tick's, and of the deadline at 3 h.
    fold.tick(hour(0), "slow")
    fold.event("a", at: hour(4))
    fold.event("a", at: hour(4), source: "late", delay: 3_600_000)
    _ = fold.said()
    fold.erase(at: hour(5))
    let snapshot = fold.shard.snapshot()
    #expect(!contains(snapshot, "ada"))
    _ = fold.said()
    fold.tick(hour(90), "slow", "late", "app")
    #expect(fold.said() == [])
  }

  @Test func `drops what comes later and happened before, and takes what happened after`() throws {
    var fold = try busy()
    fold.erase(at: hour(2))
    _ = fold.said()
    fold.event("a", at: hour(2), source: "other")
    var counted = (fold.shard.counts.erased, fold.shard.customerCount)
    #expect(counted == (1, 0))
    fold.event("a", at: hour(2) + 1, source: "other")
    counted = (fold.shard.counts.erased, fold.shard.customerCount)
    #expect(counted == (1, 1))
    // A new customer: what was before does not count any more.
    #expect(fold.said() == [])
    fold.event("a", at: hour(3), source: "other")
    #expect(fold.said() == ["ask awaiting_approval @3h"])
  }

  @Test func `is proved without personal data`() throws {
    var fold = try busy()
    fold.erase(at: hour(1), appended: hour(7))
    let erasures = fold.shard.takeErasures()
    let erasure = try #require(erasures.first)
    #expect(erasure.key == Array("c:ada".utf8))
    #expect(
      String(decoding: erasure.proof, as: UTF8.self)
        == #"{"partition":0,"offset":3,"time":"2026-03-02T07:00:00Z","removed":{"facts":1,"#
        + #""samples":2,"partial_matches":2,"pending":1,"ids":3}}"#)
    fold.erase(at: hour(1), customer: "nobody")
    let second = fold.shard.takeErasures().map { String(decoding: $0.proof, as: UTF8.self) }
    #expect(
      second == [#"{"partition":0,"offset":4,"time":"2026-03-02T07:00:00Z","removed":{}}"#])
  }

  @Test func `leaves nothing of the person in state that was compacted`() throws {
    var fold = try busy()
    fold.event("a", at: hour(1), customer: "bob")
    var topic = StateTopic()
    topic.checkpoint(&fold.shard)
    #expect(topic.records.contains { contains($0.key, "ada") })
    fold.erase(at: hour(2))
    topic.checkpoint(&fold.shard)
    var random = SplitMix64(seed: 1)
    topic.compact(&random, percent: 100)
    for record in topic.records {
      for text in ["ada", "Atlantis", "secret"] {
        #expect(!contains(record.key, text) && !contains(record.value ?? [], text))
      }
    }
    guard var restored = try topic.restore(fold.shard.program, partition: 0) else {
      Issue.record("nothing was sealed")
      return
    }
    let isSame = restored.snapshot() == fold.shard.snapshot()
    #expect(isSame)
    // What happened before is still dropped.
    var again = JournalRecord(
      kind: .event, time: EventTime(milliseconds: hour(2)),
      origin: .init(name: Array("other".utf8), partition: 0, offset: 0),
      customer: Array("ada".utf8))
    again.type = Array("a".utf8)
    Fed(record: again, appendTime: .min).feed(&restored, at: 9)
    let customers = restored.customerCount
    #expect(customers == 1)
  }

  @Test func `gives a number to another customer, who has nothing of it`() throws {
    var fold = try busy()
    fold.erase(at: hour(1))
    _ = fold.said()
    fold.event("a", at: hour(2), customer: "bob")
    #expect(fold.said() == [])
    var fresh = try Fold(book)
    fresh.event("a", at: hour(2), customer: "bob")
    fold.tick(hour(5))
    fresh.tick(hour(5))
    #expect(fold.said() == ["call released @4h"])
    #expect(fresh.said() == ["call released @4h"])
  }

  @Test func `mutes the person up to it in a replay that knows of it`() throws {
    var fold = try Fold(book)
    fold.shard.mute(Shard.customerHash(Array("ada".utf8).span), before: 5)
    for position in 0..<4 {
      fold.event("a", at: hour(Int64(position)), customer: position < 2 ? "ada" : "bob")
    }
    #expect(fold.records().map { String(decoding: $0.customer, as: UTF8.self) } == ["bob"])
  }
}
