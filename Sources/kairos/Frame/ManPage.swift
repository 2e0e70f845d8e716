/// kairos(1), in the man macros, written from the table.
enum ManPage {
  static func text(_ commands: [CommandSpec], version: String) -> String {
    var page = """
      .TH KAIROS 1 "" "kairos \(escaped(version))" "User Commands"
      .SH NAME
      kairos \\- event\\-sourced streaming engine for customer moments
      .SH SYNOPSIS
      .B kairos
      .I COMMAND
      [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...
      .SH DESCRIPTION
      \(escaped(HelpText.motto))
      .PP
      Options may stand before or behind arguments. A value given on the command line wins over the
      environment, the environment over a configuration file, and that over the default.
      .SH COMMANDS

      """
    for command in commands { page += section(command) }
    page += ".SH ENVIRONMENT\nAn empty variable counts as not set.\n"
    for (name, help) in environment(commands) {
      page += ".TP\n.B \(escaped(name))\n\(escaped(help))\n"
    }
    page += ".SH EXIT STATUS\n"
    let codes: [ExitCode] = [
      .success, .different, .usage, .data, .noInput, .unavailable, .output, .temporary,
    ]
    for code in codes { page += ".TP\n.B \(code.rawValue)\n\(escaped(code.meaning))\n" }
    page += ".TP\n.B 130, 143\nA second SIGINT or SIGTERM came while draining.\n"
    page += ".SH EXAMPLES\n"
    for example in CommandTable.firstSteps { page += shown(example) }
    return page
  }

  private static func section(_ command: CommandSpec) -> String {
    var text = ".SS \(escaped(HelpText.usage(command)))\n"
    for (index, paragraph) in command.about.enumerated() {
      text += (index == 0 ? "" : ".PP\n") + escaped(paragraph) + "\n"
    }
    for argument in command.arguments {
      let choices = argument.choices.isEmpty ? "" : " [\(argument.choices.joined(separator: "|"))]"
      text += ".TP\n.I \(escaped(argument.name))\n\(escaped(argument.help + choices))\n"
    }
    for option in command.options + [Words.help] {
      let short = option.short.map { "\\fB\\-\($0)\\fR, " } ?? ""
      let value = option.value.map { " \\fI\(escaped($0))\\fR" } ?? ""
      text += ".TP\n\(short)\\fB\(escaped("--" + option.name))\\fR\(value)\n"
      text += escaped(HelpText.description(option)) + "\n"
    }
    for example in command.examples { text += shown(example) }
    return text
  }

  private static func shown(_ example: Example) -> String {
    ".PP\n\(escaped(example.what))\n.PP\n.RS 4\n.nf\n\(escaped(example.line))\n.fi\n.RE\n"
  }

  /// Each variable once, with the help of the first option that has it.
  private static func environment(_ commands: [CommandSpec]) -> [(String, String)] {
    var found: [(String, String)] = []
    for option in commands.flatMap(\.options) {
      guard let name = option.environmentName, !found.contains(where: { $0.0 == name }) else {
        continue
      }
      found.append((name, option.help))
    }
    return found
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      default: result.append(character)
      }
    }
    // A line that begins with a dot or an apostrophe would be a macro.
    return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
  }
}
