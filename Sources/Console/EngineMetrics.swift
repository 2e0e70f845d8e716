/// Every metric of the engine, by name. `docs/observability.md` says what to do about each.
package struct EngineMetrics: Sendable {
  package let metrics: Metrics
  let events: CounterFamily
  let rejects: CounterFamily
  let late: CounterFamily
  let duplicates: CounterFamily
  let dropped: CounterFamily
  let limited: CounterFamily
  let decisions: CounterFamily
  let celErrors: CounterFamily
  let watermarkDelay: GaugeFamily
  let lag: GaugeFamily
  let decisionLatency: HistogramFamily
  let commit: HistogramFamily
  let customers: GaugeFamily
  let stateBytes: GaugeFamily
  let partialMatches: GaugeFamily
  let waiting: GaugeFamily
  let stopped: GaugeFamily
  let stoppedSources: GaugeFamily
  let unsealed: GaugeFamily
  let dirtyCustomers: GaugeFamily
  let restoreLeft: GaugeFamily
  let restoreBytes: GaugeFamily
  let stateRecords: CounterFamily
  let stateBytesWritten: CounterFamily
  let seals: CounterFamily
  let hashPoints: CounterFamily
  let erasures: CounterFamily

  package init(_ metrics: Metrics, version: String) {
    self.metrics = metrics
    metrics.gauge(
      "kairos_build_info", "Always 1; the label names the version.", labels: ["version"]
    )
    .cell(version).set(1)
    events = metrics.counter(
      "kairos_events_total", "Events appended to the journal.", labels: ["source"])
    rejects = metrics.counter(
      "kairos_rejects_total", "Records sent to the dead-letter topic.",
      labels: ["source", "reason"])
    late = metrics.counter(
      "kairos_events_late_total", "Events applied that were older than their customer's latest.")
    duplicates = metrics.counter(
      "kairos_events_duplicate_total", "Events dropped because they had been applied before.")
    dropped = metrics.counter(
      "kairos_dropped_total",
      "Events, partial matches, consents and decisions that a bound on one customer dropped.")
    limited = metrics.counter(
      "kairos_limited_customers_total",
      "Customers who outgrew a bound; their decisions say approximate from then on.")
    decisions = metrics.counter(
      "kairos_decisions_total", "Decisions published.", labels: ["decision", "outcome"])
    celErrors = metrics.counter(
      "kairos_cel_errors_total", "Expressions that had no value, for a missing field or an error.")
    watermarkDelay = metrics.gauge(
      "kairos_watermark_delay_seconds", "How far a journal partition's watermark is behind now.",
      labels: ["partition"])
    lag = metrics.gauge(
      "kairos_lag_records", "Records of a partition that are not read yet.",
      labels: ["topic", "partition"])
    decisionLatency = metrics.histogram(
      "kairos_decision_latency_seconds",
      "Time from an event's append to its decision being published.")
    commit = metrics.histogram("kairos_commit_seconds", "Time that a commit to the log took.")
    customers = metrics.gauge("kairos_customers", "Customers with state in this process.")
    stateBytes = metrics.gauge("kairos_state_bytes", "Memory held by customers' state, in bytes.")
    partialMatches = metrics.gauge(
      "kairos_partial_matches", "Sequences that have begun and are not complete.")
    waiting = metrics.gauge(
      "kairos_waiting", "1 while a loop waits for what it cannot do without.",
      labels: ["loop", "what"])
    stopped = metrics.gauge(
      "kairos_partition_stopped",
      "1 while a journal partition stands still for want of a book or a newer build.",
      labels: ["partition"])
    stoppedSources = metrics.gauge(
      "kairos_source_stopped", "1 while a source is not read until somebody has seen to it.",
      labels: ["source"])
    unsealed = metrics.gauge(
      "kairos_state_unsealed_records",
      "Journal records since the last seal: what a restore would fold again.",
      labels: ["partition"])
    dirtyCustomers = metrics.gauge(
      "kairos_state_dirty_customers", "Customers whose state has changed since it was written.")
    restoreLeft = metrics.gauge(
      "kairos_restore_left_records", "State and journal records still to be read by restores.")
    restoreBytes = metrics.gauge(
      "kairos_restore_loaded_bytes", "State that restores of this process's partitions have read.")
    stateRecords = metrics.counter(
      "kairos_state_records_total", "Records written to the state topic.")
    stateBytesWritten = metrics.counter(
      "kairos_state_written_bytes_total", "Bytes written to the state topic.")
    seals = metrics.counter("kairos_state_seals_total", "Seals written to the state topic.")
    hashPoints = metrics.counter("kairos_hash_points_total", "Hash points published.")
    erasures = metrics.counter("kairos_erasures_total", "Proofs of erasures published.")
    metrics.addProcess()
  }
}

/// One thread's pen for the engine's metrics: it owns its cells and remembers them by label, so
/// that writing is a look-up and an atomic add. Not for sharing between threads.
package final class EngineMeter {
  private let all: EngineMetrics
  private let late: Counter
  private let duplicates: Counter
  private let dropped: Counter
  private let limited: Counter
  private let celErrors: Counter
  private let decisionLatency: Durations
  private let commit: Durations
  private let customers: Gauge
  private let stateBytes: Gauge
  private let partialMatches: Gauge
  private var counters: [CounterKey: Counter] = [:]
  private let dirtyCustomers: Gauge
  private let restoreLeft: Gauge
  private let restoreBytes: Gauge
  private let written: WrittenState
  private var delays: [Int32: Gauge] = [:]
  private var stopped: [Int32: Gauge] = [:]
  private var stoppedSources: [String: Gauge] = [:]
  private var unsealed: [Int32: Gauge] = [:]
  private var lags: [LagKey: Gauge] = [:]

  private enum CounterKey: Hashable {
    case event(source: String)
    case reject(source: String, reason: String)
    case decision(String, outcome: String)
  }
  private struct LagKey: Hashable {
    var topic: String
    var partition: Int32
  }

  package init(_ all: EngineMetrics) {
    self.all = all
    late = all.late.cell()
    duplicates = all.duplicates.cell()
    dropped = all.dropped.cell()
    limited = all.limited.cell()
    celErrors = all.celErrors.cell()
    decisionLatency = all.decisionLatency.cell()
    commit = all.commit.cell()
    customers = all.customers.cell()
    stateBytes = all.stateBytes.cell()
    partialMatches = all.partialMatches.cell()
    dirtyCustomers = all.dirtyCustomers.cell()
    restoreLeft = all.restoreLeft.cell()
    restoreBytes = all.restoreBytes.cell()
    written = WrittenState(all)
  }

  /// The counts stay; this thread's gauges disappear.
  package func close() {
    for (key, counter) in counters {
      switch key {
      case .event: all.events.retire(counter)
      case .reject: all.rejects.retire(counter)
      case .decision: all.decisions.retire(counter)
      }
    }
    all.late.retire(late)
    all.duplicates.retire(duplicates)
    all.dropped.retire(dropped)
    all.limited.retire(limited)
    all.celErrors.retire(celErrors)
    all.decisionLatency.retire(decisionLatency)
    all.commit.retire(commit)
    all.customers.retire(customers)
    all.stateBytes.retire(stateBytes)
    all.partialMatches.retire(partialMatches)
    for gauge in [dirtyCustomers, restoreLeft, restoreBytes] { gauge.set(0) }
    all.dirtyCustomers.retire(dirtyCustomers)
    all.restoreLeft.retire(restoreLeft)
    all.restoreBytes.retire(restoreBytes)
    written.retire(all)
    for gauge in stopped.values { all.stopped.retire(gauge) }
    for gauge in stoppedSources.values { all.stoppedSources.retire(gauge) }
    stoppedSources = [:]
    for gauge in unsealed.values { all.unsealed.retire(gauge) }
    (stopped, unsealed) = ([:], [:])
    for gauge in delays.values { all.watermarkDelay.retire(gauge) }
    for gauge in lags.values { all.lag.retire(gauge) }
    (counters, delays, lags) = ([:], [:], [:])
  }

  package func events(source: String, _ n: UInt64 = 1) {
    counter(.event(source: source)) { $0.events.cell(source) }.add(n)
  }

  /// `reason` is one of the dead-letter reasons, never text out of the record.
  package func rejects(source: String, reason: String, _ n: UInt64 = 1) {
    counter(.reject(source: source, reason: reason)) { $0.rejects.cell(source, reason) }.add(n)
  }

  package func decisions(_ decision: String, outcome: String, _ n: UInt64 = 1) {
    counter(.decision(decision, outcome: outcome)) { $0.decisions.cell(decision, outcome) }.add(n)
  }

  package func lateEvents(_ n: UInt64 = 1) { late.add(n) }
  package func duplicateEvents(_ n: UInt64 = 1) { duplicates.add(n) }
  package func dropped(_ n: UInt64) { dropped.add(n) }
  package func limitedCustomers(_ n: UInt64) { limited.add(n) }
  package func celErrors(_ n: UInt64 = 1) { celErrors.add(n) }
  package func decisionLatency(nanoseconds: UInt64) {
    decisionLatency.record(nanoseconds: nanoseconds)
  }
  package func commit(nanoseconds: UInt64) { commit.record(nanoseconds: nanoseconds) }

  /// Over all partitions of this thread.
  package func setState(customers: Int, bytes: Int, partialMatches: Int) {
    self.customers.set(Double(customers))
    stateBytes.set(Double(bytes))
    self.partialMatches.set(Double(partialMatches))
  }

  package func setWatermarkDelay(partition: Int32, seconds: Double) {
    if let gauge = delays[partition] { return gauge.set(seconds) }
    let gauge = all.watermarkDelay.cell("\(partition)")
    delays[partition] = gauge
    gauge.set(seconds)
  }

  package func setLag(topic: String, partition: Int32, records: Int64) {
    let key = LagKey(topic: topic, partition: partition)
    if let gauge = lags[key] { return gauge.set(Double(records)) }
    let gauge = all.lag.cell(topic, "\(partition)")
    lags[key] = gauge
    gauge.set(Double(records))
  }

  /// Over all partitions of this thread.
  package func setRestore(dirtyCustomers: Int, left: Int64, loadedBytes: Int) {
    self.dirtyCustomers.set(Double(dirtyCustomers))
    restoreLeft.set(Double(left))
    restoreBytes.set(Double(loadedBytes))
  }

  package func setUnsealed(partition: Int32, records: Int64) {
    if let gauge = unsealed[partition] { return gauge.set(Double(records)) }
    let gauge = all.unsealed.cell("\(partition)")
    unsealed[partition] = gauge
    gauge.set(Double(records))
  }

  package func setStopped(partition: Int32, _ isStopped: Bool) {
    if let gauge = stopped[partition] { return gauge.set(isStopped ? 1 : 0) }
    guard isStopped else { return }
    let gauge = all.stopped.cell("\(partition)")
    stopped[partition] = gauge
    gauge.set(1)
  }

  /// One that goes on disappears.
  package func setStopped(source: String, _ isStopped: Bool) {
    if !isStopped {
      if let gauge = stoppedSources.removeValue(forKey: source) {
        all.stoppedSources.retire(gauge)
      }
    } else if stoppedSources[source] == nil {
      let gauge = all.stoppedSources.cell(source)
      stoppedSources[source] = gauge
      gauge.set(1)
    }
  }

  /// Written to the log beside decisions.
  package func wrote(
    stateRecords: Int, stateBytes: Int, seals: Int, hashPoints: Int, erasures: Int
  ) {
    written.records.add(UInt64(stateRecords))
    written.bytes.add(UInt64(stateBytes))
    written.seals.add(UInt64(seals))
    written.hashPoints.add(UInt64(hashPoints))
    written.erasures.add(UInt64(erasures))
  }

  /// The journal partition is another process's from now on.
  package func dropWatermarkDelay(partition: Int32) {
    if let gauge = delays.removeValue(forKey: partition) { all.watermarkDelay.retire(gauge) }
    if let gauge = stopped.removeValue(forKey: partition) { all.stopped.retire(gauge) }
    if let gauge = unsealed.removeValue(forKey: partition) { all.unsealed.retire(gauge) }
  }

  package func dropLag(topic: String, partition: Int32) {
    let key = LagKey(topic: topic, partition: partition)
    if let gauge = lags.removeValue(forKey: key) { all.lag.retire(gauge) }
  }

  private func counter(_ key: CounterKey, make: (EngineMetrics) -> Counter) -> Counter {
    if let counter = counters[key] { return counter }
    let counter = make(all)
    counters[key] = counter
    return counter
  }
}

/// What a fold writes beside decisions.
private struct WrittenState {
  let records: Counter
  let bytes: Counter
  let seals: Counter
  let hashPoints: Counter
  let erasures: Counter

  init(_ all: EngineMetrics) {
    records = all.stateRecords.cell()
    bytes = all.stateBytesWritten.cell()
    seals = all.seals.cell()
    hashPoints = all.hashPoints.cell()
    erasures = all.erasures.cell()
  }

  func retire(_ all: EngineMetrics) {
    all.stateRecords.retire(records)
    all.stateBytesWritten.retire(bytes)
    all.seals.retire(seals)
    all.hashPoints.retire(hashPoints)
    all.erasures.retire(erasures)
  }
}

extension EngineMetrics {
  /// Whether a loop waits for something: one writer for each loop.
  package func waiting(loop: String, what: String) -> Gauge { waiting.cell(loop, what) }
}
