internal import Engine
internal import Events
internal import Scores

// Flink CEP's answers: the pattern becomes an ordinary playbook, the events go through the engine.

func runFlinkCep(_ path: String, _ options: CaseOptions) throws -> [CaseResult] {
  try jsonLines(path).map { item in
    CaseResult(item["name"]?.string ?? "?") { try checkFlink(item, options) }
  }
}

private func checkFlink(_ item: JsonTree, _ options: CaseOptions) throws -> String? {
  let pattern = try FlinkPattern(item["pattern"] ?? .null)
  let program: Program
  do {
    program = try compile(pattern.playbook(matchesAll: true))
  } catch let refusal as CaseError {
    if item["expected_error"] != nil { return nil }
    if let own = pattern.ownRefusal { throw NotApplicable(own) }
    return "the pattern is refused: \(refusal)"
  }
  if let error = item["expected_error"]?.string {
    if let own = pattern.ownLicence { throw NotApplicable(own) }
    return "the pattern should be refused: \(error)"
  }
  let run = try FlinkRun(item, program, pattern, options)
  if run.dropped > 0 { return "\(run.dropped) partial matches found no room" }
  if let difference = difference(item["expected"]?.array ?? [], run) {
    if let departure = pattern.departure { throw NotApplicable("\(departure): \(difference)") }
    return difference
  }
  return try checkDefault(item, pattern, options, all: run)
}

/// A case's events through a shard.
private struct FlinkRun {
  struct Match: Equatable {
    /// By stage, in the order of the match.
    var stages: [String: [Int64]]
    var at: Int64
    /// Positions and steps, the last first: the greater is the later.
    var order: [Int64]
  }
  private(set) var matches: [Match] = []
  private(set) var dropped: Int64 = 0

  init(
    _ item: JsonTree, _ program: Program, _ pattern: FlinkPattern, _ options: CaseOptions
  ) throws {
    var shard = Shard(program: program, partition: 0)
    shard.observesMoments = true
    var feeder = Feeder(customer: "c1")
    feeder.restoring = options.restoresEach
    let events = (item["events"]?.array ?? []).enumerated().sorted { a, b in
      let (x, y) = (a.element["time_ms"]?.int ?? 0, b.element["time_ms"]?.int ?? 0)
      return x != y ? x < y : a.offset < b.offset
    }.map(\.element)
    for event in events { try feeder.send(event: Self.event(event), to: &shard) }
    if let end = item["final_watermark_ms"]?.int { try feeder.send(tick: end, to: &shard) }
    dropped = shard.counts.dropped
    for moment in feeder.observed {
      var match = Match(stages: [:], at: moment.at, order: [])
      for taken in moment.evidence {
        let name = pattern.names[try Self.stage(program, taken.part)]
        match.stages[name, default: []].append(events[Int(taken.position)]["id"]?.int ?? 0)
        match.order.insert(taken.position * 64 + Int64(taken.part), at: 0)
      }
      matches.append(match)
    }
  }

  /// The number in a step's name: its reason's code is `match.s3`.
  private static func stage(_ program: Program, _ step: Int) throws -> Int {
    let code = program.sequences[0].steps[step].words.code
    guard let number = Int(code.dropFirst("match.s".count)) else {
      throw CaseError("a match's evidence names the step \(code)")
    }
    return number
  }

  /// A case's event as the engine's: all that it says is its data; what it does not say is what
  /// Flink's own event class has then.
  private static func event(_ event: JsonTree) -> JsonTree {
    .object([
      .init("id", .string("\(event["id"]?.int ?? 0)")), .init("type", .string("case.event")),
      .init("time_ms", event["time_ms"] ?? .int(0)),
      .init(
        "data",
        .object([
          .init("id", event["id"] ?? .int(0)), .init("name", event["name"] ?? .string("")),
          .init("type", event["type"] ?? .string("")),
          .init("price", event["price"] ?? .double(0)),
          .init("volume", event["volume"] ?? .double(0)),
        ])),
    ])
  }
}

/// Every match as often as it was given, at the time of its event; of a match that time completes
/// Flink tells only when its clock had reached the deadline.
private func difference(_ expected: [JsonTree], _ run: FlinkRun) -> String? {
  var left = run.matches
  var missing: [String] = []
  for entry in expected {
    var stages: [String: [Int64]] = [:]
    for member in entry["stages"]?.members ?? [] {
      stages[member.name] = (member.value.array ?? []).map { $0.int ?? 0 }
    }
    let at = entry["at_ms"]?.int ?? 0
    let isByEvent = entry["by_event"]?.int != nil
    let place = left.firstIndex {
      $0.stages == stages && (isByEvent ? $0.at == at : $0.at <= at)
    }
    if let place { left.remove(at: place) } else { missing.append(show(stages, at)) }
  }
  if missing.isEmpty, left.isEmpty { return nil }
  return "missing [\(missing.joined(separator: ", "))], "
    + "not expected [\(left.map { show($0.stages, $0.at) }.joined(separator: ", "))]"
}

private func show(_ stages: [String: [Int64]], _ at: Int64) -> String {
  let parts = stages.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
  return parts.joined(separator: " ") + " at \(at)"
}

/// The default mode fires once per completing event or deadline, with the latest evidence; some
/// patterns need `matches: all`, and are refused in it.
private func checkDefault(
  _ item: JsonTree, _ pattern: FlinkPattern, _ options: CaseOptions, all: FlinkRun
) throws -> String? {
  let program: Program
  do {
    program = try compile(pattern.playbook(matchesAll: false))
  } catch let refusal as CaseError {
    if refusal.description.contains("matches: all") { return nil }
    return "in the default mode the pattern is refused: \(refusal)"
  }
  let run = try FlinkRun(item, program, pattern, options)
  var latest: [FlinkRun.Match] = []
  for match in all.matches {
    let place = latest.firstIndex {
      $0.at == match.at && $0.order[0] >> 6 == match.order[0] >> 6
    }
    if let place {
      if latest[place].order.lexicographicallyPrecedes(match.order) { latest[place] = match }
    } else {
      latest.append(match)
    }
  }
  var left = run.matches
  for match in latest {
    guard let place = left.firstIndex(of: match) else {
      return "in the default mode \(show(match.stages, match.at)) is missing"
    }
    left.remove(at: place)
  }
  return left.first.map { "in the default mode \(show($0.stages, $0.at)) is not expected" }
}
