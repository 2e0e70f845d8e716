internal import Decisions
internal import Engine
internal import Log

/// One decision on a topic: as it is recorded, or as it should be.
struct DecisionImage {
  /// Where it is recorded; nil: it was computed.
  var offset: Int64?
  /// The offset of the journal record that made it; nil: its headers do not say.
  var position: Int64?
  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [(name: String, value: [UInt8]?)]

  /// The decision's id and revision.
  var id: String { self["ce_id"].map { String(decoding: $0, as: UTF8.self) } ?? "a record" }

  subscript(header: String) -> [UInt8]? { headers.first { $0.name == header }?.value }

  /// What a fold has published.
  init(_ published: Shard.Published, journalPartition: Int32) {
    position = published.position
    key = published.record.customer
    value = published.record.value
    headers = published.record.headers(
      journal: (journalPartition, published.position), watermark: published.watermark
    ).map { ($0.name, $0.value) }
  }

  init(_ batch: borrowing RecordBatch, _ entry: RecordBatch.Entry) {
    offset = entry.offset
    key = entry.key.map { Array(batch.bytes[$0]) }
    value = entry.value.map { Array(batch.bytes[$0]) }
    headers = []
    for header in batch.headers[entry.headers] {
      headers.append(
        (
          String(decoding: batch.bytes[header.name], as: UTF8.self),
          header.value.map { Array(batch.bytes[$0]) }
        ))
    }
    position = number(DecisionHeader.journalOffset.rawValue)
  }

  func number(_ header: String) -> Int64? {
    self[header].flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
  }
}

/// The decisions of one journal partition on one partition of a topic, in the order in which they
/// stand there, committed ones only.
final class RecordedDecisions {
  let place: TopicPartition
  /// The first offset that the topic still holds.
  let begin: Int64
  /// Records that name no journal partition, or one that cannot have made them. Every journal
  /// partition that shares the place sees them.
  private(set) var strangers: [DecisionImage] = []

  private let log: any Log
  private let journalPartition: Int32
  /// Whether a journal partition's decisions may stand here.
  private let belongs: (Int32) -> Bool
  private let reader: any LogReader
  private var batch: RecordBatch
  private var index = 0
  private var next: Int64
  private var end: Int64
  private var ahead: DecisionImage?

  /// `belongs`: which journal partitions may write here.
  init(
    _ log: any Log, _ place: TopicPartition, of journalPartition: Int32,
    belongs: @escaping (Int32) -> Bool
  ) throws(LogError) {
    self.log = log
    self.place = place
    self.journalPartition = journalPartition
    self.belongs = belongs
    let bounds = try log.bounds(of: place)
    begin = bounds.lowerBound
    next = bounds.lowerBound
    end = bounds.upperBound
    batch = RecordBatch(source: place)
    reader = try log.reader(from: [place: bounds.lowerBound])
  }

  func close() { reader.close() }

  /// The next one, without going past it; nil: there is none as far as the topic was seen to go.
  func peek() throws(LogError) -> DecisionImage? {
    while ahead == nil {
      while index < batch.entries.count {
        let image = DecisionImage(batch, batch.entries[index])
        index += 1
        if sift(image) {
          ahead = image
          break
        }
      }
      if ahead != nil { break }
      guard next < end else { return nil }
      try read()
    }
    return ahead
  }

  func take() { ahead = nil }

  /// Looks whether the topic has grown since. False: it has not.
  func lookAgain() throws(LogError) -> Bool {
    let bounds = try log.bounds(of: place)
    guard bounds.upperBound > end else { return false }
    end = bounds.upperBound
    return true
  }

  private func sift(_ image: DecisionImage) -> Bool {
    guard let partition = image.number(DecisionHeader.journalPartition.rawValue),
      let known = Int32(exactly: partition), image.position != nil, belongs(known)
    else {
      strangers.append(image)
      return false
    }
    return known == journalPartition
  }

  private func read() throws(LogError) {
    var silence = 0
    while next < end {
      if try reader.poll(into: &batch, timeoutMs: 500) {
        index = 0
        next = batch.nextOffset
        return
      }
      silence += 1
      guard silence < 40 else {
        throw LogError(
          .retry,
          "\(place.topic)-\(place.partition) gives nothing from offset \(next) on, and holds "
            + "records up to \(end); try again when its brokers answer")
      }
    }
  }
}
