/// A group's only member: all partitions are its own until a newer reader of the group comes.
final class EmbeddedGroupReader: EmbeddedReader, GroupReader {
  let fence: EmbeddedFence
  private let group: String
  private let sources: [TopicPartition]
  private enum Phase { case new, assigned, lost }
  private var phase = Phase.new

  init(_ log: EmbeddedLog, group: String, generation: Int, _ sources: [TopicPartition]) {
    fence = EmbeddedFence(key: "group \(group)", generation: generation)
    self.group = group
    self.sources = sources
    super.init(log)
  }

  func takeAssignments() -> [Assignment] {
    let isCurrent = log.lock.withLock { log.isCurrent(fence) }
    switch phase {
    case .new where isCurrent:
      phase = .assigned
      return [.gained(sources)]
    case .assigned where !isCurrent:
      phase = .lost
      stop()
      return [.lost(sources)]
    case .new, .assigned, .lost:
      return []
    }
  }

  override func start(_ positions: [TopicPartition: Int64]) throws(LogError) {
    for source in positions.keys where !sources.contains(source) {
      throw LogError(
        .stop, "\(source.topic)-\(source.partition) is not assigned to this reader of \(group)")
    }
    try super.start(positions)
  }

  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError) {
    CommittedOffset.check(metadata.values)
    let offsets = positions.sorted { $0.key < $1.key }.map {
      EmbeddedCommit.GroupOffset(
        group: group, source: $0.key, offset: $0.value, metadata: metadata[$0.key] ?? "")
    }
    try log.commit([], offsets, fences: [fence])
  }
}
