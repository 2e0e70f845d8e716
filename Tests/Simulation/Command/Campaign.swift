import Foundation
import Simulation
import Synchronization

/// Many seeds, on some threads; each run has one of its own.
struct Campaign: Sendable {
  private var seeds: [UInt64] = []
  private var options = Run.Options()
  private var jobs = 1

  private struct Sum {
    var next = 0
    var runs = 0
    var failed: [UInt64] = []
    var decisions = 0
    var records = 0
    var faults = 0
    var modelSeconds = 0.0
  }

  /// After so many failures the rest would tell nothing new.
  private static let failuresMost = 10

  /// Nil: they say nothing that is known.
  init?(arguments: ArraySlice<String>) {
    var rest = arguments
    while let argument = rest.popFirst() {
      switch argument {
      case "--trace": options.traces = true
      case "--calm": options.isCalm = true
      default:
        guard let value = rest.popFirst(), take(argument, value) else { return nil }
      }
    }
    if seeds.isEmpty { return nil }
  }

  private mutating func take(_ argument: String, _ value: String) -> Bool {
    switch argument {
    case "--seed":
      guard let seed = UInt64(value) else { return false }
      seeds.append(seed)
    case "--seeds":
      let bounds = value.split(separator: "..<").compactMap { UInt64($0) }
      guard bounds.count == 2, bounds[0] < bounds[1] else { return false }
      seeds += Array(bounds[0]..<bounds[1])
    case "--fresh":
      guard let count = UInt64(value), count > 0 else { return false }
      let first = UInt64.random(in: 1_000_000..<1_000_000_000_000)
      print("fresh seeds: \(first)..<\(first + count)")
      seeds += Array(first..<first + count)
    case "--jobs":
      guard let count = Int(value), count > 0 else { return false }
      jobs = count
    case "--defect":
      guard let defect = Defect(rawValue: value) else { return false }
      options.defects.insert(defect)
    default: return false
    }
    return true
  }

  /// True: all promises were kept.
  func run() -> Bool {
    let sum = Mutex(Sum())
    let start = Date()
    let threads = (0..<jobs).map { number in
      let thread = Thread { work(sum) }
      // A call that waits runs the rest of the world inside it.
      thread.stackSize = 64 << 20
      thread.name = "simulate \(number)"
      return thread
    }
    for thread in threads { thread.start() }
    while threads.contains(where: { !$0.isFinished }) { Thread.sleep(forTimeInterval: 0.01) }
    let end = sum.withLock { $0 }
    let seconds = Date().timeIntervalSince(start)
    print(
      "\(end.runs) runs in \(String(format: "%.1f", seconds)) s: \(end.failed.count) failed; "
        + "\(end.faults) faults, \(end.records) journal records, \(end.decisions) decisions, "
        + "\(Int(end.modelSeconds / 3600)) hours of model time")
    return end.failed.isEmpty
  }

  private func work(_ sum: borrowing Mutex<Sum>) {
    while true {
      let seed = sum.withLock { sum -> UInt64? in
        guard sum.next < seeds.count, sum.failed.count < Self.failuresMost else { return nil }
        sum.next += 1
        return seeds[sum.next - 1]
      }
      guard let seed else { return }
      let outcome = Run.run(seed: seed, options)
      report(outcome)
      sum.withLock { sum in
        sum.runs += 1
        sum.decisions += outcome.decisions
        sum.records += outcome.journalRecords
        sum.faults += outcome.faults
        sum.modelSeconds += outcome.modelSeconds
        if outcome.failure != nil { sum.failed.append(seed) }
      }
    }
  }

  private func report(_ outcome: Run.Outcome) {
    if options.traces {
      print(outcome.trace.joined(separator: "\n"))
      print("digest \(outcome.digest), \(outcome.turns) turns")
    }
    guard let failure = outcome.failure else { return }
    let defects = options.defects.map { " --defect \($0.rawValue)" }.sorted().joined()
    print(
      "seed \(outcome.seed): \(failure)\n"
        + "  replay: simulate --seed \(outcome.seed)\(defects) --trace")
  }
}
