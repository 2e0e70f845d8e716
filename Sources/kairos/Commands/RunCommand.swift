import Console

/// `kairos run`: the engine, until it is told to drain.
struct RunCommand: Command {
  /// Nil: the configuration says it.
  var book: String?
  var log: LogPlace
  /// Nil: the configuration says it, or else the table's standard holds; the same for the next two.
  var listen: ListenAddress?
  var logFormat: LogFormat?
  var logLevel: LogLevel?
  var rebuildsState: Bool

  static let spec = CommandSpec(
    name: "run", summary: "run the engine: events in, decisions out",
    about: [
      "Reads the sources, keeps the journal, and publishes decisions. Without options it runs on an "
        + "embedded log in a directory of its own: nothing else need be running. With "
        + "--bootstrap-servers it runs on Kafka, where any number of processes share the work.",
      "SIGTERM or SIGINT drains: what has begun is finished and committed, and the process exits "
        + "with 0. A second one exits at once; nothing is lost by that, the next start takes longer.",
      "Metrics are at http://127.0.0.1:9464/metrics, health at /healthz and /readyz.",
    ],
    options: [
      OptionSpec(
        name: "book", value: "PATH",
        help: "The book: a folder of playbooks with their policy.yaml, or one playbook.",
        environment: true, completes: .file),
      OptionSpec(
        name: "listen", short: "l", value: "ADDR",
        help: "Where metrics and health are served. HOST:PORT; :PORT for all addresses.",
        environment: true, standard: "127.0.0.1:9464"),
      OptionSpec(
        name: "log-format", value: "FORMAT", help: "Log lines as key=value text or as JSON.",
        environment: true, standard: "text", choices: LogFormat.allCases.map(\.rawValue)),
      OptionSpec(
        name: "log-level", value: "LEVEL", help: "The least level that is logged.",
        environment: true, standard: "info", choices: LogLevel.allCases.map(\.rawValue)),
      OptionSpec(
        name: "rebuild-state",
        help: "Overwrite the kept state, and build it anew from the journal's first record."),
    ] + LogPlace.options,
    examples: [
      Example(
        line: "kairos run --book books/live",
        what: "On the embedded log, with this book. Append events with kairos append."),
      Example(
        line: "kairos run -c kairos.yaml -b kafka-1:9092,kafka-2:9092 --kafka-config client.conf",
        what: "As a member of a consumer group, with TLS and SASL settings from client.conf."),
      Example(
        line: "KAIROS_LISTEN=:9464 KAIROS_LOG_FORMAT=json kairos run -c /etc/kairos/kairos.yaml",
        what: "In a container: reachable from outside, logs for a collector."),
    ],
    exits: [.data, .unavailable])

  init(_ words: Words) throws(UsageError) {
    book = words.given("book")
    log = try LogPlace(words)
    listen = try words.address("listen")
    logFormat = words.choice(ifGiven: "log-format")
    logLevel = words.choice(ifGiven: "log-level")
    rebuildsState = words.flag("rebuild-state")
  }
}

extension Words {
  func address(_ name: String) throws(UsageError) -> ListenAddress? {
    guard let text = given(name) else { return nil }
    do { return try ListenAddress(parsing: text) } catch {
      throw UsageError(message: "\(origin(of: name)): \(error.message)")
    }
  }
}
