internal import Cel
internal import Events
package import Log

/// By what one partition of a source's topic is known again: a record of it that was read.
///
/// Offsets alone say nothing: a topic that was deleted and made anew counts from 0 again, and what
/// it holds would be taken for what has been read. So whoever is given a source partition looks
/// whether that record is still in its place.
///
/// This stands in a compacted topic of its own and not beside the group's offsets, since brokers
/// forget those when the topic is deleted.
package struct SourceTopic: Equatable, Sendable {
  package var source: String
  package var partition: Int32
  package var incarnation: UInt32
  /// The highest order to renew that was found to be without need; 0: none.
  package var declined: UInt32 = 0
  /// All records before this offset are in the journal or were set aside.
  package var next: Int64
  /// Of the record.
  package var offset: Int64
  package var fingerprint: UInt64

  package init(
    source: String, partition: Int32, incarnation: UInt32, declined: UInt32 = 0, next: Int64,
    offset: Int64, fingerprint: UInt64
  ) {
    self.source = source
    self.partition = partition
    self.incarnation = incarnation
    self.declined = declined
    self.next = next
    self.offset = offset
    self.fingerprint = fingerprint
  }

  /// Over the record's place, time, key and value.
  package static func fingerprint(
    _ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry
  ) -> UInt64 {
    var hash = stableHash(
      UInt64(bitPattern: entry.offset), with: UInt64(bitPattern: entry.timestamp))
    for part in [entry.key, entry.value] {
      hash = stableHash(hash, with: part == nil ? 0 : 1)
      if let part { hash = stableHash(batch.bytes.span.extracting(part), seed: hash) }
    }
    return hash
  }

  // MARK: As a record

  package func record(topic: String, now: Int64) -> OutRecord {
    let digits = String(fingerprint, radix: 16)
    let hash = String(repeating: "0", count: 16 - digits.count) + digits
    let json =
      "{\"source\":\(jsonText(source)),\"partition\":\(partition),\"incarnation\":\(incarnation),"
      + "\"declined\":\(declined),\"next\":\(next),\"offset\":\(offset),\"fingerprint\":\"\(hash)\"}"
    return OutRecord(
      topic: topic, partition: 0, key: Array("\(source)/\(partition)/\(incarnation)".utf8),
      value: Array(json.utf8), timestamp: now)
  }

  /// Nil: the bytes are not one.
  init?(_ bytes: Span<UInt8>, _ range: Range<Int>, _ reader: inout JsonReader, _ plan: FieldPlan) {
    guard reader.check(plan, bytes, range) == nil, reader.field(0).kind == .string,
      reader.field(6).kind == .string,
      let fingerprint = UInt64(reader.string(reader.field(6), in: bytes), radix: 16)
    else { return nil }
    func int<Number: FixedWidthInteger>(_ place: Int) -> Number? {
      reader.field(place).kind == .int ? Number(exactly: reader.field(place).int) : nil
    }
    guard let partition: Int32 = int(1), let incarnation: UInt32 = int(2),
      let declined: UInt32 = int(3), let next: Int64 = int(4), let offset: Int64 = int(5)
    else { return nil }
    self.init(
      source: reader.string(reader.field(0), in: bytes), partition: partition,
      incarnation: incarnation, declined: declined, next: next, offset: offset,
      fingerprint: fingerprint)
  }

  static let fields = [
    ["source"], ["partition"], ["incarnation"], ["declined"], ["next"], ["offset"],
    ["fingerprint"],
  ]
}

/// A text as JSON.
func jsonText(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": out += "\\\(scalar)"
    case _ where scalar.value < 0x20:
      let hex = String(scalar.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
