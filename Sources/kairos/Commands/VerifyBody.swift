import Cel
import Console
import Decisions
import Engine
import Log
import Playbooks
import Replay

extension VerifyCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let opened = try place.open(.readOnly)
    let programs = try programs(book ?? configuration?.book, in: opened)
    var settings = Verification.Settings()
    settings.partitions = partitions
    settings.range = range
    // What is read of a directory is one moment of it.
    if !place.isKafka { settings.patienceMs = 0 }
    let bar = quiet ? nil : ProgressBar(title: "verify", unit: "records")
    let verification = Verification(log: opened, programs: programs, settings: settings) {
      _, records, share in bar?.update(count: UInt64(max(records, 0)), share: share)
    }
    let report = try calling { try verification.run() }
    let records = report.partitions.reduce(0) { $0 + $1.records }
    let reached = bar?.finish(count: UInt64(max(records, 0)))
    _ = try printOut(json ? report.json : report.text(seconds: reached?.seconds))
    if !report.isEqual { return .different }
    return report.isOpaque ? .unavailable : .success
  }
}

extension VerifyCommand {
  /// The books that the log names. `path`: the first one, where it names none.
  private func programs(
    _ path: String?, in log: any Log
  ) throws(CommandFailure) -> any ProgramSource {
    let shelf: BookShelf
    do { shelf = BookShelf(log: log, zones: try ZoneTable.system()) } catch {
      throw CommandFailure(.unavailable, error.description)
    }
    // What the command line says is meant; what the configuration says is what runs now, and need
    // not be what the journal began with.
    let named = book == nil ? try calling { try shelf.first() } : nil
    if let named {
      return RecordedBooks(try calling { try shelf.program(named) }, shelf)
    }
    guard let path else {
      throw CommandFailure(
        .usage, "the log names no book; say with --book PATH which one it was run with")
    }
    return RecordedBooks(try ReplayCommand.program(path), shelf)
  }
}

/// The books of a log, as its control records name them.
private final class RecordedBooks: ProgramSource {
  let initial: Engine.Program
  private(set) var known: [String: Engine.Program]
  private let shelf: BookShelf

  init(_ initial: Engine.Program, _ shelf: BookShelf) {
    self.initial = initial
    self.shelf = shelf
    known = [initial.hash: initial]
    shelf.keep(initial)
  }

  func find(_ hash: String) throws(LogError) -> Engine.Program {
    let program = try shelf.program(hash)
    known[hash] = program
    return program
  }
}

extension VerificationReport {
  /// For a person: what is wrong first, then what could not be compared, then the sum.
  func text(seconds: Double?) -> String {
    var lines: [String] = []
    for partition in partitions {
      guard let first = partition.first else { continue }
      let all = Difference.Kind.allCases.compactMap { kind in
        partition.differences[kind].map { "\($0) \(kind.words)" }
      }
      lines.append("different: kairos.journal-\(partition.number): \(all.joined(separator: ", "))")
      lines.append("  first: \(first)")
    }
    for partition in partitions {
      lines += partition.notCompared.map {
        "not compared: kairos.journal-\(partition.number): \($0)"
      }
    }
    let took = seconds.map { " in \(Int(($0 * 10).rounded()) / 10) s" } ?? ""
    func sum(_ what: KeyPath<Partition, Int64>) -> Int64 {
      partitions.reduce(0) { $0 + $1[keyPath: what] }
    }
    var facts = [
      "\(partitions.count) partitions", "\(sum(\.records)) journal records",
      "\(sum(\.decisions)) decisions", "\(sum(\.actions)) actions",
    ]
    if sum(\.hashes) > 0 { facts.append("\(sum(\.hashes)) hash points") }
    if sum(\.slices) > 0 { facts.append("\(sum(\.slices)) records of state") }
    if sum(\.proofs) > 0 { facts.append("\(sum(\.proofs)) proofs of erasure") }
    let verdict = isEqual ? "equal" : "not equal, \(differences) differences"
    lines.append("\(verdict): \(facts.joined(separator: ", "))\(took)")
    return lines.joined(separator: "\n") + "\n"
  }

  var json: String {
    var json = JsonWriter()
    json.beginObject()
    json.bool("equal", isEqual)
    json.int("differences", differences)
    json.beginArray("partitions")
    for partition in partitions { partition.write(to: &json) }
    json.endArray()
    json.endObject()
    return String(decoding: json.bytes, as: UTF8.self) + "\n"
  }
}

extension VerificationReport.Difference.Kind {
  fileprivate var words: String {
    switch self {
    case .changed: "changed"
    case .missing: "missing"
    case .twice: "twice"
    case .extra: "that the journal does not make"
    case .order: "out of order"
    case .stranger: "of no journal record"
    case .hash: "hash points differ"
    case .slice: "records of state differ"
    case .proof: "proofs of erasure differ"
    }
  }
}

extension VerificationReport.Partition {
  fileprivate func write(to json: inout JsonWriter) {
    json.beginObject()
    json.int("partition", Int64(number))
    json.bool("recomputed", !isOpaque)
    json.int("from", range.lowerBound)
    json.int("to", range.upperBound)
    json.int("records", records)
    json.int("decisions", decisions)
    json.int("actions", actions)
    json.int("hashes", hashes)
    json.int("slices", slices)
    json.int("proofs", proofs)
    json.beginObject("differences")
    for kind in VerificationReport.Difference.Kind.allCases {
      if let count = differences[kind] { json.int(kind.rawValue, count) }
    }
    json.endObject()
    if let first { first.write("first", to: &json) }
    json.beginArray("notCompared")
    for line in notCompared { json.string(nil, line) }
    json.endArray()
    json.endObject()
  }
}

extension VerificationReport.Difference {
  fileprivate func write(_ name: String, to json: inout JsonWriter) {
    json.beginObject(name)
    json.string("kind", kind.rawValue)
    json.int("journalPartition", Int64(journalPartition))
    if let journalOffset { json.int("journalOffset", journalOffset) }
    json.string("topic", topic)
    json.int("partition", Int64(partition))
    if let offset { json.int("offset", offset) }
    json.string("name", self.name)
    if let field { json.string("field", field) }
    if let recorded { json.string("recorded", recorded) }
    if let computed { json.string("computed", computed) }
    json.string("text", description)
    json.endObject()
  }
}
