/// `kairos topics`: what a cluster has, against what the contract says.
struct TopicsCommand: Command {
  enum Action: String, CaseIterable { case check, apply }

  var action: Action
  /// The book whose action topics are wanted; nil: the configuration's, or none.
  var book: String?
  var log: LogPlace

  static let spec = CommandSpec(
    name: "topics", summary: "compare a log's topics with the contract, or create them",
    about: [
      "The contract says for each topic its partitions, key, retention and cleanup policy. check says "
        + "how the log differs and exits with 1 if it does. apply creates what is missing, and says "
        + "of the rest how to mend it; it never changes a partition count and never deletes."
    ],
    arguments: [
      ArgumentSpec(
        name: "ACTION", help: "What to do.", choices: Action.allCases.map(\.rawValue))
    ],
    options: [
      OptionSpec(
        name: "book", value: "PATH", help: "The book whose actions need topics of their own.",
        environment: true, completes: .file)
    ] + LogPlace.options,
    examples: [
      Example(line: "kairos topics check -b kafka-1:9092", what: "How does this cluster differ?"),
      Example(
        line: "kairos topics apply -b kafka-1:9092 --kafka-config admin.conf",
        what: "Make it agree, with an administrator's credentials."),
    ],
    exits: [.different, .unavailable])

  init(_ words: Words) throws(UsageError) {
    guard let action = Action(rawValue: words.argument("ACTION")) else {
      preconditionFailure("the table's choices are those of Action")
    }
    self.action = action
    book = words.given("book")
    log = try LogPlace(words)
  }
}
