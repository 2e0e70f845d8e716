internal import Decisions
internal import Engine
internal import Events
internal import Glibc
package import Log

/// Recomputes a journal, partition by partition, and holds what is recorded against it, byte for
/// byte. It reads only; an engine may run meanwhile.
package final class Verification {
  package struct Settings: Sendable {
    package var journal = TopicContract.journal.name
    package var decisions = TopicContract.decisions.name
    package var state = TopicContract.state.name
    package var hashes = TopicContract.hashes.name
    package var erasures = TopicContract.erasures.name
    /// Semantics numbers that this build implements.
    package var semantics = Semantics.known
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

  let log: any Log
  let programs: any ProgramSource
  let settings: Settings
  /// Partition at hand, journal records so far, the share of it all.
  private let progress: (Int32, Int64, Double) -> Void
  private var patienceLeftMs: Int
  var records: Int64 = 0

  package init(
    log: any Log, programs: any ProgramSource, settings: Settings,
    progress: @escaping (Int32, Int64, Double) -> Void = { _, _, _ in }
  ) {
    self.log = log
    self.programs = programs
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
    let evidence = try evidence(number, of: count, report.range, &report)
    defer { for comparison in evidence.all { comparison.close() } }
    try fold(journal, upTo: end, evidence, &report) { [self] in
      progress(number, records, share($0))
    }
    try finish(evidence, &report)
    return report
  }

  /// What is recorded of one journal partition.
  final class Evidence {
    typealias Difference = VerificationReport.Difference
    /// Topic `decisions` has all decisions, an action's topic its own.
    let decisions: DecisionComparison
    var actions: [String: DecisionComparison] = [:]
    /// Nil: there is no such topic.
    var state: RecordedState?
    var hashes: RecordedNotes?
    var erasures: RecordedNotes?
    /// What was computed for the last two.
    var points: [(position: Int64, value: [UInt8])] = []
    var proofs: [(position: Int64, value: [UInt8])] = []
    /// In the order in which they were found.
    private let found: Found
    var differences: [Difference] { found.differences }
    /// Makes a comparison with an action's topic, once a decision names it.
    let comparison: (String) throws(LogError) -> DecisionComparison

    final class Found { var differences: [Difference] = [] }

    init(
      _ topic: String, _ found: Found,
      comparison: @escaping (String) throws(LogError) -> DecisionComparison
    ) throws(LogError) {
      self.found = found
      self.comparison = comparison
      decisions = try comparison(topic)
    }

    func tell(_ difference: Difference) { found.differences.append(difference) }
    func actions(_ topic: String) throws(LogError) -> DecisionComparison {
      if let known = actions[topic] { return known }
      let made = try comparison(topic)
      actions[topic] = made
      return made
    }
    var all: [DecisionComparison] { [decisions] + actions.values }
  }

  private func evidence(
    _ number: Int32, of count: Int, _ range: Range<Int64>,
    _ report: inout VerificationReport.Partition
  ) throws(LogError) -> Evidence {
    let found = Evidence.Found()
    let evidence = try Evidence(settings.decisions, found) { [self] topic throws(LogError) in
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
    // Those of later books come as decisions name them.
    for topic in Set(programs.initial.checks.decisions.map(\.topic)) {
      _ = try evidence.actions(topic)
    }
    if try isWithJournal(settings.state, count, &report) {
      evidence.state = try RecordedState(log, TopicPartition(settings.state, number), range)
    }
    if try isWithJournal(settings.hashes, count, &report) {
      evidence.hashes = try RecordedNotes(log, TopicPartition(settings.hashes, number))
    }
    if try isWithJournal(settings.erasures, count, &report) {
      evidence.erasures = try RecordedNotes(log, TopicPartition(settings.erasures, number))
    }
    return evidence
  }

  /// Whether there is such a topic, partitioned as the journal is.
  private func isWithJournal(
    _ topic: String, _ count: Int, _ report: inout VerificationReport.Partition
  ) throws(LogError) -> Bool {
    guard let partitions = try log.partitionCount(of: topic) else {
      report.notCompared.append("there is no topic \(topic)")
      return false
    }
    guard partitions == count else {
      report.notCompared.append(
        "\(topic) has \(partitions) partitions, and the journal \(count)")
      return false
    }
    return true
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

  private func finish(
    _ evidence: Evidence, _ report: inout VerificationReport.Partition
  ) throws(LogError) {
    for comparison in evidence.all {
      let (expired, begins) = try comparison.finish()
      guard expired > 0 else { continue }
      let places = begins.keys.sorted().map {
        "\($0.topic)-\($0.partition) begins at offset \(begins[$0]!)"
      }
      report.notCompared.append(
        "\(expired) decisions are older than their topic: \(places.joined(separator: ", "))")
    }
    report.decisions = evidence.decisions.equal
    report.actions = evidence.actions.values.reduce(0) { $0 + $1.equal }
    if let hashes = evidence.hashes {
      report.hashes = compare(evidence.points, hashes, .hash, evidence, &report)
    }
    if let erasures = evidence.erasures {
      report.proofs = compare(evidence.proofs, erasures, .proof, evidence, &report)
    }
    for difference in evidence.differences { report.add(difference) }
  }
}
