/// `kairos version`.
struct VersionCommand: Command {
  static let spec = CommandSpec(
    name: "version", summary: "show the version",
    about: ["Shows the version of this program, on one line."],
    examples: [Example(line: "kairos version", what: "Prints 'kairos' and the version.")])

  init(_ words: Words) throws(UsageError) {}

  func run() throws(CommandFailure) -> ExitCode {
    try printOut("kairos \(BuildVersion.text)\n")
  }
}
