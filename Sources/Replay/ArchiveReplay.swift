package import Cel
internal import Decisions
package import Engine
internal import Events
package import Ingest
internal import Log

/// A book over recorded events: the very fold that runs live, with nothing else running.
///
/// Files of lines are read as one source, in the order in which they are named; a log's journal as
/// it stands, partition by partition. Archives have no append times.
package final class ArchiveReplay {
  /// What went by.
  package struct Summary: Equatable, Sendable {
    package var events: Int64 = 0
    package var skipped: Int64 = 0
    /// By reason, in order of first appearance.
    package var rejected: [(reason: String, count: Int64)] = []
    package var late: Int64 = 0
    package var behind: Int64 = 0
    package var duplicates: Int64 = 0
    package var celErrors: Int64 = 0
    package var customers = 0
    package var stateBytes = 0
    /// By decision and outcome, in order of first appearance.
    package var decisions: [(decision: String, outcome: String, count: Int64)] = []

    package static func == (a: Self, b: Self) -> Bool {
      a.events == b.events && a.skipped == b.skipped && a.late == b.late
        && a.duplicates == b.duplicates && a.customers == b.customers
        && a.rejected.elementsEqual(b.rejected, by: ==)
        && a.decisions.elementsEqual(b.decisions, by: ==)
    }

    mutating func reject(_ reason: String) {
      if let index = rejected.firstIndex(where: { $0.reason == reason }) {
        rejected[index].count += 1
      } else {
        rejected.append((reason, 1))
      }
    }
    mutating func count(_ decision: String, _ outcome: String) {
      if let index = decisions.firstIndex(where: {
        $0.decision == decision && $0.outcome == outcome
      }) {
        decisions[index].count += 1
      } else {
        decisions.append((decision, outcome, 1))
      }
    }
    mutating func add(_ counts: Shard.Counts) {
      events += counts.events
      late += counts.late
      behind += counts.behind
      duplicates += counts.duplicates
      celErrors += counts.celErrors
    }
  }

  /// Called as the replay goes on.
  package struct Observer {
    /// Each decision, in order.
    package var decision: (Shard.Published) throws -> Void
    /// Each refused line: its archive, its number, why.
    package var reject: (String, Int64, Rejection) -> Void
    /// Events so far, the share of the archives' bytes (nil: not known), and the watermark.
    package var progress: (Int64, Double?, Int64) -> Void
    /// After each record, if somebody wants to watch: events so far, and the watermark.
    package var record: ((Int64, Int64) -> Void)?
    package init(
      decision: @escaping (Shard.Published) throws -> Void,
      reject: @escaping (String, Int64, Rejection) -> Void = { _, _, _ in },
      progress: @escaping (Int64, Double?, Int64) -> Void = { _, _, _ in },
      record: ((Int64, Int64) -> Void)? = nil
    ) {
      self.decision = decision
      self.reject = reject
      self.progress = progress
      self.record = record
    }
  }

  /// What is in force.
  package enum Books {
    /// This one, whatever was in force when the events were recorded.
    case one(Program)
    /// Those that the log has recorded, each from where it came into force.
    case recorded(ZoneTable)
  }

  private let books: Books
  private let source: SourceSettings
  /// Events at or after it are not fed, and the watermark stops there.
  private let until: Int64?
  private var observer: Observer
  package private(set) var summary = Summary()

  package init(
    books: Books, source: SourceSettings, until: Int64? = nil, observer: Observer
  ) {
    self.books = books
    self.source = source
    self.until = until
    self.observer = observer
  }

  package func run(_ paths: [String]) throws {
    let kinds = try paths.map { try ArchiveKind.of($0) }
    if kinds.allSatisfy({ $0 == .lines }) { return try replayLines(paths) }
    // Two journals, or a journal and files, would be two worlds that know nothing of each other.
    guard kinds.count == 1 else {
      throw LogError(
        .stop, "a log or its segments are replayed alone; name one of them, or only files of lines")
    }
    if kinds[0] == .log { try replayLog(paths[0]) } else { try replaySegments(paths[0]) }
  }

  // MARK: Lines

  private func program() throws(LogError) -> Program {
    if case .one(let program) = books { return program }
    throw LogError(.stop, "only a log has recorded which books were in force; name the book to use")
  }

  private func replayLines(_ paths: [String]) throws {
    var shard = Shard(program: try program(), partition: 0)
    shard.keepsHashChain = false
    let lines = LineFeed(paths, source: source)
    defer { lines.stop() }
    var part = LinePart()
    while try lines.next(into: &part) {
      for reject in part.rejects {
        summary.reject(reject.rejection.reason.rawValue)
        observer.reject(part.path, reject.line - part.offset, reject.rejection)
      }
      try feed(part.batches[0], &shard)
      observer.progress(shard.counts.events, part.share, shard.watermark)
    }
    summary.skipped += Int64(lines.skipped)
    try finish(&shard)
  }

  private func feed(
    _ batch: borrowing RecordBatch, _ shard: inout Shard, following recorded: RecordedOrders? = nil
  ) throws {
    let entries = batch.entries
    for (place, entry) in entries.enumerated() {
      if place + Shard.expectsAhead < entries.count,
        let ahead = entries[place + Shard.expectsAhead].value
      {
        shard.expect(batch.bytes.span, ahead)
      }
      guard let range = entry.value else { continue }
      if let until {
        let view = try JournalView(batch.bytes.span, range)
        if view.kind == .event, view.time.milliseconds >= until { continue }
      }
      if let recorded, let control = Shard.control(batch.bytes.span, range) {
        try recorded.prepare(&shard, for: control, at: entry.offset, of: batch.source)
      }
      shard.read(
        batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
      if case .semantics(let number) = shard.damage {
        throw LogError(
          .stop,
          "from offset \(entry.offset) on the journal is to be folded by the rules \(number), and "
            + "this build knows \(Semantics.known.lowerBound) to \(Semantics.known.upperBound): "
            + "replay it with one that knows them")
      }
      if let record = observer.record {
        try publish(&shard)
        record(shard.counts.events, shard.watermark)
      }
    }
    try publish(&shard)
  }

  private func publish(_ shard: inout Shard) throws {
    for published in shard.takeOutput() {
      summary.count(published.record.name, published.record.outcome.text)
      try observer.decision(published)
    }
  }

  private func finish(_ shard: inout Shard) throws {
    shard.end(at: until ?? .max)
    try publish(&shard)
    summary.add(shard.counts)
    summary.customers += shard.customerCount
    summary.stateBytes += shard.stateBytes
    observer.progress(summary.events, 1, shard.watermark)
  }

  // MARK: Logs and segments

  private func replayLog(_ directory: String) throws {
    let log = try EmbeddedLog.open(directory: directory, mode: .readOnly)
    let topic = TopicContract.journal.name
    guard let count = try log.partitionCount(of: topic) else {
      throw LogError(
        .stop, "\(directory): the log has no journal; replay one that kairos run has written")
    }
    let recorded = try recorded(in: log)
    for number in 0..<Int32(count) {
      let partition = TopicPartition(topic, number)
      let bounds = try log.bounds(of: partition)
      var shard = Shard(program: try recorded?.initial ?? program(), partition: number)
      try ErasureOrders(partition, in: log).mute(&shard)
      let reader = try log.reader(from: [partition: bounds.lowerBound])
      defer { reader.close() }
      var batch = RecordBatch(source: partition)
      var position = bounds.lowerBound
      while position < bounds.upperBound, try reader.poll(into: &batch, timeoutMs: 1000) {
        try feed(batch, &shard, following: recorded)
        position = batch.nextOffset
        let share =
          (Double(number) + Double(position) / Double(max(bounds.upperBound, 1))) / Double(count)
        observer.progress(shard.counts.events, share, shard.watermark)
      }
      // A log goes on: its end is no end of time. What it knows of time, its ticks have said.
      try leave(&shard)
    }
  }

  private func recorded(in log: any Log) throws(LogError) -> RecordedOrders? {
    guard case .recorded(let zones) = books else { return nil }
    return RecordedOrders(
      log: log, programs: try ShelfPrograms(BookShelf(log: log, zones: zones)))
  }

  private func replaySegments(_ path: String) throws {
    let archive = try SegmentArchive(path: path)
    var shard = Shard(program: try program(), partition: archive.source.partition)
    var batch = RecordBatch(source: archive.source)
    var orders = ErasureOrders()
    let ahead = try SegmentArchive(path: path)
    while try ahead.next(into: &batch) { orders.add(batch) }
    orders.mute(&shard)
    while try archive.next(into: &batch) {
      if shard.counts.events == 0, let first = batch.entries.first?.value {
        do {
          _ = try JournalView(batch.bytes.span, first)
        } catch {
          throw LogError(
            .stop,
            "\(path): these are no records of a journal; replay a partition of "
              + "\(TopicContract.journal.name), or give the events as lines")
        }
      }
      try feed(batch, &shard)
      let progress = archive.progress
      observer.progress(
        shard.counts.events, Double(progress.read) / Double(max(progress.total, 1)),
        shard.watermark)
    }
    try leave(&shard)
  }

  private func leave(_ shard: inout Shard) throws {
    if let until { shard.end(at: until) }
    try publish(&shard)
    summary.add(shard.counts)
    summary.customers += shard.customerCount
    summary.stateBytes += shard.stateBytes
  }
}
