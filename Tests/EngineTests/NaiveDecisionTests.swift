import Cel
import Decisions
import Engine
import Playbooks
import TestSupport
import Testing
import Yaml

/// A playbook, a journal, and what the reference makes of it.
struct DecisionCase {
  let seed: UInt64
  let text: String
  let book: Book
  let program: Program
  /// In journal order.
  var journal: [(customer: String, event: NaiveEvent)] = []
  let end: Int64

  init(seed: UInt64, strict: Bool) throws {
    self.seed = seed
    var generator = Generator(seed: seed)
    text = generator.playbook(strict: strict)
    let (book, diagnostics) = Book.parse(files: [("random.yaml", Array(text.utf8))])
    guard let book else {
      throw BadPlaybook(
        description: "seed \(seed): " + diagnostics.map(\.description).joined(separator: "\n"))
    }
    self.book = book
    let (program, problems) = book.compile(zones: try systemZones.get())
    guard let program else {
      throw BadPlaybook(
        description: "seed \(seed): " + problems.map(\.description).joined(separator: "\n"))
    }
    self.program = program
    for index in 0..<generator.random.number(in: 1..<4) {
      let count = generator.random.number(in: 10..<35)
      journal += generator.events(count, strict: strict).map { ("c\(index)", $0) }
    }
    journal.sort { $0.event.time < $1.event.time }
    for position in journal.indices {
      journal[position].event.position = position
      journal[position].event.id = "e\(position)"
    }
    let last = journal.last?.event.time ?? 0
    end =
      generator.random.chance(50)
      ? .max : last + Int64(generator.random.number(in: 0..<8)) * Generator.step
  }

  func expected() throws -> [NaiveRow] {
    let zones = try systemZones.get()
    let expressions = NaiveExpressions(book.playbooks[0], zones: zones)
    var rows: [NaiveRow] = []
    for customer in Set(journal.map(\.customer)).sorted() {
      var naive = try NaiveCustomer(customer, book, expressions)
      rows += naive.run(journal.filter { $0.customer == customer }.map(\.event), until: end)
    }
    return sorted(rows)
  }

  func actual() throws -> [NaiveRow] {
    var fold = Fold(program)
    for (customer, event) in journal {
      fold.event(
        event.type, at: event.time, spelled(event.data), customer: customer, id: event.id)
    }
    fold.tick(end)
    return sorted(try fold.records().map { try row($0) })
  }

  func row(_ record: DecisionRecord) throws -> NaiveRow {
    let decision = book.playbooks[0].decisions[record.decision]
    var evidence: [String] = []
    if case .moment(let mention) = decision.trigger,
      case .sequence? = book.playbooks[0].moments.first(where: { $0.name == mention.name })?.kind
    {
      for reason in try member(record, "reasons")?.elements ?? [] {
        evidence += (reason["evidence"]?.elements ?? []).compactMap(\.text)
      }
    }
    return NaiveRow(
      customer: String(decoding: record.customer, as: UTF8.self), decision: decision.name,
      at: record.time, revision: record.revision, outcome: record.outcome.text,
      ms: record.nextAllowed, evidence: evidence)
  }

  /// Within one instant of a customer only the order of one decision's revisions matters.
  private func sorted(_ rows: [NaiveRow]) -> [NaiveRow] {
    rows.enumerated().sorted { a, b in
      let (x, y) = (a.element, b.element)
      if x.customer != y.customer { return x.customer < y.customer }
      if x.at != y.at { return x.at < y.at }
      if x.decision != y.decision { return x.decision < y.decision }
      return a.offset < b.offset
    }.map(\.element)
  }

  /// Nil: engine and reference agree.
  func difference() throws -> String? {
    let (expected, actual) = (try expected(), try actual())
    guard expected != actual else { return nil }
    let missing = expected.filter { !actual.contains($0) }
    let extra = actual.filter { !expected.contains($0) }
    let customers = Set((missing + extra).map(\.customer))
    let events = journal.filter { customers.contains($0.customer) }.map {
      "\($0.customer) \($0.event.id) \($0.event.type) @\(short($0.event.time)) "
        + spelled($0.event.data)
    }
    return "seed \(seed)\n\(text)\(events.joined(separator: "\n"))\nuntil \(short(end))\n"
      + "the reference alone: \(missing)\nthe engine alone: \(extra)"
  }
}

let systemZones = Result { () throws -> ZoneTable in try ZoneTable.system() }

@Suite struct `The engine against the reference` {
  private func compare(_ seeds: Range<UInt64>, strict: Bool) throws {
    var rows = 0
    for seed in seeds {
      let item = try DecisionCase(seed: seed, strict: strict)
      rows += try item.expected().count
      if let difference = try item.difference() {
        Issue.record("\(difference)")
        return
      }
    }
    // The generator makes cases in which something happens.
    #expect(rows > seeds.count)
  }

  @Test(arguments: 0..<8)
  func `decides the same where nothing is held back`(block: Int) throws {
    let start = UInt64(block * 75)
    try compare(start..<(start + 75), strict: false)
  }

  @Test(arguments: 0..<8)
  func `decides the same where policy holds back`(block: Int) throws {
    let start = UInt64(100_000 + block * 75)
    try compare(start..<(start + 75), strict: true)
  }
}
