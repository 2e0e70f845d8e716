package import Log

/// What `kairos source renew` does: finds out whether a source's topic was made anew, and which
/// incarnation is to be ordered.
package struct SourceRenewal: ~Copyable {
  package enum Outcome: Equatable, Sendable {
    /// To be appended to the control topic.
    case order(UInt32)
    /// It has been ordered; ingest takes it up by itself.
    case ordered(UInt32)
    /// Every partition is the one that was read.
    case notNeeded
    /// There is no such topic.
    case missing
  }
  /// Each partition's topic, and how ingest goes on with it.
  package private(set) var partitions:
    [(partition: TopicPartition, result: SourceExamination.Result)] = []
  private let source: SourceSettings
  private let isForced: Bool
  private var examination: SourceExamination

  /// `isForced`: also where nothing shows that the topic was made anew, but retention has taken what
  /// would tell.
  package init(
    source: SourceSettings, isForced: Bool = false, group: String = "kairos-ingest"
  ) {
    self.source = source
    self.isForced = isForced
    examination = SourceExamination(group: group, register: SourceRegister())
  }

  package mutating func look(in log: any Log) throws(LogError) -> Outcome {
    guard let count = try log.partitionCount(of: source.topic) else { return .missing }
    try examination.register.refresh(log)
    partitions.removeAll()
    for number in 0..<Int32(count) {
      let partition = TopicPartition(source.topic, number)
      partitions.append((partition, try examination.examine(source.name, partition, in: log)))
    }
    let ordered = examination.register.ordered(source.name)
    let read = partitions.compactMap { $0.result.known?.incarnation }.max() ?? 0
    let next = Outcome.order(max(ordered, read) + 1)
    var isTaken = true
    for (_, result) in partitions {
      switch result.continuity {
      case .stopped: return next
      case .goesOn(_, let incarnation, let doubt):
        if doubt != nil, isForced { return next }
        if let known = result.known, incarnation > known.incarnation { isTaken = false }
      }
    }
    return isTaken ? .notNeeded : .ordered(ordered)
  }

  package consuming func looked(in log: any Log) throws(LogError) -> Outcome {
    try look(in: log)
  }
}
