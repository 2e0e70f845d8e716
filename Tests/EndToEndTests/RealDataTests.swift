import Foundation
import TestSupport
import Testing

/// The examples over logs that nobody here made. What came out stands in their READMEs, as a table
/// with a column per way of reading the log; these tests read that table.
@Suite struct `Logs that nobody here made` {
  /// Takes minutes in a debug build, so only where somebody asks for it.
  private static let isThorough = ProcessInfo.processInfo.environment["KAIROS_LONG"] != nil

  @Test(arguments: [
    ("ecom", "as it came"), ("ecom", "30d out of order"), ("ecom", "sorted by time"),
    ("sparkify", "as it came"), ("oulad", "first 20,000 lines"), ("oulad", "as it came"),
  ])
  func `give what the example's README says`(example: String, column: String) throws {
    let what = "examples/\(example), \(column)"
    guard let log = shared("data/\(example).ndjson.gz", for: what) else { return }
    if example == "oulad", column == "as it came", !Self.isThorough {
      skipped(what, why: "takes minutes in a debug build; set KAIROS_LONG=1")
      return
    }
    let expected = try Self.table(of: example, column)
    try withTemporaryFolder { folder in
      let replay = try Self.replay(example, column, log, folder)
      #expect(Self.counts(replay.complaintsText) == expected)
    }
  }

  @Test(arguments: [("ecom", "sorted by time"), ("oulad", "first 20,000 lines")])
  func `give what an independent program counts`(example: String, column: String) throws {
    let what = "examples/\(example)/count.py"
    guard let log = shared("data/\(example).ndjson.gz", for: what) else { return }
    try withTemporaryFolder { folder in
      _ = try Self.replay(example, column, log, folder)
      let count = try run(
        [
          "/usr/bin/python3", "\(packageRoot)/examples/\(example)/count.py",
          "\(folder)/events.ndjson", "\(folder)/decisions.ndjson",
        ])
      #expect(count.exitCode == 0, "\(count.outputText)\(count.complaintsText)")
      #expect(count.outputText.split(separator: "\n").count == 4)
    }
  }

  /// Replays the log, as the column says, with the example's playbook. The decisions are in
  /// `decisions.ndjson`, the events in `events.ndjson` if they are not the log itself.
  private static func replay(
    _ example: String, _ column: String, _ log: String, _ folder: String
  ) throws -> CommandResult {
    let home = "\(packageRoot)/examples/\(example)"
    var archive = log
    var sources = "\(home)/sources.yaml"
    switch column {
    case "as it came": break
    case "30d out of order":
      let text = try fileText(sources)
      let slow = text.replacing("format: json\n", with: "format: json\n    out_of_order: 30d\n")
      #expect(slow != text)
      sources = folder + "/sources.yaml"
      try Data(slow.utf8).write(to: URL(fileURLWithPath: sources))
    default:
      let all = try run(["gzip", "-dc", log]).output.split(separator: 0x0a)
      let lines = column == "sorted by time" ? try sorted(all) : Array(all.prefix(20_000))
      archive = folder + "/events.ndjson"
      try Data(lines.joined(separator: [0x0a])).write(to: URL(fileURLWithPath: archive))
    }
    let result = try run(
      [
        built("kairos"), "replay", "\(home)/playbook.yaml", archive, "-c", sources,
        "-o", "\(folder)/decisions.ndjson",
      ], seconds: 900)
    #expect(result.exitCode == 0, "\(result.complaintsText)")
    return result
  }

  /// By the text of their time stamp; equal ones keep their order.
  private static func sorted(_ lines: [ArraySlice<UInt8>]) throws -> [ArraySlice<UInt8>] {
    let keyed = try lines.enumerated().map { number, line in
      let stamp = try #require(try Json(Array(line))["timestamp"]?.text)
      return (stamp: stamp, number: number, line: line)
    }
    return keyed.sorted { ($0.stamp, $0.number) < ($1.stamp, $1.number) }.map(\.line)
  }

  /// What a replay's summary says, by words: `events`, `duplicates`, `saved_cart released` …
  private static func counts(_ summary: String) -> [String: Int] {
    var counts: [String: Int] = [:]
    for line in summary.split(whereSeparator: { $0.isNewline }) {
      let words = line.split(separator: " ").map(String.init)
      guard words.count > 1 else { continue }
      switch words[0] {
      case "events", "customers", "skipped", "duplicates", "late":
        counts[words[0]] = Int(words[1].prefix { $0.isNumber })
      case "CEL": counts["CEL errors"] = Int(words[2])
      case "rejected": counts["rejected " + words[2]] = Int(words[1])
      case "decided": counts[words[2...].joined(separator: " ")] = Int(words[1])
      default: continue
      }
    }
    return counts
  }

  /// The numbers of a column; an empty cell, or a dash, is none.
  private static func table(of example: String, _ column: String) throws -> [String: Int] {
    let rows = try fileText("examples/\(example)/README.md").split(separator: "\n")
      .filter { $0.hasPrefix("|") }
      .map { row in
        row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
          .map { $0.trimmingCharacters(in: .whitespaces) }
      }
    let head = try #require(rows.first { $0.first == "what" })
    let place = try #require(head.firstIndex(of: column))
    var counts: [String: Int] = [:]
    for row in rows where row.count == head.count {
      guard let number = Int(row[place].replacing(",", with: "")) else { continue }
      counts[row[0]] = number
    }
    #expect(counts.count > 4, "the README of \(example) has no table")
    return counts
  }
}

/// The path of an executable of this package, which lies beside the tests' own.
func built(_ name: String) throws -> String {
  let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let beside = URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/" + name
  if FileManager.default.isExecutableFile(atPath: beside) { return beside }
  return packageRoot + "/.build/debug/" + name
}
