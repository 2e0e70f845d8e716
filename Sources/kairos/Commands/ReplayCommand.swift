/// `kairos replay`: a book over recorded events.
struct ReplayCommand: Command {
  enum DecisionsFormat: String, CaseIterable { case json, table }
  enum PolicyTime: String, CaseIterable { case event, append }

  /// Nil: the books that the log has recorded are followed.
  var book: String?
  /// Files of events, or directories of a log.
  var archives: [String]
  /// A configuration with the sources' mappings.
  var config: String?
  /// Which of those sources the archives are; nil: the archives' own names say it.
  var source: String?
  /// Nil: standard output.
  var out: String?
  var decisionsFormat: DecisionsFormat
  /// Event times in milliseconds since 1970: decisions from `from` on; events before `until`.
  var from: Int64?
  var until: Int64?
  var policyTime: PolicyTime
  var summaryOnly: Bool
  var quiet: Bool

  static let spec = CommandSpec(
    name: "replay", summary: "show what a book would have decided over recorded events",
    about: [
      "Runs the very engine that runs live, over archives: NDJSON (plain, .gz, .lz4), directories of "
        + "the embedded log, or Kafka's segment files. It needs no broker and writes to no topic. "
        + "The same input gives the same decisions, byte for byte.",
      "Events are fed from the first archive's beginning even with --from, which only says from "
        + "when on decisions are shown: what a customer did before counts.",
      "With --as-recorded the only argument is the directory of a log, and the books that were published "
        + "there are followed, each from where it came into force.",
    ],
    arguments: [
      ArgumentSpec(
        name: "BOOK", help: "A playbook, or a folder with a book.", completes: .file),
      ArgumentSpec(
        name: "ARCHIVE", help: "Recorded events: files, or directories of a log.",
        count: .any, completes: .file),
    ],
    options: [
      OptionSpec(
        name: "config", short: "c", value: "FILE",
        help: "A YAML file with the sources: how their fields map to events.", environment: true,
        completes: .file),
      OptionSpec(
        name: "source", short: "s", value: "NAME",
        help: "Read the archives as this source of the configuration."),
      OptionSpec(
        name: "out", short: "o", value: "FILE",
        help: "Where decisions go; - is standard output.", standard: "-", completes: .file),
      OptionSpec(
        name: "decisions-format", short: "f", value: "FORMAT",
        help: "Decisions as JSON lines, as they would be published, or as a table.",
        standard: "json", choices: DecisionsFormat.allCases.map(\.rawValue)),
      OptionSpec(
        name: "from", value: "TIME",
        help: "Show decisions from this event time on, for example 2026-03-01."),
      OptionSpec(
        name: "until", value: "TIME",
        help: "Stop before this event time: what is open then stays open."),
      OptionSpec(
        name: "policy-time", value: "CLOCK",
        help: "Which time consent, caps and quiet hours go by. Archives have no append times.",
        standard: "event", choices: PolicyTime.allCases.map(\.rawValue)),
      OptionSpec(
        name: "as-recorded",
        help: "Follow the books that the log has recorded; name the log, and no BOOK."),
      OptionSpec(name: "summary", help: "Only the summary, no decisions."),
      OptionSpec(name: "quiet", short: "q", help: "Only the decisions: no progress, no summary."),
    ],
    examples: [
      Example(
        line: "kairos replay playbook.yaml events.ndjson.gz -f table",
        what: "What would have been decided, for a person."),
      Example(
        line: "kairos replay books/next log/ --from 2026-01-01 --until 2026-04-01 -o next.ndjson",
        what: "A new book over last quarter, from a directory of the embedded log."),
      Example(
        line: "kairos replay book.yaml shop.csv.ndjson -c sources.yaml -s shop --summary",
        what: "Foreign events, mapped by the source 'shop'; only the sums."),
      Example(
        line: "kairos replay --as-recorded kairos-data",
        what: "What was decided, under the books that were in force then."),
    ],
    exits: [.data, .noInput, .output])

  init(_ words: Words) throws(UsageError) {
    let (first, rest) = (words.argument("BOOK"), words.arguments("ARCHIVE"))
    let isAsRecorded = words.flag("as-recorded")
    book = isAsRecorded ? nil : first
    archives = isAsRecorded ? [first] + rest : rest
    if archives.isEmpty { throw UsageError(message: "ARCHIVE is missing") }
    if isAsRecorded, archives.count > 1 {
      throw UsageError(message: "--as-recorded takes one log and no BOOK")
    }
    config = words.given("config")
    source = words.given("source")
    out = words.word("out") == "-" ? nil : words.word("out")
    decisionsFormat = words.choice("decisions-format")
    from = try words.time("from")
    until = try words.time("until")
    policyTime = words.choice("policy-time")
    summaryOnly = words.flag("summary")
    quiet = words.flag("quiet")
    if summaryOnly && quiet {
      throw UsageError(message: "--summary and --quiet together leave nothing to show")
    }
    if let from, let until, from >= until {
      throw UsageError(message: "--from must be before --until")
    }
  }
}
