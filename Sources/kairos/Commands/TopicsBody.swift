import Decisions
import Engine
import Ingest
import Log

extension TopicsCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let program: Engine.Program? = try (book ?? configuration?.book).map {
      path throws(CommandFailure) in try ReplayCommand.program(path)
    }
    let opened = try place.open(action == .apply ? .readWrite : .readOnly)
    return try calling {
      var comparison = try TopicComparison(
        log: opened, actionTopics: program.map { $0.checks.decisions.map(\.topic) } ?? [],
        sourceTopics: configuration?.sources.map(\.topic) ?? [],
        journalPartitions: configuration?.journalPartitions)
      if action == .apply { try comparison.create() }
      try comparison.compare()
      try (opened as? EmbeddedLog)?.close()
      _ = try printOut(comparison.text)
      return comparison.differences.isEmpty ? .success : .different
    }
  }
}

/// What a log has, against what it should have.
struct TopicComparison {
  /// A topic, and what should be so.
  struct Wanted {
    var settings: TopicSettings
    /// A source: the user's own, of which only its existence is asked.
    var isSource = false
  }

  private let log: any Log
  private let wanted: [Wanted]
  private(set) var created: [String] = []
  /// What is not as it should be, with what to do about it.
  private(set) var differences: [(topic: String, what: String, remedy: String)] = []
  private var isCompared = 0

  init(
    log: any Log, actionTopics: [String], sourceTopics: [String], journalPartitions: Int?
  ) throws {
    self.log = log
    let isEmbedded = log is EmbeddedLog
    let standard =
      isEmbedded ? TopicContract.embeddedJournalPartitions : TopicContract.journalPartitions
    let journal = journalPartitions ?? standard
    // The others follow the journal that there is.
    let real = try log.partitionCount(of: TopicContract.journal.name) ?? journal
    var wanted = TopicContract.required.map { contract in
      Wanted(
        settings: contract.settings(
          journalPartitions: contract == .journal ? journal : real))
    }
    for topic in Set(actionTopics).sorted() {
      guard let contract = TopicContract.of(topic) else { continue }
      wanted.append(
        Wanted(settings: contract.settings(topic: topic, journalPartitions: real)))
    }
    for topic in Set(sourceTopics).sorted() {
      wanted.append(Wanted(settings: TopicSettings(name: topic, partitions: 1), isSource: true))
    }
    self.wanted = wanted
  }

  /// Makes what is missing; sources' topics only on the embedded log, where nobody else would.
  mutating func create() throws {
    for topic in wanted where try log.partitionCount(of: topic.settings.name) == nil {
      if topic.isSource, !(log is EmbeddedLog) { continue }
      try log.createTopic(topic.settings)
      created.append(topic.settings.name)
    }
  }

  mutating func compare() throws {
    for topic in wanted {
      isCompared += 1
      let name = topic.settings.name
      guard let count = try log.partitionCount(of: name) else {
        missing(topic)
        continue
      }
      if topic.isSource { continue }
      if count != topic.settings.partitions {
        differences.append(
          (
            name, "has \(count) partitions, not \(topic.settings.partitions)", remedy(topic, count)
          ))
      }
      let config = try self.config(of: name)
      for (key, value) in topic.settings.config.sorted(by: { $0.key < $1.key }) {
        guard config[key] != value else { continue }
        differences.append(
          (
            name, "\(key) is \(config[key] ?? "not set"), not \(value)", remedy(name, key, value)
          ))
      }
    }
  }

  private mutating func missing(_ topic: Wanted) {
    let remedy =
      topic.isSource && !(log is EmbeddedLog)
      ? "create it, with as many partitions as its producers want; it is yours, not Kairos'"
      : "kairos topics apply creates it"
    let what = topic.isSource ? "is missing, and a source reads it" : "is missing"
    differences.append((topic.settings.name, what, remedy))
  }

  private func config(of topic: String) throws -> [String: String] {
    if let kafka = log as? KafkaLog { return try kafka.topicConfig(topic) ?? [:] }
    if let embedded = log as? EmbeddedLog {
      return try embedded.topics().first { $0.name == topic }?.config ?? [:]
    }
    return [:]
  }

  private func remedy(_ topic: Wanted, _ count: Int) -> String {
    if topic.settings.name == TopicContract.journal.name {
      return "the count is fixed for a journal's life: say journal_partitions: \(count) in the "
        + "configuration, or replay into a new journal"
    }
    return "a count is never changed, for keys would move: delete the topic if nobody needs it, "
      + "then kairos topics apply"
  }

  private func remedy(_ topic: String, _ key: String, _ value: String) -> String {
    log is KafkaLog
      ? "kafka-configs.sh --alter --entity-type topics --entity-name \(topic) "
        + "--add-config \(key)=\(value)"
      : "the embedded log keeps everything; it only records the setting"
  }

  var text: String {
    var out = created.map { "created  \($0)\n" }.joined()
    let width = differences.map(\.topic.count).max() ?? 0
    for (topic, what, remedy) in differences {
      let gap = String(repeating: " ", count: width - topic.count)
      out += "differs  \(topic)\(gap)  \(what)\n         \(remedy)\n"
    }
    if differences.isEmpty { out += "\(isCompared) topics are as the contract says\n" }
    return out
  }
}
