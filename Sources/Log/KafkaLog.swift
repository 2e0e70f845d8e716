/// A Kafka cluster as a log. Any thread may ask it for readers and writers; each of those belongs
/// to the thread that uses it.
package final class KafkaLog: Log, Sendable {
  private let admin: KafkaAdmin
  private let notice: (@Sendable (String) -> Void)?
  private let members: KafkaMembers

  /// Connects, and so reports within `connectMs` that nothing listens (`.retry`), that the log-in
  /// or TLS fails, or that a setting does not work (`.stop`).
  ///
  /// `notice` gets what librdkafka has to say while it runs, a line per cause and minute; it may
  /// come on any thread.
  package init(
    _ settings: KafkaSettings, notice: (@Sendable (String) -> Void)? = nil
  ) throws(LogError) {
    admin = try KafkaAdmin(settings, notice: notice)
    self.notice = notice
    members = KafkaMembers(name: settings.memberName)
  }

  package func partitionCount(of topic: String) throws(LogError) -> Int? {
    try admin.partitionCount(of: topic)
  }

  package func createTopic(_ settings: TopicSettings) throws(LogError) {
    try admin.createTopic(settings)
  }

  /// A topic's settings as the brokers have them, defaults included; nil: there is no such topic.
  package func topicConfig(_ topic: String) throws(LogError) -> [String: String]? {
    try admin.topicConfig(topic)
  }

  package func reader(
    from positions: [TopicPartition: Int64]
  ) throws(LogError) -> any LogReader {
    for topic in Set(positions.keys.map(\.topic)).sorted() {
      let count = try existing(topic)
      for partition in positions.keys where partition.topic == topic {
        guard (0..<count).contains(Int(partition.partition)) else {
          throw LogError(
            .stop,
            "Kafka: topic \(topic) has no partition \(partition.partition), its count is "
              + "\(count): use the count it was set up with")
        }
      }
    }
    return try KafkaReader(admin.settings, from: positions, notice: notice)
  }

  package func groupReader(
    group: String, topics: [String]
  ) throws(LogError) -> any GroupReader {
    try members.check()
    for topic in topics { _ = try existing(topic) }
    return try KafkaGroupReader(
      admin.settings, group: group, topics: topics, members: members, notice: notice)
  }

  private func existing(_ topic: String) throws(LogError) -> Int {
    guard let count = try admin.partitionCount(of: topic) else {
      throw LogError(
        .stop,
        "Kafka: there is no topic \(topic): create it, for example by `kairos topics apply`, or "
          + "correct its name")
    }
    return count
  }

  package func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset] {
    try admin.commits(group: group, partitions)
  }

  package func commits(
    group: String, _ partitions: [TopicPartition], withinMs: Int
  ) throws(LogError) -> [TopicPartition: CommittedOffset]? {
    try admin.commits(group: group, partitions, withinMs: withinMs)
  }

  /// The upper bound is the last stable offset.
  package func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64> {
    try admin.bounds(of: [partition])[partition]!
  }

  package func bounds(
    of partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: Range<Int64>] {
    try admin.bounds(of: partitions)
  }

  package func transactionalWriter(id: String) throws(LogError) -> any LogWriter {
    try members.check()
    let (admin, notice) = (admin, notice)
    return try KafkaTransactionalWriter(
      id: id, stepMs: admin.settings.requestMs, commitMs: admin.settings.commitMs, members: members
    ) { () throws(LogError) in
      try KafkaTransactionalProducer(id: id, admin, notice: notice)
    }
  }

  package func plainWriter() throws(LogError) -> any LogWriter {
    try KafkaPlainWriter(admin, notice: notice)
  }
}
