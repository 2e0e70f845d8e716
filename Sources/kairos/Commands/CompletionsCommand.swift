/// `kairos completions`.
struct CompletionsCommand: Command {
  var shell: Completions.Shell

  static let spec = CommandSpec(
    name: "completions", summary: "write a completion script for a shell",
    about: ["Writes a script that makes the shell complete commands, options and their values."],
    arguments: [
      ArgumentSpec(
        name: "SHELL", help: "The shell.", choices: Completions.Shell.allCases.map(\.rawValue))
    ],
    examples: [
      Example(
        line: "eval \"$(kairos completions bash)\"", what: "In ~/.bashrc: completion from now on."),
      Example(
        line: "kairos completions zsh > \"${fpath[1]}/_kairos\"", what: "For zsh, once."),
    ])

  init(_ words: Words) throws(UsageError) {
    guard let shell = Completions.Shell(rawValue: words.argument("SHELL")) else {
      preconditionFailure("the table's choices are those of Shell")
    }
    self.shell = shell
  }

  func run() throws(CommandFailure) -> ExitCode {
    try printOut(Completions.script(shell, CommandTable.specs))
  }
}
