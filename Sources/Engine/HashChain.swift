internal import Cel
internal import Events

/// A hash over all that a shard has read and decided, and when it is to be shown.
///
/// At each multiple of 4,096 among the journal's offsets there is a hash point, shown when the first
/// record behind it is about to be read. A point has a digest of the state too if, since the last
/// one that had, 64 records were read for each customer: writing all customers out costs a record a
/// bounded share, and a small log has digests all the same.
struct HashChain: Equatable {
  static let spacing: Int64 = 4096
  static let recordsPerCustomer: Int64 = 64

  var value: UInt64 = 0
  /// The last multiple of `spacing` that was passed, in units of it.
  var passed: Int64 = 0
  /// Records read since the last digest.
  var sinceDigest: Int64 = 0

  mutating func add(record: Span<UInt8>, at offset: Int64) {
    value = stableHash(
      value, with: bulkHash(record, seed: UInt64(bitPattern: offset)))
    sinceDigest += 1
  }

  mutating func add(decision: [UInt8]) {
    value = stableHash(value, with: bulkHash(decision.span, seed: 1 << 63))
  }

  func write(to out: inout SnapshotWriter) {
    out.fixed(value)
    out.int(passed)
    out.int(sinceDigest)
  }

  init() {}
  init(_ input: inout SnapshotReader) throws(SnapshotError) {
    value = try input.fixed()
    passed = try input.int()
    sinceDigest = try input.int()
  }
}

extension Shard {
  /// Before the record at `position` is read: shows the hash point that it passes, if it does.
  mutating func passHashPoint(_ position: Int64) {
    let multiple = position / HashChain.spacing
    guard multiple > chain.passed else { return }
    chain.passed = multiple
    var digest: UInt64?
    if chain.sinceDigest >= HashChain.recordsPerCustomer * Int64(customers.count) {
      digest = stateDigest()
      chain.sinceDigest = 0
    }
    hashPoints.append(
      HashPoint(offset: multiple * HashChain.spacing, chain: chain.value, digest: digest))
  }

  /// A hash of the whole state, whatever the order in which customers came.
  package func stateDigest() -> UInt64 {
    var out = SnapshotWriter()
    var sum: UInt64 = 0
    for number in 0..<customers.places {
      let customer = CustomerIndex(number)
      if !customers.isTaken(customer) { continue }
      out.removeAll()
      write(customer, to: &out)
      sum &+= bulkHash(out.bytes.span, seed: stableHash(customers.id(customer).span))
    }
    out.removeAll()
    writePartition(to: &out)
    return stableHash(sum, with: bulkHash(out.bytes.span))
  }

  /// The hash points passed since they were last taken.
  package mutating func takeHashPoints() -> [HashPoint] {
    defer { hashPoints.removeAll() }
    return hashPoints
  }
}
