import Cel
import Decisions
import Engine
import Events
import Features
import Playbooks
import Scores
import TestSupport
import Yaml

struct BadPlaybook: Error, CustomStringConvertible { var description: String }

/// Monday, 2026-03-02, 00:00 UTC: the tests' hour 0.
let monday: Int64 = 1_772_409_600_000

/// Hours after `monday` as milliseconds.
func hour(_ count: Int64) -> Int64 { monday + count * 3_600_000 }

/// A playbook of one file. Without a policy of its own everybody consents, in the events' time.
func playbook(
  _ body: String, policy: String = "{ consent: { unknown: allow }, policy_time: event }"
) -> String {
  "kairos: 1\nname: test\n\(body)\npolicy: \(policy)\n"
}

/// One decision in flow style, to stand below `decisions:`.
func decision(_ name: String, when: String, _ extra: String = "", channel: String = "sms") -> String
{
  let tail = extra.isEmpty ? "" : ", \(extra)"
  return "  \(name): { when: { \(when) }, action: { topic: actions.test, channel: \(channel) }, "
    + "purpose: service\(tail) }\n"
}

func program(_ text: String) throws -> Program {
  let (book, diagnostics) = Book.parse(files: [("test.yaml", Array(text.utf8))])
  guard let book else {
    throw BadPlaybook(description: diagnostics.map(\.description).joined(separator: "\n"))
  }
  let (program, problems) = book.compile(zones: try systemZones.get())
  guard let program else {
    throw BadPlaybook(description: problems.map(\.description).joined(separator: "\n"))
  }
  return program
}

/// A shard, fed by hand, and what it says in short.
struct Fold: ~Copyable {
  var shard: Shard
  private var position: Int64 = 0
  private var offsets: [String: Int64] = [:]
  private let keepsBytes: Bool
  private var kept: [UInt8] = []
  private var ranges: [Range<Int>] = []
  private var appendTimes: [Int64] = []

  init(_ text: String) throws { self.init(try program(text)) }
  init(_ program: Program, keepsBytes: Bool = false) {
    shard = Shard(program: program, partition: 0)
    self.keepsBytes = keepsBytes
  }

  /// Offsets count up by themselves for each source; ids too, as e0, e1 … in journal order.
  mutating func event(
    _ type: String, at time: Int64, _ data: String = "{}", customer: String = "ada",
    source: String = "app", id: String? = nil, offset: Int64? = nil, delay: Int64 = 0,
    appended: Int64 = .min
  ) {
    let next = offset ?? offsets[source, default: 0]
    offsets[source] = max(offsets[source, default: 0], next + 1)
    let payload = Array(data.utf8)
    send(
      JournalRecord(
        kind: .event, time: EventTime(milliseconds: time),
        origin: .init(name: Array(source.utf8), partition: 0, offset: next),
        source: Array(source.utf8), type: Array(type.utf8),
        id: Array((id ?? "e\(position)").utf8), customer: Array(customer.utf8), payload: payload,
        data: 0..<payload.count, delay: UInt32(delay)), appended)
  }

  /// The customer asks to be forgotten.
  mutating func erase(at time: Int64, customer: String = "ada", appended: Int64 = .min) {
    let next = offsets["app", default: 0]
    offsets["app"] = next + 1
    send(
      JournalRecord(
        kind: .erase, time: EventTime(milliseconds: time),
        origin: .init(name: Array("app".utf8), partition: 0, offset: next),
        source: Array("app".utf8), type: Array("privacy.erase".utf8),
        id: Array("x\(position)".utf8),
        customer: Array(customer.utf8), payload: Array("{}".utf8)), appended)
  }

  /// Moves the named sources' watermarks.
  mutating func tick(_ time: Int64, _ sources: String..., appended: Int64 = .min) {
    tick(time, sources, appended: appended)
  }

  mutating func tick(_ time: Int64, _ sources: [String], appended: Int64 = .min) {
    let entries = (sources.isEmpty ? ["app"] : sources).map {
      Tick.Entry(
        name: Array($0.utf8), incarnation: 0, partition: 0,
        watermark: EventTime(milliseconds: time))
    }
    send(
      JournalRecord(
        kind: .tick, time: EventTime(milliseconds: time),
        origin: .init(name: [], partition: 0, offset: position),
        payload: Tick(entries: entries).encode()), appended)
  }

  /// Orders a book, as the `number`th record of the control topic.
  mutating func order(_ program: Program, _ number: Int) {
    send(EngineTests.order(program, number), .min)
  }

  /// Orders a book with a back-fill, folds its shadow, and puts it in force.
  mutating func fill(_ program: Program, since: Int64) {
    send(EngineTests.order(program, 0, backfillSince: since), .min)
    let shadow = Shadow(program, partition: 0, since: since)
    let whole = kept + [UInt8](repeating: 0, count: 64)
    for (position, range) in ranges.enumerated() {
      shadow.read(
        whole.span, range, position: Int64(position), appendTime: appendTimes[position])
    }
    shard.know(shadow)
    send(control(.activate(hash: program.hash)), .min)
  }

  /// Ada's value of a feature, as a number.
  mutating func value(of name: String) -> Double? {
    shard.program.features.names.firstIndex(of: name).flatMap {
      shard.value(ofFeature: $0, customer: Array("ada".utf8))?.1.number
    }
  }

  private mutating func send(_ record: JournalRecord, _ appended: Int64) {
    var bytes: [UInt8] = []
    record.encode(into: &bytes)
    let count = bytes.count
    if keepsBytes {
      ranges.append(kept.count..<(kept.count + count))
      appendTimes.append(appended)
      kept += bytes
    }
    bytes.append(contentsOf: repeatElement(0, count: 64))
    shard.read(bytes.span, 0..<count, position: position, appendTime: appended)
    position += 1
  }

  /// What has been published since the last look, as "call released @3h"; revisions other than 0
  /// as "call.1 expired @9h".
  /// `program`: the one that decided it, if that is in force no more.
  mutating func said(_ program: Program? = nil) -> [String] {
    let program = program ?? shard.program
    return shard.takeOutput().map { published in
      let record = published.record
      let name = program.checks.decisions[record.decision].name
      let revision = record.revision == 0 ? "" : ".\(record.revision)"
      return "\(name)\(revision) \(record.outcome.text) @\(short(record.time))"
    }
  }

  /// What another shard says to all that this one was fed, out of one buffer.
  func replayed() -> [DecisionRecord] {
    var other = Shard(program: shard.program, partition: 0)
    let whole = kept + [UInt8](repeating: 0, count: 64)
    for (position, range) in ranges.enumerated() {
      other.read(whole.span, range, position: Int64(position), appendTime: .min)
    }
    return other.takeOutput().map(\.record)
  }

  /// The records themselves since the last look.
  mutating func records() -> [DecisionRecord] { shard.takeOutput().map(\.record) }
}

/// "3h", or "3h-1ms" beside an hour.
func short(_ time: Int64) -> String {
  let ms = time - monday
  let hours = (ms + 1_800_000 - (ms + 1_800_000 < 0 ? 3_599_999 : 0)) / 3_600_000
  let rest = ms - hours * 3_600_000
  return "\(hours)h" + (rest == 0 ? "" : rest > 0 ? "+\(rest)ms" : "\(rest)ms")
}

/// A member of a decision's data.
func member(_ record: DecisionRecord, _ name: String) throws -> Json? {
  try Json(record.value)[name]
}
