internal import Decisions
package import Engine
internal import Events
internal import Glibc
package import Log

/// Recomputes a journal, partition by partition, and holds what is recorded against it, byte for
/// byte. It reads only; an engine may run meanwhile.
package final class Verification {
  package struct Settings: Sendable {
    package var journal = TopicContract.journal.name
    package var decisions = TopicContract.decisions.name
    /// Whose committed offsets say how far the journal has been folded.
    package var group = "kairos-fold"
    /// Journal partitions; empty: all.
    package var partitions: [Int32] = []
    /// Journal offsets whose results are compared, in each partition; the fold itself begins at the
    /// first record in any case.
    package var range: Range<Int64> = 0..<Int64.max
    /// How long what is committed may take to show, ms.
    package var patienceMs = 5000
    package init() {}
  }

  private let log: any Log
  private let program: Program
  private let settings: Settings
  /// Partition at hand, journal records so far, the share of it all.
  private let progress: (Int32, Int64, Double) -> Void
  private var patienceLeftMs: Int
  private var records: Int64 = 0

  package init(
    log: any Log, program: Program, settings: Settings,
    progress: @escaping (Int32, Int64, Double) -> Void = { _, _, _ in }
  ) {
    self.log = log
    self.program = program
    self.settings = settings
    self.progress = progress
    patienceLeftMs = settings.patienceMs
  }

  package func run() throws(LogError) -> VerificationReport {
    guard let count = try log.partitionCount(of: settings.journal) else {
      throw LogError(
        .stop, "there is no journal \(settings.journal); name a log that kairos run has written")
    }
    for number in settings.partitions where number >= count {
      throw LogError(
        .stop,
        "\(settings.journal) has \(count) partitions, the last is \(count - 1), not \(number)")
    }
    let numbers = settings.partitions.isEmpty ? Array(0..<Int32(count)) : settings.partitions
    var report = VerificationReport()
    for (index, number) in numbers.enumerated() {
      report.partitions.append(
        try verify(number, of: count) { share in
          (Double(index) + share) / Double(numbers.count)
        })
    }
    return report
  }

  private func verify(
    _ number: Int32, of count: Int, share: (Double) -> Double
  ) throws(LogError) -> VerificationReport.Partition {
    var report = VerificationReport.Partition(number: number)
    let journal = TopicPartition(settings.journal, number)
    // Before the topics are looked at: what is committed must be visible there, soon.
    let committed = try log.committed(group: settings.group, [journal])[journal]
    let bounds = try log.bounds(of: journal)
    let name = "\(journal.topic)-\(number)"
    guard bounds.lowerBound == 0 else {
      report.isOpaque = true
      report.notCompared.append(
        "\(name) begins at offset \(bounds.lowerBound): its first records are gone, and it cannot be "
          + "recomputed without them; restore it from a copy that has them")
      return report
    }
    let end = min(committed ?? bounds.upperBound, bounds.upperBound, settings.range.upperBound)
    if committed == nil, !bounds.isEmpty {
      report.notCompared.append(
        "the group \(settings.group) has no offset of \(name): nothing was folded, or its offset "
          + "has expired; compared up to the journal's end")
    }
    if let committed, committed > bounds.upperBound {
      report.isOpaque = true
      report.notCompared.append(
        "\(name) ends at \(bounds.upperBound), and \(committed) of it were folded: it is not the "
          + "journal that was folded")
      return report
    }
    report.range = min(settings.range.lowerBound, end)..<end
    let comparisons = try comparisons(number, of: count, report.range)
    defer { for comparison in comparisons.all { comparison.close() } }
    try fold(journal, upTo: end, comparisons, &report) {
      self.progress(number, self.records, share($0))
    }
    try finish(comparisons, &report)
    return report
  }

  /// What is written of each decision: topic `decisions` has all of them, an action's topic its own.
  private struct Comparisons {
    var decisions: DecisionComparison
    var actions: [String: DecisionComparison]
    let found: Found
    var all: [DecisionComparison] { [decisions] + actions.values }
  }

  /// Differences, in the order in which they were found.
  private final class Found {
    var differences: [VerificationReport.Difference] = []
  }

  private func comparisons(
    _ number: Int32, of count: Int, _ range: Range<Int64>
  ) throws(LogError) -> Comparisons {
    let found = Found()
    func comparison(_ topic: String) throws(LogError) -> DecisionComparison {
      guard let partitions = try log.partitionCount(of: topic) else {
        throw LogError(
          .stop,
          "there is no topic \(topic), and the book's decisions go there; restore it, or "
            + "give the book that this log was run with")
      }
      return try DecisionComparison(
        log, topic: topic, count: partitions, journalPartition: number, journalPartitions: count,
        range: range, patience: waitForMore, tell: { found.differences.append($0) })
    }
    var actions: [String: DecisionComparison] = [:]
    for topic in Set(program.checks.decisions.map(\.topic)).sorted() {
      actions[topic] = try comparison(topic)
    }
    return Comparisons(
      decisions: try comparison(settings.decisions), actions: actions, found: found)
  }

  /// A transaction's offsets may be known a moment before its records are visible.
  private func waitForMore(_ recorded: RecordedDecisions) throws(LogError) -> Bool {
    while patienceLeftMs > 0 {
      if try recorded.lookAgain() { return true }
      usleep(100_000)
      patienceLeftMs -= 100
    }
    return false
  }

  private func fold(
    _ journal: TopicPartition, upTo end: Int64, _ comparisons: Comparisons,
    _ report: inout VerificationReport.Partition, progress: (Double) -> Void
  ) throws(LogError) {
    var shard = Shard(program: program, partition: journal.partition)
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
      for entry in batch.entries where entry.offset < end {
        guard let range = entry.value else { continue }
        shard.read(
          batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
        report.records += 1
        let published = shard.takeOutput()
        if !published.isEmpty {
          try compare(published, at: entry.offset, journal.partition, comparisons)
        }
      }
      next = batch.nextOffset
      records += Int64(batch.entries.count)
      progress(Double(min(next, end)) / Double(end))
    }
    if shard.counts.unreadable > 0 {
      report.notCompared.append(
        "\(shard.counts.unreadable) records of \(journal.topic)-\(journal.partition) cannot be read "
          + "by this version; a fold passes them over")
    }
  }

  private func compare(
    _ published: [Shard.Published], at position: Int64, _ partition: Int32,
    _ comparisons: Comparisons
  ) throws(LogError) {
    var decisions: [DecisionImage] = []
    var actions: [String: [DecisionImage]] = [:]
    for one in published {
      let image = DecisionImage(one, journalPartition: partition)
      decisions.append(image)
      if let topic = one.record.actionTopic { actions[topic, default: []].append(image) }
    }
    try comparisons.decisions.compare(decisions, at: position)
    for topic in actions.keys.sorted() {
      try comparisons.actions[topic]?.compare(actions[topic]!, at: position)
    }
  }

  private func finish(
    _ comparisons: Comparisons, _ report: inout VerificationReport.Partition
  ) throws(LogError) {
    for comparison in comparisons.all {
      let (expired, begins) = try comparison.finish()
      guard expired > 0 else { continue }
      let places = begins.keys.sorted().map {
        "\($0.topic)-\($0.partition) begins at offset \(begins[$0]!)"
      }
      report.notCompared.append(
        "\(expired) decisions are older than their topic: \(places.joined(separator: ", "))")
    }
    report.decisions = comparisons.decisions.equal
    report.actions = comparisons.actions.values.reduce(0) { $0 + $1.equal }
    for difference in comparisons.found.differences { report.add(difference) }
  }
}
