internal import Log

/// One source partition that is being read.
struct SourceReading {
  var source: String
  var partition: Int32
  var incarnation: UInt32
  /// Nil: nothing of it has been noted yet.
  private(set) var topic: SourceTopic?
  /// The last record that was read, and the last whose journal record is durable.
  private var last: (offset: Int64, fingerprint: UInt64)?
  private var durable: (next: Int64, offset: Int64, fingerprint: UInt64)?
  private var notedAt: Int64

  init(source: String, partition: Int32, incarnation: UInt32, topic: SourceTopic?, now: Int64) {
    self.source = source
    self.partition = partition
    self.incarnation = incarnation
    self.topic = topic?.incarnation == incarnation ? topic : nil
    notedAt = now
  }

  /// Sees records go by. Gives what is to be noted before they are written, if nothing was yet.
  mutating func see(
    _ batch: borrowing RecordBatch, _ first: RecordBatch.Entry, _ last: RecordBatch.Entry,
    position: Int64
  ) -> SourceTopic? {
    self.last = (last.offset, SourceTopic.fingerprint(batch, last))
    guard topic == nil else { return nil }
    topic = SourceTopic(
      source: source, partition: partition, incarnation: incarnation, next: position,
      offset: first.offset, fingerprint: SourceTopic.fingerprint(batch, first))
    return topic
  }

  mutating func durable(to next: Int64) {
    if let last { durable = (next, last.offset, last.fingerprint) }
  }

  /// Whether a newer record should be noted: retention takes the older ones.
  func isDue(now: Int64) -> Bool {
    guard let topic, let durable else { return false }
    return durable.offset > topic.offset && now >= notedAt + Self.everyMs
  }
  static let everyMs: Int64 = 600_000

  /// What is to be noted now.
  mutating func renewNote(now: Int64) -> SourceTopic? {
    guard let durable, var topic else { return nil }
    topic.next = durable.next
    topic.offset = durable.offset
    topic.fingerprint = durable.fingerprint
    self.topic = topic
    notedAt = now
    return topic
  }

  mutating func decline(_ ordered: UInt32) -> SourceTopic? {
    guard topic != nil else { return nil }
    topic?.declined = ordered
    return topic
  }
}

extension IngestLoop {
  /// Begins with the partitions that were given to us: where the journal has left off, or not at
  /// all.
  func settle(now: Int64) throws(LogError) {
    guard !unsettled.isEmpty else { return }
    try examination.register.refresh(log)
    for partition in unsettled.sorted(by: Self.precedes) {
      if partition.topic == topics.control {
        try beginControl(partition)
      } else if let source = sources.first(where: { $0.topic == partition.topic }) {
        try begin(source, partition, now)
      }
      unsettled.remove(partition)
    }
  }

  private static func precedes(_ a: TopicPartition, _ b: TopicPartition) -> Bool {
    a.topic == b.topic ? a.partition < b.partition : a.topic < b.topic
  }

  private func beginControl(_ partition: TopicPartition) throws(LogError) {
    let bounds = try log.bounds(of: partition)
    let known = try log.commits(group: group, [partition])[partition]?.offset ?? bounds.lowerBound
    guard known <= bounds.upperBound else {
      throw LogError(
        .stop,
        "\(partition.topic)-0 ends at \(bounds.upperBound), and \(known) of it were copied to the "
          + "journal: it was made anew, and its orders would be taken for earlier ones; restore it")
    }
    let position = max(known, bounds.lowerBound)
    try reader.start([partition: position])
    stage.gained(partition, at: position)
    began(partition, at: position)
  }

  private func begin(
    _ source: SourceSettings, _ partition: TopicPartition, _ now: Int64
  ) throws(LogError) {
    let result = try examination.examine(source.name, partition, in: log)
    switch result.continuity {
    case .stopped(let why): stop(source, partition, why)
    case .goesOn(let position, let incarnation, let doubt):
      let name = "\(partition.topic)-\(partition.partition)"
      if let doubt { notices.append("source \(source.name): \(name): \(doubt)") }
      if stopped.removeValue(forKey: partition) != nil {
        notices.append("source \(source.name): \(name) is read again")
      }
      try reader.start([partition: position])
      stage.gained(
        partition, at: position, incarnation: incarnation,
        gone: try gone(source, partition, incarnation))
      began(partition, at: position)
      readings[partition] = SourceReading(
        source: source.name, partition: partition.partition, incarnation: incarnation,
        topic: result.known, now: now)
      if let known = result.known, known.incarnation == incarnation {
        declineIfNeedless(partition, known, ordered: result.ordered, now)
      }
    }
  }

  /// The topic is the one that was read, and somebody ordered a new incarnation all the same. That
  /// is kept in mind, or the next one made anew would count as ordered.
  private func declineIfNeedless(
    _ partition: TopicPartition, _ known: SourceTopic, ordered: UInt32, _ now: Int64
  ) {
    guard ordered > max(known.incarnation, known.declined),
      let topic = readings[partition]?.decline(ordered)
    else { return }
    notices.append(
      "source \(known.source): \(partition.topic)-\(partition.partition) is the topic that was read: "
        + "the order to renew it is without need, and it goes on")
    send(topic.record(topic: topics.sources, now: now))
    examination.register.take(topic)
  }

  /// Told by whoever has the first partition.
  private func gone(
    _ source: SourceSettings, _ partition: TopicPartition, _ incarnation: UInt32
  ) throws(LogError) -> [(partition: Int32, incarnation: UInt32)] {
    guard partition.partition == 0, incarnation > 0 else { return [] }
    let count = try log.partitionCount(of: source.topic) ?? 0
    return examination.register.partitions(of: source.name)
      .filter { Int($0.partition) >= count && $0.incarnation < incarnation }
      .map { ($0.partition, $0.incarnation) }
  }

  private func stop(_ source: SourceSettings, _ partition: TopicPartition, _ why: String) {
    drop(partition)
    let line =
      "source \(source.name): \(partition.topic)-\(partition.partition) is not read: \(why); if it "
      + "is to be read from its first record, kairos source renew \(source.name)"
    if stopped.updateValue(line, forKey: partition) == nil { notices.append(line) }
  }

  /// Now and then: are there new orders, is a topic there that was missing, and is what we read
  /// still what we began to read?
  func look(now: Int64) throws(LogError) {
    guard now >= nextLook else { return }
    nextLook = now + Self.lookEveryMs
    for source in sources {
      let isThere = try log.partitionCount(of: source.topic) != nil
      if isThere, missing.contains(source.name) {
        throw LogError(
          .recreate, "the topic \(source.topic) of source \(source.name) is there now")
      }
      if !isThere { missing.insert(source.name) }
    }
    try examination.register.refresh(log)
    unsettled.formUnion(stopped.keys)
    for reading in readings.values {
      guard let topic = reading.topic,
        examination.register.ordered(reading.source) > max(reading.incarnation, topic.declined)
      else { continue }
      throw LogError(.recreate, "source \(reading.source) is looked at: a renewal was ordered")
    }
    let due = readings.filter { $0.value.isDue(now: now) }.keys.min(by: Self.precedes)
    if let due {
      try noteAgain(due, now)
    } else if now >= nextProbe {
      nextProbe = now + Self.probeEveryMs
      try probe()
    }
    try settle(now: now)
  }
  static let lookEveryMs: Int64 = 5_000

  /// One source after the other: is its topic still the one that we read? Nobody tells us of a topic
  /// that is deleted and made anew between two fetches, and has grown past where we stand.
  private func probe() throws(LogError) {
    let noted = Set(readings.values.compactMap { $0.topic?.source }).sorted()
    guard !noted.isEmpty else { return }
    probes += 1
    let source = noted[probes % noted.count]
    let own = readings.filter { $0.value.source == source }.keys.sorted(by: Self.precedes)
    guard let partition = own.first(where: { readings[$0]?.topic != nil }),
      let topic = readings[partition]?.topic, try isAnother(topic, partition)
    else { return }
    throw Self.madeAnew(partition)
  }
  static let probeEveryMs: Int64 = 15_000

  /// A client that has read the old topic is not to read the new one: a new loop has new ones, and
  /// stops the source.
  private static func madeAnew(_ partition: TopicPartition) -> LogError {
    LogError(.recreate, "\(partition.topic)-\(partition.partition) was made anew")
  }

  private func isAnother(_ topic: SourceTopic, _ partition: TopicPartition) throws(LogError) -> Bool
  {
    let bounds = try log.bounds(of: partition)
    return try SourceExamination.look(for: topic, partition, bounds, in: log) == .other
  }

  /// Whether a reader failed because a source's topic is not what it was: then a new loop stops
  /// that source, and this is no reason to end.
  func isAnySourceChanged() throws(LogError) -> Bool {
    for (partition, position) in stage.positions where partition.topic != topics.control {
      guard let count = try log.partitionCount(of: partition.topic),
        Int(partition.partition) < count
      else { return true }
      let bounds = try log.bounds(of: partition)
      if position < bounds.lowerBound || position > bounds.upperBound { return true }
    }
    return false
  }

  private func noteAgain(_ partition: TopicPartition, _ now: Int64) throws(LogError) {
    guard let known = readings[partition]?.topic else { return }
    if try isAnother(known, partition) { throw Self.madeAnew(partition) }
    guard let topic = readings[partition]?.renewNote(now: now) else { return }
    send(topic.record(topic: topics.sources, now: now))
    examination.register.take(topic)
  }
}
