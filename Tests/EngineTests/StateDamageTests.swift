import Cel
import Engine
import Events
import TestSupport
import Testing

/// A state topic after some records, all in it.
private struct Written {
  var program: Program
  var topic = StateTopic()

  init(seed: UInt64, records count: Int) throws {
    var stream = RandomStream(seed: seed)
    program = try EngineTests.program(stream.playbook())
    var shard = Shard(program: program, partition: 3)
    for position in 0..<count { stream.next([]).feed(&shard, at: position) }
    topic.checkpoint(&shard)
  }

  func problem(_ topic: StateTopic) -> SnapshotError? {
    do {
      return try topic.restore(program)?.next == nil ? .damaged("nothing was sealed") : nil
    } catch {
      return error
    }
  }
}

private func resealed(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
  var writer = SnapshotWriter()
  writer.append(bytes)
  writer.seal(key: key)
  return writer.bytes
}

@Suite struct `A state record` {
  @Test(arguments: [1, 2, 3, 4])
  func `with a byte wrong or missing is refused`(seed: UInt64) throws {
    let written = try Written(seed: seed, records: 60)
    #expect(written.problem(written.topic) == nil)
    var random = SplitMix64(seed: seed)
    for _ in 0..<500 {
      let index = random.number(in: 0..<written.topic.records.count)
      let whole = try #require(written.topic.records[index].value)
      var bytes = whole
      switch random.number(in: 0..<3) {
      case 0: bytes.removeLast(1 + random.number(in: 0..<bytes.count))
      case 1: bytes[random.number(in: 0..<bytes.count)] ^= 1 << UInt8(random.number(in: 0..<8))
      default:
        bytes.insert(UInt8(random.number(in: 0..<256)), at: random.number(in: 0..<bytes.count))
      }
      if bytes == whole { continue }
      #expect(written.problem(written.topic.with(bytes, at: index)) != nil)
    }
  }

  /// As a writer's mistake would be, or malice: the checksum fits what it must not.
  @Test(arguments: [1, 2, 3, 4])
  func `that was sealed wrong is refused or gives a shard`(seed: UInt64) throws {
    let written = try Written(seed: seed, records: 60)
    var random = SplitMix64(seed: seed)
    var refused = 0
    for _ in 0..<500 {
      let index = random.number(in: 0..<written.topic.records.count)
      let record = written.topic.records[index]
      var bytes = Array(try #require(record.value).dropLast(8))
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
      let topic = written.topic.with(resealed(bytes, key: record.key), at: index)
      if written.problem(topic) != nil { refused += 1 }
    }
    #expect(refused > 150)
    #expect(refused < 500)
  }

  @Test func `under another customer's key is refused`() throws {
    let written = try Written(seed: 1, records: 60)
    let records = written.topic.records
    let slices = records.indices.filter { records[$0].key.starts(with: Array("c:".utf8)) }
    let other = try #require(records[slices[1]].value)
    guard case .damaged = written.problem(written.topic.with(other, at: slices[0])) else {
      Issue.record("a customer's slice was taken for another's")
      return
    }
  }

  @Test func `of another book, partition, version or offset says so and what to do`() throws {
    let written = try Written(seed: 1, records: 8)
    let other = try EngineTests.program(
      "kairos: 1\nname: q\nfeatures: { n: { count: a, over: 1h } }")
    #expect(throws: SnapshotError.book(snapshot: written.program.hash, program: other.hash)) {
      _ = try written.topic.restore(other)?.next
    }
    let elsewhere = SnapshotError.partition(snapshot: 3, wanted: 4)
    #expect(throws: elsewhere) {
      _ = try written.topic.restore(written.program, partition: 4)?.next
    }
    #expect(
      elsewhere.description == "the state is of partition 3, not of 4: "
        + "leave it aside and rebuild the state from the journal")
    let records = written.topic.records
    var newer = Array(try #require(records[0].value).dropLast(8))
    newer[0] = 2
    let topic = written.topic.with(resealed(newer, key: records[0].key), at: 0)
    #expect(written.problem(topic) == .version(2))
    #expect(throws: SnapshotError.offset(snapshot: 8, committed: 7)) {
      _ = try written.topic.restore(written.program, committed: 7)?.next
    }
    #expect(
      SnapshotError.offset(snapshot: 8, committed: 7).description
        == "the state is of the journal up to 8, and 7 of it are committed: "
        + "leave it aside and rebuild the state from the journal")
  }

  @Test func `is none: then the journal is folded from its first record`() throws {
    let program = try EngineTests.program(playbook("features: { n: { count: a, over: 1h } }"))
    let next = try StateTopic().restore(program)?.next
    #expect(next == nil)
  }
}
