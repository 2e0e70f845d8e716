import CRdKafka

/// Fetches partitions from given offsets and hands their records out in batches, each of one
/// partition, copied out of librdkafka's memory.
///
/// Partitions are started and stopped one by one and share one queue; no consumer group is behind
/// it, and nothing is ever paused or sought, since batches lose records with those in librdkafka
/// before 2.1. What is in the queue of a stopped partition is dropped by librdkafka (by version)
/// and by us (by `isRead` and by offset).
@safe struct KafkaFetcher: ~Copyable {
  /// One partition that is read, or was.
  private struct Lane {
    var partition: TopicPartition
    var topic: KafkaTopic
    var isRead = false
    /// The offset to go on from.
    var position: Int64 = 0
    /// Where the partition ended when the reader last came to its end; nil: not since `start`, or
    /// the connection has been lost since.
    var end: Int64?
  }

  private typealias Message = UnsafeMutablePointer<rd_kafka_message_t>

  private var client: KafkaClient
  private let queue: OpaquePointer
  private var lanes: [Lane] = []
  private var laneOf: [TopicPartition: Int] = [:]
  /// Messages taken from the queue; `next ..< count` are still to be handed out, and owned.
  private let messages: UnsafeMutablePointer<Message?>
  private var next = 0
  private var count = 0
  private var lossesSeen = 0

  /// Messages taken at a time.
  private static let most = 8_192
  /// A batch ends before it passes this many bytes, unless one record alone does.
  private static let bytesMost = 4 << 20

  init(_ settings: KafkaSettings, notice: (@Sendable (String) -> Void)?) throws(LogError) {
    client = try KafkaClient(.reader, settings, notice: notice)
    unsafe queue = rd_kafka_queue_new(client.raw)
    unsafe messages = .allocate(capacity: Self.most)
  }

  deinit {
    for index in next..<count { unsafe rd_kafka_message_destroy(messages[index]) }
    for lane in lanes where lane.isRead {
      _ = unsafe rd_kafka_consume_stop(lane.topic.raw, lane.partition.partition)
    }
    unsafe messages.deallocate()
    unsafe rd_kafka_queue_destroy(queue)
  }

  // MARK: Starting and stopping

  mutating func start(_ partition: TopicPartition, at offset: Int64) throws(LogError) {
    precondition(offset >= 0, "an offset to start from is not negative")
    stop(partition)
    let topic = try client.topic(partition.topic)
    guard
      unsafe rd_kafka_consume_start_queue(topic.raw, partition.partition, offset, queue) == 0
    else {
      throw KafkaFault(rd_kafka_last_error())
        .error("reading \(partition.topic)[\(partition.partition)]", otherwise: .recreate)
    }
    let lane = Lane(partition: partition, topic: topic, isRead: true, position: offset)
    if let index = laneOf[partition] {
      lanes[index] = lane
    } else {
      laneOf[partition] = lanes.count
      lanes.append(lane)
    }
  }

  mutating func stop(_ partition: TopicPartition) {
    guard let index = laneOf[partition], lanes[index].isRead else { return }
    lanes[index].isRead = false
    _ = unsafe rd_kafka_consume_stop(lanes[index].topic.raw, partition.partition)
    var kept = next
    for place in next..<count {
      if unsafe lane(of: messages[place]!) == index {
        unsafe rd_kafka_message_destroy(messages[place])
      } else {
        unsafe messages[kept] = messages[place]
        kept += 1
      }
    }
    count = kept
  }

  /// A partition that was read to its end may have grown, or its broker gone, while the connection
  /// was lost: only librdkafka's next word on its end counts, and that comes after a new start.
  private mutating func doubtEnds() throws(LogError) {
    let losses = client.ear.losses
    guard losses != lossesSeen else { return }
    lossesSeen = losses
    for lane in lanes where lane.isRead && lane.end == lane.position {
      try start(lane.partition, at: lane.position)
    }
  }

  func position(of partition: TopicPartition) -> Int64? {
    laneOf[partition].flatMap { lanes[$0].isRead ? lanes[$0].position : nil }
  }

  /// The partition's end as last seen: its last stable offset when the reader stands there, the
  /// high watermark while it is behind; nil while neither is known.
  func knownEnd(of partition: TopicPartition) -> Int64? {
    guard let index = laneOf[partition], lanes[index].isRead else { return nil }
    let lane = lanes[index]
    if let end = lane.end, end == lane.position { return end }
    var low: Int64 = 0
    var high: Int64 = 0
    let code = unsafe rd_kafka_get_watermark_offsets(
      client.raw, partition.topic, partition.partition, &low, &high)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, high > lane.position else { return nil }
    return high
  }

  // MARK: Reading

  mutating func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    client.serve()
    if let fatal = client.ear.fatal { throw fatal.error("reading", otherwise: .recreate) }
    if let login = client.ear.login { throw login.error("logging in to read", otherwise: .stop) }
    try doubtEnds()
    while true {
      while next < count {
        if try take(into: &batch) { return true }
      }
      guard fill(timeoutMs: timeoutMs) else { return false }
    }
  }

  /// Takes what is in the queue; waits only for the first, as a batch call waits until it is full.
  private mutating func fill(timeoutMs: Int) -> Bool {
    next = 0
    count = max(0, unsafe rd_kafka_consume_batch_queue(queue, 0, messages, Self.most))
    if count > 0 { return true }
    guard timeoutMs > 0,
      let first = unsafe rd_kafka_consume_queue(queue, Int32(clamping: timeoutMs))
    else { return false }
    unsafe messages[0] = first
    count = 1
    count += max(
      0, unsafe rd_kafka_consume_batch_queue(queue, 0, messages + 1, Self.most - 1))
    return true
  }

  /// Makes a batch of the next messages, as far as they are of one partition. False: they were
  /// not for the caller.
  private mutating func take(into batch: inout RecordBatch) throws(LogError) -> Bool {
    let first = unsafe messages[next]!
    guard let index = unsafe lane(of: first), lanes[index].isRead else {
      unsafe drop(first)
      return false
    }
    if unsafe first.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR {
      return try unsafe takeEvent(first, of: index, into: &batch)
    }
    batch.removeAll()
    batch.source = lanes[index].partition
    // Not `first` beyond this: it is given back with the others as they are taken.
    let (topic, partition) = unsafe (first.pointee.rkt, first.pointee.partition)
    var position = lanes[index].position
    while next < count {
      let message = unsafe messages[next]!
      guard unsafe message.pointee.rkt == topic,
        unsafe message.pointee.partition == partition,
        unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR,
        unsafe batch.entries.isEmpty
          || batch.bytes.count + message.pointee.len <= Self.bytesMost
      else { break }
      // An offset below is of an earlier start.
      if unsafe message.pointee.offset >= position {
        unsafe batch.append(message)
        unsafe position = message.pointee.offset + 1
      }
      unsafe drop(message)
    }
    lanes[index].position = position
    batch.bytes.append(contentsOf: repeatElement(0, count: RecordBatch.padding))
    if next < count, unsafe messages[next]!.pointee.err == RD_KAFKA_RESP_ERR__PARTITION_EOF,
      unsafe lane(of: messages[next]!) == index
    {
      unsafe takeEnd(messages[next]!, of: index)
    }
    batch.nextOffset = lanes[index].position
    return !batch.entries.isEmpty
  }

  private mutating func takeEvent(
    _ message: Message, of index: Int, into batch: inout RecordBatch
  ) throws(LogError) -> Bool {
    let code = unsafe message.pointee.err
    if code == RD_KAFKA_RESP_ERR__PARTITION_EOF {
      let before = lanes[index].position
      unsafe takeEnd(message, of: index)
      guard lanes[index].position > before else { return false }
      batch.removeAll()
      batch.source = lanes[index].partition
      batch.bytes.append(contentsOf: repeatElement(0, count: RecordBatch.padding))
      batch.nextOffset = lanes[index].position
      return true
    }
    let fault = unsafe KafkaFault(code, String(cString: rd_kafka_message_errstr(message)))
    unsafe drop(message)
    if fault.isPassing { return false }
    if fault.isMissingOffset { throw missingOffset(of: index) }
    let lane = lanes[index]
    throw fault.error(
      "reading \(lane.partition.topic)[\(lane.partition.partition)] from offset \(lane.position)",
      otherwise: .recreate)
  }

  /// What was to be read is not there: deleted by retention before it was read, or lost by the
  /// brokers, or in another topic of the same name.
  private func missingOffset(of index: Int) -> LogError {
    let (partition, position) = (lanes[index].partition, lanes[index].position)
    let name = "\(partition.topic)[\(partition.partition)]"
    var low: Int64 = -1
    var high: Int64 = -1
    let code = unsafe rd_kafka_query_watermark_offsets(
      client.raw, partition.topic, partition.partition, &low, &high, 5_000)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
      return LogError(
        .stop, "Kafka: \(name) does not hold offset \(position): check the topic's retention")
    }
    if position < low {
      return LogError(
        .stop,
        "Kafka: \(name) begins at \(low), and \(position) was to be read: its first records were "
          + "deleted; give the topic a longer retention.ms and retention.bytes")
    }
    return LogError(
      .stop,
      "Kafka: \(name) ends at \(high), and \(position) was to be read: the topic was made anew, or "
        + "its brokers lost records (unclean.leader.election.enable must be false); restore it, or "
        + "begin with new topics and groups")
  }

  /// The partition's end: what lies between it and the last record are control records, and
  /// records of aborted transactions.
  private mutating func takeEnd(_ message: Message, of index: Int) {
    let end = unsafe message.pointee.offset
    if end >= lanes[index].position {
      lanes[index].position = end
      lanes[index].end = end
    }
    unsafe drop(message)
  }

  private mutating func drop(_ message: Message) {
    unsafe rd_kafka_message_destroy(message)
    next += 1
  }

  private func lane(of message: Message) -> Int? {
    guard let topic = unsafe message.pointee.rkt else { return nil }
    let name = unsafe String(cString: rd_kafka_topic_name(topic))
    return unsafe laneOf[TopicPartition(name, message.pointee.partition)]
  }
}

extension RecordBatch {
  /// Copies a message that holds a record.
  fileprivate mutating func append(_ message: UnsafeMutablePointer<rd_kafka_message_t>) {
    let firstHeader = headers.count
    var list: OpaquePointer?
    if unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR,
      let list = unsafe list
    {
      unsafe appendHeaders(list)
    }
    let one = unsafe message.pointee
    let key = unsafe append(one.key, one.key_len)
    let value = unsafe append(one.payload, one.len)
    let timestamp = unsafe rd_kafka_message_timestamp(message, nil)
    unsafe entries.append(
      Entry(
        offset: one.offset, timestamp: timestamp, key: key, value: value,
        headers: firstHeader..<headers.count))
  }

  private mutating func appendHeaders(_ list: OpaquePointer) {
    var index = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while unsafe rd_kafka_header_get_all(list, index, &name, &value, &size)
      == RD_KAFKA_RESP_ERR_NO_ERROR
    {
      let length = unsafe name.map { unsafe String(cString: $0).utf8.count } ?? 0
      let names = unsafe append(name, length) ?? bytes.count..<bytes.count
      unsafe headers.append(Header(name: names, value: append(value, size)))
      index += 1
    }
  }

  private mutating func append(_ start: UnsafeRawPointer?, _ count: Int) -> Range<Int>? {
    guard let start = unsafe start else { return nil }
    let from = bytes.count
    unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
    return from..<bytes.count
  }
}
