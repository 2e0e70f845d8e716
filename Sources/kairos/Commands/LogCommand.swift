/// `kairos log`: what is whole in an embedded log, and a way out where a cache is damaged.
struct LogCommand: Command {
  enum Action: String, CaseIterable {
    case check
    case clearState = "clear-state"
  }

  var action: Action
  /// Nil: the configuration's, or the standard one.
  var log: LogPlace
  var quiet: Bool

  static let spec = CommandSpec(
    name: "log", summary: "find damage in an embedded log, or drop its cache of state",
    about: [
      "check reads every byte that counts in the log's directory and holds it against its checksum, "
        + "its neighbours and the checkpoint. It says of each partition that it is whole, or where the "
        + "first damage is (file, byte, what) and which offsets can still be read. It changes nothing, "
        + "and may run beside an engine. Exit code 1: something is damaged.",
      "clear-state empties kairos.state, damaged or not: it is a cache, and the next kairos run builds "
        + "it anew from the journal, without deciding anything twice. Stop the engine first. No other "
        + "topic can be made again; restore their files from a copy of the log.",
    ],
    arguments: [
      ArgumentSpec(
        name: "ACTION", help: "What to do.", choices: Action.allCases.map(\.rawValue)),
      ArgumentSpec(
        name: "LOG-DIR", help: "The log's directory; the same as --log.", count: .optional,
        completes: .directory),
    ],
    options: [
      OptionSpec(name: "quiet", short: "q", help: "No progress, and only what is damaged.")
    ] + LogPlace.options,
    examples: [
      Example(line: "kairos log check kairos-data", what: "Is everything whole?"),
      Example(
        line: "kairos log clear-state kairos-data",
        what: "The state's files are damaged: build it anew at the next start."),
    ],
    exits: [.different, .unavailable, .temporary])

  init(_ words: Words) throws(UsageError) {
    guard let action = Action(rawValue: words.argument("ACTION")) else {
      preconditionFailure("the table's choices are those of Action")
    }
    self.action = action
    quiet = words.flag("quiet")
    log = try LogPlace(words)
    if let directory = words.argument(ifGiven: "LOG-DIR") {
      guard !words.isTyped("log"), !words.isTyped("bootstrap-servers") else {
        throw UsageError(message: "LOG-DIR, --log and --bootstrap-servers exclude each other")
      }
      log.directory = directory
      log.bootstrapServers = nil
    }
  }
}
