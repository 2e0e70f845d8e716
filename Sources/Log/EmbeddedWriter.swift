/// Collects records as batches and commits them with the log's one write and one sync.
final class EmbeddedWriter: LogWriter {
  private struct Open {
    var source: TopicPartition
    var builder = RecordBatchBuilder()
  }
  private let log: EmbeddedLog
  /// Nil: a plain writer.
  private let fence: EmbeddedFence?
  private var open: [Open] = []
  private var places: [TopicPartition: Int] = [:]
  private var lastPlace = -1
  private var finished: [EmbeddedCommit.Batch] = []
  private var finishedBytes = 0
  private var isClosed = false

  /// A plain writer commits by itself when it holds so much, packed.
  private static let plainBytes = 16 << 20
  private static let mostRecordBytes = 64 << 20

  init(_ log: EmbeddedLog, fence: EmbeddedFence?) {
    self.log = log
    self.fence = fence
  }

  func append(_ record: OutRecord) throws(LogError) {
    try mustBeOpen()
    let size = (record.key?.count ?? 0) + (record.value?.count ?? 0)
    guard size <= Self.mostRecordBytes else {
      throw LogError(
        .stop,
        "a record of \(size) bytes for \(record.topic) is too large: the log takes "
          + "\(Self.mostRecordBytes)")
    }
    // Before the record is taken, so that after a failure the same call can be made again.
    if fence == nil, finishedBytes >= Self.plainBytes { try commitRecords([], fences: []) }
    let place = try self.place(of: record)
    open[place].builder.append(
      key: record.key, value: record.value, headers: record.headers, timestamp: record.timestamp)
    guard open[place].builder.byteCount >= log.options.batchBytes else { return }
    finish(place)
    if finishedBytes > EmbeddedCommit.mostBytes - Self.mostRecordBytes * 4 {
      throw LogError(
        .abort, "a transaction of more than \(finishedBytes) bytes is too large: commit more often")
    }
  }

  private func place(of record: OutRecord) throws(LogError) -> Int {
    if lastPlace >= 0, open[lastPlace].source.partition == record.partition,
      open[lastPlace].source.topic == record.topic
    {
      return lastPlace
    }
    let source = TopicPartition(record.topic, record.partition)
    if let place = places[source] {
      lastPlace = place
      return place
    }
    _ = try log.bounds(of: source)
    lastPlace = open.count
    places[source] = lastPlace
    open.append(Open(source: source))
    return lastPlace
  }

  private func finish(_ place: Int) {
    let bytes = open[place].builder.finish(codec: log.options.codec)
    finishedBytes += bytes.count
    finished.append(EmbeddedCommit.Batch(source: open[place].source, bytes: bytes))
  }

  func commit(
    offsets: [TopicPartition: Int64], group: String, reader: (any GroupReader)?
  ) throws(LogError) {
    try mustBeOpen()
    var fences: [EmbeddedFence] = fence.map { [$0] } ?? []
    if let reader = reader as? EmbeddedGroupReader { fences.append(reader.fence) }
    if !offsets.isEmpty, let complaint = groupComplaint(group) { throw LogError(.stop, complaint) }
    try commitRecords(
      offsets.sorted { $0.key < $1.key }.map {
        EmbeddedCommit.GroupOffset(group: group, source: $0.key, offset: $0.value)
      }, fences: fences)
  }

  /// If it fails, the records are still here: the same call again, or `abort`.
  private func commitRecords(
    _ offsets: [EmbeddedCommit.GroupOffset], fences: [EmbeddedFence]
  ) throws(LogError) {
    for place in open.indices where open[place].builder.recordCount > 0 { finish(place) }
    if finished.isEmpty, offsets.isEmpty { return }
    try log.commit(finished, offsets, fences: fences)
    finished.removeAll(keepingCapacity: true)
    finishedBytes = 0
  }

  func abort() throws(LogError) {
    try mustBeOpen()
    for place in open.indices { open[place].builder = RecordBatchBuilder() }
    finished.removeAll()
    finishedBytes = 0
  }

  func close() {
    isClosed = true
    open.removeAll()
    places.removeAll()
    finished.removeAll()
    lastPlace = -1
  }

  private func mustBeOpen() throws(LogError) {
    guard !isClosed else { throw LogError(.recreate, "this writer is closed; make a new one") }
  }
}
