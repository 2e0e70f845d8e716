import Events
import Foundation
import Moments
import Testing

@Suite struct `Flink's own cases` {
  static let folder =
    ProcessInfo.processInfo.environment["KAIROS_SHARED"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared").path

  static func cases() throws -> [FlinkCase] {
    let path = folder + "/conformance/flinkcep/classic.jsonl"
    guard FileManager.default.fileExists(atPath: path) else {
      print("skipped: Flink's own cases: \(path) is missing")
      return []
    }
    return try FlinkCase.load(String(contentsOfFile: path, encoding: .utf8))
  }

  /// The matches, each as often as it was given.
  static func counted(_ matches: [FlinkCase.Match]) -> [[String: [Int64]]: Int] {
    matches.reduce(into: [:]) { $0[$1.stages, default: 0] += 1 }
  }

  /// Whether every match has its time: that of its last event, or else a deadline that had passed.
  static func agree(_ matches: [FlinkCase.Match], _ expected: [FlinkCase.Match]) -> Bool {
    matches.allSatisfy { match in
      expected.contains {
        $0.stages == match.stages
          && ($0.byEvent == nil ? match.atMs <= $0.atMs : match.atMs == $0.atMs)
      }
    }
  }

  @Test func `every match is Flink's`() throws {
    var passed = 0
    var left: [String] = []
    for item in try Self.cases() {
      do {
        var run = try FlinkRun(FlinkTranslation(item.pattern), mode: .all)
        run.run(item.events, until: item.finalWatermarkMs)
        let answers = run.answers
        #expect(Self.counted(answers) == Self.counted(item.expected ?? []), "\(item.name)")
        #expect(Self.agree(answers, item.expected ?? []), "\(item.name)")
        passed += 1
      } catch let error as FlinkTranslation.NotApplicable {
        left.append("\(item.name): \(error.reason)")
      }
    }
    print("flinkcep: \(passed) run, \(left.count) not applicable")
    for line in left { print("not applicable: \(line)") }
  }

  @Test func `the default mode gives the latest match of each completing event`() throws {
    var compared = 0
    for item in try Self.cases() {
      guard let translation = try? FlinkTranslation(item.pattern) else { continue }
      if SequencePlan.requiresAll(translation.parts, translation.within, translation.contextual)
        != nil
      {
        continue
      }
      var all = try FlinkRun(translation, mode: .all)
      all.run(item.events, until: item.finalWatermarkMs)
      var latest = try FlinkRun(translation, mode: .latest)
      latest.run(item.events, until: item.finalWatermarkMs)
      var best: [EventTime: [Int: SequenceMatch]] = [:]
      for match in all.matches {
        let last = Int(match.evidence.last!.position)
        let other = best[match.at]?[last]
        if other.map({ Self.order($0).lexicographicallyPrecedes(Self.order(match)) }) ?? true {
          best[match.at, default: [:]][last] = match
        }
      }
      let expected = best.values.flatMap(\.values)
      #expect(Set(latest.matches) == Set(expected), "\(item.name)")
      #expect(latest.matches.count == expected.count, "\(item.name)")
      compared += 1
    }
    print("flinkcep, latest: \(compared) compared")
  }

  static func order(_ match: SequenceMatch) -> [Int64] {
    match.evidence.reversed().map { $0.position * 64 + Int64($0.step) }
  }
}
