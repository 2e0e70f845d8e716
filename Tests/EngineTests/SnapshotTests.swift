import Cel
import Decisions
import Engine
import Events
import Foundation
import TestSupport
import Testing

/// A stream as a shard that nobody restores has folded it.
private struct Folded {
  var program: Program
  var records: [Fed] = []
  var output: [[UInt8]] = []
  var decisions: [DecisionRecord] = []
  /// The last record's position for each snapshot, and the snapshot.
  var snapshots: [(after: Int, bytes: [UInt8])] = []
  var counts = Shard.Counts()

  init(seed: UInt64, records count: Int) throws {
    var stream = RandomStream(seed: seed)
    program = try EngineTests.program(stream.playbook())
    var shard = Shard(program: program, partition: 3)
    for position in 0..<count {
      let next = stream.next(decisions)
      next.feed(&shard, at: position)
      records.append(next)
      take(&shard)
      if position % 7 == 0 { snapshots.append((position, shard.snapshot())) }
    }
    shard.end()
    take(&shard)
    counts = shard.counts
  }

  private mutating func take(_ shard: inout Shard) {
    for published in shard.takeOutput() {
      output.append(line(published))
      decisions.append(published.record)
    }
  }
}

private func line(_ published: Shard.Published) -> [UInt8] {
  published.record.value
    + Array(" \(published.position) \(published.watermark) \(published.appendTime)".utf8)
}

private func restored(_ program: Program, _ bytes: [UInt8]) -> SnapshotError? {
  do {
    let shard = try Shard(program: program, partition: 3, restoring: bytes)
    return shard.customerCount < 0 ? .damaged("never") : nil
  } catch {
    return error
  }
}

@Suite struct `A snapshot` {
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
  func `changes nothing that comes after it`(seed: UInt64) throws {
    let plain = try Folded(seed: seed, records: 400)
    var random = SplitMix64(seed: seed &+ 100)
    let often = [100, 30, 5][Int(seed % 3)]
    var shard = Shard(program: plain.program, partition: 3)
    var output: [[UInt8]] = []
    var snapshots = plain.snapshots[...]
    for (position, record) in plain.records.enumerated() {
      record.feed(&shard, at: position)
      output += shard.takeOutput().map(line)
      if let next = snapshots.first, next.after == position {
        try #require(shard.snapshot() == next.bytes, "seed \(seed), after record \(position)")
        snapshots.removeFirst()
      }
      if random.chance(often) {
        let bytes = shard.snapshot()
        shard = try Shard(program: plain.program, partition: 3, restoring: bytes)
        try #require(shard.snapshot() == bytes, "seed \(seed), record \(position)")
      }
    }
    shard.end()
    output += shard.takeOutput().map(line)
    #expect(output == plain.output)
    #expect(shard.counts == plain.counts)
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

  @Test(arguments: [1, 2, 3, 4])
  func `with a byte wrong or missing is refused`(seed: UInt64) throws {
    let folded = try Folded(seed: seed, records: 60)
    let whole = folded.snapshots[folded.snapshots.count - 1].bytes
    #expect(restored(folded.program, whole) == nil)
    var random = SplitMix64(seed: seed)
    for _ in 0..<1000 {
      var bytes = whole
      switch random.number(in: 0..<3) {
      case 0: bytes.removeLast(1 + random.number(in: 0..<bytes.count))
      case 1: bytes[random.number(in: 0..<bytes.count)] ^= 1 << UInt8(random.number(in: 0..<8))
      default:
        bytes.insert(UInt8(random.number(in: 0..<256)), at: random.number(in: 0..<bytes.count))
      }
      if bytes == whole { continue }
      #expect(restored(folded.program, bytes) != nil)
    }
  }

  /// As a writer's mistake would be, or malice: the seal fits what it must not.
  @Test(arguments: [1, 2, 3, 4])
  func `that was sealed wrong is refused or gives a shard`(seed: UInt64) throws {
    let folded = try Folded(seed: seed, records: 60)
    let whole = folded.snapshots[folded.snapshots.count - 1].bytes.dropLast(8)
    var random = SplitMix64(seed: seed)
    var refused = 0
    for _ in 0..<1000 {
      var bytes = Array(whole)
      for _ in 0...random.number(in: 0..<3) {
        let at = random.number(in: 0..<bytes.count)
        switch random.number(in: 0..<4) {
        case 0: bytes.removeLast(bytes.count - at)
        case 1: bytes[at] = UInt8(random.number(in: 0..<256))
        case 2: bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff])
        default: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.number(in: 0..<9)))
        }
        if bytes.isEmpty { bytes = [1] }
      }
      let seal = stableHash(bytes.span)
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: seal >> UInt64(8 * shift))) }
      if restored(folded.program, bytes) != nil { refused += 1 }
    }
    #expect(refused > 300)
    #expect(refused < 1000)
  }

  @Test func `of another book, partition or version says so and what to do`() throws {
    let folded = try Folded(seed: 1, records: 8)
    let bytes = folded.snapshots[0].bytes
    let other = try EngineTests.program(
      "kairos: 1\nname: q\nfeatures: { n: { count: a, over: 1h } }")
    guard case .book = restored(other, bytes) else {
      Issue.record("a snapshot of another book was taken")
      return
    }
    do {
      let shard = try Shard(program: folded.program, partition: 4, restoring: bytes)
      Issue.record("it was taken, with \(shard.customerCount) customers")
    } catch {
      #expect(error == .partition(snapshot: 3, wanted: 4))
      #expect(
        error.description == "the snapshot is of partition 3, not of 4: "
          + "leave it aside and rebuild the state from the journal")
    }
    var newer = Array(bytes.dropLast(8))
    newer[0] = 2
    let seal = stableHash(newer.span)
    for shift in 0..<8 { newer.append(UInt8(truncatingIfNeeded: seal >> UInt64(8 * shift))) }
    #expect(restored(folded.program, newer) == .version(2))
    #expect(restored(folded.program, []) != nil)
  }

  /// A stop of the process and a start do not even share the book's strings' numbers.
  @Test func `can be restored with the book compiled anew`() throws {
    var stream = RandomStream(seed: 5)
    let text = stream.playbook()
    let folded = try Folded(seed: 5, records: 200)
    let bytes = folded.snapshots[folded.snapshots.count - 1].bytes
    let shard = try Shard(program: try EngineTests.program(text), partition: 3, restoring: bytes)
    #expect(shard.snapshot() == bytes)
  }
}
