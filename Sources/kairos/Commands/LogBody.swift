import Console
import Log

extension LogCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    guard !place.isKafka else {
      throw CommandFailure(.usage, "this is for embedded logs; say which with --log DIR")
    }
    let directory = place.directory ?? LogPlace.standardDirectory
    switch action {
    case .check: return try check(directory)
    case .clearState: return try clearState(directory)
    }
  }

  private func check(_ directory: String) throws(CommandFailure) -> ExitCode {
    let bar = quiet ? nil : ProgressBar(title: "log check", unit: "bytes")
    let check = try calling {
      try EmbeddedCheck.run(directory: directory) { count, total in
        bar?.update(count: UInt64(count), share: Double(count) / Double(max(1, total)))
      }
    }
    _ = bar?.finish(count: UInt64(check.partitions.reduce(0) { $0 + $1.byteCount }))
    _ = try printOut(check.text(isBrief: quiet))
    return check.isWhole ? .success : .different
  }

  private func clearState(_ directory: String) throws(CommandFailure) -> ExitCode {
    let topic = TopicContract.state.name
    try calling {
      var options = EmbeddedLog.Options()
      options.clearing = [topic]
      try EmbeddedLog.open(directory: directory, options: options).close()
    }
    _ = try printOut(
      "\(topic) is empty; the next kairos run on \(directory) builds it anew from the journal\n")
    return .success
  }
}

extension EmbeddedCheck {
  /// For a person: what is wrong first.
  func text(isBrief: Bool) -> String {
    var lines = damage.map { "damaged: \($0)" }
    for partition in partitions {
      let name = "\(partition.source.topic)-\(partition.source.partition)"
      guard let damage = partition.damage else {
        if !isBrief { lines.append("whole: \(name): \(partition.content)") }
        continue
      }
      lines.append("damaged: \(name): \(damage)")
      lines.append("  can be read: \(partition.content)")
      if partition.source.topic == TopicContract.state.name {
        lines.append(
          "  it is a cache: stop the engine, then kairos log clear-state, then kairos run")
      }
    }
    lines += notes.map { "after a crash: \($0)" }
    let damaged = partitions.count { $0.damage != nil } + damage.count
    lines.append(
      damaged == 0
        ? "whole: \(partitions.count) partitions with records"
        : "not whole: damage in \(damaged) places")
    return lines.map { $0 + "\n" }.joined()
  }
}

extension EmbeddedCheck.Partition {
  fileprivate var content: String {
    let ranges = intact.prefix(5).map { "\($0.lowerBound) to \($0.upperBound - 1)" }
    let more = intact.count > 5 ? " and \(intact.count - 5) more pieces" : ""
    let offsets = ranges.isEmpty ? "nothing" : "offsets \(ranges.joined(separator: ", "))\(more)"
    return "\(offsets); \(records) records in \(segments) segments, \(byteCount) bytes"
  }
}
