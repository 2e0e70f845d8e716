internal import Foundation
internal import Ingest
internal import Log

/// Some lines of an archive as journal records, and what was refused among them.
struct LinePart: Sendable {
  var path = ""
  /// How many lines the files before it have.
  var offset: Int64 = 0
  var batches: [RecordBatch] = []
  var rejects: [ArchiveIngest.Reject] = []
  /// Of all the files' bytes, up to the end of these lines; nil: nobody knows.
  var share: Double?
}

/// Files of lines as one source, from front to back.
struct LineParts: ~Copyable {
  private let paths: [String]
  private var ingest: ArchiveIngest
  private var chunk = LineChunk()
  private var archive: LineArchive?
  /// How many files have been opened.
  private var opened = 0
  /// Lines of the files before this one, and up to where this one has been read.
  private var offset: Int64 = 0
  private var last: Int64 = 0

  init(_ paths: [String], source: SourceSettings) {
    self.paths = paths
    ingest = ArchiveIngest(source: source, journalPartitions: 1)
  }

  var skipped: Int { ingest.skipped }

  /// Replaces `part` by the next lines. False: that was all.
  mutating func next(into part: inout LinePart) throws(LogError) -> Bool {
    while true {
      if archive == nil {
        if opened == paths.count { return false }
        archive = try LineArchive(path: paths[opened])
        opened += 1
        offset = last
      }
      guard let archive else { return false }
      if try archive.next(into: &chunk) {
        convert(archive.progress, into: &part)
        return true
      }
      self.archive = nil
    }
  }

  private mutating func convert(_ progress: (read: Int, total: Int?), into part: inout LinePart) {
    part.path = paths[opened - 1]
    part.offset = offset
    part.rejects.removeAll(keepingCapacity: true)
    if part.batches.isEmpty { part.batches = ingest.batches() }
    ingest.convert(chunk, offset: offset, into: &part.batches, rejects: &part.rejects)
    last = offset + Int64(chunk.firstLine + chunk.lines.count) - 1
    part.share = progress.total.map {
      (Double(opened - 1) + Double(progress.read) / Double(max($0, 1))) / Double(paths.count)
    }
  }
}

/// Files of lines, read and converted by a thread of its own a few parts ahead of who takes them, or
/// where there is one core only, as they are taken. The same parts in the same order either way, and
/// an error behind all that came before it.
final class LineFeed: @unchecked Sendable {
  private static let partsAhead = 3

  private let isAhead: Bool
  /// The reading thread's own, if there is one, until `isAtEnd`.
  private var parts: LineParts

  /// Guards what follows, and tells of its changes.
  private let changed = NSCondition()
  private var ready: [LinePart] = []
  private var free: [LinePart] = []
  /// Nothing more will become ready, since that was all or for this failure.
  private var isAtEnd = false
  private var failure: LogError?
  private var isStopped = false

  init(_ paths: [String], source: SourceSettings, isAhead: Bool = ArchiveReading.hasCores) {
    parts = LineParts(paths, source: source)
    self.isAhead = isAhead
    guard isAhead else { return }
    free = Array(repeating: LinePart(), count: Self.partsAhead)
    let thread = Thread { self.readAhead() }
    thread.name = "lines"
    thread.start()
  }

  /// Lines passed over by a `skip` rule; known at the end.
  var skipped: Int { parts.skipped }

  /// Replaces `part` by the next one; what it was may be used again. False: that was all.
  func next(into part: inout LinePart) throws(LogError) -> Bool {
    guard isAhead else { return try parts.next(into: &part) }
    changed.lock()
    defer { changed.unlock() }
    if !part.batches.isEmpty { free.append(part) }
    part = LinePart()
    changed.broadcast()
    while ready.isEmpty, !isAtEnd { changed.wait() }
    if ready.isEmpty {
      if let failure { throw failure }
      return false
    }
    part = ready.removeFirst()
    return true
  }

  /// Nobody will ask for more.
  func stop() {
    changed.lock()
    isStopped = true
    changed.broadcast()
    changed.unlock()
  }

  private func readAhead() {
    while var part = takeFree() {
      var failure: LogError?
      var isThere = false
      do throws(LogError) {
        isThere = try parts.next(into: &part)
      } catch {
        failure = error
      }
      changed.lock()
      if isThere { ready.append(part) } else { isAtEnd = true }
      self.failure = failure
      changed.broadcast()
      changed.unlock()
      if !isThere { return }
    }
  }

  /// Nil: nobody asks for more.
  private func takeFree() -> LinePart? {
    changed.lock()
    defer { changed.unlock() }
    while free.isEmpty, !isStopped { changed.wait() }
    return isStopped ? nil : free.popLast()
  }
}
