package import Events

// State as it would be written now, for holding recorded state against a fold that knows nothing of it.

extension Shard {
  /// The state record of that key as it would be written at this offset; nil: there is nothing to
  /// write under it. Neither opens a pass nor counts as written.
  package func stateRecord(_ key: [UInt8]) -> StateRecord? {
    switch key {
    case StateRecord.seal: return StateRecord(key: key, value: sealBytes())
    case StateRecord.head: return head()
    default:
      guard key.starts(with: StateRecord.customerPrefix),
        let customer = customers.find(
          key.span.extracting(StateRecord.customerPrefix.count..<key.count))
      else { return nil }
      return slice(customer)
    }
  }
}

extension StateRecord {
  /// The journal offset of which a record's value is. Checks that it is whole.
  package static func asOf(key: [UInt8], value: [UInt8]) throws(SnapshotError) -> Int64 {
    var input = try SnapshotReader(value, version: Shard.stateVersion, key: key)
    switch key {
    case seal:
      _ = try input.string()
      _ = try input.int()
    case head: break
    default: _ = try input.fixed()
    }
    return try input.int()
  }
}
