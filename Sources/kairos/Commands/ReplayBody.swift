import CPosix
import Cel
import Console
import Decisions
import Engine
import Foundation
import Glibc
import Ingest
import Log
import Playbooks
import Replay
import Yaml

extension ReplayCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let program = try book.map { path throws(CommandFailure) in
      try Self.program(path, policyTime: policyTime == .event ? .event : .append)
    }
    let source = try Self.source(config: config, name: source)
    let output = try DecisionOutput(
      path: out, inputs: archives + [book].compactMap { $0 }, format: decisionsFormat,
      isMuted: summaryOnly)
    let bar = quiet ? nil : ProgressBar(title: "replay", unit: "events")
    let clock = ContinuousClock()
    let start = clock.now
    var shownRejects = 0
    let observer = ArchiveReplay.Observer(
      decision: { published in
        if let from, published.record.time < from { return }
        try output.write(published)
      },
      reject: { archive, line, rejection in
        shownRejects += 1
        guard shownRejects <= 5, !quiet else { return }
        FileHandle.standardError.write(
          Data("\(archive):\(line): \(rejection.reason.rawValue): \(rejection.detail)\n".utf8))
      },
      progress: { events, share, _ in bar?.update(count: UInt64(max(events, 0)), share: share) })
    let books: ArchiveReplay.Books =
      if let program { .one(program) } else { .recorded(try BookReading.zones()) }
    let replay = ArchiveReplay(books: books, source: source, until: until, observer: observer)
    do {
      try replay.run(archives)
      try output.close()
    } catch let error as LogError {
      throw CommandFailure(.noInput, error.message)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure(.data, "\(error)")
    }
    _ = bar?.finish(count: UInt64(max(replay.summary.events, 0)))
    if shownRejects > 5, !quiet {
      FileHandle.standardError.write(Data("… and \(shownRejects - 5) more\n".utf8))
    }
    if !quiet { Self.report(replay.summary, seconds: (clock.now - start) / .seconds(1)) }
    if replay.summary.events == 0, let first = replay.summary.rejected.first {
      throw CommandFailure(
        .data,
        "not one line is an event (\(first.reason)); say with --config what the fields mean")
    }
    return .success
  }

  /// The book at a path, compiled; what is wrong with it goes into the failure, a line each.
  static func program(
    _ path: String, policyTime: Policy.Time? = nil
  ) throws(CommandFailure) -> Engine.Program {
    do {
      var book = try Book.load(path: path)
      if let policyTime { book.policy.policyTime = policyTime }
      let (program, diagnostics) = book.compile(zones: try ZoneTable.system())
      if let program { return program }
      throw CommandFailure(
        .data, "the book is wrong\n" + diagnostics.map(\.description).joined(separator: "\n"))
    } catch let failure as CommandFailure {
      throw failure
    } catch BookError.wrong(let diagnostics) {
      throw CommandFailure(
        .data, "the book is wrong\n" + diagnostics.map(\.description).joined(separator: "\n"))
    } catch {
      throw CommandFailure(.noInput, "\(error)")
    }
  }

  private static func source(
    config: String?, name: String?
  ) throws(CommandFailure) -> SourceSettings {
    guard let config else {
      if let name {
        throw CommandFailure(
          .usage, "--source \(name) needs --config FILE, which says what its fields mean")
      }
      return .standard
    }
    let sources = try Configuration.load(config).sources
    if let name {
      if let source = sources.first(where: { $0.name == name }) { return source }
      let names = sources.map(\.name).joined(separator: ", ")
      throw CommandFailure(.usage, "\(config) has no source \"\(name)\"; it has \(names)")
    }
    guard sources.count == 1 else {
      throw CommandFailure(
        .usage, "\(config) has \(sources.count) sources; say which one with --source NAME")
    }
    return sources[0]
  }

  private static func report(_ summary: ArchiveReplay.Summary, seconds: Double) {
    var lines = [
      "",
      "events      \(summary.events) in \(text(seconds)) s"
        + " (\(PeopleNumber.short(Double(summary.events) / max(seconds, 1e-9)))/s)",
    ]
    lines.append(
      "customers   \(summary.customers), \(PeopleNumber.short(Double(summary.stateBytes))) bytes of state"
    )
    if summary.skipped > 0 { lines.append("skipped     \(summary.skipped)") }
    if summary.duplicates > 0 { lines.append("duplicates  \(summary.duplicates)") }
    if summary.behind > 0 {
      lines.append(
        "behind      \(summary.behind)  older than the watermark: deadlines before them may have passed"
          + " too early; sort the archive, or give the source an out_of_order")
    }
    if summary.late > 0 { lines.append("late        \(summary.late)") }
    if summary.celErrors > 0 { lines.append("CEL errors  \(summary.celErrors)") }
    for (reason, count) in summary.rejected { lines.append("rejected    \(count)  \(reason)") }
    for (decision, outcome, count) in summary.decisions {
      lines.append("decided     \(count)  \(decision) \(outcome)")
    }
    if summary.decisions.isEmpty { lines.append("decided     nothing") }
    FileHandle.standardError.write(Data((lines.joined(separator: "\n") + "\n").utf8))
  }

  private static func text(_ seconds: Double) -> String {
    let hundredths = Int((seconds * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}

/// Where a replay's decisions go: JSON lines, or a table for a person.
final class DecisionOutput {
  private let descriptor: Int32
  private let format: ReplayCommand.DecisionsFormat
  private let isMuted: Bool
  private var buffer: [UInt8] = []

  /// Opens the file as it is, so that a pipe or a device stays one. One of the inputs is refused: it
  /// would be emptied before it is read.
  init(
    path: String?, inputs: [String], format: ReplayCommand.DecisionsFormat, isMuted: Bool
  ) throws(CommandFailure) {
    self.format = format
    self.isMuted = isMuted
    guard let path else {
      descriptor = STDOUT_FILENO
      return
    }
    for input in inputs where Self.isSame(path, input) {
      throw CommandFailure(.usage, "--out \(path) is what is read; name another file")
    }
    descriptor = unsafe kairos_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else {
      throw CommandFailure(.output, "\(path): cannot be written: \(Self.reason(errno))")
    }
  }

  private static func isSame(_ a: String, _ b: String) -> Bool {
    var (x, y) = (stat(), stat())
    guard unsafe stat(a, &x) == 0, unsafe stat(b, &y) == 0 else { return false }
    return x.st_dev == y.st_dev && x.st_ino == y.st_ino
  }

  private static func reason(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

  func write(_ published: Shard.Published) throws {
    if isMuted { return }
    switch format {
    case .json: buffer += published.record.value
    case .table: buffer += LiveTable.plain(LiveTable.Row(published)).utf8
    }
    buffer.append(0x0a)
    if buffer.count > 1 << 16 { try flush() }
  }

  private func flush() throws {
    var done = 0
    while done < buffer.count {
      let count = unsafe buffer.withUnsafeBytes { bytes in
        unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw CommandFailure(.output, "the decisions cannot be written: \(Self.reason(errno))")
      }
      done += count
    }
    buffer.removeAll(keepingCapacity: true)
  }

  func close() throws {
    try flush()
    if descriptor != STDOUT_FILENO, Glibc.close(descriptor) != 0 {
      throw CommandFailure(.output, "the decisions cannot be written: \(Self.reason(errno))")
    }
  }
}

extension LiveTable.Row {
  init(_ published: Shard.Published) {
    let record = published.record
    self.init(
      time: record.time, customer: String(decoding: record.customer, as: UTF8.self),
      decision: record.name, outcome: record.outcome.text,
      reason: record.firstReason)
  }
}
