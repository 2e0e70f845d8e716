import Yaml

/// What the command line and the environment said for one command, checked against its entry in
/// the table. Asking for an option that is not in the table is a mistake in this program.
struct Words {
  private let spec: CommandSpec
  private var given: [String: [String]] = [:]
  private var fromEnvironment: [String: String] = [:]
  private var arguments: [String: [String]] = [:]
  /// `--help` was among the words; then nothing else was checked.
  private(set) var wantsHelp = false

  static let help = OptionSpec(name: "help", short: "h", help: "Show this text.")

  init(
    parsing words: [String], for spec: CommandSpec, environment: (String) -> String?
  ) throws(UsageError) {
    self.spec = spec
    let scan = try OptionScan.scan(words, for: spec.options + [Words.help])
    for (name, value) in scan.options {
      if name == "help" { wantsHelp = true }
      given[name, default: []].append(value ?? "")
    }
    if wantsHelp { return }
    for option in spec.options {
      let all = given[option.name] ?? []
      for value in all { try check(value, option.choices, what: "--\(option.name)") }
      if let name = option.environmentName, let value = environment(name), !value.isEmpty {
        if all.isEmpty { try check(value, option.choices, what: name) }
        fromEnvironment[option.name] = value
      }
    }
    try take(scan.arguments[...])
  }

  /// The value, from the command line, the environment, or the table's standard.
  func text(_ name: String) -> String? { given(name) ?? option(name).standard }

  /// The same without the standard: nil leaves room for a configuration file.
  func given(_ name: String) -> String? {
    precondition(option(name).value != nil, "an option with a value")
    return given[name]?.last ?? fromEnvironment[name]
  }

  /// The value of an option that has a standard.
  func word(_ name: String) -> String {
    guard let text = text(name) else { preconditionFailure("--\(name) has no standard") }
    return text
  }

  /// Whether the command line itself has the option.
  func isTyped(_ name: String) -> Bool {
    precondition(option(name).value != nil, "an option with a value")
    return given[name] != nil
  }

  /// How messages call the place where the option's value comes from.
  func origin(of name: String) -> String {
    if given[name] == nil, fromEnvironment[name] != nil, let name = option(name).environmentName {
      return name
    }
    return "--\(name)"
  }

  /// All values of an option that may be repeated, in the order of the command line.
  func all(_ name: String) -> [String] {
    precondition(option(name).repeats, "an option that may be repeated")
    return given[name] ?? fromEnvironment[name].map { [$0] } ?? []
  }

  func flag(_ name: String) -> Bool {
    precondition(option(name).value == nil, "an option without a value")
    return given[name] != nil
  }

  /// A whole number within bounds.
  func integer(
    _ name: String, in range: ClosedRange<Int64>
  ) throws(UsageError) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let number = Int64(text), range.contains(number) else {
      let bounds =
        range.upperBound == .max
        ? "from \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw UsageError(message: "\(origin(of: name)) is a whole number \(bounds), not '\(text)'")
    }
    return number
  }

  /// A moment, in milliseconds since 1970.
  func time(_ name: String) throws(UsageError) -> Int64? {
    guard let text = text(name) else { return nil }
    guard let time = TimeText.milliseconds(text) else {
      throw UsageError(
        message:
          "\(origin(of: name)) is a time such as 2026-03-01T09:30Z or 2026-03-01, not '\(text)'")
    }
    return time
  }

  func choice<Choice: RawRepresentable>(
    _ name: String, _ type: Choice.Type = Choice.self
  ) -> Choice where Choice.RawValue == String {
    guard let choice = Choice(rawValue: word(name)) else {
      preconditionFailure("--\(name)'s choices in the table are those of its type")
    }
    return choice
  }

  /// Nil leaves room for a configuration file.
  func choice<Choice: RawRepresentable>(
    ifGiven name: String, _ type: Choice.Type = Choice.self
  ) -> Choice? where Choice.RawValue == String {
    given(name) == nil ? nil : choice(name)
  }

  func argument(_ name: String) -> String {
    guard let first = arguments[name]?.first else { preconditionFailure("<\(name)> is required") }
    return first
  }
  func argument(ifGiven name: String) -> String? { arguments[name]?.first }
  func arguments(_ name: String) -> [String] { arguments[name] ?? [] }

  private func option(_ name: String) -> OptionSpec {
    guard let option = spec.options.first(where: { $0.name == name }) else {
      preconditionFailure("--\(name) is not in the table")
    }
    return option
  }

  private func check(
    _ value: String, _ choices: [String], what: String
  ) throws(UsageError) {
    guard !choices.isEmpty, !choices.contains(value) else { return }
    let meant = nearestWord(to: value, of: choices).map { "; did you mean \($0)?" } ?? ""
    throw UsageError(
      message: "\(what) is \(choices.joined(separator: " or ")), not '\(value)'\(meant)")
  }

  private mutating func take(_ words: ArraySlice<String>) throws(UsageError) {
    var rest = words
    for argument in spec.arguments {
      switch argument.count {
      case .one:
        guard let word = rest.popFirst() else {
          let choices = argument.choices.joined(separator: " or ")
          let say = choices.isEmpty ? "" : ": say \(choices)"
          throw UsageError(message: "\(argument.name) is missing\(say)")
        }
        arguments[argument.name] = [word]
      case .optional: arguments[argument.name] = rest.popFirst().map { [$0] } ?? []
      case .oneOrMore:
        guard !rest.isEmpty else { throw UsageError(message: "\(argument.name) is missing") }
        arguments[argument.name] = Array(rest)
        rest = []
      case .any:
        arguments[argument.name] = Array(rest)
        rest = []
      }
      for word in arguments[argument.name] ?? [] {
        try check(word, argument.choices, what: argument.name)
      }
    }
    if let extra = rest.first { throw UsageError(message: "'\(extra)' is one argument too many") }
  }
}
