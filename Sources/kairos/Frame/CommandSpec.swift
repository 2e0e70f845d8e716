// One table says what the command line is. The parser, `--help`, the completions and the man page
// all read it, so none of them can know of a command or an option that the others do not.

struct CommandSpec: Sendable {
  var name: String
  /// After the name, in lists: begins small, no full stop.
  var summary: String
  /// Paragraphs: what it does, and what a person wants to know before using it.
  var about: [String]
  var arguments: [ArgumentSpec] = []
  var options: [OptionSpec] = []
  var examples: [Example]
  /// What its exit codes mean, beyond 0 and 64.
  var exits: [ExitCode] = []
}

struct ArgumentSpec: Sendable {
  enum Count: Sendable { case one, optional, oneOrMore, any }
  var name: String
  var help: String
  var count = Count.one
  /// The only words allowed; empty: any.
  var choices: [String] = []
  var completes = Completion.nothing
}

struct OptionSpec: Sendable {
  /// Without the dashes.
  var name: String
  var short: Character?
  /// What stands for its value in help texts; nil: the option has none.
  var value: String?
  var help: String
  /// Whether `KAIROS_<NAME>` gives the value when the command line does not.
  var environment = false
  /// What holds when nobody says anything.
  var standard: String?
  /// The only values allowed; empty: any.
  var choices: [String] = []
  var repeats = false
  var completes = Completion.nothing

  var environmentName: String? {
    environment
      ? "KAIROS_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined() : nil
  }
}

enum Completion: Sendable { case nothing, file, directory, command }

struct Example: Sendable {
  /// What a person would type.
  var line: String
  /// What it does: a sentence.
  var what: String
}

/// The codes of sysexits.h, as far as they are used.
enum ExitCode: Int32, Sendable {
  case success = 0
  /// A check found something to say.
  case different = 1
  /// The command line is wrong.
  case usage = 64
  /// An input is wrong: a playbook, an archive, a configuration.
  case data = 65
  /// An input is not there or cannot be read.
  case noInput = 66
  /// Something that is needed is not to be had: the log, a port.
  case unavailable = 69
  /// Writing failed.
  case output = 74
  /// May work if it is tried again.
  case temporary = 75

  var meaning: String {
    switch self {
    case .success: "All went well."
    case .different: "What was checked is not as it should be; the output says how."
    case .usage: "The command line is wrong."
    case .data: "An input is wrong: a playbook, an archive, a configuration."
    case .noInput: "An input does not exist or cannot be read."
    case .unavailable: "Something needed is not to be had: the log, a port, a right."
    case .output: "Output could not be written."
    case .temporary: "A passing fault; the same again may work."
    }
  }
}

/// One command: its entry in the table, its options as values, and what it does.
protocol Command: SendableMetatype {
  static var spec: CommandSpec { get }
  init(_ words: Words) throws(UsageError)
  func run() throws(CommandFailure) -> ExitCode
}

/// The command line is wrong. `message` is one line without a full stop.
struct UsageError: Error, Equatable {
  var message: String
}

/// The command could not do its work. `message` is one line and says what to do.
struct CommandFailure: Error, Equatable {
  var code: ExitCode
  var message: String
  init(_ code: ExitCode, _ message: String) {
    self.code = code
    self.message = message
  }
}
