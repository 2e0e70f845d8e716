/// Which log a command means: the options that say so are the same in all of them.
struct LogPlace: Equatable {
  /// The configuration file, which may say what the rest leaves open.
  var config: String?
  /// The embedded log's directory.
  var directory: String?
  var bootstrapServers: String?
  var kafkaConfig: String?

  static let options: [OptionSpec] = [
    OptionSpec(
      name: "config", short: "c", value: "FILE",
      help: "A YAML file with the sources and, under their long names, any of these options.",
      environment: true, completes: .file),
    OptionSpec(
      name: "log", value: "DIR", help: "The directory of the embedded log.", environment: true,
      completes: .directory),
    OptionSpec(
      name: "bootstrap-servers", short: "b", value: "LIST",
      help: "Kafka's addresses, HOST:PORT separated by commas; instead of --log.",
      environment: true),
    OptionSpec(
      name: "kafka-config", value: "FILE",
      help: "Settings passed on to librdkafka, one NAME=VALUE a line: TLS, SASL, time-outs. "
        + "Passwords belong there, not on the command line.",
      environment: true, completes: .file),
  ]

  /// `--log` and `--bootstrap-servers` exclude each other. One on the command line silences the
  /// other in the environment.
  init(_ words: Words) throws(UsageError) {
    config = words.given("config")
    directory = words.given("log")
    bootstrapServers = words.given("bootstrap-servers")
    kafkaConfig = words.given("kafka-config")
    guard directory != nil, bootstrapServers != nil else { return }
    switch (words.isTyped("log"), words.isTyped("bootstrap-servers")) {
    case (true, false): bootstrapServers = nil
    case (false, true): directory = nil
    default: throw UsageError(message: "--log and --bootstrap-servers exclude each other")
    }
  }
}
