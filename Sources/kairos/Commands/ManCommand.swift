/// `kairos man`.
struct ManCommand: Command {
  static let spec = CommandSpec(
    name: "man", summary: "write the man page",
    about: ["Writes kairos(1) for man: every command, option and variable."],
    examples: [
      Example(line: "kairos man | man -l -", what: "Reads it now."),
      Example(
        line: "kairos man > /usr/local/share/man/man1/kairos.1", what: "Installs it."),
    ])

  init(_ words: Words) throws(UsageError) {}

  func run() throws(CommandFailure) -> ExitCode {
    try printOut(ManPage.text(CommandTable.specs, version: BuildVersion.text))
  }
}
