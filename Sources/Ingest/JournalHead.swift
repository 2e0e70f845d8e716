internal import Events
package import Log

/// A journal partition's first record: what is fixed for the journal's life.
package struct JournalHead: Equatable, Sendable {
  package var partitions: Int
  /// What the fold's rules are: a binary that does not implement this number refuses the journal.
  package var semantics: Int

  package static let semanticsNow = 1

  package init(partitions: Int, semantics: Int = semanticsNow) {
    self.partitions = partitions
    self.semantics = semantics
  }

  package var json: String {
    "{\"control\":\"journal\",\"partitions\":\(partitions),\"semantics\":\(semantics)}"
  }

  /// Nil: the bytes are not a journal's first record.
  package init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    do {
      let view = try JournalView(bytes, range)
      var reader = JsonReader()
      let plan = reader.plan([["control"], ["partitions"], ["semantics"]])
      guard view.kind == .control, reader.check(plan, bytes, view.payload) == nil,
        reader.equal(reader.field(0), in: bytes, "journal"), reader.field(1).kind == .int,
        reader.field(2).kind == .int
      else { return nil }
      self.init(
        partitions: Int(reader.field(1).int), semantics: Int(reader.field(2).int))
    } catch {
      return nil
    }
  }

  package func record(topic: String, partition: Int32, now: Int64) -> OutRecord {
    let record = JournalRecord(
      kind: .control, time: EventTime(milliseconds: now),
      origin: JournalRecord.Origin(name: [], partition: 0, offset: 0), payload: Array(json.utf8))
    var value: [UInt8] = []
    record.encode(into: &value)
    return OutRecord(topic: topic, partition: partition, key: nil, value: value, timestamp: now)
  }

  /// Writes the head into journal partitions that are empty, and refuses a journal whose head says
  /// something else.
  package func settle(
    in log: any Log, topic: String, now: Int64, timeoutMs: Int = 10_000
  ) throws(LogError) {
    guard let count = try log.partitionCount(of: topic) else {
      throw LogError(.stop, "the journal \(topic) is missing; create it: kairos topics apply")
    }
    guard count == partitions else {
      throw LogError(
        .stop,
        "the journal \(topic) has \(count) partitions, and the configuration says \(partitions); "
          + "their number is fixed for its life: correct the configuration, or use another journal")
    }
    var heads: [OutRecord] = []
    var known: TopicPartition?
    let all = (0..<Int32(count)).map { TopicPartition(topic, $0) }
    let bounds = try log.bounds(of: all)
    for partition in all {
      let range = bounds[partition]!
      if range.upperBound == 0 {
        heads.append(record(topic: topic, partition: partition.partition, now: now))
      } else if range.lowerBound == 0 && !range.isEmpty {
        known = known ?? partition
      }
    }
    // They are written together, so one tells: reading each first record of many partitions takes long.
    if let known { try check(known, in: log, timeoutMs) }
    guard !heads.isEmpty else { return }
    let writer = try log.plainWriter()
    defer { writer.close() }
    for head in heads { try writer.append(head) }
    try writer.commit(offsets: [:], group: "", reader: nil)
  }

  private func check(
    _ partition: TopicPartition, in log: any Log, _ timeoutMs: Int
  ) throws(LogError) {
    let reader = try log.reader(from: [partition: 0])
    defer { reader.close() }
    var batch = RecordBatch(source: partition)
    let stepMs = 100
    var waited = 0
    while true {
      if try reader.poll(into: &batch, timeoutMs: stepMs), !batch.entries.isEmpty { break }
      waited += stepMs
      guard waited < timeoutMs else {
        throw LogError(.retry, "the journal's first record did not arrive in \(timeoutMs) ms")
      }
    }
    let name = "\(partition.topic)-\(partition.partition)"
    guard let range = batch.entries[0].value, let head = JournalHead(batch.bytes.span, range) else {
      throw LogError(
        .stop, "\(name) does not begin as a journal does; name another topic for the journal")
    }
    guard head == self else {
      throw LogError(
        .stop,
        "\(name) was begun with \(head.partitions) partitions and semantics \(head.semantics), "
          + "and this is \(partitions) and \(semantics); use the binary and the configuration "
          + "that it was begun with")
    }
  }
}
