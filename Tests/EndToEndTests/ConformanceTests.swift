import Foundation
import TestSupport
import Testing

/// The case runner on the shared cases: what runs others' cases is what runs here.
@Suite struct `The case runner` {
  struct Kind: Sendable, CustomTestStringConvertible {
    var name: String
    /// Below the shared folder's `conformance`.
    var folder: String
    var suffix: String
    /// How many cases the folder holds that pass, and that say nothing about this engine.
    var passed: Int
    var notApplicable: Int
    var testDescription: String { name }
  }

  private static let kinds = [
    Kind(
      name: "meaning-features", folder: "meaning", suffix: "features.jsonl", passed: 300,
      notApplicable: 0),
    Kind(
      name: "meaning-decisions", folder: "meaning", suffix: "decisions.jsonl", passed: 400,
      notApplicable: 0),
    Kind(name: "flinkcep", folder: "flinkcep", suffix: ".jsonl", passed: 170, notApplicable: 29),
    Kind(name: "cel", folder: "cel", suffix: ".json", passed: 1599, notApplicable: 0),
    Kind(
      name: "cloudevents", folder: "cloudevents", suffix: ".json", passed: 73, notApplicable: 14),
    Kind(name: "segment", folder: "segment", suffix: ".json", passed: 42, notApplicable: 11),
    Kind(name: "scores", folder: "scores", suffix: ".json", passed: 100, notApplicable: 51),
    Kind(name: "beam", folder: "beam", suffix: ".json", passed: 0, notApplicable: 69),
  ]

  /// The program of this package, as it was built beside these tests.
  private func conformance(_ words: [String]) throws -> CommandResult {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let beside = URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/conformance"
    let isBeside = FileManager.default.isExecutableFile(atPath: beside)
    return try run([isBeside ? beside : packageRoot + "/.build/debug/conformance"] + words)
  }

  private func lastLine(_ result: CommandResult) -> String {
    result.outputText.split(separator: "\n").last.map(String.init) ?? ""
  }

  @Test(arguments: kinds) func `passes the shared cases`(of kind: Kind) throws {
    guard let folder = shared("conformance/" + kind.folder, for: "\(kind.name) cases") else {
      return
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(kind.suffix) }.sorted()
    let result = try conformance([kind.name] + files.map { folder + "/" + $0 })
    print("conformance \(kind.name): \(lastLine(result))")
    for line in result.outputText.split(separator: "\n") where line.hasPrefix("failed ") {
      Issue.record("\(kind.name): \(line)")
    }
    #expect(result.exitCode == 0, "\(result.complaintsText)")
    #expect(
      lastLine(result)
        == "\(kind.passed) passed, 0 failed, \(kind.notApplicable) not applicable")
  }

  @Test func `tells a wrong answer from a right one, and says so with its exit code`() throws {
    let right = #"{"id":"right","expr":"1 + 1","expect":{"value":{"int":"2"}}}"#
    let wrong = #"{"id":"wrong","expr":"1 + 1","expect":{"value":{"uint":"2"}}}"#
    try withTemporaryFolder { folder in
      try Data("[\(right)]".utf8).write(to: URL(fileURLWithPath: folder + "/a.json"))
      try Data("[\(wrong),\(right)]".utf8).write(to: URL(fileURLWithPath: folder + "/b.json"))
      let good = try conformance(["cel", folder + "/a.json"])
      #expect(good.exitCode == 0)
      let bad = try conformance(["cel", folder + "/a.json", folder + "/b.json"])
      #expect(bad.exitCode == 1)
      let lines = bad.outputText.split(separator: "\n").map(String.init)
      #expect(lines[0] == "passed right")
      #expect(lines[1] == folder + "/a.json: 1 passed, 0 failed, 0 not applicable")
      #expect(lines[2].hasPrefix("failed wrong: "))
      #expect(lines[4] == folder + "/b.json: 1 passed, 1 failed, 0 not applicable")
      #expect(lines[5] == "2 passed, 1 failed, 0 not applicable")
    }
  }

  @Test func `sees a match that is missing, one too many, one at another time`() throws {
    let pattern =
      #""pattern":{"stages":[{"name":"a","where":{"field":"name","op":"eq","value":"a"}},"#
      + #"{"name":"b","contiguity":"followedBy","where":{"field":"name","op":"eq","value":"b"}}]}"#
    let events =
      #""events":[{"id":1,"name":"a","time_ms":1},{"id":2,"name":"b","time_ms":2}]"#
    func match(_ at: Int) -> String {
      #"{"stages":{"a":[1],"b":[2]},"at_ms":\#(at),"by_event":2}"#
    }
    let cases = ["", match(2), match(2) + "," + match(2), match(3)].map { expected in
      "{\"name\":\"case\",\(pattern),\(events),\"final_watermark_ms\":null,"
        + "\"expected\":[\(expected)]}"
    }
    try withTemporaryFolder { folder in
      let path = folder + "/cases.jsonl"
      try Data(cases.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: path))
      let result = try conformance(["flinkcep", path])
      let words = result.outputText.split(separator: "\n").map { $0.prefix { $0 != " " } }
      #expect(words.prefix(4) == ["failed", "passed", "failed", "failed"])
      #expect(result.exitCode == 1)
    }
  }

  @Test func `refuses what it does not know with 64`() throws {
    for words in [[], ["cel"], ["nothing", "a.json"], ["cel", "/nowhere/a.json"]] {
      let result = try conformance(words)
      #expect(result.exitCode == 64, "\(words)")
      #expect(!result.complaintsText.isEmpty, "\(words)")
    }
  }
}
