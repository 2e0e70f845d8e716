import TestSupport
import Testing

@testable import conformance

@Suite struct `The cases of the design's meaning` {
  private func failures(_ results: [CaseResult]) -> [String] {
    results.compactMap { result in
      if case .failed = result.outcome { result.line } else { nil }
    }
  }

  @Test(arguments: [false, true])
  func `hold, with a snapshot and a restore after each record too`(restoring: Bool) throws {
    guard let folder = shared("conformance/meaning", for: "the cases of the design's meaning")
    else { return }
    let options = CaseOptions(restoresEach: restoring)
    let features = try runMeaningFeatures(folder + "/features.jsonl", options)
    #expect(failures(features) == [])
    let decisions = try runMeaningDecisions(folder + "/decisions.jsonl", options)
    #expect(failures(decisions) == [])
    #expect(features.count + decisions.count >= 700)
  }
}
