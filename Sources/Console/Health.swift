import Synchronization

/// Is this process alive, and is it ready for work? Loops and start-up steps write, probes read.
///
/// Alive: every loop that has a pulse beat within its bound. Ready: alive, and every gate is open.
package final class Health: Sendable {
  private let pulses = Mutex<[Pulse]>([])
  private let gates = Mutex<[Gate]>([])

  /// Not ready until somebody has made a gate and opened it: no gate at all means starting.
  package init() {}

  /// A loop's sign of life. It counts as beating from now on.
  package func pulse(_ name: String, boundSeconds: Double) -> Pulse {
    let pulse = Pulse(name: name, bound: UInt64(boundSeconds * 1e9))
    pulses.withLock { $0.append(pulse) }
    return pulse
  }

  /// The loop has ended on purpose.
  package func end(_ pulse: Pulse) { pulses.withLock { $0.removeAll { $0 === pulse } } }

  /// Something that must be true before this process is ready; closed, for this reason, until it
  /// is opened.
  package func gate(_ name: String, closedBecause reason: String) -> Gate {
    let gate = Gate(name: name, reason: reason)
    gates.withLock { $0.append(gate) }
    return gate
  }

  /// The gate no longer matters: its partition has moved to another process.
  package func remove(_ gate: Gate) { gates.withLock { $0.removeAll { $0 === gate } } }

  /// Why this process counts as stuck; empty: it is alive.
  package func stuck(now: UInt64 = MonotonicClock.nanoseconds()) -> [String] {
    pulses.withLock { $0 }.compactMap { pulse in
      let last = pulse.last
      guard now > last, now - last > pulse.bound else { return nil }
      let (age, bound) = ((now - last) / 1_000_000_000, pulse.bound / 1_000_000_000)
      return "\(pulse.name): no turn for \(age) s, at most \(bound) s expected"
    }
  }

  /// Why this process is not ready; empty: it is.
  package func unready(now: UInt64 = MonotonicClock.nanoseconds()) -> [String] {
    let gates = gates.withLock { $0 }
    let closed = gates.compactMap { gate in gate.reason.map { "\(gate.name): \($0)" } }
    return stuck(now: now) + (gates.isEmpty ? ["start: not finished"] : closed)
  }
}

/// Beaten once a turn by the loop that it stands for.
package final class Pulse: Sendable {
  package let name: String
  let bound: UInt64
  private let time: Atomic<UInt64>

  init(name: String, bound: UInt64) {
    self.name = name
    self.bound = bound
    time = Atomic(MonotonicClock.nanoseconds())
  }

  package func beat() { beat(at: MonotonicClock.nanoseconds()) }
  package func beat(at now: UInt64) { time.store(now, ordering: .relaxed) }
  var last: UInt64 { time.load(ordering: .relaxed) }

  /// How long ago it beat last, nanoseconds.
  package func age(now: UInt64 = MonotonicClock.nanoseconds()) -> UInt64 {
    let last = self.last
    return now > last ? now - last : 0
  }
}

/// Open, or closed for a reason that a person can read.
package final class Gate: Sendable {
  package let name: String
  private let state: Mutex<String?>

  init(name: String, reason: String) {
    self.name = name
    state = Mutex(reason)
  }

  package func open() { state.withLock { $0 = nil } }
  package func close(_ reason: String) { state.withLock { $0 = reason } }
  package var reason: String? { state.withLock { $0 } }
}
