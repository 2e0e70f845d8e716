/// `kairos append`: lines of a file become records of a topic.
struct AppendCommand: Command {
  var topic: String
  /// Nil: standard input.
  var file: String?
  /// The path of the field whose value is the record's key; nil: no key.
  var keyField: String?
  var log: LogPlace

  static let spec = CommandSpec(
    name: "append", summary: "append lines as records to a topic",
    about: [
      "Each line that is not empty becomes one record, as it stands. Records of one key go to one "
        + "partition, the one that Kafka's own clients would choose. A line may have 2 MB; a longer "
        + "one, or one without the field of --key-field, stops the command behind the lines before "
        + "it, and the message says where to go on."
    ],
    arguments: [
      ArgumentSpec(name: "TOPIC", help: "The topic to append to."),
      ArgumentSpec(
        name: "FILE", help: "Lines to append; - or nothing: standard input.", count: .optional,
        completes: .file),
    ],
    options: [
      OptionSpec(
        name: "key-field", short: "k", value: "PATH",
        help: "The field of the line's JSON that is the key, for example data.customer.")
    ] + LogPlace.options,
    examples: [
      Example(
        line: "kairos append crm.events events.ndjson --key-field customer",
        what: "A file of events into the embedded log, keyed by customer."),
      Example(
        line: "zcat events.ndjson.gz | kairos append product.events - -b localhost:9092",
        what: "From a pipe into Kafka."),
    ],
    exits: [.data, .noInput, .unavailable])

  init(_ words: Words) throws(UsageError) {
    topic = words.argument("TOPIC")
    file = words.argument(ifGiven: "FILE").flatMap { $0 == "-" ? nil : $0 }
    keyField = words.given("key-field")
    log = try LogPlace(words)
  }
}
