import Log
import TestSupport

/// One life of a process: all that it has in its hands is worth nothing once it is over.
final class Life {
  var isOver = false
}

/// An engine process: it is started, killed without a farewell, stopped so that it does not notice
/// how time passes, cut off from the cluster, drained, and started again with nothing on its disk.
final class Process {
  let name: String
  unowned let world: World
  private(set) var life = Life()
  private(set) var tasks: [Task] = []
  /// Members of groups whose clients work in the background.
  var members: [ModelGroupReader] = []
  /// Down until then.
  var restartAt: Int64
  private(set) var isUp = false
  /// The journal's heads are written.
  var isPrepared = false
  /// SIGSTOP until then.
  var stoppedUntil = Int64.min
  var cutUntil = Int64.min
  /// The connection broke with a sign, rather than packets getting lost.
  var isCutNoticed = true {
    didSet { if isCutNoticed { losses += 1 } }
  }
  private(set) var losses = 0

  init(_ name: String, in world: World, startsAt: Int64) {
    self.name = name
    self.world = world
    restartAt = startsAt
  }

  var isStopped: Bool { world.now < stoppedUntil }
  var isConnected: Bool { world.now >= cutUntil }

  func add(_ task: Task) { tasks.append(task) }

  /// What librdkafka's threads do while the process is not stopped.
  func background() {
    if !isUp, world.now >= restartAt { start() }
    guard isUp, !isStopped, isConnected else { return }
    for member in members { member.background() }
  }

  private func start() {
    isUp = true
    life = Life()
    world.note(name, "starts")
    for task in tasks { task.begin() }
  }

  /// kill -9.
  func kill(restartAfter milliseconds: Int64) {
    guard isUp else { return }
    world.note(name, "is killed for \(milliseconds) ms")
    end(restartAfter: milliseconds)
  }

  private func end(restartAfter milliseconds: Int64) {
    isUp = false
    isPrepared = false
    life.isOver = true
    stoppedUntil = .min
    members = []
    for task in tasks { task.drop() }
    restartAt = world.now + milliseconds
  }

  /// A thread has given up: the process ends, and is started again.
  func exit() {
    guard isUp else { return }
    world.note(name, "exits")
    for task in tasks { task.close() }
    end(restartAfter: 1_000)
  }

  /// SIGTERM: what has begun is finished. Only between two steps, as everywhere.
  func terminate() {
    guard isUp, !isStopped, tasks.allSatisfy({ !$0.isUnderWay }) else { return }
    world.note(name, "is terminated")
    let life = life
    for task in tasks where !life.isOver { task.drain() }
    guard !life.isOver else { return }
    end(restartAfter: Int64(world.random.number(in: 10..<5_000)))
  }

  /// SIGSTOP, and SIGCONT later.
  func rest() {
    guard isUp, !isStopped else { return }
    stoppedUntil = world.now + Int64(world.random.number(in: 100..<20_000))
    world.note(name, "is stopped for \(stoppedUntil - world.now) ms")
  }

  /// Lets go of the threads, which know their process.
  func forget() {
    members = []
    tasks = []
  }

  /// Goes on, connected, and starts soon if it is down.
  func heal() {
    stoppedUntil = .min
    cutUntil = .min
    restartAt = min(restartAt, world.now + 500)
  }
}

/// One thread of a process, with the loop that it drives: made anew after each failure, as
/// `kairos run` does it.
class Task {
  unowned let process: Process
  let kind: String
  private var nextAt = Int64.min
  private(set) var isUnderWay = false
  private var attempts = 0
  private var beganAt = Int64.min
  var world: World { process.world }

  init(_ kind: String, of process: Process) {
    self.kind = kind
    self.process = process
  }

  var name: String { "\(process.name)/\(kind)" }

  func isReady(_ now: Int64) -> Bool {
    process.isUp && !process.isStopped && !isUnderWay && nextAt <= now
  }

  func begin() {
    nextAt = world.now + Int64(world.random.number(in: 0..<200))
    attempts = 0
    beganAt = .min
  }

  /// True: something happened. Made on the first step.
  func step(_ life: Life) throws(LogError) -> Bool { fatalError("a task does something") }
  /// After an error with the remedy `.retry` the loop may be stepped again.
  var survivesRetry: Bool { false }
  /// Commits what is folded, where there is something.
  func finish() throws(LogError) {}
  /// With a farewell to the log.
  func close() {}
  /// Without one.
  func drop() {}

  func run() {
    isUnderWay = true
    defer { isUnderWay = false }
    let life = process.life
    if beganAt == .min { beganAt = world.now }
    do {
      let moved = try step(life)
      if !life.isOver {
        nextAt = world.now + (moved ? 0 : Int64(world.random.number(in: 20..<200)))
      }
    } catch {
      guard !life.isOver else { return }
      fail(error)
    }
  }

  func drain() {
    isUnderWay = true
    defer { isUnderWay = false }
    let life = process.life
    do { try finish() } catch { world.note(name, "drains in vain: \(error.message)") }
    if !life.isOver { close() }
  }

  /// As `Service.keepGoing` does.
  private func fail(_ error: LogError) {
    world.note(name, "fails (\(error.remedy)): \(error.message)")
    if error.remedy == .retry, survivesRetry, world.random.chance(50) {
      nextAt = world.now + 500
      return
    }
    close()
    if world.now - beganAt > 60_000 { attempts = 0 }
    beganAt = .min
    attempts += 1
    if error.remedy == .stop { return world.fail("\(name) stops: \(error.message)") }
    guard attempts < 10 else { return process.exit() }
    nextAt = world.now + min(500 << Int64(attempts), 30_000)
  }
}
