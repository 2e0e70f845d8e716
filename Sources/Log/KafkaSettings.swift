/// How to reach a Kafka cluster. Made by one place, handed to `KafkaLog`.
package struct KafkaSettings: Sendable {
  /// `host:port,host:port…`
  package var bootstrapServers: String
  /// Known to the group by this name across restarts, so that a quick restart moves no partition
  /// (`group.instance.id`); unique among the members of a group. Nil: a member of its own each time.
  package var memberName: String?
  /// How long the first connection may take until it is reported as failed.
  package var connectMs = 10_000
  /// How long any one request about topics, offsets and groups may take.
  package var requestMs = 15_000
  /// How long `append` waits for room, and `commit` for the brokers, until they say so.
  package var commitMs = 30_000

  private(set) var properties: [String: KafkaProperties.Setting] = [:]

  package init(bootstrapServers: String) {
    self.bootstrapServers = bootstrapServers
  }

  /// Reads a file's text in the format of Kafka's client properties; `file` is its name, for
  /// messages.
  package init(parsing text: String, file: String) throws(LogError) {
    bootstrapServers = ""
    for (key, setting) in try KafkaProperties(parsing: text, file: file).settings {
      switch key {
      case "bootstrap.servers", "metadata.broker.list":
        bootstrapServers = setting.value
      case "group.instance.id":
        memberName = setting.value
      default:
        properties[key] = setting
      }
    }
    try refuseReserved()
  }

  /// Sets one of librdkafka's settings, or one of the Java client's that means the same.
  package mutating func set(_ key: String, _ value: String, from place: String) throws(LogError) {
    let text = "\(key)=\(value.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))"
    let more = try KafkaProperties(parsing: text, file: place)
    for (key, setting) in more.settings {
      properties[key] = KafkaProperties.Setting(value: setting.value, place: place)
    }
    try refuseReserved()
  }

  /// For messages: whom the brokers see.
  var user: String { properties["sasl.username"]?.value ?? "" }
  var mechanism: String {
    properties["sasl.mechanism"]?.value ?? properties["sasl.mechanisms"]?.value ?? ""
  }

  private func refuseReserved() throws(LogError) {
    for key in properties.keys.sorted() where Self.reserved.contains(key) {
      throw LogError(
        .stop,
        "\(properties[key]!.place): \(key) is Kairos's own to set, as its guarantees hang on it; "
          + "remove the line")
    }
  }

  private static let reserved: Set<String> = [
    "acks", "request.required.acks", "allow.auto.create.topics", "auto.commit.enable",
    "auto.offset.reset", "delivery.report.only.error", "delivery.timeout.ms",
    "enable.auto.commit", "enable.auto.offset.store", "enable.gapless.guarantee",
    "enable.idempotence", "enable.partition.eof", "group.id", "group.protocol",
    "isolation.level", "message.timeout.ms", "partition.assignment.strategy",
    "transactional.id", "max.in.flight", "max.in.flight.requests.per.connection", "retries",
    "message.send.max.retries", "log.queue", "debug", "plugin.library.paths",
  ]
}

/// What a client is for, and so what librdkafka is told before and after the user's own settings.
enum KafkaRole: Equatable {
  /// Questions about topics, offsets and groups.
  case admin
  case reader
  /// Takes part in a group, and reads nothing by itself.
  case member(group: String, name: String?)
  /// Asks for a group's offsets, and is no member of it.
  case onlooker(group: String)
  case plainWriter
  case transactionalWriter(id: String)

  var isProducer: Bool {
    switch self {
    case .plainWriter, .transactionalWriter: true
    case .admin, .reader, .member, .onlooker: false
    }
  }

  /// The user's settings win over these.
  var defaults: [(String, String)] {
    let common = [
      ("client.id", "kairos"), ("socket.nagle.disable", "true"),
      ("socket.keepalive.enable", "true"), ("reconnect.backoff.max.ms", "2000"),
      ("log.connection.close", "false"),
    ]
    // What waits in a producer is bounded in bytes; one record may be as large as a customer's whole
    // state (16 MiB) and what goes with it.
    let producer = [
      ("linger.ms", "5"), ("queue.buffering.max.messages", "1000000"),
      ("queue.buffering.max.kbytes", "65536"), ("compression.type", "lz4"),
      ("batch.num.messages", "100000"), ("message.max.bytes", "20971520"),
    ]
    switch self {
    case .admin, .onlooker:
      return common
    case .plainWriter:
      return common + producer
    case .transactionalWriter:
      // A dead process's open transaction holds up who reads behind it, and who takes its partitions
      // over, until the brokers give it up: after this time, at which they look every 10 s.
      return common + producer + [
        ("transaction.timeout.ms", "15000"), ("socket.timeout.ms", "10000"),
      ]
    case .reader:
      // A larger record than one fetch takes comes all the same, alone.
      return common + [
        ("queued.min.messages", "500000"), ("queued.max.messages.kbytes", "131072"),
        ("fetch.message.max.bytes", "4194304"), ("fetch.wait.max.ms", "100"),
      ]
    case .member:
      // Why these: docs/operations.md, "Several processes".
      return common + [
        ("session.timeout.ms", "10000"), ("heartbeat.interval.ms", "1000"),
        ("max.poll.interval.ms", "120000"),
      ]
    }
  }

  /// These win over everything.
  var fixed: [(String, String)] {
    let consumer = [
      ("enable.auto.commit", "false"), ("enable.auto.offset.store", "false"),
      ("isolation.level", "read_committed"), ("allow.auto.create.topics", "false"),
    ]
    let producer = [
      ("enable.idempotence", "true"), ("acks", "all"), ("delivery.report.only.error", "true"),
    ]
    switch self {
    case .admin:
      return consumer
    case .onlooker(let group):
      return consumer + [("group.id", group)]
    case .reader:
      return consumer + [
        ("enable.partition.eof", "true"), ("auto.offset.reset", "error"), ("check.crcs", "true"),
      ]
    case .member(let group, let name):
      let membership = [("group.id", group), ("partition.assignment.strategy", "range")]
      return consumer + membership + (name.map { [("group.instance.id", $0)] } ?? [])
    case .plainWriter:
      return producer + [("enable.gapless.guarantee", "true"), ("message.timeout.ms", "0")]
    case .transactionalWriter(let id):
      // Connections that close are logged: the writer counts on it (`mayHaveStrays`).
      return producer + [
        ("transactional.id", id), ("log.connection.close", "true"), ("log_level", "6"),
      ]
    }
  }
}
