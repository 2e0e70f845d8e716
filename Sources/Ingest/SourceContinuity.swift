package import Log

/// How ingest goes on with a source partition that it is given: where the journal has left off, or
/// not at all, because the topic is not the one that was read.
package enum SourceContinuity: Equatable, Sendable {
  /// `doubt`: what could not be made sure of, for a person.
  case goesOn(at: Int64, incarnation: UInt32, doubt: String? = nil)
  /// Nothing of it is read until somebody orders a new incarnation.
  case stopped(why: String)

  /// What is found where the known record was.
  enum Found: Equatable, Sendable {
    case same
    /// Another record, or none although the log goes on behind it.
    case other
    /// The log begins behind it: retention has taken it.
    case gone
  }

  /// What the group has committed, and for which incarnation.
  package struct Committed: Equatable, Sendable {
    package var offset: Int64
    package var incarnation: UInt32
    package init(offset: Int64, incarnation: UInt32) {
      self.offset = offset
      self.incarnation = incarnation
    }

    /// What older versions committed bears no mark, and was of the first incarnation.
    package init(_ commit: CommittedOffset) {
      offset = commit.offset
      let text = commit.metadata
      incarnation = text.hasPrefix(Self.mark) ? UInt32(text.dropFirst(Self.mark.count)) ?? 0 : 0
    }
    private static let mark = "incarnation="
    static func metadata(_ incarnation: UInt32) -> String { "\(mark)\(incarnation)" }
  }

  /// - `known`: of the highest incarnation read, with what was found in its place.
  /// - `ordered`: the highest incarnation that was ordered.
  static func decide(
    known: (topic: SourceTopic, found: Found)?, ordered: UInt32, committed: Committed?,
    bounds: Range<Int64>
  ) -> SourceContinuity {
    let first = bounds.lowerBound
    guard let known else {
      // Nothing of it is in the journal, unless a version wrote it that kept no note.
      if ordered > 0 { return .goesOn(at: first, incarnation: ordered) }
      let next = committed.map(\.offset) ?? first
      guard next <= bounds.upperBound else { return shortened(bounds, next) }
      return .goesOn(at: max(next, first), incarnation: 0, doubt: lost(next, first))
    }
    let topic = known.topic
    let mayRenew = ordered > max(topic.incarnation, topic.declined)
    let renewed = SourceContinuity.goesOn(at: first, incarnation: ordered)
    var before = topic.next
    if let committed, committed.incarnation == topic.incarnation {
      before = max(before, committed.offset)
    }
    let next = max(before, first)
    if next > bounds.upperBound { return mayRenew ? renewed : shortened(bounds, next) }
    switch known.found {
    case .same:
      return .goesOn(at: next, incarnation: topic.incarnation, doubt: lost(before, first))
    case .gone where mayRenew: return renewed
    case .gone:
      return .goesOn(
        at: next, incarnation: topic.incarnation,
        doubt: (lost(before, first).map { "\($0); " } ?? "")
          + "its record \(topic.offset), by which it is known, is gone by retention: whether it was "
          + "made anew since cannot be told")
    case .other:
      if mayRenew { return renewed }
      return .stopped(
        why: "another record is where record \(topic.offset) was: it was made anew, or compacted")
    }
  }

  private static func lost(_ next: Int64, _ first: Int64) -> String? {
    next < first
      ? "its records \(next) to \(first - 1) were taken by retention before they were read" : nil
  }

  private static func shortened(_ bounds: Range<Int64>, _ next: Int64) -> SourceContinuity {
    .stopped(
      why: "it ends at \(bounds.upperBound), and \(next) of it were read: it was made anew, or has "
        + "lost records")
  }
}

/// Finds out, partition by partition, how to go on with a source's topic.
package struct SourceExamination: ~Copyable {
  package struct Result: Equatable, Sendable {
    package var continuity: SourceContinuity
    /// Nil: it was never read.
    package var known: SourceTopic?
    package var ordered: UInt32
    package var committed: SourceContinuity.Committed?
  }
  package var register: SourceRegister
  private let group: String

  package init(group: String, register: consuming SourceRegister) {
    self.group = group
    self.register = register
  }

  package func examine(
    _ source: String, _ partition: TopicPartition, in log: any Log
  ) throws(LogError) -> Result {
    let committed = try log.commits(group: group, [partition])[partition]
      .map { SourceContinuity.Committed($0) }
    let bounds = try log.bounds(of: partition)
    let known = register.topic(source, partition.partition)
    let ordered = register.ordered(source)
    let found = try known.map { topic throws(LogError) in
      try Self.look(for: topic, partition, bounds, in: log)
    }
    return Result(
      continuity: .decide(
        known: known.flatMap { topic in found.map { (topic, $0) } }, ordered: ordered,
        committed: committed, bounds: bounds),
      known: known, ordered: ordered, committed: committed)
  }

  /// What is where the known record was.
  static func look(
    for topic: SourceTopic, _ partition: TopicPartition, _ bounds: Range<Int64>, in log: any Log
  ) throws(LogError) -> SourceContinuity.Found {
    if topic.offset < bounds.lowerBound { return .gone }
    if topic.offset >= bounds.upperBound { return .other }
    var batch = RecordBatch(source: partition)
    var scan = RecordScan(partition, topic.offset..<topic.offset + 1)
    defer { scan.close() }
    while try scan.next(in: log, into: &batch) {
      guard let first = batch.entries.first(where: { $0.offset >= topic.offset }) else { continue }
      let isSame =
        first.offset == topic.offset && SourceTopic.fingerprint(batch, first) == topic.fingerprint
      return isSame ? .same : .other
    }
    return .other
  }
}
