import Cel
import Decisions
import Engine
import Events
import TestSupport
import Testing

/// A stream as a shard that nobody disturbs has folded it.
private struct Folded {
  var program: Program
  var records: [Fed] = []
  /// Where each record stands in the journal; now and then an offset holds none.
  var offsets: [Int64] = []
  /// What each record led to.
  var output: [[[UInt8]]] = []
  var decisions: [DecisionRecord] = []
  /// By how many records have been read.
  var snapshots: [Int: [UInt8]] = [:]
  var last: [[UInt8]] = []
  var counts = Shard.Counts()
  var points: [HashPoint] = []
  var proofs: [[UInt8]] = []

  init(seed: UInt64, records count: Int, snapshotEvery: Int = 1) throws {
    var stream = RandomStream(seed: seed, erases: seed % 2 == 0)
    program = try EngineTests.program(stream.playbook())
    var shard = Shard(program: program, partition: 3)
    var offset: Int64 = 0
    for number in 0..<count {
      let next = stream.next(decisions)
      offset += stream.random.chance(50) ? Int64(stream.random.number(in: 2..<150)) : 1
      offsets.append(offset)
      next.feed(&shard, at: Int(offset))
      records.append(next)
      output.append(take(&shard))
      if (number + 1) % snapshotEvery == 0 { snapshots[number + 1] = shard.snapshot() }
    }
    counts = shard.counts
    points = shard.takeHashPoints()
    proofs = shard.takeErasures().map(\.proof)
    shard.end()
    last = take(&shard)
  }

  private mutating func take(_ shard: inout Shard) -> [[UInt8]] {
    shard.takeOutput().map { published in
      decisions.append(published.record)
      return line(published)
    }
  }
}

private func line(_ published: Shard.Published) -> [UInt8] {
  published.record.value
    + Array(" \(published.position) \(published.watermark) \(published.appendTime)".utf8)
}

/// A fold that commits now and then and crashes, with the state topic and the journal left.
private struct Disturbed: ~Copyable {
  let plain: Folded
  var shard: Shard
  var topic = StateTopic()
  /// How many records have been read.
  var read = 0
  var restores = 0
  /// Restores that began at a seal.
  var seals = 0

  init(_ plain: Folded) {
    self.plain = plain
    shard = Shard(program: plain.program, partition: 3)
  }

  /// Reads the next record; what it leads to is what the undisturbed fold made of it.
  mutating func step() throws {
    plain.records[read].feed(&shard, at: Int(plain.offsets[read]))
    let said = shard.takeOutput().map(line)
    read += 1
    try #require(said == plain.output[read - 1], "record \(read - 1) of \(plain.records.count)")
  }

  /// A crash, and another process: back to what is committed.
  mutating func crash() throws {
    restores += 1
    let restored = try topic.restore(plain.program)
    if let restored {
      shard = restored
      seals += 1
    } else {
      shard = Shard(program: plain.program, partition: 3)
    }
    read = plain.offsets.firstIndex { $0 >= shard.next } ?? plain.records.count
    while read < plain.records.count, plain.offsets[read] < topic.committed {
      plain.records[read].feed(&shard, at: Int(plain.offsets[read]))
      read += 1
    }
    shard.skip(to: topic.committed)
    _ = shard.takeOutput()
    _ = shard.takeErasures()
    _ = shard.takeHashPoints()
    let isRestoring = shard.isRestoring
    #expect(!isRestoring)
    if let snapshot = plain.snapshots[read] {
      let restored = shard.snapshot()
      try #require(restored == snapshot, "restored after \(read) records")
    }
  }

  consuming func finish() throws {
    while read < plain.records.count { try step() }
    let counts = shard.counts
    #expect(counts == plain.counts)
    topic.checkpoint(&shard)
    #expect(topic.hashPoints == plain.points)
    #expect(topic.proofs == plain.proofs)
    let snapshot = shard.snapshot()
    #expect(snapshot == plain.snapshots[read])
    shard.end()
    let said = shard.takeOutput().map(line)
    #expect(said == plain.last)
  }
}

@Suite struct `State as records` {
  @Test(arguments: Array(UInt64(1)...8))
  func `restored at any point changes nothing that comes after it`(seed: UInt64) throws {
    let plain = try Folded(seed: seed, records: 400)
    var random = SplitMix64(seed: seed &+ 100)
    var fold = Disturbed(plain)
    let often = [2, 5, 15][Int(seed % 3)]
    while fold.read < plain.records.count {
      try fold.step()
      if random.chance(10) {
        let end = fold.read < plain.records.count ? plain.offsets[fold.read] : fold.shard.next
        fold.shard.skip(to: end)
      }
      if fold.shard.pass == nil, random.chance(20) { fold.shard.beginPass() }
      if random.chance(40) {
        fold.topic.commit(
          &fold.shard, atMostBytes: random.chance(30) ? 0 : random.number(in: 1..<40_000))
      }
      if random.chance(10) { fold.topic.compact(&random, percent: random.pick([30, 100])) }
      if random.chance(often) { try fold.crash() }
    }
    let (restores, seals) = (fold.restores, fold.seals)
    #expect(restores > 2)
    #expect(seals > 1)
    try fold.finish()
  }

  @Test(arguments: [1, 2, 3])
  func `written and restored after every record changes nothing`(seed: UInt64) throws {
    let plain = try Folded(seed: seed, records: 120)
    var random = SplitMix64(seed: seed)
    var fold = Disturbed(plain)
    while fold.read < plain.records.count {
      try fold.step()
      fold.topic.checkpoint(&fold.shard)
      fold.topic.compact(&random, percent: 100)
      try fold.crash()
    }
    let seals = fold.seals
    #expect(seals == plain.records.count)
    try fold.finish()
  }

  /// A pass of one slice a commit, so that most slices stand behind the seal that is in force.
  @Test(arguments: [5, 6, 7])
  func `with slices of many ages changes nothing`(seed: UInt64) throws {
    let plain = try Folded(seed: seed, records: 300)
    var random = SplitMix64(seed: seed)
    var fold = Disturbed(plain)
    while fold.read < plain.records.count {
      try fold.step()
      if fold.shard.pass == nil { fold.shard.beginPass() }
      fold.topic.commit(&fold.shard, atMostBytes: 1)
      if random.chance(20) { try fold.crash() }
    }
    try fold.finish()
  }

  @Test func `holds a slice of who has changed and of nobody else`() throws {
    var fold = try Fold(playbook("features: { n: { count: a, over: 1h } }"))
    for name in ["ada", "bob", "eve"] { fold.event("a", at: hour(0), customer: name) }
    var seen = [fold.shard.dirtyCount]
    fold.shard.beginPass()
    seen += [fold.shard.pass?.remaining ?? -1, fold.shard.dirtyCount]
    seen.append(fold.shard.takeSlices(atMostBytes: 1).count)
    seen.append(fold.shard.takeSeal() == nil ? 0 : 1)
    seen.append(fold.shard.takeSlices(atMostBytes: .max).count)
    seen.append(fold.shard.takeSeal() == nil ? 0 : 1)
    #expect(seen == [3, 3, 0, 1, 0, 2, 1])
    fold.event("a", at: hour(1), customer: "bob")
    fold.shard.beginPass()
    let keys = fold.shard.takeSlices(atMostBytes: .max).map(\.key)
    #expect(keys == [Array("c:bob".utf8)])
  }

  @Test func `leaves who changes during a pass to its slice, or to the next pass`() throws {
    var fold = try Fold(playbook("features: { n: { count: a, over: 1h } }"))
    for name in ["ada", "bob"] { fold.event("a", at: hour(0), customer: name) }
    fold.shard.beginPass()
    let first = try #require(fold.shard.takeSlices(atMostBytes: 1).first)
    let done = String(decoding: first.key.dropFirst(2), as: UTF8.self)
    let other = done == "ada" ? "bob" : "ada"
    fold.event("a", at: hour(1), customer: done)
    fold.event("a", at: hour(1), customer: other)
    fold.event("a", at: hour(1), customer: "eve")
    let during = fold.shard.dirtyCount
    #expect(during == 2)
    let keys = fold.shard.takeSlices(atMostBytes: .max).map(\.key)
    #expect(keys == [Array("c:\(other)".utf8)])
    let seal = fold.shard.takeSeal()
    #expect(seal != nil)
    let after = fold.shard.dirtyCount
    #expect(after == 2)
  }

  /// Else the streams above would test little.
  @Test func `is taken of streams in which much happens`() throws {
    var outcomes: Set<String> = []
    var decisions: Set<Int> = []
    var late: Int64 = 0
    for seed in 1...8 {
      let folded = try Folded(seed: UInt64(seed), records: 400)
      outcomes.formUnion(folded.decisions.map(\.outcome.text))
      decisions.formUnion(folded.decisions.map(\.decision))
      late += folded.counts.late
    }
    #expect(decisions == Set(0..<13))
    let wanted = ["released", "deferred", "awaiting_approval", "shadow", "revoked", "expired"]
    #expect(outcomes.isSuperset(of: wanted), "\(outcomes.sorted())")
    #expect(late > 20)
  }

  /// A stop of the process and a start do not even share the book's strings' numbers.
  @Test func `can be restored with the book compiled anew`() throws {
    var stream = RandomStream(seed: 5)
    let text = stream.playbook()
    var fold = Disturbed(try Folded(seed: 5, records: 200))
    while fold.read < 200 { try fold.step() }
    fold.topic.checkpoint(&fold.shard)
    let snapshot = try fold.topic.restore(try EngineTests.program(text))?.snapshot()
    #expect(snapshot == fold.plain.snapshots[200])
  }
}
