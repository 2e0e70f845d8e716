import TestSupport
import Testing

@Suite struct `The benchmarks` {
  /// Small, so that they do not rot; the numbers mean nothing here, the equal decisions do.
  @Test func `still run, and decide what the reference decides`() throws {
    guard shared("reference/w.cpp", for: "Benchmarks/w") != nil else { return }
    try withTemporaryFolder { folder in
      let result = try run(
        [
          "/usr/bin/python3", "\(packageRoot)/Benchmarks/w/run", "--events", "20000",
          "--customers", "2000", "--rounds", "1", "--kairos", built("kairos"),
          "--json", "\(folder)/w.json",
        ])
      #expect(result.exitCode == 0, "\(result.outputText)\(result.complaintsText)")
      let report = try Json(fileBytes("\(folder)/w.json"))
      let w = try #require(report["results"]?[0])
      #expect(w["equal"]?.flag == true)
      #expect(w["events"]?.int == 20_000)
      #expect(try #require(w["decisions"]?.int) > 300)
      #expect(try #require(w["state_bytes_per_customer"]?.double) > 0)
    }
  }
}
