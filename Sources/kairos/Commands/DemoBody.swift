import Console
import Foundation
import Ingest
import Playbooks
import Replay

extension DemoCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let folder = try storiesFolder()
    var names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
        FileManager.default.fileExists(atPath: "\(folder)/\($0)/playbook.yaml")
      }.sorted()
    } catch { throw CommandFailure(.noInput, "\(folder): cannot be listed: \(error)") }
    guard !names.isEmpty else {
      throw CommandFailure(
        .noInput, "\(folder): no folder in it has a playbook.yaml; name one that holds stories")
    }
    if let wanted = stories.first {
      guard names.contains(wanted) else {
        throw CommandFailure(
          .noInput, "there is no story \"\(wanted)\"; there are \(names.joined(separator: ", "))")
      }
      names = [wanted]
    }
    var sums: [(story: String, summary: ArchiveReplay.Summary)] = []
    for name in names { sums.append((name, try play(name, "\(folder)/\(name)"))) }
    return try printOut(Self.ending(sums, folder))
  }

  /// Where the stories lie: as told, in the working directory, or where `make install` puts them.
  private func storiesFolder() throws(CommandFailure) -> String {
    if let directory { return directory }
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let installed = program.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("share/kairos/replay").path
    for place in ["replay", installed]
    where FileManager.default.fileExists(atPath: place + "/silent-churn/playbook.yaml") {
      return place
    }
    throw CommandFailure(.noInput, "the stories are not here; say where with --stories DIR")
  }

  private func play(
    _ name: String, _ folder: String
  ) throws(CommandFailure) -> ArchiveReplay.Summary {
    let program = try ReplayCommand.program(folder + "/playbook.yaml", policyTime: .event)
    let painter = LiveTablePainter(header: .init(title: "kairos demo: \(name)"))
    var header = LiveTable.Header(title: "kairos demo: \(name)")
    let clock = ContinuousClock()
    let start = clock.now
    let pause: Duration? = pace > 0 ? .seconds(1) / Int(pace) : nil
    let observer = ArchiveReplay.Observer(
      decision: { published in
        header.decisions += 1
        painter.add(LiveTable.Row(published))
      },
      record: { events, watermark in
        header.events = UInt64(max(events, 0))
        header.watermark = watermark == .min ? nil : watermark
        header.eventsPerSecond = Double(events) / max((clock.now - start) / .seconds(1), 1e-3)
        header.lag = 0
        painter.update(header)
        if let pause {
          // The pace is what a person sees; nothing waits for anything here.
          Thread.sleep(until: Date(timeIntervalSinceNow: pause / .seconds(1)))
        }
      })
    let replay = ArchiveReplay(books: .one(program), source: .standard, observer: observer)
    do {
      try replay.run([folder + "/events.ndjson"])
    } catch { throw CommandFailure(.data, "\(folder): \(error)") }
    painter.update(header)
    painter.finish()
    return replay.summary
  }

  private static func ending(
    _ sums: [(story: String, summary: ArchiveReplay.Summary)], _ folder: String
  ) -> String {
    var lines = ["", "What came out:"]
    for (story, summary) in sums {
      lines.append(
        "  \(story): \(summary.events) events of \(summary.customers) customers")
      for (decision, outcome, count) in summary.decisions {
        lines.append("    \(count) × \(decision) \(outcome)")
      }
    }
    lines += [
      "", "Where to look next:",
      "  \(folder)/silent-churn/README.md          what must come out, customer by customer, and why",
      "  kairos check \(folder)/silent-churn/playbook.yaml     what a playbook compiles to",
      "  kairos replay PLAYBOOK EVENTS -f table   your own events through a playbook",
      "  kairos run --book PLAYBOOK               the same, live; metrics on http://127.0.0.1:9464",
      "",
    ]
    return lines.joined(separator: "\n")
  }
}
