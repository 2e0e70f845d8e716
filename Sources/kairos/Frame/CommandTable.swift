/// Every command, in the order in which help lists them.
enum CommandTable {
  static var commands: [any Command.Type] {
    [
      RunCommand.self, CheckCommand.self, PlaybookCommand.self, ReplayCommand.self,
      DemoCommand.self, TopicsCommand.self, SourceCommand.self, AppendCommand.self,
      ReadCommand.self, ExplainCommand.self, VerifyCommand.self, LogCommand.self,
      SemanticsCommand.self, VersionCommand.self, CompletionsCommand.self, ManCommand.self,
      HelpCommand.self,
    ]
  }

  static var specs: [CommandSpec] { commands.map { $0.spec } }

  static let firstSteps = [
    Example(
      line: "kairos check playbook.yaml",
      what: "Reads a playbook and says what it compiles to, or what is wrong with it and where."),
    Example(
      line: "kairos replay playbook.yaml events.ndjson.gz",
      what: "Shows what it would have decided over recorded events. No broker is needed."),
    Example(
      line: "kairos run --book books/live",
      what: "Runs it, on a log in a directory of its own. With --bootstrap-servers: on Kafka."),
  ]
}
