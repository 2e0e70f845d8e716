import Foundation
import Glibc
import TestSupport
import Testing

/// A program of this package, as it was built beside these tests.
func built(_ name: String) throws -> String {
  let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let beside = URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/" + name
  if FileManager.default.isExecutableFile(atPath: beside) { return beside }
  return packageRoot + "/.build/debug/" + name
}

@Suite struct `The program` {
  private func kairos(_ words: String...) throws -> CommandResult {
    try kairos(words)
  }
  private func kairos(_ words: [String]) throws -> CommandResult {
    try TestSupport.run([built("kairos")] + words)
  }

  @Test func `says its version`() throws {
    for words in ["version", "--version", "-V"] {
      let said = try kairos(words)
      #expect(said.exitCode == 0)
      #expect(said.outputText.hasPrefix("kairos ") && said.outputText.hasSuffix("\n"))
    }
  }

  @Test func `helps on standard output, and refuses on standard error with 64`() throws {
    let help = try kairos("--help")
    #expect(help.exitCode == 0 && help.complaintsText == "")
    #expect(try kairos("help").outputText == help.outputText)
    #expect(try kairos("help", "replay").outputText == kairos("replay", "--help").outputText)
    let nothing = try kairos()
    #expect(nothing.exitCode == 64 && nothing.outputText == "")
    #expect(nothing.complaintsText == help.outputText)
    let wrong = try kairos("repley", "a")
    #expect(wrong.exitCode == 64 && wrong.outputText == "")
    #expect(
      wrong.complaintsText.hasPrefix("kairos: unknown command 'repley'; did you mean 'replay'?"))
    let option = try kairos("run", "--bok", "x")
    #expect(option.exitCode == 64)
    #expect(
      option.complaintsText.hasPrefix("kairos run: unknown option --bok; did you mean --book?"))
  }

  @Test func `fails with 74 when nobody can take its output`() throws {
    let full = try TestSupport.run(["bash", "-c", "'\(built("kairos"))' man > /dev/full"])
    #expect(full.exitCode == 74)
  }

  @Test func `writes a man page that groff reads without a warning`() throws {
    guard program("groff") != nil else { return skipped("kairos man", why: "no groff") }
    let page = try kairos("man")
    let shown = try TestSupport.run(["groff", "-man", "-Tutf8", "-ww"], input: page.output)
    #expect(shown.exitCode == 0 && shown.complaintsText == "")
    #expect(shown.outputText.contains("bootstrap"))
  }

  @Test(
    arguments: [
      ("rep", ["replay"]), ("run --log-f", ["--log-format"]), ("run --log-format j", ["json"]),
      ("topics a", ["apply"]), ("completions z", ["zsh"]), ("help chec", ["check"]),
      ("read decisions --fol", ["--follow"]), ("run --listen x", []),
    ] as [(String, [String])])
  func `completes words in bash`(line: String, expected: [String]) throws {
    let words = (["kairos"] + line.split(separator: " ").map(String.init))
    let script = """
      source <('\(try built("kairos"))' completions bash)
      COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " ")))
      COMP_CWORD=\(words.count - 1)
      _kairos
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let said = try TestSupport.run(["bash", "-c", script])
    #expect(said.complaintsText == "")
    #expect(said.outputText.split(separator: "\n").map(String.init) == expected)
  }

  @Test func `its zsh completion is a script that zsh reads`() throws {
    guard program("zsh") != nil else { return skipped("kairos completions zsh", why: "no zsh") }
    let script = try kairos("completions", "zsh")
    #expect(try TestSupport.run(["zsh", "-n"], input: script.output).exitCode == 0)
  }
}

@Suite struct `Signals` {
  /// A drain-probe that has said `ready`.
  private struct Probe {
    let process = Process()
    let complaints = Pipe()

    init(_ arguments: String...) throws {
      process.executableURL = URL(fileURLWithPath: try built("drain-probe"))
      process.arguments = arguments
      process.standardError = complaints
      try process.run()
      waitFor("ready\n")
    }

    /// The probe writes each word in one piece. Nothing comes when it has ended.
    func waitFor(_ word: String) {
      let said = complaints.fileHandleForReading.availableData
      #expect(String(decoding: said, as: UTF8.self) == word)
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `the first one drains, and the program ends with 0`(signal: Int32) throws {
    let probe = try Probe()
    probe.send(signal)
    probe.waitFor("draining\n")
    probe.process.waitUntilExit()
    #expect(probe.process.terminationReason == .exit)
    #expect(probe.process.terminationStatus == 0)
  }

  @Test(arguments: [(SIGTERM, 143), (SIGINT, 130)] as [(Int32, Int32)])
  func `a second one ends it at once`(signal: Int32, code: Int32) throws {
    let probe = try Probe("--stuck")
    probe.send(SIGTERM)
    probe.waitFor("draining\n")
    probe.send(signal)
    probe.process.waitUntilExit()
    #expect(probe.process.terminationReason == .exit)
    #expect(probe.process.terminationStatus == code)
  }
}
