/// One record of the state topic. Keys: `c:` and a customer's id for a slice, `seal`, `head`.
package struct StateRecord: Equatable, Sendable {
  package var key: [UInt8]
  /// Nil: what stood under the key is gone for ever.
  package var value: [UInt8]?
  package init(key: [UInt8], value: [UInt8]?) {
    self.key = key
    self.value = value
  }

  package static let seal = Array("seal".utf8)
  package static let head = Array("head".utf8)
  static let customerPrefix = Array("c:".utf8)
  /// The key of a customer's slice.
  package static func key(customer: [UInt8]) -> [UInt8] { customerPrefix + customer }
}

/// What a fold has come to at a fixed offset of its journal partition: two folds that agree on it
/// have read the same records, decided the same, and hold the same state.
package struct HashPoint: Equatable, Sendable {
  /// The first journal offset that is not in it.
  package var offset: Int64
  /// Over all records read and all bytes decided so far.
  package var chain: UInt64
  /// Over the state, whatever the order in which customers came; not at every point.
  package var digest: UInt64?
  package init(offset: Int64, chain: UInt64, digest: UInt64?) {
    self.offset = offset
    self.chain = chain
    self.digest = digest
  }

  /// The record for the topic of hashes; the partition is the record's own.
  package var json: [UInt8] {
    let digest = digest.map { ",\"digest\":\"\(Self.hex($0))\"" } ?? ""
    return Array("{\"offset\":\(offset),\"chain\":\"\(Self.hex(chain))\"\(digest)}".utf8)
  }

  package static func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// That a customer's state was removed.
package struct Erasure: Equatable, Sendable {
  /// The key of the state record to put a tombstone over.
  package var key: [UInt8]
  /// What was removed, as JSON, without personal data.
  package var proof: [UInt8]
  package init(key: [UInt8], proof: [UInt8]) {
    self.key = key
    self.proof = proof
  }
}
