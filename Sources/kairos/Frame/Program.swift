import Console
import Yaml

/// From the words of the command line to an exit code. Without globals, so that tests can call it.
struct Program {
  var environment: (String) -> String?
  /// Standard output.
  var write: (String) -> Void
  /// Standard error.
  var complain: (String) -> Void

  /// `words`: what stands behind the program's name.
  func run(_ words: [String]) -> Int32 {
    guard let first = words.first else {
      complain(HelpText.overview(CommandTable.specs))
      return ExitCode.usage.rawValue
    }
    switch first {
    case "-h", "--help":
      write(HelpText.overview(CommandTable.specs))
      return ExitCode.success.rawValue
    case "-V", "--version":
      write("kairos \(BuildVersion.text)\n")
      return ExitCode.success.rawValue
    default: break
    }
    guard let command = CommandTable.commands.first(where: { $0.spec.name == first }) else {
      return refuse(unknown: first)
    }
    return start(command, Array(words.dropFirst()))
  }

  private func start(_ command: any Command.Type, _ words: [String]) -> Int32 {
    let spec = command.spec
    do {
      let words = try Words(parsing: words, for: spec, environment: environment)
      if words.wantsHelp {
        write(HelpText.page(spec))
        return ExitCode.success.rawValue
      }
      return try command.init(words).run().rawValue
    } catch let error as UsageError {
      complain(
        "kairos \(spec.name): \(error.message)\nUsage: \(HelpText.usage(spec))\n"
          + "Options and examples: kairos \(spec.name) --help\n")
      return ExitCode.usage.rawValue
    } catch let failure as CommandFailure {
      complain("kairos \(spec.name): \(failure.message)\n")
      return failure.code.rawValue
    } catch {
      fatalError("a command throws a UsageError or a CommandFailure, not \(error)")
    }
  }

  private func refuse(unknown word: String) -> Int32 {
    let names = CommandTable.specs.map(\.name)
    let what = word.hasPrefix("-") ? "option" : "command"
    let meant =
      word.hasPrefix("-")
      ? nearestWord(to: word, of: ["--help", "--version"]) : commandMeant(by: word, of: names)
    let hint = meant.map { "; did you mean '\($0)'?" } ?? ""
    complain(
      "kairos: unknown \(what) '\(word)'\(hint)\n"
        + "Commands: \(names.joined(separator: ", ")). More: kairos --help\n")
    return ExitCode.usage.rawValue
  }

  /// The near one, or else the only one that begins like this.
  private func commandMeant(by word: String, of names: [String]) -> String? {
    if let near = nearestWord(to: word, of: names) { return near }
    let begun = names.filter { $0.hasPrefix(word) }
    return begun.count == 1 ? begun[0] : nil
  }
}
