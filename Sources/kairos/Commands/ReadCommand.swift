/// `kairos read`: the records of a topic, one a line.
struct ReadCommand: Command {
  var topic: String
  /// Empty: all.
  var partitions: [Int32]
  /// Nil: from the first record.
  var fromOffset: Int64?
  var follow: Bool
  var headers: Bool
  /// Nil: no end but the topic's.
  var limit: Int64?
  var log: LogPlace

  static let spec = CommandSpec(
    name: "read", summary: "print the records of a topic",
    about: [
      "Prints each record's value on a line of its own, committed records only, partition by "
        + "partition in the order of their offsets. It joins no group and commits nothing."
    ],
    arguments: [ArgumentSpec(name: "TOPIC", help: "The topic to read.")],
    options: [
      OptionSpec(
        name: "partition", short: "p", value: "N", help: "Only this partition.", repeats: true),
      OptionSpec(
        name: "from-offset", value: "N", help: "Begin at this offset, in every partition read."),
      OptionSpec(name: "follow", short: "F", help: "Wait for more at the end."),
      OptionSpec(
        name: "headers", short: "H", help: "Partition, offset, time, key and headers as well."),
      OptionSpec(name: "limit", short: "n", value: "N", help: "Stop after so many records."),
    ] + LogPlace.options,
    examples: [
      Example(line: "kairos read decisions --follow", what: "Decisions as they are made."),
      Example(
        line: "kairos read kairos.dead-letters -n 10 --headers -b localhost:9092",
        what: "Ten dead letters with origin and reason, from Kafka."),
      Example(
        line: "kairos read kairos.journal -p 3 --from-offset 1200 -n 1",
        what: "The one record that a decision names as its evidence."),
    ],
    exits: [.unavailable])

  init(_ words: Words) throws(UsageError) {
    topic = words.argument("TOPIC")
    var partitions: [Int32] = []
    for text in words.all("partition") {
      guard let partition = Int32(text), partition >= 0 else {
        throw UsageError(message: "--partition is a whole number from 0, not '\(text)'")
      }
      partitions.append(partition)
    }
    self.partitions = partitions
    fromOffset = try words.integer("from-offset", in: 0...Int64.max)
    follow = words.flag("follow")
    headers = words.flag("headers")
    limit = try words.integer("limit", in: 1...Int64.max)
    log = try LogPlace(words)
  }
}
