import Decisions
import Engine
import Events
import TestSupport
import Testing

/// What must not matter, on random playbooks without policy and journals without late events.
@Suite struct `What changes nothing` {
  private let seeds = 700_000..<UInt64(700_040)

  /// A decision's bytes, and whose they are.
  private struct Said: Hashable {
    var customer: [UInt8]
    var bytes: [UInt8]
    init(_ record: DecisionRecord) { (customer, bytes) = (record.customer, record.value) }
  }

  /// Shows only what differs.
  private func expectSame(_ actual: Set<Said>, _ wanted: Set<Said>, _ item: DecisionCase) {
    guard actual != wanted else { return }
    func lines(_ some: Set<Said>) -> String {
      some.map { String(decoding: $0.bytes, as: UTF8.self) }.sorted().joined(separator: "\n")
    }
    Issue.record(
      """
      seed \(item.seed)
      \(item.text)only this way:
      \(lines(actual.subtracting(wanted)))
      only the other way:
      \(lines(wanted.subtracting(actual)))
      """)
  }

  private func feed(
    _ fold: inout Fold, _ item: DecisionCase, only: (String) -> Bool = { _ in true },
    ticks: (NaiveEvent) -> Int64? = { _ in nil }
  ) {
    for (customer, event) in item.journal {
      if let time = ticks(event) { fold.tick(time) }
      guard only(customer) else { continue }
      fold.event(
        event.type, at: event.time, spelled(event.data), customer: customer, id: event.id)
    }
    fold.tick(.max)
  }

  private func once(_ item: DecisionCase) -> [Said] {
    var fold = Fold(item.program)
    feed(&fold, item)
    return fold.records().map { Said($0) }
  }

  @Test func `the size of batches`() throws {
    for seed in seeds {
      let item = try DecisionCase(seed: seed, strict: true)
      var one = Fold(item.program, keepsBytes: true)
      var many = Fold(item.program)
      feed(&one, item)
      var pieces: [Said] = []
      for (customer, event) in item.journal {
        many.event(
          event.type, at: event.time, spelled(event.data), customer: customer, id: event.id)
        pieces += many.records().map { Said($0) }
      }
      many.tick(.max)
      pieces += many.records().map { Said($0) }
      #expect(one.records().map { Said($0) } == pieces, "seed \(seed)")
      #expect(one.replayed().map { Said($0) } == pieces, "seed \(seed), one buffer")
    }
  }

  @Test func `how often time ticks`() throws {
    for seed in seeds {
      let item = try DecisionCase(seed: seed, strict: false)
      let few = Set(once(item))
      var random = SplitMix64(seed: seed)
      for percent in [30, 100] {
        var fold = Fold(item.program)
        var time = Int64.min
        let ticks: (NaiveEvent) -> Int64? = { event in
          // Anywhere between the event before and this one.
          let gap = time == .min ? 0 : event.time - time
          let tick = event.time - (gap > 0 ? Int64(random.number(in: 0..<Int(gap))) : 0)
          time = event.time
          return random.chance(percent) ? tick : nil
        }
        feed(&fold, item, ticks: ticks)
        expectSame(Set(fold.records().map { Said($0) }), few, item)
      }
    }
  }

  @Test func `how many partitions there are`() throws {
    for seed in seeds {
      let item = try DecisionCase(seed: seed, strict: false)
      var parts: [Said] = []
      for partition in 0..<UInt32(4) {
        var fold = Fold(item.program)
        feed(&fold, item) { murmur2(Array($0.utf8).span) % 4 == partition }
        parts += fold.records().map { Said($0) }
      }
      let whole = once(item)
      #expect(parts.count == whole.count, "seed \(seed)")
      expectSame(Set(parts), Set(whole), item)
    }
  }

  @Test func `how customers of different sources lie between each other`() throws {
    for seed in seeds {
      let item = try DecisionCase(seed: seed, strict: false)
      var fold = Fold(item.program)
      for (customer, event) in item.journal { send(event, of: customer, to: &fold) }
      fold.tick(.max, ["c0", "c1", "c2"])
      let inOrder = Set(fold.records().map { Said($0) })
      var random = SplitMix64(seed: seed)
      for _ in 0..<2 {
        expectSame(Set(mixed(item, &random).map { Said($0) }), inOrder, item)
      }
    }
  }

  /// From a source of the customer's own.
  private func send(_ event: NaiveEvent, of customer: String, to fold: inout Fold) {
    fold.event(
      event.type, at: event.time, spelled(event.data), customer: customer, source: customer,
      id: event.id)
  }

  /// Each customer's own source keeps its order; otherwise anything goes.
  private func mixed(_ item: DecisionCase, _ random: inout SplitMix64) -> [DecisionRecord] {
    var fold = Fold(item.program)
    fold.tick(Generator.start - Generator.step, ["c0", "c1", "c2"])
    var queues = ["c0", "c1", "c2"].map { name in
      (name: name, events: item.journal.filter { $0.customer == name }.map(\.event)[...])
    }
    while let next = queues.indices.filter({ !queues[$0].events.isEmpty }).randomElement(
      using: &random)
    {
      let (name, event) = (queues[next].name, queues[next].events.removeFirst())
      send(event, of: name, to: &fold)
    }
    fold.tick(.max, ["c0", "c1", "c2"])
    return fold.records()
  }
}
