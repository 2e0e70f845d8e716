/// `kairos verify`: the journal recomputed, and held against what was published.
struct VerifyCommand: Command {
  /// Nil: the configuration says it.
  var book: String?
  /// Empty: all.
  var partitions: [Int32]
  /// Journal offsets whose results are compared.
  var range: Range<Int64>
  var json: Bool
  var quiet: Bool
  var log: LogPlace

  static let spec = CommandSpec(
    name: "verify", summary: "recompute the journal and compare it with what was published",
    about: [
      "Folds the journal again, partition by partition, and compares byte for byte with what stands "
        + "in topic decisions and in the action topics (values, keys, headers, order; none missing, "
        + "none twice), with the hash points, the customers' states and the proofs of erasures. It reads committed records only, writes nothing, and may run beside an engine: "
        + "it compares up to the offset that the fold has committed.",
      "It says equal, or the first difference in each partition with both sides, and what could not "
        + "be compared: what retention has taken from a topic, and a journal whose first records are "
        + "gone. Exit code 1: there is a difference. 69: there is none, but a partition could not be "
        + "recomputed at all.",
    ],
    arguments: [
      ArgumentSpec(
        name: "LOG-DIR", help: "A directory of the embedded log; the same as --log.",
        count: .optional, completes: .directory)
    ],
    options: [
      OptionSpec(
        name: "book", value: "PATH",
        help: "The book in force from the journal's beginning; else the first that the log names.",
        environment: true, completes: .file),
      OptionSpec(
        name: "partition", short: "p", value: "N", help: "Only this partition of the journal.",
        repeats: true),
      OptionSpec(
        name: "from", value: "OFFSET",
        help: "Compare what journal records from this offset on have led to."),
      OptionSpec(
        name: "to", value: "OFFSET", help: "Fold and compare up to this journal offset, exclusive."),
      OptionSpec(name: "json", help: "The findings as JSON, for pipelines."),
      OptionSpec(name: "quiet", short: "q", help: "No progress."),
    ] + LogPlace.options,
    examples: [
      Example(
        line: "kairos verify kairos-data --book books/live",
        what: "All of an embedded log."),
      Example(
        line: "kairos verify -c kairos.yaml -p 17 --from 1200000 --json",
        what: "One partition of the configured log, from an offset on, for a pipeline."),
    ],
    exits: [.different, .data, .noInput, .unavailable, .temporary])

  init(_ words: Words) throws(UsageError) {
    book = words.given("book")
    var partitions: [Int32] = []
    for text in words.all("partition") {
      guard let partition = Int32(text), partition >= 0 else {
        throw UsageError(message: "--partition is a whole number from 0, not '\(text)'")
      }
      if !partitions.contains(partition) { partitions.append(partition) }
    }
    self.partitions = partitions
    let from = try words.integer("from", in: 0...Int64.max) ?? 0
    let to = try words.integer("to", in: 0...Int64.max) ?? .max
    guard from < to else { throw UsageError(message: "--from must be before --to") }
    range = from..<to
    json = words.flag("json")
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
