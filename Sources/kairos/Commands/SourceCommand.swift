/// `kairos source`: how far each source has been read, and what to do when its topic was made anew.
struct SourceCommand: Command {
  enum Action: String, CaseIterable { case list, renew }

  var action: Action
  /// Nil only with `list`: all sources.
  var name: String?
  var force: Bool
  var log: LogPlace

  static let spec = CommandSpec(
    name: "source", summary: "say how far sources are read, or read one anew",
    about: [
      "Each record of a source is known by its offset. A topic that is deleted and made anew counts "
        + "from 0 again, and its records would be taken for those that were read. So kairos run looks "
        + "whether a record that it knows is still in its place, and where it is not, it stops that "
        + "source alone and says so.",
      "renew orders that the topic's records be read from the first one on, as a new incarnation: "
        + "nothing is taken for read before. It looks for itself whether the topic was made anew, and "
        + "orders nothing if it was not. Running processes take the order up within seconds.",
      "An event that was in the old topic and is in the new one too is told by its source and id, "
        + "as long as its customer's dedup remembers it (policy: dedup).",
    ],
    arguments: [
      ArgumentSpec(
        name: "ACTION", help: "What to do.", choices: Action.allCases.map(\.rawValue)),
      ArgumentSpec(
        name: "NAME", help: "The source's name in the configuration.", count: .optional),
    ],
    options: [
      OptionSpec(
        name: "force",
        help: "Order it also where retention has taken the record that would tell.")
    ] + LogPlace.options,
    examples: [
      Example(line: "kairos source list -c kairos.yaml", what: "Is each source the one it was?"),
      Example(
        line: "kairos source renew crm -c kairos.yaml",
        what: "The topic of crm was deleted and made anew: read all of it."),
    ],
    exits: [.different, .unavailable])

  init(_ words: Words) throws(UsageError) {
    guard let action = Action(rawValue: words.argument("ACTION")) else {
      preconditionFailure("the table's choices are those of Action")
    }
    self.action = action
    name = words.argument(ifGiven: "NAME")
    force = words.flag("force")
    log = try LogPlace(words)
    if action == .renew, name == nil {
      throw UsageError(message: "NAME is missing: say which source is to be read anew")
    }
    if action == .list, force { throw UsageError(message: "list takes no --force") }
  }
}
