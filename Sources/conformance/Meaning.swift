internal import Cel
internal import Decisions
internal import Engine
internal import Events
internal import Features
internal import Foundation
internal import Playbooks
internal import Yaml

/// A book of one playbook, given as JSON, compiled.
func compile(_ playbook: JsonTree) throws -> Program {
  let files = [(name: "case.yaml", bytes: playbook.text)]
  let (book, diagnostics) = Book.parse(
    files: files, tolerating: ["where_py", "if_py", "share_bp"])
  guard let book else { throw CaseError(diagnostics.map(\.description).joined(separator: "; ")) }
  let (program, problems) = book.compile(zones: try systemZones.get())
  guard let program else { throw CaseError(problems.map(\.description).joined(separator: "; ")) }
  return program
}

/// One customer's records on their way into a shard, as one source partition would send them.
struct Feeder {
  let customer: [UInt8]
  var delay: UInt32 = 0
  /// After each record the shard is replaced by one that is restored from its state records.
  var restoring = false
  private var slices: [[UInt8]: StateRecord] = [:]
  /// What the shard has decided.
  private(set) var output: [Shard.Published] = []
  /// The moments that have fired, where the shard observes them.
  private(set) var observed: [Shard.ObservedMoment] = []
  private var position: Int64 = 0
  private let source = Array("case".utf8)

  init(customer: String) { self.customer = Array(customer.utf8) }

  mutating func send(event: JsonTree, to shard: inout Shard) throws {
    let data = event["data"]?.text ?? []
    let record = JournalRecord(
      kind: .event, time: EventTime(milliseconds: event["time_ms"]?.int ?? 0),
      origin: .init(name: source, partition: 0, offset: position), source: source,
      type: Array((event["type"]?.string ?? "").utf8), id: Array((event["id"]?.string ?? "").utf8),
      customer: customer, payload: data, data: 0..<data.count, delay: delay)
    try send(record, to: &shard)
  }

  mutating func send(tick: Int64, to shard: inout Shard) throws {
    let payload = Tick(entries: [
      .init(
        name: source, incarnation: 0, partition: 0, watermark: EventTime(milliseconds: tick))
    ]).encode()
    let record = JournalRecord(
      kind: .tick, time: EventTime(milliseconds: tick),
      origin: .init(name: [], partition: 0, offset: position), payload: payload)
    try send(record, to: &shard)
  }

  private mutating func send(_ record: JournalRecord, to shard: inout Shard) throws {
    var bytes: [UInt8] = []
    record.encode(into: &bytes)
    let count = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: 64))
    shard.read(bytes.span, 0..<count, position: position, appendTime: .min)
    position += 1
    output += shard.takeOutput()
    observed += shard.takeObserved()
    if restoring { try restore(&shard) }
  }

  private mutating func restore(_ shard: inout Shard) throws {
    let snapshot = shard.snapshot()
    shard.beginPass()
    for slice in shard.takeSlices(atMostBytes: .max) { slices[slice.key] = slice }
    guard let seal = shard.takeSeal() else { throw CaseError("a pass did not end") }
    let program = shard.program
    var restore = StateRestore(
      partition: shard.partition, programs: [program.hash: program], initial: program)
    for record in slices.values + [seal, shard.head()] {
      guard let value = record.value else { continue }
      restore.read(key: record.key.span, value: value.span)
    }
    let observes = shard.observesMoments
    guard let restored = try restore.finish(committed: position) else {
      throw CaseError("after record \(position - 1) nothing was sealed")
    }
    shard = restored
    shard.observesMoments = observes
    guard shard.snapshot() == snapshot else {
      throw CaseError("after record \(position - 1) the restored shard gives another snapshot")
    }
  }
}

// MARK: Features

func runMeaningFeatures(_ path: String, _ options: CaseOptions) throws -> [CaseResult] {
  try jsonLines(path).map { item in
    let name = item["name"]?.string ?? "?"
    do {
      if let difference = try checkFeatures(item, options) {
        return CaseResult(name: name, outcome: .failed(difference))
      }
      return CaseResult(name: name, outcome: .passed)
    } catch {
      return CaseResult(name: name, outcome: .failed("\(error)"))
    }
  }
}

private func checkFeatures(_ item: JsonTree, _ options: CaseOptions) throws -> String? {
  let playbook = JsonTree.object([
    .init("kairos", .int(1)), .init("name", .string("case")),
    .init("timezone", item["timezone"] ?? .string("UTC")),
    .init("features", item["features"] ?? .object([])),
  ])
  let program = try compile(playbook)
  var shard = Shard(program: program, partition: 0)
  var feeder = Feeder(customer: item["customer"]?.string ?? "c1")
  feeder.restoring = options.restoresEach
  feeder.delay = UInt32(item["out_of_order_ms"]?.int ?? 0)
  let expected = item["expected"]?.array ?? []
  for (index, record) in (item["records"]?.array ?? []).enumerated() {
    if let event = record["event"] { try feeder.send(event: event, to: &shard) }
    if let tick = record["tick"]?.int { try feeder.send(tick: tick, to: &shard) }
    if let difference = compare(expected[index], &shard, program, feeder.customer) {
      return "after record \(index): \(difference)"
    }
  }
  return nil
}

private func compare(
  _ expected: JsonTree, _ shard: inout Shard, _ program: Program, _ customer: [UInt8]
) -> String? {
  for (index, name) in program.features.names.enumerated() {
    let actual = shard.value(ofFeature: index, customer: customer)
    guard let at = expected["at_ms"]?.int else {
      if let actual { return "nothing is expected yet, but the clock stands at \(actual.at)" }
      continue
    }
    guard let actual else { return "the clock should stand at \(at), but nothing was applied" }
    if actual.at != at { return "the clock should stand at \(at), not \(actual.at)" }
    let wanted = expected["values"]?[name] ?? .null
    if !agrees(wanted, actual.1, shard) {
      return "\(name) should be \(String(decoding: wanted.text, as: UTF8.self)), "
        + "not \(actual.1)"
    }
  }
  return nil
}

private func agrees(_ wanted: JsonTree, _ value: Scalar, _ shard: borrowing Shard) -> Bool {
  if let text = wanted.string { return value.kind == .string && shard.text(value.text) == text }
  guard let number = wanted.number else { return false }
  let actual: Double
  switch value.kind {
  case .double: actual = value.double
  case .int: actual = Double(value.int)
  default: return false
  }
  return abs(actual - number) <= 1e-9 * max(abs(number), abs(actual), 1e-300)
}

// MARK: Decisions

func runMeaningDecisions(_ path: String, _ options: CaseOptions) throws -> [CaseResult] {
  try jsonLines(path).map { item in
    let name = item["name"]?.string ?? "?"
    do {
      if let difference = try checkDecisions(item, options) {
        return CaseResult(name: name, outcome: .failed(difference))
      }
      return CaseResult(name: name, outcome: .passed)
    } catch {
      return CaseResult(name: name, outcome: .failed("\(error)"))
    }
  }
}

private struct Expected: Equatable, CustomStringConvertible {
  var decision: String
  var at: Int64
  var revision: Int
  var outcome: String
  var ms: Int64?
  var description: String {
    "[\(decision) \(at) \(revision) \(outcome) \(ms.map(String.init) ?? "null")]"
  }
}

private func checkDecisions(_ item: JsonTree, _ options: CaseOptions) throws -> String? {
  guard var members = item["playbook"]?.members else { throw CaseError("there is no playbook") }
  // The cases' clock is the events'.
  if let index = members.firstIndex(where: { $0.name == "policy" }) {
    var policy = members[index].value.members ?? []
    policy.append(.init("policy_time", .string("event")))
    members[index].value = .object(policy)
  } else {
    members.append(.init("policy", .object([.init("policy_time", .string("event"))])))
  }
  let program = try compile(.object(members))
  var shard = Shard(program: program, partition: 0)
  var feeder = Feeder(customer: item["customer"]?.string ?? "c1")
  feeder.restoring = options.restoresEach
  for event in item["events"]?.array ?? [] { try feeder.send(event: event, to: &shard) }
  try feeder.send(tick: item["until_ms"]?.int ?? .max, to: &shard)
  let actual = feeder.output.map { published in
    Expected(
      decision: program.checks.decisions[published.record.decision].name,
      at: published.record.time, revision: published.record.revision,
      outcome: published.record.outcome.text, ms: published.record.nextAllowed)
  }
  let expected = (item["expected"]?.array ?? []).map { entry in
    let parts = entry.array ?? []
    return Expected(
      decision: parts[0].string ?? "", at: parts[1].int ?? 0, revision: Int(parts[2].int ?? 0),
      outcome: parts[3].string ?? "", ms: parts[4].int)
  }
  return difference(expected, actual)
}

/// Within one instant only the order of one decision's revisions matters.
private func difference(_ expected: [Expected], _ actual: [Expected]) -> String? {
  func sorted(_ list: [Expected]) -> [Expected] {
    list.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      if x.at != y.at { return x.at < y.at }
      if x.decision != y.decision { return x.decision < y.decision }
      return a.offset < b.offset
    }.map(\.element)
  }
  let (wanted, got) = (sorted(expected), sorted(actual))
  if wanted == got { return nil }
  let missing = wanted.filter { !got.contains($0) }
  let extra = got.filter { !wanted.contains($0) }
  return "missing \(missing), not expected \(extra)"
    + (missing.isEmpty && extra.isEmpty ? ", in another order: \(got)" : "")
}
