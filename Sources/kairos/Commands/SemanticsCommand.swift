/// `kairos semantics`: by which rules a journal is folded, and newer ones after an upgrade.
struct SemanticsCommand: Command {
  enum Action: String, CaseIterable { case show, raise }

  var action: Action
  /// Nil only with `show`.
  var number: Int?
  var log: LogPlace

  static let spec = CommandSpec(
    name: "semantics", summary: "say or raise the rules that a journal is folded by",
    about: [
      "A release that would decide an old journal differently brings a new number for the fold's "
        + "rules. It goes on folding by the number that the journal says, so old and new processes "
        + "may run side by side. An upgrade is: deploy the release everywhere, then raise the number.",
      "raise appends the order to kairos.control; each journal partition goes over where the order "
        + "stands in it. A process that does not know the number stops reading those partitions "
        + "and says so; it decides nothing by the wrong rules. The number is never taken back.",
      "show lists the numbers in the order in which they were put in force, and those that this "
        + "build knows.",
    ],
    arguments: [
      ArgumentSpec(
        name: "ACTION", help: "What to do.", choices: Action.allCases.map(\.rawValue)),
      ArgumentSpec(name: "NUMBER", help: "With raise: the new number.", count: .optional),
    ],
    options: LogPlace.options,
    examples: [
      Example(line: "kairos semantics show -b kafka-1:9092", what: "Which rules are in force?"),
      Example(
        line: "kairos semantics raise 2 -b kafka-1:9092",
        what: "Every process runs the new release by now."),
    ],
    exits: [.data, .unavailable])

  init(_ words: Words) throws(UsageError) {
    guard let action = Action(rawValue: words.argument("ACTION")) else {
      preconditionFailure("the table's choices are those of Action")
    }
    self.action = action
    log = try LogPlace(words)
    let text = words.argument(ifGiven: "NUMBER")
    switch action {
    case .show:
      if text != nil { throw UsageError(message: "show takes no NUMBER") }
    case .raise:
      guard let text else {
        throw UsageError(message: "NUMBER is missing: say which rules are to be in force")
      }
      guard let number = Int(text), number > 0 else {
        throw UsageError(message: "NUMBER is a whole number from 1, not \(text)")
      }
      self.number = number
    }
  }
}
