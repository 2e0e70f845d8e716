import Console
import Engine
import Ingest
import Log

extension SourceCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let known = configuration?.sources ?? [.standard]
    if let name, !known.contains(where: { $0.name == name }) {
      throw CommandFailure(
        .usage,
        "there is no source \(name); the configuration has "
          + known.map(\.name).sorted().joined(separator: ", "))
    }
    let sources = known.filter { name == nil || $0.name == name }
    let opened = try place.open(.readOnly)
    switch action {
    case .list: return try calling { try list(sources, opened) }
    case .renew: return try renew(sources[0], opened, place)
    }
  }

  // MARK: List

  private func list(_ sources: [SourceSettings], _ log: any Log) throws -> ExitCode {
    var text = ""
    var isWell = true
    for source in sources {
      var renewal = SourceRenewal(source: source)
      if try renewal.look(in: log) == .missing {
        text += "\(source.name)  there is no topic \(source.topic)\n"
        isWell = false
      }
      for (partition, result) in renewal.partitions {
        text += "\(source.name)  \(partition.topic)-\(partition.partition)  "
        switch result.continuity {
        case .goesOn(let offset, let incarnation, let doubt):
          text += "next \(offset)" + (incarnation > 0 ? ", incarnation \(incarnation)" : "")
          text += doubt.map { "; \($0)" } ?? ""
        case .stopped(let why):
          text += "not read: \(why)"
          isWell = false
        }
        text += "\n"
      }
    }
    try (log as? EmbeddedLog)?.close()
    _ = try printOut(text)
    return isWell ? .success : .different
  }

  // MARK: Renew

  private func renew(
    _ source: SourceSettings, _ looked: any Log, _ place: LogPlace
  ) throws(CommandFailure) -> ExitCode {
    let outcome = try calling {
      var renewal = SourceRenewal(source: source, isForced: force)
      let outcome = try renewal.look(in: looked)
      try (looked as? EmbeddedLog)?.close()
      return outcome
    }
    switch outcome {
    case .missing:
      throw CommandFailure(
        .unavailable, "there is no topic \(source.topic); create it, then renew \(source.name)")
    case .notNeeded:
      return try printOut(
        "\(source.topic) is the topic that was read: there is nothing to renew, nothing was ordered\n"
      )
    case .ordered(let number):
      return try printOut(
        "incarnation \(number) of \(source.name) has been ordered before; kairos run takes it up\n")
    case .order(let number):
      let left = try place.order(.incarnation(source: source.name, number: number))
      return try printOut(
        "incarnation \(number) of \(source.name) is ordered\(left): \(source.topic) is read from its "
          + "first record\n")
    }
  }
}
