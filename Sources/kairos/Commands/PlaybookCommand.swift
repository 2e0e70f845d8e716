/// `kairos playbook`: which books a log has had, and a new one while the engine runs.
struct PlaybookCommand: Command {
  enum Action: String, CaseIterable { case publish, list }

  var action: Action
  /// Nil only with `list`.
  var book: String?
  var backfill: Backfill?
  var json: Bool
  var log: LogPlace

  static let spec = CommandSpec(
    name: "playbook", summary: "publish a book to a running engine, or list them",
    about: [
      "publish checks BOOK, prints the migration plan from the book in force, writes BOOK into "
        + "kairos.artifacts and then a record into kairos.control that orders it. Every process takes "
        + "it over at the same place of each journal partition; nobody restarts anything. A book that "
        + "does not check is refused, and nothing is written.",
      "What did not change keeps its state: what a feature counts, sequences half done, open windows. "
        + "What is new or changed starts empty, or is filled from the journal with --backfill: the "
        + "new items are folded again in the background, and the book is in force once they have "
        + "caught up. Publishing calls nobody: triggers start from what is true at that moment, and "
        + "the next crossing counts.",
      "What a decision that is gone had pending is revoked. To go back, publish the old book again.",
      "list shows the published books, oldest first; the last one is in force, or is being filled.",
    ],
    arguments: [
      ArgumentSpec(
        name: "ACTION", help: "What to do.", choices: Action.allCases.map(\.rawValue)),
      ArgumentSpec(
        name: "BOOK",
        help: "With publish: a folder of playbooks with their policy.yaml, or one "
          + "playbook.", count: .optional, completes: .file),
    ],
    options: [
      Backfill.option, OptionSpec(name: "json", help: "The plan, or the list, as JSON."),
    ] + LogPlace.options,
    examples: [
      Example(
        line: "kairos playbook publish books/next",
        what: "What is new starts empty. See first: kairos check books/next --against log"),
      Example(
        line: "kairos playbook publish books/next --backfill 30d",
        what: "What is new is filled with the last 30 days first."),
      Example(
        line: "kairos playbook list -b kafka-1:9092", what: "Which book is in force there?"),
    ],
    exits: [.data, .noInput, .unavailable])

  init(_ words: Words) throws(UsageError) {
    guard let action = Action(rawValue: words.argument("ACTION")) else {
      preconditionFailure("the table's choices are those of Action")
    }
    self.action = action
    book = words.argument(ifGiven: "BOOK")
    backfill = try Backfill(words)
    json = words.flag("json")
    log = try LogPlace(words)
    if action == .publish, book == nil {
      throw UsageError(message: "BOOK is missing: say which book is to be published")
    }
    if action == .list, book != nil || backfill != nil {
      throw UsageError(message: "list takes neither a BOOK nor --backfill")
    }
  }
}
