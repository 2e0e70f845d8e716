import Foundation
import Synchronization
import TestSupport
import Testing

@testable import kairos

@Suite struct `Command line` {
  private func scan(_ words: String...) throws -> OptionScan {
    try OptionScan.scan(
      words,
      for: [
        OptionSpec(name: "alpha", short: "a", value: "X", help: ""),
        OptionSpec(name: "all", help: ""), OptionSpec(name: "flag", short: "f", help: ""),
      ])
  }

  @Test func `options and arguments come in any order and form`() throws {
    let expected = OptionScan(
      options: [("alpha", "1"), ("flag", nil), ("alpha", "2")], arguments: ["x", "-", "y"])
    #expect(try scan("x", "--alpha", "1", "-", "-f", "-a2", "y") == expected)
    #expect(try scan("x", "--alpha=1", "-fa", "2", "-", "y") == expected)
    #expect(try scan("--alp=1", "-f", "-a", "2", "--", "x", "-", "y") == expected)
    #expect(try scan("--", "--flag") == OptionScan(arguments: ["--flag"]))
    #expect(try scan("-a", "-1") == OptionScan(options: [("alpha", "-1")]))
  }

  @Test(arguments: [
    (["--alhpa", "1"], "unknown option --alhpa; did you mean --alpha?"),
    (["--zzz"], "unknown option --zzz"), (["-z"], "unknown option -z"),
    (["-fz"], "unknown option -z"), (["--al"], "--al is ambiguous: --alpha, --all"),
    (["--alpha"], "--alpha needs a value: X"), (["-a"], "-a needs a value: X"),
    (["--flag=1"], "--flag takes no value"),
  ])
  func `a wrong option is told with the right one`(words: [String], message: String) throws {
    let error = #expect(throws: UsageError.self) {
      try OptionScan.scan(
        words,
        for: [
          OptionSpec(name: "alpha", short: "a", value: "X", help: ""),
          OptionSpec(name: "all", help: ""), OptionSpec(name: "flag", short: "f", help: ""),
        ])
    }
    #expect(error?.message == message)
  }

  private func words(
    _ command: any Command.Type, _ line: String, environment: [String: String] = [:]
  ) throws -> Words {
    try Words(
      parsing: line.split(separator: " ").map(String.init), for: command.spec,
      environment: { environment[$0] })
  }

  @Test func `the command line wins over the environment, and that over the standard`() throws {
    let environment = ["KAIROS_LOG_FORMAT": "json", "KAIROS_BOOK": ""]
    #expect(try words(RunCommand.self, "").text("log-format") == "text")
    #expect(try words(RunCommand.self, "").given("log-format") == nil)
    let set = try words(RunCommand.self, "", environment: environment)
    #expect(set.text("log-format") == "json")
    #expect(set.given("book") == nil)
    let typed = try words(RunCommand.self, "--log-format text", environment: environment)
    #expect(typed.given("log-format") == "text")
  }

  @Test func `a wrong word in the environment is told by the variable's name`() {
    let error = #expect(throws: UsageError.self) {
      try words(RunCommand.self, "", environment: ["KAIROS_LOG_FORMAT": "jsn"])
    }
    #expect(error?.message.hasPrefix("KAIROS_LOG_FORMAT is text or json, not 'jsn'") == true)
    // Unless the command line has the last word.
    #expect(throws: Never.self) {
      try words(
        RunCommand.self, "--log-format text", environment: ["KAIROS_LOG_FORMAT": "jsn"])
    }
  }

  @Test func `two logs exclude each other unless one is typed`() throws {
    func place(_ line: String, _ environment: [String: String]) throws -> LogPlace {
      try LogPlace(words(RunCommand.self, line, environment: environment))
    }
    #expect(throws: UsageError.self) { try place("--log a -b b", [:]) }
    let both = ["KAIROS_LOG": "a", "KAIROS_BOOTSTRAP_SERVERS": "b"]
    #expect(throws: UsageError.self) { try place("", both) }
    #expect(try place("--log x", both).bootstrapServers == nil)
    #expect(try place("-b x", both).directory == nil)
  }

  @Test func `replay's options become values`() throws {
    let line =
      "book.yaml a.ndjson -f table b.ndjson.gz --from 2026-01-01 --until 2026-04-01T02:00+02:00"
      + " -c s.yaml -s shop -o - --policy-time append --quiet"
    let replay = try ReplayCommand(words(ReplayCommand.self, line))
    #expect(replay.book == "book.yaml")
    #expect(replay.archives == ["a.ndjson", "b.ndjson.gz"])
    #expect(replay.decisionsFormat == .table && replay.policyTime == .append)
    #expect(replay.from == 1_767_225_600_000 && replay.until == 1_775_001_600_000)
    #expect(replay.config == "s.yaml" && replay.source == "shop" && replay.out == nil)
    #expect(replay.quiet && !replay.summaryOnly)
  }

  @Test(
    arguments: [
      (ReplayCommand.self, "a b --from 2026-02-01 --until 2026-02-01", "--from must be before"),
      (ReplayCommand.self, "a b --quiet --summary", "leave nothing to show"),
      (ReplayCommand.self, "a", "ARCHIVE is missing"),
      (ReadCommand.self, "t -p -1", "--partition is a whole number from 0, not '-1'"),
      (ReadCommand.self, "t --limit 0", "--limit is a whole number from 1, not '0'"),
      (ReadCommand.self, "t u", "'u' is one argument too many"),
      (RunCommand.self, "--listen 9464", "--listen: '9464' has no port"),
      (TopicsCommand.self, "", "ACTION is missing: say check or apply"),
      (TopicsCommand.self, "aply", "did you mean apply?"),
      (HelpCommand.self, "repaly", "did you mean 'replay'?"),
    ] as [(any Command.Type, String, String)])
  func `a wrong line is refused in words`(
    command: any Command.Type, line: String, message: String
  ) {
    let error = #expect(throws: UsageError.self) {
      _ = try command.init(words(command, line))
    }
    #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
  }

  @Test(
    arguments: [
      ("1970-01-01", 0), ("2026-03-01T09:30:00Z", 1_772_357_400_000),
      ("2026-03-01 09:30", 1_772_357_400_000),
      ("2026-03-01T10:30:00.1239+01:00", 1_772_357_400_123),
      ("2026-03-01T04:30:00.5-05:00", 1_772_357_400_500), ("2000-02-29", 951_782_400_000),
      ("1969-12-31T23:59:59.9Z", -100), ("2025-02-29", nil), ("2026-13-01", nil),
      ("2026-1-1", nil), ("2026-03-01T", nil), ("2026-03-01T24:00Z", nil), ("now", nil),
      ("2026-03-01T09:30:00.Z", nil), ("2026-03-01T09:30Zz", nil), ("", nil), ("1900-02-29", nil),
    ] as [(String, Int64?)])
  func `times are read as people write them`(text: String, time: Int64?) {
    #expect(TimeText.milliseconds(text) == time)
  }
}

@Suite struct `The table of commands` {
  @Test(arguments: CommandTable.specs.map(\.name))
  func `is whole in help, man page and completions`(name: String) throws {
    let spec = try #require(CommandTable.specs.first { $0.name == name })
    let overview = HelpText.overview(CommandTable.specs)
    let help = HelpText.page(spec)
    let man = ManPage.text(CommandTable.specs, version: "1").replacing("\\-", with: "-")
    let bash = Completions.script(.bash, CommandTable.specs)
    let zsh = Completions.script(.zsh, CommandTable.specs)
    #expect(overview.contains("\n  \(name) "))
    #expect(!spec.examples.isEmpty && !spec.about.isEmpty && !spec.summary.hasSuffix("."))
    #expect(man.contains(".SS kairos \(name)"))
    #expect(bash.contains(" \(name)) words='"))
    let summary = spec.summary.replacing("'", with: #"'\''"#)
    #expect(zsh.contains("'\(name):\(summary)'") && zsh.contains("    \(name)) _arguments"))
    let bashLine = bash.split(separator: "\n").first { $0.contains(" \(name)) words='") } ?? ""
    for option in spec.options + [Words.help] {
      #expect(help.contains("--\(option.name)"))
      #expect(man.contains("\\fB--\(option.name)\\fR"))
      #expect(bashLine.contains("--\(option.name)"))
      #expect(zsh.contains("--\(option.name)"))
      if let variable = option.environmentName {
        #expect(help.contains(variable.prefix(20)) && man.contains(".B \(variable)\n"))
      }
    }
    for argument in spec.arguments {
      #expect(help.contains("  \(argument.name)"))
      #expect(man.contains(".I \(argument.name)\n"))
    }
    for example in spec.examples { #expect(help.contains(example.line)) }
  }

  @Test func `names each command and each option once, and has no line wider than a terminal`() {
    let names = CommandTable.specs.map(\.name)
    #expect(Set(names).count == names.count)
    for spec in CommandTable.specs {
      let long = spec.options.map(\.name) + ["help"]
      let short = spec.options.compactMap(\.short) + ["h"]
      #expect(Set(long).count == long.count && Set(short).count == short.count)
      #expect(spec.arguments.dropLast().allSatisfy { $0.count == .one })
      let examples = spec.examples.map(\.line)
      for line in HelpText.page(spec).split(separator: "\n") {
        #expect(line.count <= 80 || examples.contains { line.hasSuffix($0) }, "\(line)")
      }
    }
  }

  @Test(arguments: CommandTable.specs.map(\.name))
  func `has examples that parse`(name: String) throws {
    let command = try #require(CommandTable.commands.first { $0.spec.name == name })
    for example in command.spec.examples {
      // What stands behind `kairos`, up to what the shell would take.
      var words = example.line.split(separator: " ").map(String.init)
      if let pipe = words.firstIndex(of: "|"), words[0] != "kairos" { words.removeFirst(pipe + 1) }
      guard let start = words.firstIndex(of: "kairos") else { continue }
      let line = words[(start + 1)...].prefix { $0 != "|" && $0 != ">" }
      try #require(line.first == name, "\(example.line)")
      #expect(throws: Never.self, "\(example.line)") {
        let words = try Words(
          parsing: Array(line.dropFirst()), for: command.spec, environment: { _ in nil })
        _ = try command.init(words)
      }
    }
  }
}
