import Events
import Ingest
import Log
import Testing

private let noon: Int64 = 1_709_164_800_000
private let topics = IngestStage.Topics(journalPartitions: 2, deadLetterPartitions: 1)
private let crm = SourceSettings(name: "crm", topic: "crm.events", format: .json(.plain))
private let web = SourceSettings(name: "web", topic: "web.events", format: .json(.plain))

private func event(_ id: String) -> String {
  #"{"id":"\#(id)","type":"t","time":\#(noon),"customer":"\#(id)"}"#
}

/// One process at a time over a log in memory, with a clock that steps.
private final class Bench {
  let log = ScriptedLog()
  var loop: IngestLoop?
  var now = noon
  var notices: [String] = []

  init(_ sources: [SourceSettings] = [crm]) {
    log.create(topics.journal, topics.journalPartitions)
    for topic in [topics.deadLetters, topics.control, topics.sources] { log.create(topic) }
    for source in sources { log.create(source.topic) }
    self.sources = sources
  }
  let sources: [SourceSettings]

  func fill(_ topic: String, _ ids: [String], partition: Int = 0) {
    for id in ids { log.put(topic, partition, event(id), at: now) }
  }

  /// Deletes a topic and makes it anew with these events.
  func remake(_ topic: String, _ ids: [String], partitions: Int = 1, keepOffsets: Bool = false) {
    now += 1
    log.delete(topic, keepOffsets: keepOffsets)
    log.create(topic, partitions)
    fill(topic, ids)
  }

  /// Steps, and begins anew where the loop asks for it.
  func keepRunning(_ steps: Int = 4) throws {
    for _ in 0..<5 {
      do { return try run(steps) } catch let error as LogError {
        guard error.remedy == .recreate, error != Self.death else { throw error }
        loop?.close()
        loop = nil
      }
    }
  }
  static let death = LogError(.recreate, "the process died")

  /// Steps until nothing more comes; long enough for a look at orders.
  func run(_ steps: Int = 4) throws {
    let loop = try self.loop ?? IngestLoop(log: log, sources: sources, topics: topics)
    self.loop = loop
    for _ in 0..<steps {
      now += 6_000
      _ = try loop.step(timeoutMs: 0) { self.now }
      notices += loop.takeNotices()
    }
  }
  func restart() throws {
    loop?.close()
    loop = nil
    try run()
  }
  func order(_ source: String, _ number: Int) {
    log.put(
      topics.control, 0,
      #"{"control":"incarnation","source":"\#(source)","incarnation":\#(number)}"#, at: now)
  }
  func renew(_ source: SourceSettings) throws -> SourceRenewal.Outcome {
    var renewal = SourceRenewal(source: source)
    let outcome = try renewal.look(in: log)
    if case .order(let number) = outcome { order(source.name, number: number) }
    return outcome
  }
  private func order(_ source: String, number: UInt32) { order(source, Int(number)) }

  /// The ids applied, by a fold that knows origins, sorted.
  func applied() throws -> [String] {
    let journal = try AppliedJournal(log, topics)
    return journal.payloads.values.joined().compactMap { payload in
      payload.split(separator: #""id":""#).dropFirst().first
        .map { String($0.prefix { $0 != "\"" }) }
    }.sorted()
  }
}

private func ids(_ prefix: String, _ count: Int) -> [String] {
  (0..<count).map { "\(prefix)\($0)" }
}

@Suite struct `A source's topic that was made anew` {
  @Test(arguments: [0, 1, 9, 10, 11, 40], [true, false])
  func `stops its source until it is renewed, and nothing is dropped as seen`(
    count: Int, keepOffsets: Bool
  ) throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 10))
    try bench.run()
    bench.remake("crm.events", ids("b", count), keepOffsets: keepOffsets)
    try bench.restart()
    let partition = TopicPartition("crm.events", 0)
    let line = try #require(bench.loop?.stopped[partition])
    #expect(line.contains("kairos source renew crm"))
    #expect(bench.notices.count { $0 == line } == 1)
    #expect(try bench.applied() == ids("a", 10))
    #expect(try bench.renew(crm) == .order(1))
    #expect(try bench.renew(crm) == .ordered(1))
    try bench.run()
    #expect(bench.loop?.stopped == [:])
    try bench.restart()
    #expect(try bench.applied() == (ids("a", 10) + ids("b", count)).sorted())
    bench.fill("crm.events", ["z"])
    try bench.run()
    #expect(try bench.applied() == (ids("a", 10) + ids("b", count) + ["z"]).sorted())
    #expect(try bench.renew(crm) != .order(2))
  }

  @Test func `is found although the process never stopped`() throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 10))
    try bench.run()
    bench.remake("crm.events", ids("b", 30))
    // It is looked after now and then.
    try bench.keepRunning(6)
    #expect(bench.loop?.stopped.count == 1)
    #expect(try bench.renew(crm) == .order(1))
    try bench.run()
    let applied = try bench.applied()
    #expect(Set(applied) == Set(ids("a", 10) + ids("b", 30)))
  }

  @Test func `does not end the process when it is shorter than what was read`() throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 10))
    try bench.run()
    bench.remake("crm.events", ids("b", 2))
    var isFirst = true
    bench.log.fault = { call, late in
      guard call == .poll, !late, isFirst else { return nil }
      isFirst = false
      return LogError(.stop, "no such offset")
    }
    #expect(throws: LogError(.recreate, "no such offset")) { try bench.run() }
    try bench.restart()
    #expect(bench.loop?.stopped.count == 1)
  }

  @Test func `stops its own source alone`() throws {
    let bench = Bench([crm, web])
    bench.fill("crm.events", ids("a", 3))
    bench.fill("web.events", ids("w", 3))
    try bench.run()
    bench.remake("crm.events", ids("b", 5))
    bench.fill("web.events", ids("x", 3))
    try bench.restart()
    #expect(bench.loop?.stopped.keys.map(\.topic) == ["crm.events"])
    #expect(try bench.applied() == (ids("a", 3) + ids("w", 3) + ids("x", 3)).sorted())
  }

  @Test func `no longer holds time back by its earlier life, nor by partitions that are gone`()
    throws
  {
    let bench = Bench()
    bench.log.create("crm.events", 3)
    for partition in 0..<3 { bench.fill("crm.events", ["a\(partition)"], partition: partition) }
    try bench.run()
    bench.remake("crm.events", ["b"], partitions: 1)
    try bench.restart()
    #expect(try bench.renew(crm) == .order(1))
    try bench.run()
    let marks = try AppliedJournal(bench.log, topics).marks
    for number in 0..<topics.journalPartitions {
      for partition in 0..<3 { #expect(marks[number]?["crm/0/\(partition)"] == .max) }
      #expect(marks[number]?["crm/1/0"] != .max)
    }
  }

  /// At every call of the log: the process dies before it takes effect or after.
  @Test(arguments: [false, true])
  func `is renewed whole and once, whenever the process dies`(late: Bool) throws {
    var crashes = 0
    for point in 0..<400 {
      let bench = Bench()
      var calls = 0
      var hasCrashed = false
      bench.log.fault = { _, isLate in
        guard isLate == late, !hasCrashed else { return nil }
        calls += 1
        guard calls > point else { return nil }
        hasCrashed = true
        return Bench.death
      }
      func survive(_ body: () throws -> Void) throws {
        do { try body() } catch is LogError {
          bench.loop?.close()
          bench.loop = nil
          try body()
        }
      }
      bench.fill("crm.events", ids("a", 5))
      try survive { try bench.run() }
      bench.remake("crm.events", ids("b", 8), keepOffsets: point % 2 == 0)
      try survive { try bench.restart() }
      #expect(bench.loop?.stopped.count == 1, "call \(point)")
      bench.order("crm", 1)
      try survive { try bench.keepRunning() }
      try survive { try bench.keepRunning() }
      #expect(try bench.applied() == (ids("a", 5) + ids("b", 8)).sorted(), "call \(point)")
      if !hasCrashed { break }
      crashes += 1
    }
    #expect(crashes > 20 && crashes < 399)
  }

  @Test func `is known by its first record before anything of it is in the journal`() throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    var flushes = 0
    // The journal has the records, and nobody heard of it.
    bench.log.fault = { call, isLate in
      guard call == .flush, isLate else { return nil }
      flushes += 1
      return flushes == 2 ? LogError(.recreate, "died") : nil
    }
    #expect(throws: LogError.self) { try bench.run() }
    bench.loop = nil
    bench.log.fault = { _, _ in nil }
    #expect(try bench.applied() == ids("a", 5))
    #expect(bench.log.offsets.isEmpty)
    bench.remake("crm.events", ids("b", 5))
    try bench.restart()
    #expect(bench.loop?.stopped.count == 1)
  }
}

@Suite struct `A source's topic that is the same` {
  @Test func `goes on, and an order to renew it is without need and harmless`() throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    try bench.run()
    #expect(try bench.renew(crm) == .notNeeded)
    bench.order("crm", 1)
    bench.fill("crm.events", ids("b", 5))
    try bench.keepRunning()
    #expect(bench.notices.contains { $0.contains("without need") })
    try bench.restart()
    let journal = try AppliedJournal(bench.log, topics)
    #expect(Set(journal.applied.values.flatMap(\.keys)) == ["crm/0/0", "kairos.control/0/0"])
    #expect(try bench.applied() == (ids("a", 5) + ids("b", 5)).sorted())
    // And it does not count as the order for a topic that is made anew later.
    bench.remake("crm.events", ids("c", 30))
    try bench.restart()
    #expect(bench.loop?.stopped.count == 1)
    #expect(try bench.renew(crm) == .order(2))
    try bench.run()
    #expect(try bench.applied() == (ids("a", 5) + ids("b", 5) + ids("c", 30)).sorted())
  }

  @Test func `goes on behind what retention took before it was read, and says what is lost`() throws
  {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    try bench.run()
    bench.fill("crm.events", ids("b", 5))
    bench.log.removeRecords(of: "crm.events", before: 8)
    try bench.restart()
    #expect(bench.notices.contains { $0.contains("its records 5 to 7 were taken by retention") })
    #expect(try bench.applied() == ids("a", 5) + ["b3", "b4"])
  }

  @Test func `goes on when retention has taken the record that it is known by, and says so`()
    throws
  {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    try bench.run()
    bench.fill("crm.events", ids("b", 5))
    bench.log.removeRecords(of: "crm.events", before: 5)
    try bench.restart()
    #expect(bench.loop?.stopped == [:])
    #expect(bench.notices.contains { $0.contains("is gone by retention") })
    #expect(try bench.applied() == ids("a", 5) + ids("b", 5))
    #expect(try bench.renew(crm) == .notNeeded)
    #expect(try SourceRenewal(source: crm, isForced: true).looked(in: bench.log) == .order(1))
  }

  @Test func `is noted again by newer records as it goes, so that retention does not take them`()
    throws
  {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    try bench.run()
    bench.fill("crm.events", ids("b", 5))
    try bench.run(120)
    bench.log.removeRecords(of: "crm.events", before: 9)
    try bench.restart()
    #expect(!bench.notices.contains { $0.contains("retention") })
    bench.remake("crm.events", ids("c", 30))
    try bench.restart()
    #expect(bench.loop?.stopped.count == 1)
  }

  @Test func `goes on over transactions' own records, and when nothing but those was read`() throws
  {
    let bench = Bench()
    for _ in 0..<3 { bench.log.skip("crm.events") }
    try bench.run()
    bench.fill("crm.events", ids("a", 2))
    bench.log.skip("crm.events")
    try bench.restart()
    bench.log.skip("crm.events")
    bench.fill("crm.events", ids("b", 2))
    try bench.restart()
    #expect(bench.loop?.stopped == [:])
    #expect(try bench.applied() == ids("a", 2) + ids("b", 2))
  }

  @Test func `goes on where the journal left off when the group's offsets are lost`() throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    try bench.run(120)
    bench.fill("crm.events", ids("b", 5))
    bench.log.offsets.removeAll()
    try bench.restart()
    #expect(try bench.applied() == ids("a", 5) + ids("b", 5))
  }

  @Test func `goes on where an older version left off, which kept no note`() throws {
    let bench = Bench()
    bench.fill("crm.events", ids("a", 5))
    bench.log.offsets["kairos-ingest"] = [
      TopicPartition("crm.events", 0): CommittedOffset(offset: 3)
    ]
    try bench.run()
    #expect(try bench.applied() == ["a3", "a4"])
    bench.remake("crm.events", ids("b", 5))
    try bench.restart()
    #expect(bench.loop?.stopped.count == 1)
  }

  @Test func `that is missing stops its own source alone, and is read once it is there`() throws {
    let bench = Bench([crm, web])
    bench.fill("web.events", ids("w", 2))
    bench.log.delete("crm.events")
    try bench.run()
    #expect(bench.loop?.missing == ["crm"])
    #expect(try bench.applied() == ids("w", 2))
    bench.remake("crm.events", ids("a", 2))
    #expect(throws: LogError.self) { try bench.run() }
    try bench.restart()
    #expect(try bench.applied() == ids("a", 2) + ids("w", 2))
  }
}
