import Simulation
import Testing

/// The engine's own loops over a model of a cluster, with everything that can go wrong going wrong.
/// `Tests/Simulation/README.md` says how a seed is replayed; thousands of them run in
/// `scripts/simulate`.
@Suite struct `Simulation` {
  @Test func `one seed is one run, to the last byte of the log`() {
    for seed in UInt64(0)..<3 {
      let (first, second) = (Run.run(seed: seed), Run.run(seed: seed))
      #expect(first.digest == second.digest && first.turns == second.turns)
    }
  }

  @Test func `nothing is lost and nothing comes twice, whatever breaks`() {
    for seed in UInt64(0)..<12 {
      let outcome = Run.run(seed: seed)
      #expect(outcome.failure == nil, "simulate --seed \(seed) --trace")
      #expect(outcome.faults > 0 && outcome.journalRecords > 0)
    }
  }

  @Test(arguments: Defect.allCases)
  func `a deliberate fault is noticed within its number of seeds`(_ defect: Defect) {
    var options = Run.Options()
    options.defects = [defect]
    let seeds = defect.seeds
    #expect(
      seeds.contains { Run.run(seed: $0, options).failure != nil },
      "\(defect.rawValue) goes unnoticed in the seeds \(seeds)")
  }
}
