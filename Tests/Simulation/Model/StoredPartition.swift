import Log

/// Who writes, as a broker sees it: a producer's number and its epoch. A higher epoch of the same
/// number fences the lower.
struct ProducerIdentity: Equatable {
  var number: Int64
  var epoch: Int32
}

/// One partition as its broker keeps it: data and control records with gaps where compaction took
/// some away, what each producer wrote last, and the transactions that are open in it.
final class StoredPartition {
  struct Record {
    enum Kind { case data, commit, abort }
    var offset: Int64
    var kind = Kind.data
    var producer: Int64
    var isTransactional = false
    /// Its transaction ended with an abort: no `read_committed` reader sees it.
    var isAborted = false
    var key: [UInt8]?
    var value: [UInt8]?
    var headers: [(name: String, value: [UInt8])] = []
    var timestamp: Int64
  }
  private struct Producer {
    var epoch: Int32
    /// The sequence number that its next batch must begin with.
    var next: Int
  }
  enum Answer { case written, repeated, outOfOrder, fenced }

  let name: TopicPartition
  let isCompacted: Bool
  private(set) var records: [Record] = []
  /// The offset after the last record: the high watermark.
  private(set) var end: Int64 = 0
  private var producers: [Int64: Producer] = [:]
  /// By producer: where its open transaction begins.
  private var open: [Int64: Int64] = [:]

  init(_ name: TopicPartition, isCompacted: Bool) {
    self.name = name
    self.isCompacted = isCompacted
  }

  /// The last stable offset: every transaction that begins before it has ended.
  var stable: Int64 { open.isEmpty ? end : open.values.min()! }

  func knows(_ producer: Int64) -> Bool { producers[producer] != nil }

  /// Where the record with this offset, or the next one after it, lies in `records`.
  func place(of offset: Int64) -> Int {
    var (low, high) = (0, records.count)
    while low < high {
      let middle = (low + high) / 2
      if records[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A record of somebody who takes no care: a source's own producer.
  func append(_ record: OutRecord) { append(record, producer: -1, isTransactional: false) }

  private func append(_ record: OutRecord, producer: Int64, isTransactional: Bool) {
    records.append(
      Record(
        offset: end, producer: producer, isTransactional: isTransactional, key: record.key,
        value: record.value, headers: record.headers, timestamp: record.timestamp))
    end += 1
  }

  /// A batch of an idempotent producer. A broker that does not know the producer takes any sequence
  /// number, as Kafka's does since 2.5.
  func produce(
    _ batch: [OutRecord], as producer: ProducerIdentity, sequence: Int, isTransactional: Bool
  ) -> Answer {
    if let known = producers[producer.number] {
      if producer.epoch < known.epoch { return .fenced }
      let next = producer.epoch == known.epoch ? known.next : 0
      if sequence < next { return .repeated }
      if sequence > next { return .outOfOrder }
    }
    producers[producer.number] = Producer(epoch: producer.epoch, next: sequence + batch.count)
    if isTransactional, open[producer.number] == nil { open[producer.number] = end }
    for record in batch {
      append(record, producer: producer.number, isTransactional: isTransactional)
    }
    return .written
  }

  /// The end of a producer's transaction: a control record.
  func mark(_ producer: ProducerIdentity, isCommit: Bool, at time: Int64) {
    if let first = open.removeValue(forKey: producer.number), !isCommit {
      for index in place(of: first)..<records.count
      where records[index].producer == producer.number && records[index].kind == .data {
        records[index].isAborted = true
      }
    }
    let known = producers[producer.number]
    let next = known?.epoch == producer.epoch ? known!.next : 0
    producers[producer.number] = Producer(epoch: producer.epoch, next: next)
    records.append(
      Record(
        offset: end, kind: isCommit ? .commit : .abort, producer: producer.number,
        isTransactional: true, timestamp: time))
    end += 1
  }

  /// Offsets that hold nothing, as aborted transactions and control records leave them.
  func skip(_ count: Int64) { end += count }

  /// After the last record that a reader gets to see.
  var lastVisible: Int64 { committed.last.map { $0.offset + 1 } ?? 0 }

  /// Log cleaning up to `cut`: of each key the last record stays; aborted records and control
  /// records go, and tombstones older than `tombstonesBefore`.
  func compact(upTo cut: Int64, tombstonesBefore: Int64) {
    let bound = place(of: min(cut, stable))
    var last: [[UInt8]: Int] = [:]
    for index in 0..<bound where records[index].kind == .data && !records[index].isAborted {
      last[records[index].key ?? []] = index
    }
    var kept: [Record] = []
    for index in 0..<bound {
      let record = records[index]
      guard record.kind == .data, !record.isAborted, last[record.key ?? []] == index else {
        continue
      }
      if record.value == nil, record.timestamp < tombstonesBefore { continue }
      kept.append(record)
    }
    records.replaceSubrange(0..<bound, with: kept)
  }

  /// What a `read_committed` reader sees in the end.
  var committed: [Record] {
    let stable = stable
    return records.filter { $0.kind == .data && !$0.isAborted && $0.offset < stable }
  }
}
