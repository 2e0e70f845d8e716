import Decisions
import Engine
import Events
import Features
import TestSupport
import Testing

/// A customer that is a program: what it sends without end must not grow without end.
@Suite struct `A customer who never stops` {
  private let asks = playbook(
    "moments:\n  m: { sequence: [ { on: a } ] }\ndecisions:\n"
      + decision("d", when: "moment: m", "authority: human, expires: 900h"))

  @Test func `has so many decisions pending and no more, and is told to be approximate`() throws {
    var fold = try Fold(asks)
    for number in 0..<1_030 { fold.event("a", at: monday + Int64(number)) }
    fold.event("a", at: hour(1), customer: "bob")
    let records = fold.records()
    #expect(records.prefix(1_024).allSatisfy { $0.outcome == .awaitingApproval })
    #expect(records.dropFirst(1_024).prefix(6).allSatisfy { $0.outcome == .held(.caps) })
    #expect(try member(records[1_029], "approximate") == .bool(true))
    #expect(try member(records[1_030], "approximate") == nil)
    #expect(records[1_030].outcome == .awaitingApproval)
    let counts = fold.shard.counts
    #expect(counts.limited == 1)
    #expect(counts.dropped == 6)
  }

  @Test func `has so many events waiting and no more`() throws {
    var fold = try Fold(asks)
    for number in 0..<8_200 {
      fold.event("a", at: monday + Int64(number), "", delay: 36_000_000)
    }
    fold.event("a", at: hour(1), "", customer: "bob", source: "other")
    let counts = fold.shard.counts
    #expect(counts.dropped == 8)
    #expect(counts.events == 8_193)
    #expect(counts.limited == 1)
  }

  @Test func `is granted no more consents beyond a bound, but may withdraw`() throws {
    var fold = try Fold(asks)
    for number in 0..<1_030 {
      fold.event("consent.granted", at: hour(0), #"{"purpose":"p\#(number)","channel":"sms"}"#)
    }
    fold.event("consent.withdrawn", at: hour(1), #"{"purpose":"service","channel":"sms"}"#)
    fold.event("a", at: hour(2))
    #expect(fold.records().map(\.outcome) == [.held(.consent)])
    let counts = fold.shard.counts
    #expect(counts.dropped == 7)
    #expect(counts.limited == 1)
  }

  @Test func `is told apart up to a bound in what is counted once`() throws {
    let compiled: Program = try EngineTests.program(
      playbook("features: { d: { distinct: data.k, from: a }, n: { count: a, over: 1h } }"))
    let limits = compiled.features.sources.map(\.limit).sorted()
    #expect(limits == [SourcePlan.uniqueLimit, 1_048_576])
  }
}
