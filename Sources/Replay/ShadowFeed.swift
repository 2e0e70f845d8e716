package import Engine
internal import Events
package import Log

/// Reads one journal partition from its beginning into the shadow of a book, beside the fold that the
/// shadow is for. One thread.
final class ShadowFeed {
  let shadow: Shadow
  private let reader: any LogReader
  private var batch: RecordBatch
  private var place = 0
  /// The journal offset to read next.
  private var position: Int64

  init(
    _ program: Program, since: Int64, log: any Log, journal: TopicPartition
  ) throws(LogError) {
    shadow = Shadow(program, partition: journal.partition, since: since)
    position = try log.bounds(of: journal).lowerBound
    reader = try log.reader(from: [journal: position])
    batch = RecordBatch(source: journal)
  }

  deinit { reader.close() }

  /// Reads on, up to `offset` or so many records. True: it has read all before `offset`.
  func read(upTo offset: Int64, records: Int = .max, timeoutMs: Int = 0) throws(LogError) -> Bool {
    var left = records
    while position < offset, left > 0 {
      guard place < batch.entries.count else {
        position = max(position, batch.nextOffset)
        if position >= offset { break }
        place = 0
        guard try reader.poll(into: &batch, timeoutMs: timeoutMs) else {
          batch.removeAll()
          return false
        }
        continue
      }
      let entry = batch.entries[place]
      if entry.offset >= offset { return true }
      place += 1
      position = max(position, entry.offset + 1)
      guard let range = entry.value else { continue }
      shadow.read(
        batch.bytes.span, range, position: entry.offset, appendTime: entry.timestamp)
      left -= 1
    }
    return position >= offset
  }
}

/// Follows a recorded journal through its books, as the fold did that was live: for replays and
/// verification. One thread.
package final class RecordedOrders {
  private let log: any Log
  private let programs: any ProgramSource

  package init(log: any Log, programs: any ProgramSource) {
    self.log = log
    self.programs = programs
  }

  /// In force from the journal's beginning.
  package var initial: Program { programs.initial }

  /// Makes a shard ready for the control record at `offset`, before it reads it. Throws `.stop` where a
  /// book's artifact is missing.
  package func prepare(
    _ shard: inout Shard, for control: Control, at offset: Int64, of journal: TopicPartition
  ) throws(LogError) {
    switch control {
    case .book(let hash, _): shard.know(try programs.find(hash))
    case .activate(let hash):
      let program = try programs.find(hash)
      shard.know(program)
      guard let pending = shard.backfill, pending.hash == hash else { return }
      let feed = try ShadowFeed(program, since: pending.since, log: log, journal: journal)
      guard try feed.read(upTo: offset, timeoutMs: 5000) else {
        throw LogError(
          .retry,
          "\(journal.topic)-\(journal.partition) does not deliver what lies before \(offset)")
      }
      shard.know(feed.shadow)
    case .journal, .semantics, .incarnation: break
    }
  }
}

/// The books of a log as a fold wants them.
package final class ShelfPrograms: ProgramSource {
  package let initial: Program
  package private(set) var known: [String: Program] = [:]
  private let shelf: BookShelf

  /// Throws `.stop` if no book was published, or the first one's artifact is missing.
  package init(_ shelf: BookShelf) throws(LogError) {
    guard let first = try shelf.first() else {
      throw LogError(.stop, "no book was ever published here; name the book to use")
    }
    self.shelf = shelf
    initial = try shelf.program(first)
    known[first] = initial
  }

  package func find(_ hash: String) throws(LogError) -> Program {
    if let program = known[hash] { return program }
    let program = try shelf.program(hash)
    known[hash] = program
    return program
  }
}
