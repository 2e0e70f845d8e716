internal import Events
internal import Log

/// A refused record on its way to those who can mend its producer: its own key, headers and bytes,
/// where it came from, and why it was refused.
enum DeadLetter {
  static func record(
    _ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry, _ rejection: Rejection,
    source: String, topics: IngestStage.Topics, now: Int64
  ) -> OutRecord {
    let size = entry.value?.count ?? 0
    var headers: [(name: String, value: [UInt8])] = []
    func add(_ header: DeadLetterHeader, _ text: String) {
      headers.append((header.rawValue, Array(text.utf8)))
    }
    add(.reason, rejection.reason.rawValue)
    add(.detail, rejection.detail)
    add(.source, source)
    add(.topic, batch.source.topic)
    add(.partition, "\(batch.source.partition)")
    add(.offset, "\(entry.offset)")
    add(.size, "\(size)")
    if rejection.reason != .badHeaders { copyHeaders(batch, entry, &headers) }
    // A key that no event may have would only be cut or refused further on.
    let key = entry.key.flatMap { $0.count <= keyLimit ? Array(batch.bytes[$0]) : nil }
    let place =
      key.map { partition(ofKey: $0.span, count: topics.deadLetterPartitions) }
      ?? Int(batch.source.partition) % topics.deadLetterPartitions
    let value = entry.value.map { Array(batch.bytes[$0.prefix(DeadLetterHeader.valueLimit)]) }
    return OutRecord(
      topic: topics.deadLetters, partition: Int32(place), key: key, value: value,
      headers: headers, timestamp: now)
  }

  private static let keyLimit = 64 << 10

  /// The record's own headers, as long as they are of a reasonable size: in CloudEvents' binary
  /// mode they are half of the event. A dead letter's own names are never taken from outside.
  private static func copyHeaders(
    _ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry,
    _ headers: inout [(name: String, value: [UInt8])]
  ) {
    for header in batch.headers[entry.headers] {
      let name = String(decoding: batch.bytes[header.name], as: UTF8.self)
      if DeadLetterHeader(rawValue: name) != nil { continue }
      headers.append((name, header.value.map { Array(batch.bytes[$0]) } ?? []))
    }
  }
}
