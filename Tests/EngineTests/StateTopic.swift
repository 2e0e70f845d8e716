import Engine
import Events
import TestSupport

/// A partition of the state topic, and what is committed with it.
struct StateTopic {
  private(set) var records: [StateRecord] = []
  private(set) var committed: Int64 = 0
  private(set) var hashPoints: [HashPoint] = []
  private(set) var proofs: [[UInt8]] = []

  /// A step's transaction, with as much of the open pass as fits.
  mutating func commit(_ shard: inout Shard, atMostBytes: Int) {
    for erasure in shard.takeErasures() {
      records.append(StateRecord(key: erasure.key, value: nil))
      proofs.append(erasure.proof)
    }
    hashPoints += shard.takeHashPoints()
    records += shard.takeSlices(atMostBytes: atMostBytes)
    if let seal = shard.takeSeal() { records.append(seal) }
    records.append(shard.head())
    committed = shard.next
  }

  /// All that has changed, sealed.
  mutating func checkpoint(_ shard: inout Shard) {
    if shard.pass == nil { shard.beginPass() }
    commit(&shard, atMostBytes: .max)
  }

  /// Drops records under keys that come again later, each with a chance of `percent`.
  mutating func compact(_ random: inout SplitMix64, percent: Int) {
    var latest: [[UInt8]: Int] = [:]
    for (index, record) in records.enumerated() { latest[record.key] = index }
    var kept: [StateRecord] = []
    for (index, record) in records.enumerated() {
      let isLatest = latest[record.key] == index && (record.value != nil || percent < 100)
      if isLatest || !random.chance(percent) { kept.append(record) }
    }
    records = kept
  }

  /// Nil: nothing is sealed.
  func restore(
    _ program: Program, partition: Int32 = 3, committed: Int64? = nil
  ) throws(SnapshotError) -> Shard? {
    var restore = StateRestore(
      partition: partition, programs: [program.hash: program], initial: program)
    for record in records {
      if let value = record.value {
        restore.read(key: record.key.span, value: value.span)
      } else {
        restore.read(key: record.key.span, value: nil)
      }
    }
    return try restore.finish(committed: committed ?? self.committed)
  }

  /// The same topic with other bytes under one record.
  func with(_ value: [UInt8], at index: Int) -> StateTopic {
    var topic = self
    topic.records[index].value = value
    return topic
  }
}
