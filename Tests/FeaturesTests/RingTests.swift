import Cel
import Events
import Testing

@testable import Features

/// One customer's features over one stream, beside all samples that came.
private struct Watched: ~Copyable {
  let table: FeatureTable
  var memory = StateMemory(texts: TextPool())
  var blocks: BlockStore
  var clock: Int64 = 0
  var samples: [(time: Int64, value: Int64)] = []

  init(_ features: [(FeaturePlan.Kind, over: Int64?, ending: Int64)], _ source: SourcePlan) {
    let plans = features.enumerated().map { index, feature in
      FeaturePlan(
        kind: feature.0, source: 0, over: feature.over, ending: feature.ending, fallback: .missing,
        scale: 1, slot: index)
    }
    table = FeatureTable(
      sources: [source], features: plans, names: plans.map { "\($0.slot)" },
      leaves: plans.map { _ in [] }, zones: ZoneTable(), start: 0)
    blocks = BlockStore(words: table.end)
    table.initialize(blocks[blocks.append()])
  }

  mutating func take(_ value: Int64, at time: Int64) {
    clock = max(clock, time)
    samples.append((time, value))
    let source = table.sources[0]
    var field = Scalar(Double(value))
    if source.carries == .scalar {
      field = Scalar(text: memory.texts.intern("text \(value)"))
    }
    let hash = UInt64(bitPattern: value)
    if let sample = table.sample(source, time: time, field: field, hash: hash, &memory) {
      _ = table.insert(sample, into: 0, clock: clock, blocks[0], &memory)
    }
    if field.kind == .string { memory.texts.release(field.text) }
  }

  mutating func value(_ index: Int) -> Scalar { table.value(index, at: clock, blocks[0], &memory) }

  /// The times and values in a feature's window, in order of time.
  func inside(_ index: Int) -> [(time: Int64, value: Int64)] {
    let feature = table.features[index]
    let upper = clock - feature.ending
    return samples.enumerated()
      .filter {
        $0.element.time <= upper && $0.element.time > feature.over.map { upper - $0 } ?? .min
      }
      .sorted {
        $0.element.time != $1.element.time
          ? $0.element.time < $1.element.time : $0.offset < $1.offset
      }
      .map { (time: $0.element.time, value: $0.element.value) }
  }

  mutating func throughSnapshot() throws {
    var writer = SnapshotWriter()
    writer.byte(1)
    write(blocks[0], to: &writer)
    writer.seal()
    let texts = memory.texts.count
    memory = StateMemory(texts: TextPool())
    blocks = BlockStore(words: table.end)
    let block = blocks[blocks.append()]
    table.initialize(block)
    var reader = try SnapshotReader(writer.bytes, version: 1)
    for index in table.sources.indices {
      try table.read(source: index, block, &memory, from: &reader)
    }
    for index in table.features.indices {
      try table.read(feature: index, block, &memory, from: &reader)
    }
    try reader.finish()
    #expect(memory.texts.count == texts)
    var again = SnapshotWriter()
    again.byte(1)
    write(block, to: &again)
    again.seal()
    #expect(again.bytes == writer.bytes)
  }

  private func write(_ block: Words, to out: inout SnapshotWriter) {
    for index in table.sources.indices { table.write(source: index, block, memory, to: &out) }
    for index in table.features.indices { table.write(feature: index, block, memory, to: &out) }
  }
}

/// A small seeded source of numbers.
private struct Numbers {
  var state: UInt64
  mutating func below(_ bound: UInt64) -> Int64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int64((state >> 33) % bound)
  }
}

private let windows: [(over: Int64?, ending: Int64)] = [
  (60, 0), (200, 0), (60, 40), (nil, 0), (nil, 50),
]

@Suite struct `Windows over one shared stream` {
  private func source(_ carries: SourcePlan.Carries, _ retention: Int64? = 200) -> SourcePlan {
    SourcePlan(carries: carries, slot: 0, condition: nil, scale: 1, retention: retention)
  }

  /// Samples of which some are late; features looked at now and then, or after each of them.
  private func run(
    _ seed: UInt64, _ watched: inout Watched, restoring: Bool,
    check: (inout Watched, Int) -> Void
  ) throws {
    var numbers = Numbers(state: seed)
    for _ in 0..<600 {
      let now = watched.clock + numbers.below(numbers.below(8) == 0 ? 150 : 12)
      let late = numbers.below(4) == 0 ? numbers.below(260) : 0
      watched.take(numbers.below(9) - 4, at: now - late)
      if restoring, numbers.below(3) == 0 { try watched.throughSnapshot() }
      for index in watched.table.features.indices where numbers.below(3) == 0 {
        check(&watched, index)
      }
    }
    for index in watched.table.features.indices { check(&watched, index) }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6], [false, true])
  func `hold what a look at all samples finds, late ones too`(seed: UInt64, restoring: Bool) throws
  {
    var counts = Watched(windows.map { (.count, $0.over, $0.ending) }, source(.time))
    try run(seed, &counts, restoring: restoring) { watched, index in
      #expect(watched.value(index) == Scalar(Int64(watched.inside(index).count)))
    }
    var sums = Watched(windows.map { (.sum, $0.over, $0.ending) }, source(.number))
    try run(seed, &sums, restoring: restoring) { watched, index in
      let sum = watched.inside(index).reduce(0) { $0 + $1.value }
      #expect(watched.value(index) == Scalar(Double(sum)))
    }
    for kind in [FeaturePlan.Kind.min, .max] {
      var ends = Watched(windows.map { (kind, $0.over, $0.ending) }, source(.number))
      try run(seed, &ends, restoring: restoring) { watched, index in
        let values = watched.inside(index).map(\.value)
        let best = kind == .min ? values.min() : values.max()
        #expect(watched.value(index) == best.map { Scalar(Double($0)) } ?? .missing)
      }
    }
  }

  @Test(arguments: [1, 2, 3, 4], [false, true])
  func `know their first and last text, and how many are different`(
    seed: UInt64, restoring: Bool
  ) throws {
    for kind in [FeaturePlan.Kind.first, .last] {
      var ends = Watched(windows.map { (kind, $0.over, $0.ending) }, source(.scalar))
      try run(seed, &ends, restoring: restoring) { watched, index in
        let inside = watched.inside(index)
        let wanted = kind == .first ? inside.first : inside.last
        let value = watched.value(index)
        #expect(value.kind == (wanted == nil ? .missing : .string))
        if let wanted { #expect(watched.memory.texts.string(value.text) == "text \(wanted.value)") }
      }
    }
    var different = Watched([(.distinct, 60, 0), (.distinct, 200, 0)], source(.uniqueHash))
    try run(seed, &different, restoring: restoring) { watched, index in
      let values = Set(watched.inside(index).map(\.value))
      #expect(watched.value(index) == Scalar(Int64(values.count)))
    }
  }

  @Test func `take no more room than what they hold`() {
    var watched = Watched([(.count, over: 10, ending: 0)], source(.time, 10))
    for event in 0..<10_000 { watched.take(1, at: Int64(event) * 20) }
    #expect(watched.memory.arena.wordsUsed <= 8)
    #expect(watched.value(0) == Scalar(Int64(1)))
  }

  @Test func `hold no text for longer than they need it`() {
    var watched = Watched(
      [(.last, over: 10, ending: 0), (.first, over: nil, ending: 0)], source(.scalar, 10))
    for event in 0..<1000 { watched.take(Int64(event), at: Int64(event)) }
    // At most what the ring has room for, and the first of all.
    #expect(watched.memory.texts.count <= 17)
    #expect(watched.memory.texts.string(watched.value(1).text) == "text 0")
  }
}
