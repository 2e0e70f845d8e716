import Decisions
import Engine
import Events
import TestSupport
import Testing

private func feed(
  _ control: Control, _ fold: inout Fold, at position: Int, offset: Int64? = nil
) {
  let record = JournalRecord(
    kind: .control, time: EventTime(milliseconds: hour(0)),
    origin: .init(
      name: offset == nil ? [] : Array("kairos.control".utf8), partition: 0, offset: offset ?? 0),
    payload: control.payload)
  Fed(record: record, appendTime: .min).feed(&fold.shard, at: position)
}

@Suite struct `A control record` {
  private let book = playbook(
    "features: { n: { count: a, over: 9h } }\ndecisions:\n" + decision("d", when: "becomes: n > 1"))

  @Test func `of the journal's head or of an upgrade sets the rules' number`() throws {
    var fold = try Fold(book)
    feed(.journal(partitions: 4, semantics: 1), &fold, at: 0)
    var number = fold.shard.semantics
    #expect(number == 1)
    feed(.semantics(Semantics.known.upperBound), &fold, at: 1, offset: 0)
    number = fold.shard.semantics
    #expect(number == Semantics.known.upperBound)
    let damage = fold.shard.damage
    #expect(damage == nil)
    for position in 0..<2 { fold.event("a", at: hour(Int64(position))) }
    let told = try #require(fold.records().first?.firstReason)
    #expect(
      told == (number == 1 ? "its condition became true" : "its condition has become true"))
  }

  @Test func `with a number that this build does not know makes the shard unfit`() throws {
    var fold = try Fold(book)
    feed(.semantics(Semantics.known.upperBound + 1), &fold, at: 0, offset: 0)
    let damage = fold.shard.damage
    #expect(damage == .semantics(UInt64(Semantics.known.upperBound + 1)))
  }

  @Test func `counts once, by its place in the control topic`() throws {
    var fold = try Fold(book)
    feed(.incarnation(source: "app", number: 1), &fold, at: 0, offset: 5)
    feed(.incarnation(source: "app", number: 2), &fold, at: 1, offset: 5)
    // Of incarnation 0, which is over.
    fold.event("a", at: hour(0))
    let counts = (fold.shard.counts.events, fold.shard.counts.duplicates)
    #expect(counts == (0, 1))
    var record = JournalRecord(
      kind: .event, time: EventTime(milliseconds: hour(0)),
      origin: .init(name: Array("app".utf8), incarnation: 1, partition: 0, offset: 0))
    record.type = Array("a".utf8)
    record.customer = Array("ada".utf8)
    Fed(record: record, appendTime: .min).feed(&fold.shard, at: 3)
    let events = fold.shard.counts.events
    #expect(events == 1)
  }

  @Test func `that a topic was made anew keeps what waits and what was promised of time`() throws {
    var fold = try Fold(book)
    fold.event("a", at: hour(5), delay: 3_600_000)
    var watermark = fold.shard.watermark
    #expect(watermark == hour(4))
    feed(.incarnation(source: "app", number: 1), &fold, at: 1, offset: 0)
    watermark = fold.shard.watermark
    #expect(watermark == hour(4))
    var record = JournalRecord(
      kind: .event, time: EventTime(milliseconds: hour(6)),
      origin: .init(name: Array("app".utf8), incarnation: 1, partition: 0, offset: 0))
    record.type = Array("a".utf8)
    record.id = Array("new".utf8)
    record.customer = Array("ada".utf8)
    Fed(record: record, appendTime: .min).feed(&fold.shard, at: 2)
    #expect(fold.said() == ["d released @6h"])
  }
}
