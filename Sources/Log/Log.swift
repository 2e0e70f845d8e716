/// What the engine sees of a log: topics of partitions, ordered reads from an offset, and an atomic
/// write of records plus offsets. Kafka and the embedded log conform; everything above `Log` works
/// on either.
package protocol Log: AnyObject, Sendable {
  /// How many partitions the topic has; nil: there is no such topic.
  func partitionCount(of topic: String) throws(LogError) -> Int?

  /// Creates the topic if it is missing; an existing one with another partition count is an error.
  func createTopic(_ settings: TopicSettings) throws(LogError)

  /// A reader of the given partitions from the given offsets, committed records only.
  func reader(from positions: [TopicPartition: Int64]) throws(LogError) -> any LogReader

  /// A reader whose partitions the log assigns: alone on the embedded log, by consumer group on
  /// Kafka.
  func groupReader(group: String, topics: [String]) throws(LogError) -> any GroupReader

  /// What a group has committed. A partition without a commit is left out.
  func commits(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: CommittedOffset]

  /// The same, without waiting for long; nil: it is not known yet. A transaction that a dead process
  /// has left open keeps it unknown until the log gives that up.
  func commits(
    group: String, _ partitions: [TopicPartition], withinMs: Int
  ) throws(LogError) -> [TopicPartition: CommittedOffset]?

  /// First and next offset of a partition (the next: as a `read_committed` reader sees it).
  func bounds(of partition: TopicPartition) throws(LogError) -> Range<Int64>

  /// Those of many partitions, asked for together.
  func bounds(of partitions: [TopicPartition]) throws(LogError) -> [TopicPartition: Range<Int64>]

  /// A writer whose records become visible at each `commit`, all or none, with the offsets. `id`
  /// is stable: a new writer of the same id fences the old one.
  func transactionalWriter(id: String) throws(LogError) -> any LogWriter

  /// A writer whose `commit` returns when all records are durable: ordered per partition and
  /// gapless, but not atomic.
  func plainWriter() throws(LogError) -> any LogWriter
}

extension Log {
  package func commits(
    group: String, _ partitions: [TopicPartition], withinMs: Int
  ) throws(LogError) -> [TopicPartition: CommittedOffset]? {
    do {
      return try commits(group: group, partitions)
    } catch {
      guard error.remedy == .retry else { throw error }
      return nil
    }
  }

  package func bounds(
    of partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: Range<Int64>] {
    var bounds: [TopicPartition: Range<Int64>] = [:]
    for partition in partitions { bounds[partition] = try self.bounds(of: partition) }
    return bounds
  }

  /// The next offsets to read that a group has committed. A partition without one is left out.
  package func committed(
    group: String, _ partitions: [TopicPartition]
  ) throws(LogError) -> [TopicPartition: Int64] {
    try commits(group: group, partitions).mapValues(\.offset)
  }
}

/// What a group has committed of one partition.
package struct CommittedOffset: Equatable, Sendable {
  /// The next offset to read.
  package var offset: Int64
  /// What the committer noted beside it; empty: nothing, as after every commit in a transaction.
  package var metadata: String
  package init(offset: Int64, metadata: String = "") {
    self.offset = offset
    self.metadata = metadata
  }

  /// Kafka's own bound (`offset.metadata.max.bytes`), bytes.
  package static let metadataMost = 4096

  /// Metadata is printable ASCII without spaces, so that every log keeps it as it is.
  static func check(_ metadata: some Collection<String>) {
    for text in metadata {
      precondition(
        text.utf8.count <= metadataMost && text.utf8.allSatisfy { (0x21...0x7E).contains($0) },
        "metadata of a commit is at most \(metadataMost) printable ASCII bytes without spaces")
    }
  }
}

package struct TopicPartition: Hashable, Sendable {
  package var topic: String
  package var partition: Int32
  package init(_ topic: String, _ partition: Int32) {
    self.topic = topic
    self.partition = partition
  }
}

package struct TopicSettings: Equatable, Sendable {
  package var name: String
  package var partitions: Int
  /// Topic settings in Kafka's own names, `retention.ms` for example.
  package var config: [String: String]
  package init(name: String, partitions: Int, config: [String: String] = [:]) {
    self.name = name
    self.partitions = partitions
    self.config = config
  }
}

/// Records of one partition, in order. Their bytes lie in one buffer: copy what must outlive it.
package struct RecordBatch: Sendable {
  package struct Entry: Sendable {
    package var offset: Int64
    /// Milliseconds since 1970: when the record was appended (or what its producer said).
    package var timestamp: Int64
    /// Nil: no key.
    package var key: Range<Int>?
    /// Nil: a tombstone.
    package var value: Range<Int>?
    /// Places in `RecordBatch.headers`.
    package var headers: Range<Int>
    package init(
      offset: Int64, timestamp: Int64, key: Range<Int>?, value: Range<Int>?, headers: Range<Int>
    ) {
      self.offset = offset
      self.timestamp = timestamp
      self.key = key
      self.value = value
      self.headers = headers
    }
  }
  package struct Header: Sendable {
    package var name: Range<Int>
    package var value: Range<Int>?
    package init(name: Range<Int>, value: Range<Int>?) {
      self.name = name
      self.value = value
    }
  }
  package var source: TopicPartition
  package var bytes: [UInt8] = []
  package var headers: [Header] = []
  package var entries: [Entry] = []
  /// The offset to go on from: past control records and aborted ones at the batch's end too.
  package var nextOffset: Int64 = 0

  /// At least this many readable bytes follow the last value, as simdjson wants.
  package static let padding = 64

  package init(source: TopicPartition) { self.source = source }

  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    headers.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }
}

/// Used by one thread.
package protocol LogReader: AnyObject {
  /// Replaces `batch` by the next records of some partition, waiting up to `timeoutMs` for any.
  /// False: nothing came.
  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool
  /// The offset after the partition's last record as the reader last saw it, or nil if it has not
  /// heard yet. A partition is read to its end when the reader's position equals it.
  func knownEnd(of partition: TopicPartition) -> Int64?
  func close()
}

package enum Assignment: Equatable, Sendable {
  case gained([TopicPartition])
  case lost([TopicPartition])
}

/// A reader whose partitions come and go. Used by one thread.
package protocol GroupReader: LogReader {
  /// What changed since the last call. A gained partition delivers nothing until `start`.
  func takeAssignments() -> [Assignment]
  /// Begins delivery at these offsets.
  func start(_ positions: [TopicPartition: Int64]) throws(LogError)
  /// Commits the next offsets to read, outside any transaction, each with its metadata: printable
  /// ASCII without spaces, `CommittedOffset.metadataMost` bytes at most; none where none is given.
  /// `Log.commits` gives it back.
  func commit(
    _ positions: [TopicPartition: Int64], metadata: [TopicPartition: String]
  ) throws(LogError)
}

extension GroupReader {
  /// Commits the next offsets to read, outside any transaction and without metadata.
  package func commit(_ positions: [TopicPartition: Int64]) throws(LogError) {
    try commit(positions, metadata: [:])
  }
}

/// A record to be written. Headers keep their order.
package struct OutRecord: Sendable {
  package var topic: String
  package var partition: Int32
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [(name: String, value: [UInt8])]
  /// Milliseconds since 1970: when it is appended.
  package var timestamp: Int64
  package init(
    topic: String, partition: Int32, key: [UInt8]?, value: [UInt8]?,
    headers: [(name: String, value: [UInt8])] = [], timestamp: Int64
  ) {
    self.topic = topic
    self.partition = partition
    self.key = key
    self.value = value
    self.headers = headers
    self.timestamp = timestamp
  }
}

/// Used by one thread.
package protocol LogWriter: AnyObject {
  /// Queues a record. Blocks, within bounds, while the queue is full.
  func append(_ record: OutRecord) throws(LogError)
  /// Makes what was appended since the last commit durable, and with it (transactional writers)
  /// the group's offsets. `group` must be the reader that delivered those offsets, where the log
  /// fences by generation.
  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError)
  /// Drops what was appended since the last commit (transactional writers).
  func abort() throws(LogError)
  func close()
}

/// The log said no, or did not answer. `message` is one line, says what to do next, and carries no
/// secret.
package struct LogError: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Remedy: Equatable, Sendable {
    /// The same call may succeed later.
    case retry
    /// Abort the transaction, rewind reader and state to the last commit.
    case abort
    /// This client is of no more use: build a new one.
    case recreate
    /// A person must change something.
    case stop
  }
  package var remedy: Remedy
  package var message: String
  package init(_ remedy: Remedy, _ message: String) {
    self.remedy = remedy
    self.message = message
  }
  package var description: String { message }
}
