import CRdKafka

/// A producing client, and the way of one record into its queue.
@safe struct KafkaOutbox: ~Copyable {
  private(set) var client: KafkaClient
  private let admin: KafkaAdmin
  private let roomMs: Int
  /// Partitions of the topics that were written to so far.
  private var partitions: [String: Int] = [:]
  /// One record's parts as librdkafka wants them; headers come in a list of their own.
  private let parts: UnsafeMutablePointer<rd_kafka_vu_t>
  private static let partCount = 7
  /// Stands for the address of a key or value of no bytes, which null would make a missing one.
  private let somewhere: UnsafeMutableRawPointer
  private var unserved = 0

  init(
    _ role: KafkaRole, _ admin: KafkaAdmin, notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    client = try KafkaClient(role, admin.settings, notice: notice)
    self.admin = admin
    roomMs = admin.settings.commitMs
    unsafe parts = .allocate(capacity: Self.partCount)
    unsafe parts.initialize(repeating: rd_kafka_vu_t(), count: Self.partCount)
    unsafe somewhere = .allocate(byteCount: 1, alignment: 1)
  }

  deinit {
    unsafe parts.deallocate()
    unsafe somewhere.deallocate()
  }

  var raw: OpaquePointer { unsafe client.raw }
  var ear: KafkaEar { client.ear }

  /// Records queued or on their way.
  var waiting: Int { unsafe Int(rd_kafka_outq_len(client.raw)) }

  /// Queues a copy of the record; waits for room in the queue, within bounds.
  mutating func append(_ record: OutRecord) throws(LogError) {
    try check(record)
    let topic = try client.topic(record.topic)
    unserved += 1
    if unserved == 256 {
      unserved = 0
      client.serve()
    }
    var deadline: ContinuousClock.Instant?
    while true {
      guard let fault = unsafe produce(record, topic.raw) else { return }
      guard fault.code == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
        throw fault.error("writing to \(record.topic)[\(record.partition)]", otherwise: .recreate)
      }
      let now = ContinuousClock.now
      let limit = deadline ?? now + .milliseconds(roomMs)
      deadline = limit
      if limit - now < .milliseconds(roomMs) - .seconds(2) {
        ear.say(
          "waiting", "no room to write, \(waiting) records wait for the brokers\(ear.lastWord)")
      }
      guard now < limit, ear.undelivered == nil, ear.fatal == nil else {
        throw LogError(
          .retry,
          "Kafka: no room to write to \(record.topic)[\(record.partition)] for "
            + "\(roomMs / 1_000) s, \(waiting) records wait for the brokers\(ear.lastWord): check "
            + "that they are up, then try again")
      }
      client.serve(timeoutMs: 50)
    }
  }

  /// A topic that is not there is an error before anything is queued for it.
  private mutating func check(_ record: OutRecord) throws(LogError) {
    if partitions[record.topic] == nil {
      guard let count = try admin.partitionCount(of: record.topic) else {
        throw KafkaFault(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
          .error("writing to \(record.topic)", otherwise: .stop)
      }
      partitions[record.topic] = count
    }
    let count = partitions[record.topic]!
    guard (0..<count).contains(Int(record.partition)) else {
      throw LogError(
        .stop,
        "Kafka: topic \(record.topic) has no partition \(record.partition), its count is "
          + "\(count): use the count it was set up with")
    }
  }

  private func produce(_ record: OutRecord, _ topic: OpaquePointer) -> KafkaFault? {
    unsafe parts[0].vtype = RD_KAFKA_VTYPE_RKT
    unsafe parts[0].u.rkt = topic
    unsafe parts[1].vtype = RD_KAFKA_VTYPE_PARTITION
    unsafe parts[1].u.i32 = record.partition
    unsafe parts[2].vtype = RD_KAFKA_VTYPE_TIMESTAMP
    unsafe parts[2].u.i64 = record.timestamp
    unsafe parts[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS
    unsafe parts[3].u.i = RD_KAFKA_MSG_F_COPY
    var count = 6
    let list = unsafe headers(of: record)
    if let list = unsafe list {
      unsafe parts[6].vtype = RD_KAFKA_VTYPE_HEADERS
      unsafe parts[6].u.headers = list
      count = 7
    }
    let error = unsafe withBytes(of: record.key) { key in
      unsafe withBytes(of: record.value) { value in
        unsafe parts[4].vtype = RD_KAFKA_VTYPE_KEY
        unsafe parts[4].u.mem.ptr = key.start
        unsafe parts[4].u.mem.size = key.count
        unsafe parts[5].vtype = RD_KAFKA_VTYPE_VALUE
        unsafe parts[5].u.mem.ptr = value.start
        unsafe parts[5].u.mem.size = value.count
        return unsafe KafkaErrorHandle(owning: rd_kafka_produceva(client.raw, parts, count))?.fault
      }
    }
    // The headers are librdkafka's only if it took the record.
    if error != nil, let list = unsafe list { unsafe rd_kafka_headers_destroy(list) }
    return error
  }

  private func headers(of record: OutRecord) -> OpaquePointer? {
    guard !record.headers.isEmpty else { return nil }
    let list = unsafe rd_kafka_headers_new(record.headers.count)
    for (name, value) in record.headers {
      unsafe withBytes(of: value) { bytes in
        _ = unsafe rd_kafka_header_add(list, name, -1, bytes.start, bytes.count)
      }
    }
    return unsafe list
  }

  @unsafe private struct Bytes {
    var start: UnsafeMutableRawPointer?
    var count: Int
  }

  /// Nil bytes have no address; no bytes have one.
  private func withBytes<R>(of bytes: [UInt8]?, _ body: (Bytes) -> R) -> R {
    guard let bytes else { return unsafe body(Bytes(start: nil, count: 0)) }
    return unsafe bytes.withUnsafeBytes { buffer in
      let start = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress) ?? somewhere
      return unsafe body(Bytes(start: buffer.isEmpty ? somewhere : start, count: buffer.count))
    }
  }
}
