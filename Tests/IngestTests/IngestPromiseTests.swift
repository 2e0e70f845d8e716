import Events
import Ingest
import Log
import TestSupport
import Testing

private let noon: Int64 = 1_709_164_800_000
private let topics = IngestStage.Topics(journalPartitions: 3, deadLetterPartitions: 1)
private let source = SourceSettings(name: "crm", topic: "crm.events", format: .json(.plain))

private func event(_ number: Int, _ customer: Int) -> String {
  #"{"id":"\#(number)","type":"t","time":\#(noon),"customer":"c\#(customer)"}"#
}

private func prepared(partitions: Int = 2) -> ScriptedLog {
  let log = ScriptedLog()
  log.create(source.topic, partitions)
  log.create(topics.journal, topics.journalPartitions)
  for topic in [topics.deadLetters, topics.control, topics.sources] { log.create(topic) }
  return log
}

/// What each journal partition must have applied in the end: per source partition the offsets of
/// the events whose customer is its own, each once and in order.
private func expected(_ log: ScriptedLog) throws -> [Int: [String: [Int64]]] {
  var wanted: [Int: [String: [Int64]]] = [:]
  for number in log.partitions[source.topic]!.indices {
    for record in log.records(source.topic, number) {
      let text = String(decoding: record.value ?? [], as: UTF8.self)
      guard let start = text.firstRange(of: #""customer":""#)?.upperBound else { continue }
      let customer = Array(text[start...].prefix { $0 != "\"" }.utf8)
      let place = partition(ofKey: customer.span, count: topics.journalPartitions)
      wanted[place, default: [:]]["crm/0/\(number)", default: []].append(record.offset)
    }
  }
  for record in log.records(topics.control) {
    for place in 0..<topics.journalPartitions {
      wanted[place, default: [:]]["kairos.control/0/0", default: []].append(record.offset)
    }
  }
  return wanted
}

/// Several processes' ingest over one log, at the mercy of a seed.
private struct Storm {
  let log = prepared()
  var random: SplitMix64
  var loops: [IngestLoop?] = [nil, nil, nil]
  var now = noon
  var sent = 0
  var isCalm = false
  /// How often of a hundred a call fails.
  let faults: Int

  init(seed: UInt64, faults: Int) {
    random = SplitMix64(seed: seed)
    self.faults = faults
    let box = Box(SplitMix64(seed: seed ^ 0x5eed))
    log.fault = { call, late in
      guard box.faults > 0, Int(box.random.next() % 1000) < box.faults else { return nil }
      let remedies: [LogError.Remedy] = [.retry, .retry, .retry, .recreate, .abort]
      return LogError(remedies[Int(box.random.next() % 5)], "a \(call) failed, late: \(late)")
    }
    self.box = box
    box.faults = faults
  }
  final class Box {
    var random: SplitMix64
    var faults = 0
    init(_ random: SplitMix64) { self.random = random }
  }
  let box: Box

  mutating func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }

  mutating func send() {
    for _ in 0...below(12) {
      if below(25) == 0 {
        log.put(topics.control, 0, #"{"control":"halt"}"#, at: now)
      } else if below(20) == 0 {
        log.put(source.topic, below(2), "nonsense", at: now)
      } else if below(15) == 0 {
        log.skip(source.topic, below(2))
      } else {
        log.put(source.topic, below(2), event(sent, below(9)), at: now)
      }
      sent += 1
    }
  }

  /// Gives the partitions to some of the readers that there are.
  mutating func rebalance() {
    let readers = loops.compactMap { $0?.testReader }
    guard !readers.isEmpty else { return }
    var choice: [Int: Set<TopicPartition>] = [:]
    let all = [0, 1].map { TopicPartition(source.topic, $0) } + [TopicPartition(topics.control, 0)]
    for partition in all {
      choice[readers[below(readers.count)].number, default: []].insert(partition)
    }
    log.assign(choice)
  }

  mutating func step(_ place: Int) {
    now += Int64(below(700))
    do {
      if loops[place] == nil {
        loops[place] = try IngestLoop(log: log, sources: [source], topics: topics)
        rebalance()
      }
      _ = try loops[place]?.step(timeoutMs: 0) { now }
    } catch { kill(place) }
  }

  /// What is on its way may arrive later, or never.
  mutating func kill(_ place: Int) {
    if below(2) == 0 { loops[place]?.close() }
    loops[place] = nil
  }

  mutating func turn() {
    switch below(20) {
    case 0...5: send()
    case 6...13: step(below(loops.count))
    case 14, 15:
      for _ in 0..<below(30) {
        let pick = below(1 << 30)
        guard log.pump({ pick % $0 }) else { break }
      }
    case 16: rebalance()
    case 17:
      let place = below(loops.count)
      if let reader = loops[place]?.testReader { reader.isCutOff.toggle() }
    case 18: kill(below(loops.count))
    default: now += 20_000
    }
  }

  /// The end: faults cease, the zombies' records arrive or do not, and one process goes on.
  mutating func calm() {
    box.faults = 0
    for place in 1..<loops.count where below(2) == 0 { kill(place) }
    for place in 0..<loops.count { loops[place]?.testReader?.isCutOff = false }
    if loops[0] == nil { step(0) }
    log.assign([
      loops[0]!.testReader!.number: Set(
        [0, 1].map { TopicPartition(source.topic, $0) } + [TopicPartition(topics.control, 0)])
    ])
    var quiet = 0
    while quiet < 3 {
      now += 6_000
      for place in 0..<loops.count where loops[place] != nil { step(place) }
      guard let loop = loops[0] else { fatalError("nothing fails any more") }
      let isQuiet = loop.waiting == nil && loop.stage.positions.count == 3 && loop.lag == 0
      quiet = isQuiet ? quiet + 1 : 0
    }
    while log.pump({ $0 - 1 }) {}
  }
}

extension IngestLoop {
  fileprivate var testReader: ScriptedReader? { reader as? ScriptedReader }
}

@Suite struct `What ingest promises` {
  @Test(arguments: [0, 8, 40])
  func `each event once and in order, whatever fails and whoever writes late`(faults: Int) throws {
    var dropped = 0
    for seed in 0..<60 as Range<UInt64> {
      var storm = Storm(seed: seed &* 7919 &+ UInt64(faults), faults: faults)
      for _ in 0..<120 { storm.turn() }
      storm.calm()
      let journal = try AppliedJournal(storm.log, topics)
      #expect(journal.applied == (try expected(storm.log)), "seed \(seed), faults \(faults)")
      dropped += journal.dropped
    }
    // The storm is one: there was something to drop.
    #expect(dropped > 100)
  }

  /// The tests' test: each way of breaking the promise is seen within a few seeds.
  @Test func `a writer that leaves a gap would be noticed`() throws {
    #expect(try isBroken(by: { $0.log.gapEvery = 97 }))
  }

  @Test func `offsets committed before the records would be noticed`() throws {
    #expect(try isBroken(by: { $0.log.forgetsFlush = true }))
  }

  private func isBroken(by damage: (Storm) -> Void) throws -> Bool {
    for seed in 0..<20 as Range<UInt64> {
      let storm = Storm(seed: seed, faults: 8)
      damage(storm)
      var running = storm
      for _ in 0..<120 { running.turn() }
      running.calm()
      if try AppliedJournal(running.log, topics).applied != expected(running.log) { return true }
    }
    return false
  }

  @Test func `waits out a log that takes nothing, and goes on by itself`() throws {
    let log = prepared(partitions: 1)
    for number in 0..<20 { log.put(source.topic, 0, event(number, number), at: noon) }
    var now = noon
    let loop = try IngestLoop(log: log, sources: [source], topics: topics)
    _ = try loop.step(timeoutMs: 0) { now }
    for number in 20..<40 { log.put(source.topic, 0, event(number, number), at: noon) }
    let call = ScriptedLog.Call.flush
    log.fault = { made, _ in
      made == call ? LogError(.retry, "no room on the disk") : nil
    }
    // A day without room: one cause, and no busy loop.
    var attempts = 0
    for _ in 0..<2_000 {
      now += 43_200
      #expect(try loop.step(timeoutMs: 0) { now } == 0)
      attempts = try #require(loop.waiting?.attempts)
    }
    #expect(loop.waiting?.cause == "no room on the disk")
    #expect(attempts <= 2_000)
    for _ in 0..<100 {
      now += 10
      _ = try loop.step(timeoutMs: 0) { now }
    }
    #expect(loop.waiting?.attempts == attempts, "the pause is 5 s")
    log.fault = { _, _ in nil }
    now += 5_000
    #expect(try loop.step(timeoutMs: 0) { now } > 0)
    #expect(loop.waiting == nil)
    let applied = try AppliedJournal(log, topics)
    #expect(applied.applied == (try expected(log)))
    #expect(applied.dropped == 0, "nothing was written twice")
  }

  @Test func `reads nothing more while it cannot write`() throws {
    let log = prepared(partitions: 1)
    var now = noon
    let loop = try IngestLoop(log: log, sources: [source], topics: topics)
    _ = try loop.step(timeoutMs: 0) { now }
    for number in 0..<30_000 { log.put(source.topic, 0, event(number, number % 50), at: noon) }
    log.fault = { call, _ in call == .flush ? LogError(.retry, "the brokers are away") : nil }
    for _ in 0..<50 {
      now += 6_000
      _ = try loop.step(timeoutMs: 0) { now }
    }
    let read = loop.counts.events
    #expect(read >= IngestLoop.recordsAtOnce && read < IngestLoop.recordsAtOnce + 100)
    log.fault = { _, _ in nil }
    while loop.lag > 0 || loop.waiting != nil {
      now += 6_000
      _ = try loop.step(timeoutMs: 0) { now }
    }
    #expect(try AppliedJournal(log, topics).applied == expected(log))
  }
}
