internal import Events

// What a shard knows apart from its customers. It follows from the records alone, whichever customers
// they are of.

extension Shard {
  func writePartition(to out: inout SnapshotWriter) {
    out.count(semantics)
    out.int(controlled)
    for time in [policyTime, passed, watermark] { out.int(time) }
    out.count(origins.origins.count)
    for origin in origins.origins {
      out.text(origin.name)
      out.word(UInt64(origin.incarnation))
      out.int(Int64(origin.partition))
      out.int(origin.highest)
      out.int(origin.watermark)
    }
    out.count(origins.renewed.count)
    for (name, incarnation) in origins.renewed {
      out.text(name)
      out.word(UInt64(incarnation))
    }
    out.count(erased.count)
    for (hash, time) in erased.sorted(by: { $0.key < $1.key }) {
      out.fixed(hash)
      out.int(time)
    }
    orders.write(to: &out)
  }

  mutating func readPartition(_ input: inout SnapshotReader) throws(SnapshotError) {
    let number = try input.word()
    guard Semantics.known.contains(Int(clamping: number)) else { throw .semantics(number) }
    semantics = Int(number)
    controlled = try input.int()
    policyTime = try input.int()
    passed = try input.int()
    let watermark = try input.int()
    var restored: [OriginTable.Origin] = []
    for _ in 0..<(try input.count()) {
      let name = try input.text()
      let incarnation = try input.word()
      let partition = try input.int()
      guard let incarnation = UInt32(exactly: incarnation),
        let partition = Int32(exactly: partition)
      else { throw .damaged("an origin's number is too large") }
      restored.append(
        .init(
          name: name, incarnation: incarnation, partition: partition, highest: try input.int(),
          watermark: try input.int()))
    }
    var renewed: [(name: [UInt8], incarnation: UInt32)] = []
    for _ in 0..<(try input.count()) {
      let name = try input.text()
      guard let incarnation = UInt32(exactly: try input.word()) else {
        throw .damaged("an origin's number is too large")
      }
      renewed.append((name, incarnation))
    }
    origins.restore(restored, renewed: renewed, watermark: watermark)
    for _ in 0..<(try input.count()) {
      let hash = try input.fixed()
      guard erased.updateValue(try input.int(), forKey: hash) == nil else {
        throw .damaged("an erasure stands in it twice")
      }
    }
    orders = try Orders(&input)
  }
}

extension Shard.Counts {
  func write(to out: inout SnapshotWriter) {
    for count in [
      events, late, behind, duplicates, celErrors, dropped, unreadable, erased, limited,
    ] {
      out.int(count)
    }
  }

  init(_ input: inout SnapshotReader) throws(SnapshotError) {
    events = try input.int()
    late = try input.int()
    behind = try input.int()
    duplicates = try input.int()
    celErrors = try input.int()
    dropped = try input.int()
    unreadable = try input.int()
    erased = try input.int()
    limited = try input.int()
  }
}
