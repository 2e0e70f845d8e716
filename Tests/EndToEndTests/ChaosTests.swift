import TestSupport
import Testing

extension `A run on Kafka` {
  /// The seed is a fresh one each time, and printed with everything else if it fails.
  @Test func `survives a minute of chaos`() throws {
    guard shared("kafka/start", for: "a minute of chaos on Kafka") != nil else { return }
    try withTemporaryFolder { folder in
      let result = try run(
        [
          "/usr/bin/python3", "\(packageRoot)/scripts/chaos", "--minutes", "1", "--kairos",
          built("kairos"), "--json", "\(folder)/chaos.json",
        ], seconds: 900)
      for line in result.outputText.split(separator: "\n") where line.hasPrefix("skipped: ") {
        print(line)
      }
      #expect(result.exitCode == 0, "\(result.outputText)\(result.complaintsText)")
      let report = try Json(fileBytes("\(folder)/chaos.json"))
      #expect(report["complaints"]?.elements?.isEmpty == true)
      #expect(try #require(report["decisions"]?.int) > 1000)
      #expect(try #require(report["starts"]?.int) > 3)
    }
  }
}
