/// What `--help` prints: written from the table, for a terminal of 80 columns.
enum HelpText {
  static let width = 80
  static let motto = "Turns what customers do into well-timed, permitted, explained decisions."

  static func overview(_ commands: [CommandSpec]) -> String {
    let column = (commands.map(\.name.count).max() ?? 0) + 4
    var text = "kairos - \(motto)\n\nUsage: kairos COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n"
    for command in commands {
      text += entry("  \(command.name)", command.summary, column: column)
    }
    text += "\nOptions:\n"
    text += entry("  -h, --help", "Show this text; after a command, its own.", column: 18)
    text += entry("  -V, --version", "Show the version.", column: 18)
    text += "\nBegin here:\n"
    for example in CommandTable.firstSteps { text += shown(example) }
    text += "\nEvery command has examples: kairos COMMAND --help\n"
    return text
  }

  static func page(_ command: CommandSpec) -> String {
    var text = "kairos \(command.name) - \(command.summary)\n\nUsage: \(usage(command))\n"
    for paragraph in command.about { text += "\n" + wrapped(paragraph, indent: 0) }
    if !command.arguments.isEmpty {
      text += "\nArguments:\n"
      for argument in command.arguments {
        let choices =
          argument.choices.isEmpty ? "" : " [\(argument.choices.joined(separator: "|"))]"
        text += entry("  \(argument.name)", argument.help + choices, column: 24)
      }
    }
    text += "\nOptions:\n"
    for option in command.options + [Words.help] {
      text += entry("  \(form(option))", description(option), column: 24)
    }
    text += "\nExamples:\n"
    for example in command.examples { text += shown(example) }
    if !command.exits.isEmpty {
      text += "\nExit codes:\n"
      let codes = [.success, .usage] + command.exits
      for code in codes.sorted(by: { $0.rawValue < $1.rawValue }) {
        text += entry("  \(code.rawValue)", code.meaning, column: 6)
      }
    }
    return text
  }

  static func usage(_ command: CommandSpec) -> String {
    var words = ["kairos", command.name]
    if !command.options.isEmpty { words.append("[OPTION]...") }
    for argument in command.arguments {
      switch argument.count {
      case .one: words.append(argument.name)
      case .optional: words.append("[\(argument.name)]")
      case .oneOrMore: words.append("\(argument.name)...")
      case .any: words.append("[\(argument.name)...]")
      }
    }
    return words.joined(separator: " ")
  }

  static func form(_ option: OptionSpec) -> String {
    let short = option.short.map { "-\($0), " } ?? "    "
    return short + "--\(option.name)" + (option.value.map { " \($0)" } ?? "")
  }

  /// The help with what the table knows besides: choices, standard, environment, repetition.
  static func description(_ option: OptionSpec) -> String {
    var notes: [String] = []
    if !option.choices.isEmpty { notes.append("one of: \(option.choices.joined(separator: ", "))") }
    if let standard = option.standard { notes.append("default: \(standard)") }
    if let name = option.environmentName { notes.append("env: \(name)") }
    if option.repeats { notes.append("may be repeated") }
    return notes.isEmpty ? option.help : "\(option.help) [\(notes.joined(separator: "; "))]"
  }

  private static func shown(_ example: Example) -> String {
    "  \(example.line)\n" + wrapped(example.what, indent: 6)
  }

  private static func entry(_ head: String, _ help: String, column: Int) -> String {
    let text = wrapped(help, indent: column)
    if head.count + 2 > column { return head + "\n" + text }
    return head + text.dropFirst(head.count)
  }

  static func wrapped(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var (lines, line): ([String], String) = ([], "")
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > width {
        lines.append(margin + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(margin + line)
    return lines.map { $0 + "\n" }.joined()
  }
}
