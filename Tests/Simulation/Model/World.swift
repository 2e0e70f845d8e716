import Log
import TestSupport

/// Model time, the cluster, and the processes that use it, all driven by one thread and one seed.
///
/// A call to the log may take long, or never return: while it waits the world goes on, inside the
/// call, with everybody else. So a process can be overtaken in the middle of a commit, or killed.
final class World {
  var random: SplitMix64
  private(set) var now: Int64
  let cluster: Cluster
  var processes: [Process] = []
  /// What goes wrong at the moment.
  var profile: Profile
  /// What the outside does at its times: sources' producers, and whoever publishes.
  var outside: (World) -> Void = { _ in }
  /// Why the run has failed already.
  private(set) var failure: String?
  private(set) var trace: [String] = []
  let traces: Bool
  private var depth = 0
  private(set) var turns = 0
  private(set) var faults = 0

  static let depthMost = 5
  static let turnsMost = 400_000

  init(seed: UInt64, now: Int64, profile: Profile, defects: Set<Defect>, traces: Bool) {
    random = SplitMix64(seed: seed)
    self.now = now
    self.profile = profile
    self.traces = traces
    cluster = Cluster(
      now: now, seed: random.next(), defects: defects, markerDelayMost: profile.markerDelayMost)
  }

  func note(_ who: String, _ text: @autoclosure () -> String) {
    if traces { trace.append("\(Double(now % 10_000_000) / 1000) \(who): \(text())") }
  }

  func fail(_ text: String) {
    note("run", "FAILS: \(text)")
    if failure == nil { failure = text }
  }

  /// Whether something that goes wrong at this rate goes wrong now.
  func happens(_ rate: Int) -> Bool {
    guard rate > 0, random.number(in: 0..<10_000) < rate else { return false }
    faults += 1
    return true
  }

  // MARK: Turns

  func run(until time: Int64) {
    while now < time, failure == nil { turn(until: time) }
  }

  /// One turn: time passes, and somebody takes a step.
  private func turn(until time: Int64) {
    turns += 1
    if turns > Self.turnsMost { return fail("the run does not come to an end") }
    pass(min(Int64(random.number(in: 1..<60)), time - now))
    disturb()
    let ready = processes.flatMap(\.tasks).filter { $0.isReady(now) }
    guard !ready.isEmpty else { return }
    let task = ready[random.number(in: 0..<ready.count)]
    task.run()
  }

  private func pass(_ milliseconds: Int64) {
    now += milliseconds
    cluster.advance(to: now)
    for process in processes { process.background() }
    outside(self)
  }

  private func disturb() {
    if happens(profile.compact) { cluster.compactSomething() }
    if happens(profile.skip) {
      let journal = cluster.all(of: TopicContract.journal.name)
      journal[random.number(in: 0..<journal.count)].skip(Int64(random.number(in: 1..<2_500)))
    }
    if happens(profile.cut) {
      let process = processes[random.number(in: 0..<processes.count)]
      process.cutUntil = now + Int64(random.number(in: 50..<12_000))
      process.isCutNoticed = random.chance(70)
      note(process.name, "is cut off until \(process.cutUntil - now) ms later")
    }
    if happens(profile.terminate) {
      processes[random.number(in: 0..<processes.count)].terminate()
    }
    if happens(profile.rest) { processes[random.number(in: 0..<processes.count)].rest() }
  }

  /// Passes time inside a call; others go on meanwhile.
  func wait(_ milliseconds: Int64) {
    let end = now + milliseconds
    guard depth < Self.depthMost else { return pass(milliseconds) }
    depth += 1
    defer { depth -= 1 }
    run(until: end)
  }

  var canNest: Bool { depth < Self.depthMost }

  /// Lets go of everything: processes and the world know each other.
  func end() {
    for process in processes { process.forget() }
    processes = []
    outside = { _ in }
  }
}
