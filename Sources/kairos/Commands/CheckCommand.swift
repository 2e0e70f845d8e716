/// `kairos check`: what a playbook compiles to, or what is wrong with it.
struct CheckCommand: Command {
  var playbooks: [String]
  var json: Bool

  static let spec = CommandSpec(
    name: "check", summary: "check playbooks and show what they compile to",
    about: [
      "Reads each playbook as a whole. If it is right: its features, its moments as state machines, "
        + "the fields that are read, the most bytes a customer can take, and what can never happen. "
        + "If it is wrong: every error with file, line and column, and what to write instead."
    ],
    arguments: [
      ArgumentSpec(
        name: "PLAYBOOK", help: "A playbook, or a folder with a book.", count: .oneOrMore,
        completes: .file)
    ],
    options: [
      OptionSpec(name: "json", help: "The findings as JSON, for editors and pipelines.")
    ],
    examples: [
      Example(line: "kairos check playbook.yaml", what: "One playbook, for a person."),
      Example(line: "kairos check --json books/live", what: "A book, for a pipeline."),
    ],
    exits: [.data, .noInput])

  init(_ words: Words) throws(UsageError) {
    playbooks = words.arguments("PLAYBOOK")
    json = words.flag("json")
  }
}
