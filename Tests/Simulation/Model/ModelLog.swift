import Log
import TestSupport

/// The cluster as one life of one process sees it: with KafkaLog's promises and errors.
final class ModelLog: Log, @unchecked Sendable {
  let process: Process
  let life: Life
  private var world: World { process.world }

  /// How long a request about topics, offsets and groups may take; how long a commit may.
  static let requestMs: Int64 = 3_000
  static let commitMs: Int64 = 6_000

  init(_ process: Process) {
    self.process = process
    life = process.life
  }

  // MARK: The way to the cluster

  /// The end of a process that is in the middle of something.
  private static let dead = LogError(.stop, "the process is dead")

  func checkAlive() throws(LogError) { if life.isOver { throw Self.dead } }

  /// At every call: others may overtake, the process may be stopped, or killed.
  func enter() throws(LogError) {
    try checkAlive()
    guard world.canNest else { return }
    let profile = world.profile
    if world.happens(profile.kill) {
      process.kill(restartAfter: Int64(world.random.number(in: 10..<15_000)))
    } else if world.happens(profile.stop) {
      process.rest()
      world.wait(process.stoppedUntil - world.now)
    } else if world.happens(profile.slow) {
      world.wait(Int64(world.random.number(in: 10..<1_500)))
    } else if world.happens(profile.interleave) {
      world.wait(Int64(world.random.number(in: 1..<100)))
    }
    if process.isStopped, !life.isOver { world.wait(process.stoppedUntil - world.now) }
    try checkAlive()
  }

  /// Waits until the condition holds, at most so long. False: it does not.
  func wait(upTo limit: Int64, until isDone: () -> Bool) throws(LogError) -> Bool {
    let end = world.now + limit
    while !isDone() {
      guard world.now < end, world.failure == nil else { return false }
      world.wait(min(50, end - world.now))
      if process.isStopped, !life.isOver { world.wait(process.stoppedUntil - world.now) }
      try checkAlive()
    }
    return true
  }

  /// The same, to be connected.
  func reach(
    _ doing: String, _ limit: Int64 = requestMs, otherwise remedy: LogError.Remedy = .retry
  )
    throws(LogError)
  {
    guard try wait(upTo: limit, until: { process.isConnected }) else {
      throw LogError(remedy, "\(doing): no answer in \(limit) ms")
    }
  }

  private func ask(_ doing: String) throws(LogError) {
    try enter()
    try reach(doing)
    if world.happens(world.profile.askError) { throw LogError(.retry, "\(doing): not now") }
  }

  // MARK: Topics and offsets

  func partitionCount(of topic: String) throws(LogError) -> Int? {
    try ask("asking for topic \(topic)")
    return world.cluster.counts[topic]
  }

  func createTopic(_ settings: TopicSettings) throws(LogError) {
    try ask("creating topic \(settings.name)")
    guard world.cluster.create(settings) else {
      throw LogError(.stop, "topic \(settings.name) has another count")
    }
  }

  func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    try ask("asking for the bounds of \(partition)")
    guard world.cluster.counts[partition.topic] ?? 0 > partition.partition else {
      throw LogError(.stop, "there is no \(partition)")
    }
    // What compaction takes away does not move a partition's first offset.
    return 0..<world.cluster.visibleEnd(of: world.cluster[partition])
  }

  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    let doing = "asking for the committed offsets of group \(group)"
    try ask(doing)
    let cluster = world.cluster
    guard
      try wait(upTo: Self.requestMs, until: { !cluster.hasPending(group, partitions) })
    else { throw LogError(.retry, "\(doing): a transaction is still open") }
    var found: [TopicPartition: CommittedOffset] = [:]
    for partition in partitions {
      found[partition] = cluster.groups[group]?.committed[partition]
    }
    return found
  }

  // MARK: Readers and writers

  private func demand(_ topic: String) throws(LogError) {
    guard try partitionCount(of: topic) != nil else {
      throw LogError(.stop, "there is no topic \(topic)")
    }
  }

  func reader(from positions: [TopicPartition: Int64]) throws(LogError) -> any LogReader {
    for topic in Set(positions.keys.map(\.topic)).sorted() { try demand(topic) }
    return ModelReader(self, from: positions)
  }

  func groupReader(group: String, topics: [String]) throws(LogError) -> any GroupReader {
    for topic in topics { try demand(topic) }
    return ModelGroupReader(self, group: group, topics: topics)
  }

  func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    try ModelTransactionalWriter(id: id, self)
  }

  func plainWriter() throws(LogError) -> any LogWriter {
    try enter()
    return ModelPlainWriter(self)
  }
}

extension TopicPartition: CustomStringConvertible {
  package var description: String { "\(topic)[\(partition)]" }
}
