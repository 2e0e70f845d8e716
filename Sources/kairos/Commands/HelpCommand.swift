import Console
import Glibc
import Yaml

/// `kairos help [COMMAND]`: the same as `--help`.
struct HelpCommand: Command {
  var command: CommandSpec?

  static let spec = CommandSpec(
    name: "help", summary: "show help, of all or of one command",
    about: ["Shows what `kairos --help` or `kairos COMMAND --help` shows."],
    arguments: [
      ArgumentSpec(name: "COMMAND", help: "A command.", count: .optional, completes: .command)
    ],
    examples: [Example(line: "kairos help replay", what: "The options of kairos replay.")])

  init(_ words: Words) throws(UsageError) {
    guard let name = words.argument(ifGiven: "COMMAND") else { return }
    command = CommandTable.specs.first { $0.name == name }
    guard command == nil else { return }
    let meant = nearestWord(to: name, of: CommandTable.specs.map(\.name))
    let hint = meant.map { "; did you mean '\($0)'?" } ?? ""
    throw UsageError(message: "unknown command '\(name)'\(hint)")
  }

  func run() throws(CommandFailure) -> ExitCode {
    try printOut(command.map(HelpText.page) ?? HelpText.overview(CommandTable.specs))
  }
}

/// Writes to standard output: all of it, or a failure that says why.
func printOut(_ text: String) throws(CommandFailure) -> ExitCode {
  if let code = FileOutput.write(text, to: STDOUT_FILENO) {
    throw CommandFailure(.output, "cannot write: \(unsafe String(cString: strerror(code)))")
  }
  return .success
}
