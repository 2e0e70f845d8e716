/// The topics that Kairos writes, as `topics/topics.yaml` and `topics/asyncapi.yaml` promise them to
/// everybody else. A test holds the three against each other.
///
/// Sources are the user's own topics and not listed. Replication is the cluster's default.
package struct TopicContract: Equatable, Sendable {
  /// What a record's key is; it also says which records stay in order.
  package enum Key: String, Sendable {
    /// The customer's id as the event gave it; partition = murmur2(key) mod partitions.
    case customer
    /// One partition, one order: no key.
    case none
    /// The lower-case hexadecimal SHA-256 of the value.
    case hash
    /// The key of the record that was refused, as it came.
    case original
    /// `c:` and the customer's id, `seal` or `head`; partition = the journal partition's.
    case state
    /// No key; partition = the journal partition's.
    case journal
    /// The source's name, `/`, its topic's partition, `/`, the incarnation.
    case source
  }

  /// The topic's name; a `prefix` contract covers every topic whose name begins with it.
  package var name: String
  package var isPrefix: Bool
  /// Nil: as many as the journal has.
  package var fixedPartitions: Int?
  package var key: Key
  /// In Kafka's own names, sorted.
  package var config: [(name: String, value: String)]

  package static func == (a: Self, b: Self) -> Bool {
    a.name == b.name && a.isPrefix == b.isPrefix && a.fixedPartitions == b.fixedPartitions
      && a.key == b.key && a.config.elementsEqual(b.config, by: ==)
  }

  /// How many partitions a journal on Kafka gets; fixed for its life.
  package static let journalPartitions = 64
  /// How many partitions a journal in the embedded log gets.
  package static let embeddedJournalPartitions = 4

  /// Everything that was, in order: the truth. Kept for ever.
  package static let journal = TopicContract(
    name: "kairos.journal", key: .customer,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "2097152"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// What operators and the governor ordered; ingest copies it to every journal partition.
  package static let control = TopicContract(
    name: "kairos.control", fixedPartitions: 1, key: .none,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "1048588"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// Every decision in every outcome, 90 days.
  package static let decisions = TopicContract(
    name: "decisions", key: .customer,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "1048588"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"),
      ("retention.ms", "7776000000"),
    ])

  /// What to do now: released and revoked decisions only, 14 days. A playbook names the topic.
  package static let actions = TopicContract(
    name: "actions.", isPrefix: true, fixedPartitions: 16, key: .customer,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "1048588"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"),
      ("retention.ms", "1209600000"),
    ])

  /// What ingest refused, with the reason, 30 days.
  package static let deadLetters = TopicContract(
    name: "kairos.dead-letters", fixedPartitions: 8, key: .original,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "2097152"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"),
      ("retention.ms", "2592000000"),
    ])

  /// Books, models and zone tables by content hash; control records name the hash.
  package static let artifacts = TopicContract(
    name: "kairos.artifacts", fixedPartitions: 1, key: .hash,
    config: [
      ("cleanup.policy", "compact"), ("max.message.bytes", "20971520"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// A cache of customers' states, from which a restart goes on; the journal can rebuild it.
  package static let state = TopicContract(
    name: "kairos.state", key: .state,
    config: [
      ("cleanup.policy", "compact"), ("max.message.bytes", "20971520"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// What each journal partition's fold came to at fixed offsets, for comparing folds.
  package static let hashes = TopicContract(
    name: "kairos.hashes", key: .journal,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "1048588"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// Proofs that customers' states were removed; without personal data.
  package static let erasures = TopicContract(
    name: "kairos.erasures", key: .journal,
    config: [
      ("cleanup.policy", "delete"), ("max.message.bytes", "1048588"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// By what ingest knows the topics of its sources again. A group's committed offsets would not do:
  /// brokers forget those of a topic that is deleted, and it is then that they are needed.
  package static let sources = TopicContract(
    name: "kairos.sources", fixedPartitions: 1, key: .source,
    config: [
      ("cleanup.policy", "compact"), ("max.message.bytes", "1048588"),
      ("message.timestamp.type", "CreateTime"), ("retention.bytes", "-1"), ("retention.ms", "-1"),
    ])

  /// In the order of the contract's documents.
  package static let all = [
    journal, control, decisions, actions, deadLetters, artifacts, state, hashes, erasures, sources,
  ]

  /// Those that every log needs before anything runs: all but the action topics, which books name.
  package static let required = all.filter { !$0.isPrefix }

  private init(
    name: String, isPrefix: Bool = false, fixedPartitions: Int? = nil, key: Key,
    config: [(name: String, value: String)]
  ) {
    self.name = name
    self.isPrefix = isPrefix
    self.fixedPartitions = fixedPartitions
    self.key = key
    self.config = config
  }

  package func covers(_ topic: String) -> Bool {
    isPrefix ? topic.hasPrefix(name) && topic.utf8.count > name.utf8.count : topic == name
  }

  /// The contract that covers a topic; nil: it is none of ours.
  package static func of(_ topic: String) -> TopicContract? { all.first { $0.covers(topic) } }

  /// What to ask of the log. `topic` must be given for a prefix contract, and be covered by it.
  /// `journalPartitions` is the journal's real count, where it is not the default.
  package func settings(
    topic: String? = nil, journalPartitions: Int = Self.journalPartitions
  ) -> TopicSettings {
    let topic = topic ?? name
    precondition(covers(topic), "a contract for \(name) cannot settle \(topic)")
    return TopicSettings(
      name: topic, partitions: fixedPartitions ?? journalPartitions,
      config: Dictionary(uniqueKeysWithValues: config.map { ($0.name, $0.value) }))
  }
}

/// The headers of a dead letter, all of them text. Its value is the refused record's, byte by byte,
/// up to `DeadLetterHeader.valueLimit`; its timestamp is when it was refused.
package enum DeadLetterHeader: String, CaseIterable, Sendable {
  /// One word of a fixed list, for counting.
  case reason = "kairos_reason"
  /// One line for a person: what is wrong, and where.
  case detail = "kairos_detail"
  /// The source's name in the configuration.
  case source = "kairos_source"
  case topic = "kairos_topic"
  case partition = "kairos_partition"
  case offset = "kairos_offset"
  /// The refused value's length in bytes, also where less of it is kept.
  case size = "kairos_size"

  /// A longer value is cut there: what nobody could read is not worth a topic of its own.
  package static let valueLimit = 1 << 20
}

/// The headers of a decision: CloudEvents 1.0 in Kafka's binary mode, all of them text.
package enum DecisionHeader: String, CaseIterable, Sendable {
  case specVersion = "ce_specversion"
  /// The decision's id, a dot, the revision.
  case id = "ce_id"
  case source = "ce_source"
  case type = "ce_type"
  /// The instant that the decision is about, RFC 3339.
  case time = "ce_time"
  /// The customer.
  case subject = "ce_subject"
  case contentType = "content-type"
  case journalPartition = "ce_journalpartition"
  case journalOffset = "ce_journaloffset"
  /// Milliseconds since 1970.
  case watermark = "ce_watermark"
}
