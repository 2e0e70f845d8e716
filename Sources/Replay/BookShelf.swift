package import Cel
package import Engine
internal import Events
package import Log
package import Playbooks

/// The books that a log holds: which were published, in what order, and the program for each hash.
///
/// `kairos.control` says the order, `kairos.artifacts` has the books. The first book is in force from
/// every journal's beginning; the others from where their record stands in it. One thread.
package final class BookShelf {
  package struct Publication: Equatable, Sendable {
    package var hash: String
    /// Nil: new items start empty. Milliseconds since 1970.
    package var backfillSince: Int64?
    /// In `kairos.control`.
    package var offset: Int64
    /// When it was published, ms.
    package var time: Int64
  }

  private let log: any Log
  private let zones: ZoneTable
  private var artifacts: [String: [UInt8]] = [:]
  private var artifactsRead: Int64 = 0
  private var programs: [String: Program] = [:]
  private var control: [Publication] = []
  private var numbers: [(number: Int, time: Int64)] = []
  private var controlRead: Int64 = 0

  package init(log: any Log, zones: ZoneTable) {
    self.log = log
    self.zones = zones
  }

  /// All books that were published, oldest first.
  package func publications() throws(LogError) -> [Publication] {
    controlRead = try readOn(TopicContract.control.name, from: controlRead) { entry, bytes in
      guard let value = entry.value else { return }
      switch Control(payload: Array(bytes[value])) {
      case .book(let hash, let since):
        control.append(
          Publication(hash: hash, backfillSince: since, offset: entry.offset, time: entry.timestamp)
        )
      case .semantics(let number): numbers.append((number, entry.timestamp))
      default: break
      }
    }
    return control
  }

  /// The numbers of the fold's rules that were ordered, oldest first, each with the order's time.
  package func semantics() throws(LogError) -> [(number: Int, time: Int64)] {
    _ = try publications()
    return numbers
  }

  /// The book that is in force from every journal's beginning; nil: none was published.
  package func first() throws(LogError) -> String? { try publications().first?.hash }

  /// The book that was published last; nil: none was.
  package func latest() throws(LogError) -> String? { try publications().last?.hash }

  /// The book of that hash, checked against it. Throws with what to do if it is not there or is
  /// damaged.
  package func book(_ hash: String) throws(LogError) -> Book {
    if artifacts[hash] == nil { try readArtifacts() }
    guard let bytes = artifacts[hash] else {
      throw LogError(
        .stop,
        "the book \(hash) is not in \(TopicContract.artifacts.name); publish it again from its "
          + "files with kairos playbook publish, or restore that topic")
    }
    do throws(BookError) { return try Book(artifact: bytes, hash: hash) } catch {
      throw LogError(.stop, "\(error)")
    }
  }

  /// The compiled book of that hash; kept.
  package func program(_ hash: String) throws(LogError) -> Program {
    if let known = programs[hash] { return known }
    let book = try book(hash)
    let program: Program
    do throws(BookError) { program = try book.program(zones: zones) } catch {
      throw LogError(.stop, "the book \(hash) is wrong for this build: \(error)")
    }
    programs[hash] = program
    return program
  }

  /// A program that is here already needs no artifact.
  package func keep(_ program: Program) { programs[program.hash] = program }

  private func readArtifacts() throws(LogError) {
    artifactsRead = try readOn(TopicContract.artifacts.name, from: artifactsRead) { entry, bytes in
      guard let key = entry.key, let value = entry.value else { return }
      artifacts[String(decoding: bytes[key], as: UTF8.self)] = Array(bytes[value])
    }
  }

  /// Reads the topic's one partition to its end, and returns where that is.
  private func readOn(
    _ topic: String, from start: Int64, _ body: (RecordBatch.Entry, [UInt8]) -> Void
  ) throws(LogError) -> Int64 {
    guard try log.partitionCount(of: topic) != nil else { return start }
    let partition = TopicPartition(topic, 0)
    let bounds = try log.bounds(of: partition)
    var next = max(start, bounds.lowerBound)
    guard next < bounds.upperBound else { return next }
    let reader = try log.reader(from: [partition: next])
    defer { reader.close() }
    var batch = RecordBatch(source: partition)
    // Where a partition ends with marks of transactions there is nothing more to deliver.
    var silence = 0
    while next < bounds.upperBound, silence < 20 {
      guard try reader.poll(into: &batch, timeoutMs: 500) else {
        silence += 1
        continue
      }
      silence = 0
      for entry in batch.entries where entry.offset >= next { body(entry, batch.bytes) }
      next = batch.nextOffset
    }
    return next
  }
}

extension BookShelf {
  /// Writes the book among the artifacts, and then the record that orders it. `backfillSince`: ms
  /// since 1970, 0 for the whole journal; nil: new items start empty.
  package static func publish(
    _ book: Book, backfillSince: Int64? = nil, to log: any Log, now: Int64
  ) throws(LogError) {
    for contract in [TopicContract.artifacts, TopicContract.control]
    where try log.partitionCount(of: contract.name) == nil {
      guard log is EmbeddedLog else {
        throw LogError(
          .stop, "the topic \(contract.name) is missing; create it: kairos topics apply")
      }
      try log.createTopic(contract.settings())
    }
    let artifact: [UInt8]
    do throws(BookError) { artifact = try book.artifact() } catch {
      throw LogError(.stop, "\(error)")
    }
    let writer = try log.plainWriter()
    defer { writer.close() }
    try writer.append(
      OutRecord(
        topic: TopicContract.artifacts.name, partition: 0, key: Array(book.name.utf8),
        value: artifact, timestamp: now))
    // The order that names it comes only when the book is there to be found.
    try writer.commit(offsets: [:], group: "", reader: nil)
    try writer.append(
      OutRecord(
        topic: TopicContract.control.name, partition: 0, key: nil,
        value: Control.book(hash: book.name, backfillSince: backfillSince).payload, timestamp: now))
    try writer.commit(offsets: [:], group: "", reader: nil)
  }
}
