internal import Events

/// What one ingest process knows of the watermarks of the source partitions that it reads, and what
/// each journal partition has been told of them.
///
/// An event tells the journal partition that it goes to: its time less the source's delay. The
/// others learn it by a tick. A source partition that has had no event, and is not known to be
/// silent, is announced with `.never`, so that nobody's time runs ahead of it.
struct SourceMarks {
  struct Source: Hashable {
    var name: [UInt8]
    var partition: Int32
  }

  struct Ended: Equatable {
    var partition: Int32
    var incarnation: UInt32
  }

  private struct Entry {
    var source: Source
    var incarnation: UInt32
    /// Earlier lives of this partition's topic, and partitions that it no longer has: nothing will
    /// come of them any more, and their watermarks must not hold time back.
    var ended: [Ended]
    var delayMs: Int64
    var idleMs: Int64
    /// Below it nothing will come, as far as this process knows.
    var mark = Int64.min
    /// Since when it has stood at its log's end without a break; nil: it does not.
    var atEndSince: Int64?
    /// When it was last looked at.
    var observedAt = Int64.min
    /// Per journal partition what it was told; nil: not even that this source partition exists.
    var told: [Int64?]
  }
  private let journalPartitions: Int
  private var entries: [Entry] = []
  private var lastTick: Int64?
  private var hasNews = false

  /// How often at most.
  static let tickMs: Int64 = 1000
  /// Who has not looked for so long was asleep, or waited for the log: what it then remembers of a
  /// log's end is old news, and says nothing of silence.
  static let sleepMs: Int64 = 5000

  init(journalPartitions: Int) { self.journalPartitions = journalPartitions }

  private func place(_ source: Source) -> Int? {
    entries.firstIndex { $0.source == source }
  }

  mutating func add(
    _ source: Source, incarnation: UInt32 = 0, ended: [Ended] = [], delayMs: Int64, idleMs: Int64
  ) {
    guard place(source) == nil else { return }
    entries.append(
      Entry(
        source: source, incarnation: incarnation, ended: ended, delayMs: delayMs, idleMs: idleMs,
        told: Array(repeating: nil, count: journalPartitions)))
    hasNews = true
  }

  mutating func remove(_ source: Source) {
    if let place = place(source) { entries.remove(at: place) }
  }

  /// An event of `source` with this time was appended to a journal partition at `now`. Nil: it tells
  /// no partition the time by itself.
  mutating func event(_ source: Source, time: Int64, journalPartition: Int?, now: Int64) {
    guard let place = place(source) else { return }
    let implied = min(time - entries[place].delayMs, now)
    if implied > entries[place].mark {
      entries[place].mark = implied
      hasNews = true
    }
    guard let journalPartition else { return }
    if implied > entries[place].told[journalPartition] ?? .min {
      entries[place].told[journalPartition] = implied
    }
  }

  /// What the reader knows of `source`: where it stands and where the log ends, nil if it has not
  /// heard (or is not connected). Only whoever stands at the end, and has stood there for the
  /// source's `idle`, lets silence move time.
  mutating func observe(_ source: Source, position: Int64, end: Int64?, now: Int64) {
    guard let place = place(source) else { return }
    let slept = now - Self.sleepMs > entries[place].observedAt
    entries[place].observedAt = now
    guard end == position else {
      entries[place].atEndSince = nil
      return
    }
    guard !slept else {
      entries[place].atEndSince = now
      return
    }
    let since = entries[place].atEndSince ?? now
    entries[place].atEndSince = since
    guard now - since >= entries[place].idleMs else { return }
    let mark = now - entries[place].delayMs
    if mark > entries[place].mark {
      entries[place].mark = mark
      hasNews = true
    }
  }

  /// A record of `source` came: it is not silent.
  mutating func heard(_ source: Source) {
    if let place = place(source) { entries[place].atEndSince = nil }
  }

  /// Whether a source partition is there that no journal partition knows of: announce it before its
  /// first event.
  var hasUnannounced: Bool { entries.contains { $0.told.contains { $0 == nil } } }

  /// The ticks that are due, by journal partition.
  mutating func takeTicks(now: Int64) -> [(partition: Int, tick: Tick)] {
    let isDue = lastTick.map { now - $0 >= Self.tickMs } ?? true
    guard hasUnannounced || (isDue && hasNews) else { return [] }
    lastTick = now
    hasNews = false
    var ticks: [(partition: Int, tick: Tick)] = []
    for partition in 0..<journalPartitions {
      var news: [Tick.Entry] = []
      for place in entries.indices {
        let mark = min(entries[place].mark, now)
        let told = entries[place].told[partition]
        if let told, told >= mark { continue }
        if told == nil {
          news += entries[place].ended.map { ended in
            Tick.Entry(
              name: entries[place].source.name, incarnation: ended.incarnation,
              partition: ended.partition, watermark: EventTime(milliseconds: .max))
          }
        }
        entries[place].told[partition] = mark
        news.append(
          Tick.Entry(
            name: entries[place].source.name, incarnation: entries[place].incarnation,
            partition: entries[place].source.partition,
            watermark: EventTime(milliseconds: mark)))
      }
      if !news.isEmpty { ticks.append((partition, Tick(entries: news))) }
    }
    return ticks
  }
}
