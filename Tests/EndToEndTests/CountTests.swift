import Foundation
import TestSupport
import Testing

/// What can be counted says more than what can be timed: it is the same on a busy machine.
@Suite struct `What an event costs` {
  /// Per event, in an optimised build. Measured: see `docs/performance.md`; the bounds leave room for
  /// another compiler and another libc, and not for a mistake.
  private enum Most {
    /// Of an event that leads to no decision.
    static let allocations = 0.75
    /// Of workload W, with its decisions.
    static let allocationsWithDecisions = 2.5
    static let instructions = 22_000.0
  }

  @Test func `in allocations and instructions stays within its bounds`() throws {
    let kairos = "\(packageRoot)/.build/release/kairos"
    guard FileManager.default.isExecutableFile(atPath: kairos) else {
      print("skipped: allocations and instructions per event: no optimised build in .build/release")
      return
    }
    guard shared("reference/w.cpp", for: "Benchmarks/counts") != nil else { return }
    try withTemporaryFolder { folder in
      let result = try run(
        [
          "/usr/bin/python3", "\(packageRoot)/Benchmarks/counts/run", "--kairos", kairos,
          "--events", "20000", "--json", "\(folder)/counts.json",
        ], seconds: 280)
      #expect(result.exitCode == 0, "\(result.outputText)\(result.complaintsText)")
      for line in result.outputText.split(separator: "\n") where line.hasPrefix("skipped: ") {
        print(line)
      }
      let counts = try Json(fileBytes("\(folder)/counts.json"))["results"]
      let quiet = try #require(counts?["quiet"]?["allocations"]?.double)
      #expect(quiet < Most.allocations)
      #expect(try #require(counts?["w"]?["allocations"]?.double) < Most.allocationsWithDecisions)
      if let instructions = counts?["w"]?["instructions"]?.double {
        #expect(instructions < Most.instructions)
      }
    }
  }
}
