import Cel
import Decisions
import Engine
import Events
import Foundation
import Playbooks
import TestSupport
import Yaml

/// The order to put a book in force, the `number`th of the control topic.
func order(_ program: Program, _ number: Int, backfillSince: Int64? = nil) -> JournalRecord {
  control(.book(hash: program.hash, backfillSince: backfillSince), offset: Int64(number))
}

func control(_ control: Control, offset: Int64? = nil) -> JournalRecord {
  JournalRecord(
    kind: .control, time: EventTime(milliseconds: 0),
    origin: .init(
      name: offset == nil ? [] : Array("kairos.control".utf8), partition: 0, offset: offset ?? 0),
    payload: control.payload)
}

/// A random playbook as a book of `policy.yaml` and playbooks.
struct RandomBook {
  private let policy: String
  let main: String

  init(_ playbook: String) {
    let parts = playbook.split(separator: "\npolicy:\n", maxSplits: 1)
    main = String(parts[0]) + "\n"
    policy = "kairos: 1\npolicy:\n" + parts[1] + "\n"
  }

  func program(_ playbooks: String...) throws -> Program {
    let files = playbooks.enumerated().map { (name: "p\($0).yaml", bytes: Array($1.utf8)) }
    let (book, diagnostics) = Book.parse(
      files: files + [(name: "policy.yaml", bytes: Array(policy.utf8))])
    guard let book else {
      throw BadPlaybook(description: diagnostics.map(\.description).joined(separator: "\n"))
    }
    return try book.program(zones: try systemZones.get())
  }

  /// The same with comments, and facts and features the other way round.
  var turned: String {
    var lines = main.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    for (first, last) in [("facts:", "features:"), ("features:", "moments:")] {
      guard let start = lines.firstIndex(of: first), let end = lines.firstIndex(of: last) else {
        preconditionFailure("a random playbook has \(first)")
      }
      lines[(start + 1)..<end] = lines[(start + 1)..<end].reversed()[...]
      lines[start] += "   # turned round"
    }
    return lines.joined(separator: "\n")
  }

  /// A playbook that only watches, with streams, features, moments and windows of its own and some
  /// that it has in common with the other one. If it `waits`, it has deadlines and looks when time
  /// moves: then events wait that would not without it, or go on a record earlier.
  static func watcher(waits: Bool = true) -> String {
    let triggers =
      ["becomes: d9 > 2", "score: heat, rises_above: 0.5"]
      .map { waits ? $0 : $0 + ", at: events" }
      + ["moment: many", "score: heat, rises_by: 0.1, within: 3h" + (waits ? "" : ", at: events")]
      + (waits ? ["moment: nine", "window: w9", "window: w8"] : [])
    let rise = waits ? ", { becomes: n9 > 2 }" : ""
    let decisions = triggers.enumerated().map { index, trigger in
      """

        x\(index):
          when: { \(trigger) }
          action: { topic: actions.t, channel: sms, fields: { m: mood, l: l9, p: plan } }
          purpose: service
          authority: monitor
      """
    }
    return """
      kairos: 1
      name: watcher
      facts:
        plan: { last: data.k, from: a, type: string, default: free }
        mood: { last: data.k, from: d, type: string, default: none }
      features:
        n1: { count: a, over: 2h }
        n9: { count: [b, c], over: 9h }
        s9: { sum: data.x, from: a, over: 9h }
        l9: { last: data.k, from: b, over: 9h, default: none }
        d9: { distinct: data.k, from: [a, b], over: 9h }
        t9: { since: b, in: hours, at_most: 10, default: 10 }
        r9: { streak: a, each: day }
      moments:
        many: { at_least: 2, within: 9h, of: [{ on: b }, { on: d }\(rise)] }
        \(waits ? "nine: { sequence: [{ on: a }, { absent: c, for: 2h }] }" : "")
      \(waits ? Self.windows : "")
      scores:
        heat: { logistic: { bias: -1.0, weights: { n9: 0.4, s9: 0.05, t9: -0.1, r9: 0.2 } } }
      decisions:
      """ + decisions.joined() + "\n"
  }

  private static let windows = """
    windows:
      w9: { after: { on: b, nth: 2, within: 9h }, opens: 1h, closes: 4h, cancelled_by: d }
      w8: { after: { moment: nine }, opens: 0h, closes: 2h }
    """
}

/// A journal in which books change, and what an undisturbed fold makes of it.
struct Course {
  var programs: [Program]
  var records: [Fed] = []
  /// What each record led to.
  var output: [[Shard.Published]] = []
  /// After each record, if they are kept.
  var snapshots: [[UInt8]] = []
  private let keepsSnapshots: Bool

  /// The first program is in force; `orders`: after so many records the program of that number is
  /// ordered. Programs that are not `known` are passed over.
  init(
    _ stream: inout RandomStream, _ programs: [Program], records count: Int,
    orders: [(after: Int, program: Int)] = [], fill: Fill? = nil, known: Set<Int>? = nil,
    keepsSnapshots: Bool = false
  ) {
    self.programs = programs
    self.keepsSnapshots = keepsSnapshots
    var shard = Shard(program: programs[0], partition: 3)
    for (index, program) in programs.enumerated() where known?.contains(index) ?? true {
      shard.know(program)
    }
    var decisions: [DecisionRecord] = []
    for number in 0..<count {
      for (place, order) in orders.enumerated() where order.after == number {
        add(
          Fed(record: EngineTests.order(programs[order.program], place), appendTime: .min), &shard,
          &decisions)
      }
      if let fill, fill.after == number {
        let record = EngineTests.order(programs[fill.program], 0, backfillSince: fill.since)
        add(Fed(record: record, appendTime: .min), &shard, &decisions)
      }
      if let fill, fill.activatedAfter == number {
        let record = control(.activate(hash: programs[fill.program].hash))
        add(Fed(record: record, appendTime: .min), &shard, &decisions)
      }
      add(stream.next(decisions), &shard, &decisions)
    }
    add(Self.end(of: records), &shard, &decisions)
  }

  /// Gives the shard the shadow that the record asks for, if it does.
  static func prepare(
    _ shard: inout Shard, for fed: Fed, after records: some Collection<Fed>, _ programs: [Program]
  ) {
    guard fed.record.kind == .control,
      case .activate(let hash)? = Control(payload: fed.record.payload),
      let wanted = shard.backfill, wanted.hash == hash,
      let program = programs.first(where: { $0.hash == hash })
    else { return }
    let shadow = Shadow(program, partition: 3, since: wanted.since)
    for (position, earlier) in records.enumerated() {
      var bytes: [UInt8] = []
      earlier.record.encode(into: &bytes)
      let count = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: 64))
      shadow.read(
        bytes.span, 0..<count, position: Int64(position), appendTime: earlier.appendTime)
    }
    shard.know(shadow)
  }

  /// A book whose new items are filled.
  struct Fill {
    var after: Int
    var program: Int
    var since: Int64
    var activatedAfter: Int
  }

  /// A tick that lets go all that waits.
  private static func end(of records: [Fed]) -> Fed {
    let latest = records.map(\.record.time.milliseconds).max() ?? 0
    let entries = [0, 1].map {
      Tick.Entry(
        name: Array("s\($0)".utf8), incarnation: 0, partition: Int32($0),
        watermark: EventTime(milliseconds: latest + 360_000_000))
    }
    return Fed(
      record: JournalRecord(
        kind: .tick, time: EventTime(milliseconds: latest),
        origin: .init(name: [], partition: 0, offset: 0), payload: Tick(entries: entries).encode()),
      appendTime: records.map(\.appendTime).max() ?? .min)
  }

  /// The same records again, from another first program.
  init(again other: Course, _ programs: [Program], known: Set<Int>) {
    self.programs = programs
    keepsSnapshots = other.keepsSnapshots
    var shard = Shard(program: programs[0], partition: 3)
    for index in known { shard.know(programs[index]) }
    var decisions: [DecisionRecord] = []
    for record in other.records { add(record, &shard, &decisions) }
  }

  private mutating func add(
    _ fed: Fed, _ shard: inout Shard, _ decisions: inout [DecisionRecord]
  ) {
    Self.prepare(&shard, for: fed, after: records, programs)
    fed.feed(&shard, at: records.count)
    records.append(fed)
    let said = shard.takeOutput()
    decisions += said.map(\.record)
    output.append(said)
    if keepsSnapshots { snapshots.append(shard.snapshot()) }
  }

  /// By record, what was decided by the playbook, without its version.
  func decided(by playbook: String) -> [[String]] {
    output.map { said in
      said.compactMap { published in
        let text = String(decoding: published.record.value, as: UTF8.self)
        guard text.contains(#""playbook":{"name":"\#(playbook)""#) else { return nil }
        guard let start = text.range(of: #""version":""#)?.upperBound else { return text }
        let end = text.index(start, offsetBy: 64)
        return text.replacingCharacters(in: start..<end, with: "")
          + " \(published.position) \(published.watermark)"
      }
    }
  }
}
