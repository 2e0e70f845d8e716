import Cel
import Decisions
import Engine
import Events
import TestSupport
import Testing

@Suite struct `Hash points` {
  private let features = "features: { n: { count: a, over: 1h }, s: { sum: data.x, from: a } }"

  /// Records with offsets far apart, so that few of them pass many points.
  private func points(
    _ text: String, count: Int = 300, customers: Int = 4, change: Int? = nil
  ) throws -> [HashPoint] {
    var shard = Shard(program: try program(text), partition: 0)
    for number in 0..<count {
      var record = JournalRecord(
        kind: .event, time: EventTime(milliseconds: monday + Int64(number) * 60_000),
        origin: .init(name: Array("s".utf8), partition: 0, offset: Int64(number)),
        source: Array("s".utf8), type: Array("a".utf8), id: Array("e\(number)".utf8),
        customer: Array("c\(number % customers)".utf8))
      record.payload = Array(#"{"x":\#(number == change ? 9 : number % 3)}"#.utf8)
      record.data = 0..<record.payload.count
      Fed(record: record, appendTime: .min).feed(&shard, at: number * 64)
    }
    return shard.takeHashPoints()
  }

  @Test func `stand at each multiple of 4,096 that records have passed`() throws {
    #expect(try points(playbook(features)).map(\.offset) == [4096, 8192, 12288, 16384])
  }

  @Test func `have a digest once 64 records were read for each customer`() throws {
    let few = try points(playbook(features), customers: 2).map { $0.digest != nil }
    #expect(few == [false, true, false, true])
    let more = try points(playbook(features), customers: 4).map { $0.digest != nil }
    #expect(more == [false, false, false, true])
  }

  @Test func `are the same in another fold, and differ from a changed record on`() throws {
    let whole = try points(playbook(features))
    #expect(try points(playbook(features)) == whole)
    let other = try points(playbook(features), change: 130)
    #expect(other[1] == whole[1])
    #expect(other[2].chain != whole[2].chain)
    #expect(other[3].digest != whole[3].digest)
  }

  @Test func `differ if a decision does`() throws {
    func book(_ template: String) -> String {
      playbook(
        "\(features)\ndecisions:\n  d: { when: { becomes: n > 2 }, action: { topic: actions.t, "
          + "channel: sms, template: \(template) }, purpose: service }")
    }
    let (one, two) = (try points(book("one")), try points(book("two")))
    #expect(one.count == two.count)
    #expect(one[0].chain != two[0].chain)
  }

  @Test func `are not kept where nobody wants them`() throws {
    var shard = Shard(program: try program(playbook(features)), partition: 0)
    shard.keepsHashChain = false
    var stream = RandomStream(seed: 1)
    _ = stream.playbook()
    for number in 0..<20 { stream.next([]).feed(&shard, at: number * 4096) }
    #expect(shard.takeHashPoints().isEmpty)
  }

  @Test func `are written as JSON with hashes in hex`() {
    let point = HashPoint(offset: 8192, chain: 0xabc, digest: 1 << 63)
    #expect(
      String(decoding: point.json, as: UTF8.self)
        == #"{"offset":8192,"chain":"0000000000000abc","digest":"8000000000000000"}"#)
    let without = HashPoint(offset: 4096, chain: 1, digest: nil)
    #expect(
      String(decoding: without.json, as: UTF8.self)
        == #"{"offset":4096,"chain":"0000000000000001"}"#)
  }
}
