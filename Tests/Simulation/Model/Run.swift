import Engine
import Ingest
import Log
import Replay
import TestSupport

/// One simulated run: the same seed, the same run.
package struct Run {
  package struct Outcome: Sendable {
    package var seed: UInt64
    /// What was promised and not kept; nil: nothing.
    package var failure: String?
    package var trace: [String] = []
    /// Of all that the cluster holds at the end.
    package var digest: UInt64 = 0
    package var decisions = 0
    package var journalRecords = 0
    package var faults = 0
    package var turns = 0
    package var modelSeconds: Double = 0
  }

  package struct Options: Sendable {
    package var defects: Set<Defect> = []
    package var traces = false
    /// Nothing goes wrong.
    package var isCalm = false
    package init() {}
  }

  let seed: UInt64
  let options: Options
  var workload: Workload
  let world: World
  let outside: Outside

  private init(seed: UInt64, _ options: Options) {
    self.seed = seed
    self.options = options
    workload = Workload(seed: seed)
    outside = Outside(workload)
    world = World(
      seed: seed, now: Workload.dawn, profile: .calm, defects: options.defects,
      traces: options.traces)
  }

  package static func run(seed: UInt64, _ options: Options = Options()) -> Outcome {
    var run = Run(seed: seed, options)
    run.play()
    var outcome = Outcome(seed: seed)
    outcome.failure = run.world.failure
    if outcome.failure == nil { run.check(&outcome) }
    if outcome.failure == nil, run.workload.isComparable, !options.isCalm {
      run.compareWithCalm(&outcome)
    }
    outcome.trace = run.world.trace
    outcome.faults = run.world.faults
    outcome.turns = run.world.turns
    outcome.modelSeconds = Double(run.world.now - Workload.dawn) / 1000
    outcome.digest = run.world.cluster.digest
    run.world.end()
    return outcome
  }

  /// Decisions of an undisturbed run over the same events, customer by customer.
  private func compareWithCalm(_ outcome: inout Outcome) {
    var calm = Options()
    calm.isCalm = true
    var other = Run(seed: seed, calm)
    other.play()
    defer { other.world.end() }
    if let failure = other.world.failure {
      outcome.failure = "undisturbed: \(failure)"
      return
    }
    outcome.failure = FoldChecks.difference(
      FoldChecks.decisionsByCustomer(world.cluster),
      FoldChecks.decisionsByCustomer(other.world.cluster))
  }

  private func check(_ outcome: inout Outcome) {
    let ingest = IngestChecks(world.cluster, workload, outside.sent)
    var fold = FoldChecks(world.cluster, workload)
    outcome.failure = ingest.failure() ?? fold.failure()
    if outcome.failure == nil, !workload.erases,
      Int(fold.counts.events) != ingest.distinctEvents
    {
      outcome.failure =
        "\(fold.counts.events) events are accounted for, and \(ingest.distinctEvents) were sent"
    }
    outcome.decisions = world.cluster.all(of: TopicContract.decisions.name)
      .reduce(0) { $0 + $1.committed.count }
    outcome.journalRecords = world.cluster.all(of: TopicContract.journal.name)
      .reduce(0) { $0 + $1.committed.count }
  }

  // MARK: The play

  private mutating func play() {
    createTopics()
    let count = world.random.number(in: 1..<4)
    for number in 0..<count { add(number) }
    outside.give(workload.items)
    let outside = outside
    world.outside = { outside.act(in: $0) }
    // Every source partition is known in every journal partition before anything happens.
    world.run(until: Workload.dawn + 5_000)
    if !options.isCalm {
      var random = SplitMix64(seed: world.random.next())
      world.profile = Profile(&random)
      world.cluster.markerDelayMost = world.profile.markerDelayMost
      world.note("run", "\(world.profile)")
    }
    world.run(until: workload.ends + Int64(world.random.number(in: 0..<20_000)))
    heal()
    world.run(until: max(world.now + 15_000, workload.ends + 50_000))
    outside.goesQuiet = true
    outside.give(workload.farewell(at: world.now))
    world.run(until: world.now + 30_000)
    drain()
  }

  private func createTopics() {
    for (index, source) in workload.sources.enumerated() {
      _ = world.cluster.create(
        TopicSettings(name: source.topic, partitions: workload.partitionsOfSource[index]))
    }
    for contract in TopicContract.all where !contract.isPrefix {
      _ = world.cluster.create(contract.settings(journalPartitions: workload.journalPartitions))
    }
    for topic in ["actions.mail", "actions.sales"] {
      _ = world.cluster.create(TopicSettings(name: topic, partitions: 2))
    }
  }

  private func add(_ number: Int) {
    let late = !workload.isComparable && number > 0 && world.random.chance(40)
    let process = Process(
      "p\(number)", in: world,
      startsAt: world.now + (late ? Int64(world.random.number(in: 0..<40_000)) : 0))
    process.add(IngestTask(of: process, workload))
    process.add(FoldTask(of: process, workload, options.defects))
    world.processes.append(process)
  }

  /// Nothing goes wrong any more, and everybody is back.
  private func heal() {
    world.note("run", "all is well from here on")
    world.profile = .calm
    for process in world.processes { process.heal() }
  }

  /// Until all is taken in, and then until all is folded.
  private func drain() {
    guard settle("ingest", { world.cluster.leftOver("kairos-ingest", sourceTopics) })
    else { return }
    for case let task as IngestTask in world.processes.flatMap(\.tasks) {
      task.close()
      task.isDone = true
    }
    _ = settle("fold", { world.cluster.leftOver("kairos-fold", [TopicContract.journal.name]) })
  }

  private var sourceTopics: [String] {
    workload.sources.map(\.topic) + [TopicContract.control.name]
  }

  private func settle(_ who: String, _ leftOver: () -> String?) -> Bool {
    let limit = world.now + 240_000
    while let left = leftOver(), world.failure == nil {
      if world.now > limit { world.fail("\(who) does not come to the end: \(left)") }
      world.run(until: world.now + 500)
    }
    return world.failure == nil
  }
}

extension Cluster {
  /// What the group has not committed, or what is still open; nil: all is done.
  fileprivate func leftOver(_ group: String, _ topics: [String]) -> String? {
    for topic in topics {
      for partition in all(of: topic) {
        let known = groups[group]?.committed[partition.name]?.offset ?? 0
        if known < partition.lastVisible {
          return "\(partition.name) has \(partition.lastVisible) and \(known) are committed"
        }
      }
    }
    if let open = partitions.inOrder.first(where: { $0.value.stable != $0.value.end }) {
      return "\(open.key) has an open transaction"
    }
    return groups[group]?.pending.isEmpty ?? true ? nil : "\(group) has an open transaction"
  }

  /// Of all that is stored, in one order.
  fileprivate var digest: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    for (name, partition) in partitions.inOrder {
      for byte in name.topic.utf8 { add(byte) }
      for record in partition.records {
        for byte in record.value ?? [] { add(byte) }
        for byte in 0..<8 { add(UInt8(truncatingIfNeeded: record.timestamp >> (8 * byte))) }
        for byte in 0..<8 { add(UInt8(truncatingIfNeeded: record.offset >> (8 * byte))) }
      }
    }
    return hash
  }
}
