import Cel
import Decisions
import Engine
import Playbooks
import Yaml

extension CheckCommand {
  /// What became of one word of the command line.
  enum Finding {
    case right(BookReport)
    case wrong([Diagnostic])
    case unreadable(String)
  }

  func run() throws(CommandFailure) -> ExitCode {
    if let against { return try compare(with: against) }
    let zones: ZoneTable
    do { zones = try ZoneTable.system() } catch {
      throw CommandFailure(.unavailable, error.description)
    }
    let findings = playbooks.map { (path: $0, finding: Self.look(at: $0, zones)) }
    _ = try printOut(json ? Self.json(findings) : Self.text(findings))
    let unreadable = findings.compactMap { finding in
      if case .unreadable(let why) = finding.finding { why } else { nil }
    }
    let mistakes = findings.reduce(0) { sum, finding in
      if case .wrong(let diagnostics) = finding.finding { sum + diagnostics.count } else { sum }
    }
    if mistakes > 0 {
      throw CommandFailure(.data, mistakes == 1 ? "1 mistake" : "\(mistakes) mistakes")
    }
    if let first = unreadable.first { throw CommandFailure(.noInput, first) }
    return .success
  }

  static func look(at path: String, _ zones: ZoneTable) -> Finding {
    do throws(BookError) {
      let book = try Book.load(path: path)
      let (program, diagnostics) = book.compile(zones: zones)
      guard let program else { return .wrong(diagnostics) }
      return .right(BookReport(book, program))
    } catch {
      switch error {
      case .unreadable(let why): return .unreadable(why)
      case .wrong(let diagnostics): return .wrong(diagnostics)
      }
    }
  }

  private static func text(_ findings: [(path: String, finding: Finding)]) -> String {
    var out = ""
    for (_, finding) in findings {
      switch finding {
      case .right(let report): out += report.text
      case .wrong(let diagnostics): out += diagnostics.map { "\($0)\n" }.joined()
      case .unreadable: break
      }
    }
    return out
  }

  private static func json(_ findings: [(path: String, finding: Finding)]) -> String {
    var json = JsonWriter()
    json.beginArray()
    for (path, finding) in findings {
      json.beginObject()
      json.string("path", path)
      switch finding {
      case .right(let report):
        json.bool("right", true)
        report.write(to: &json)
      case .wrong(let diagnostics):
        json.bool("right", false)
        json.diagnostics("errors", diagnostics)
      case .unreadable(let why):
        json.bool("right", false)
        json.string("unreadable", why)
      }
      json.endObject()
    }
    json.endArray()
    return String(decoding: json.bytes, as: UTF8.self) + "\n"
  }
}
