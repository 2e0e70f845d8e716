/// `kairos check`: what a playbook compiles to, or what is wrong with it.
struct CheckCommand: Command {
  var playbooks: [String]
  var json: Bool
  /// A book, or the log; nil: nothing is compared.
  var against: Running?
  /// What new items would be filled with.
  var backfill: Backfill?
  var log: LogPlace

  enum Running: Equatable {
    case path(String)
    case log
  }

  static let spec = CommandSpec(
    name: "check", summary: "check playbooks and show what they compile to",
    about: [
      "Reads each playbook as a whole. If it is right: its features, its moments as state machines, "
        + "the fields that are read, the most bytes a customer can take, and what can never happen. "
        + "If it is wrong: every error with file, line and column, and what to write instead.",
      "With --against, what would become of the running book: which items keep their state, which "
        + "start anew and why, which are dropped. --against log compares with the book that is in "
        + "force in the log; name a folder called log as ./log.",
    ],
    arguments: [
      ArgumentSpec(
        name: "PLAYBOOK", help: "A playbook, or a folder with a book.", count: .oneOrMore,
        completes: .file)
    ],
    options: [
      OptionSpec(name: "json", help: "The findings as JSON, for editors and pipelines."),
      OptionSpec(
        name: "against", short: "a", value: "BOOK",
        help:
          "The book that runs now, as a path; or the word log, for the one in force in the log. "
          + "Prints the migration plan.", completes: .file),
      Backfill.option,
    ] + LogPlace.options,
    examples: [
      Example(line: "kairos check playbook.yaml", what: "One playbook, for a person."),
      Example(line: "kairos check --json books/live", what: "A book, for a pipeline."),
      Example(
        line: "kairos check books/next --against books/live",
        what: "What would be kept, and what would start anew."),
      Example(
        line: "kairos check books/next --against log -c kairos.yaml",
        what: "The same against what really runs."),
    ],
    exits: [.data, .noInput, .unavailable])

  init(_ words: Words) throws(UsageError) {
    playbooks = words.arguments("PLAYBOOK")
    json = words.flag("json")
    against = words.given("against").map { $0 == "log" ? .log : .path($0) }
    backfill = try Backfill(words)
    log = try LogPlace(words)
    if against != nil, playbooks.count > 1 {
      throw UsageError(message: "--against compares one book; name one PLAYBOOK")
    }
    if backfill != nil, against == nil {
      throw UsageError(message: "--backfill says something only with --against")
    }
  }
}
