/// `kairos explain`: a decision in plain words.
struct ExplainCommand: Command {
  var decision: String
  /// A file of decisions, as `kairos replay` writes it; nil: the log's topic.
  var file: String?
  var log: LogPlace

  static let spec = CommandSpec(
    name: "explain", summary: "say in plain words why a decision was made, or held",
    about: [
      "Tells what was seen, what it meant, which checks the decision passed or which one held it back, "
        + "and when it would next be allowed. All its revisions are told in order."
    ],
    arguments: [
      ArgumentSpec(
        name: "DECISION-ID", help: "The decision's id, from the decision or its ce_id header.")
    ],
    options: [
      OptionSpec(
        name: "in", short: "i", value: "FILE",
        help: "Look in this file, as kairos replay writes it; - is standard input.",
        completes: .file)
    ] + LogPlace.options,
    examples: [
      Example(
        line: "kairos explain 3f9b1c2a-7de0f4c15b6a9e8d70213c44",
        what: "A decision of the embedded log."),
      Example(
        line: "kairos explain 3f9b1c2a-7de0f4c15b6a9e8d70213c44 --in decisions.ndjson",
        what: "A decision of a replay."),
    ],
    exits: [.different, .noInput, .unavailable])

  init(_ words: Words) throws(UsageError) {
    decision = words.argument("DECISION-ID")
    file = words.given("in")
    log = try LogPlace(words)
  }
}
