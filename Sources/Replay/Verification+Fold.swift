internal import Cel
internal import Decisions
internal import Engine
internal import Events
internal import Log

// The journal folded again, and on the way what is recorded held against it.

extension Verification {
  typealias Partition = VerificationReport.Partition

  func fold(
    _ journal: TopicPartition, upTo end: Int64, _ evidence: Evidence, _ report: inout Partition,
    progress: (Double) -> Void
  ) throws(LogError) {
    var shard = Shard(program: programs.initial, partition: journal.partition)
    let reader = try log.reader(from: [journal: 0])
    defer { reader.close() }
    var batch = RecordBatch(source: journal)
    var next: Int64 = 0
    var silence = 0
    while next < end {
      guard try reader.poll(into: &batch, timeoutMs: 500) else {
        silence += 1
        guard silence < 40 else {
          throw LogError(
            .retry,
            "\(journal.topic)-\(journal.partition) gives nothing from offset \(next) on; try again "
              + "when its brokers answer")
        }
        continue
      }
      silence = 0
      guard try fold(batch, upTo: end, &shard, evidence, &report) else { return }
      next = batch.nextOffset
      records += Int64(batch.entries.count)
      progress(Double(min(next, end)) / Double(end))
    }
    compareState(upTo: end, &shard, evidence, &report)
    tellDamaged(evidence, journal.partition, &report)
    if shard.counts.unreadable > 0 {
      report.notCompared.append(
        "\(shard.counts.unreadable) records of \(journal.topic)-\(journal.partition) cannot be read "
          + "by this version; a fold passes them over")
    }
  }

  /// False: the journal cannot be folded any further.
  private func fold(
    _ batch: borrowing RecordBatch, upTo end: Int64, _ shard: inout Shard, _ evidence: Evidence,
    _ report: inout Partition
  ) throws(LogError) -> Bool {
    let partition = batch.source.partition
    for entry in batch.entries where entry.offset < end {
      guard let range = entry.value else { continue }
      compareState(upTo: entry.offset, &shard, evidence, &report)
      if let control = Shard.control(batch.bytes.span, range),
        let refusal = try admit(control, &shard, at: entry.offset, of: batch.source)
      {
        report.isOpaque = true
        report.range = report.range.clamped(to: 0..<entry.offset)
        report.notCompared.append("from offset \(entry.offset) on: \(refusal)")
        return false
      }
      shard.read(batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
      report.records += 1
      let published = shard.takeOutput()
      if !published.isEmpty { try compare(published, at: entry.offset, partition, evidence) }
      for point in shard.takeHashPoints() { evidence.points.append((point.offset, point.json)) }
      for erasure in shard.takeErasures() { evidence.proofs.append((entry.offset, erasure.proof)) }
    }
    return true
  }

  /// Makes the shard ready for a control record, as the fold does. Not nil: why it cannot be.
  private func admit(
    _ control: Control, _ shard: inout Shard, at offset: Int64, of journal: TopicPartition
  ) throws(LogError) -> String? {
    switch control {
    case .journal(_, let number), .semantics(let number):
      return settings.semantics.contains(number)
        ? nil : "semantics \(number), which this build does not know"
    case .book, .activate:
      do {
        try RecordedOrders(log: log, programs: programs)
          .prepare(&shard, for: control, at: offset, of: journal)
        return nil
      } catch {
        guard error.remedy == .stop else { throw error }
        return error.message
      }
    case .incarnation: return nil
    }
  }

  private func compare(
    _ published: [Shard.Published], at position: Int64, _ partition: Int32, _ evidence: Evidence
  ) throws(LogError) {
    var decisions: [DecisionImage] = []
    var actions: [String: [DecisionImage]] = [:]
    for one in published {
      let image = DecisionImage(one, journalPartition: partition)
      decisions.append(image)
      if let topic = one.record.actionTopic { actions[topic, default: []].append(image) }
    }
    try evidence.decisions.compare(decisions, at: position)
    for topic in actions.keys.sorted() {
      try evidence.actions(topic).compare(actions[topic]!, at: position)
    }
  }

  // MARK: State

  /// Records of state that are of journal offsets up to `offset`, where no record lies between the
  /// shard and there.
  private func compareState(
    upTo offset: Int64, _ shard: inout Shard, _ evidence: Evidence, _ report: inout Partition
  ) {
    guard let recorded = evidence.state?.take(upTo: offset) else { return }
    for (asOf, entry) in recorded {
      shard.skip(to: asOf)
      let computed = shard.stateRecord(entry.key)?.value
      if let computed, stableHash(computed.span) == entry.hash, asOf == shard.next {
        report.slices += 1
        continue
      }
      tell(entry, asOf, computed, evidence, report.number)
    }
  }

  private func tell(
    _ entry: RecordedState.Entry, _ asOf: Int64, _ computed: [UInt8]?, _ evidence: Evidence,
    _ partition: Int32
  ) {
    guard let topic = evidence.state?.topic else { return }
    func short(_ hash: UInt64, _ count: Int) -> String { "\(count) bytes, \(HashPoint.hex(hash))" }
    evidence.tell(
      .init(
        .slice, journal: (partition, asOf), topic: topic.topic, partition: topic.partition,
        offset: entry.offset, name: JsonDifference.short(entry.key),
        recorded: short(entry.hash, entry.bytes),
        computed: computed.map { short(stableHash($0.span), $0.count) }))
  }

  private func tellDamaged(
    _ evidence: Evidence, _ partition: Int32, _ report: inout Partition
  ) {
    guard let state = evidence.state else { return }
    report.notCompared += state.notes
    for damaged in state.damaged {
      evidence.tell(
        .init(
          .slice, journal: (partition, nil), topic: state.topic.topic,
          partition: state.topic.partition, offset: damaged.offset,
          name: JsonDifference.short(damaged.key), field: "it cannot be read",
          recorded: damaged.why))
    }
  }

  // MARK: Hash points and proofs

  /// Both are in the order of the journal. Returns how many are equal.
  func compare(
    _ computed: [(position: Int64, value: [UInt8])], _ recorded: RecordedNotes,
    _ kind: VerificationReport.Difference.Kind, _ evidence: Evidence, _ report: inout Partition
  ) -> Int64 {
    let topic = recorded.topic
    let range = report.range
    let entries = recorded.entries.filter { $0.position == .min || range.contains($0.position) }
    var wanted = computed.filter { range.contains($0.position) }[...]
    // Written only since some version, or from some day on.
    let begin = entries.first { $0.position != .min }?.position ?? .max
    let before = wanted.prefix { $0.position < begin }
    if !before.isEmpty {
      report.notCompared.append(
        "\(topic.topic)-\(topic.partition) has nothing of \(before.count) offsets from "
          + "\(before.first!.position) on")
      wanted = wanted.dropFirst(before.count)
    }
    func tell(
      _ position: Int64, _ offset: Int64?, _ recorded: [UInt8]?, _ computed: [UInt8]?
    ) {
      let change =
        recorded.flatMap { recorded in
          computed.flatMap { JsonDifference(recorded: recorded, computed: $0) }
        }
      evidence.tell(
        .init(
          kind, journal: (report.number, position == .min ? nil : position), topic: topic.topic,
          partition: topic.partition, offset: offset,
          name: kind == .hash ? "the hash point" : "the proof", field: change?.path,
          recorded: change?.recorded ?? recorded.map { JsonDifference.short($0) },
          computed: change?.computed ?? computed.map { JsonDifference.short($0) }))
    }
    var equal: Int64 = 0
    for entry in entries {
      while let first = wanted.first, first.position < entry.position {
        tell(first.position, nil, nil, first.value)
        wanted.removeFirst()
      }
      guard let first = wanted.first, first.position == entry.position else {
        tell(entry.position, entry.offset, entry.value, nil)
        continue
      }
      wanted.removeFirst()
      if first.value == entry.value {
        equal += 1
      } else {
        tell(entry.position, entry.offset, entry.value, first.value)
      }
    }
    for left in wanted { tell(left.position, nil, nil, left.value) }
    return equal
  }
}
