import CRdKafka
import Glibc
import Synchronization

/// One librdkafka client, its topic handles and the queue it is read through. Taken down with this
/// value: topics first, then the queue, then the client.
///
/// librdkafka lets any thread use a client; the topic handles kept here are for one.
@safe struct KafkaClient: ~Copyable {
  let raw: OpaquePointer
  let ear: KafkaEar
  private var topics: [String: KafkaTopic] = [:]

  init(
    _ role: KafkaRole, _ settings: KafkaSettings, notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    let ear = KafkaEar(purgesAfterFailure: role == .plainWriter, notice: notice)
    var conf = KafkaConf()
    for (key, value) in role.defaults { try conf.set(key, value, from: "Kairos") }
    for (key, setting) in settings.properties.sorted(by: { $0.key < $1.key }) {
      try conf.set(key, setting.value, from: setting.place)
    }
    try conf.set("bootstrap.servers", settings.bootstrapServers, from: "bootstrap.servers")
    for (key, value) in role.fixed { try conf.set(key, value, from: "Kairos") }
    unsafe ear.listen(on: conf.raw, role: role)
    unsafe raw = try conf.client(isProducer: role.isProducer)
    self.ear = ear
  }

  deinit {
    ear.heard.withLock { $0.isClosing = true }
    for topic in topics.values { unsafe rd_kafka_topic_destroy(topic.raw) }
    nonisolated(unsafe) let raw = unsafe raw
    let ear = ear
    // Bounded: it says good-bye to brokers that may not answer.
    _ = KafkaBounded("kafka close").run(timeoutMs: Self.closeMs) {
      unsafe rd_kafka_destroy(raw)
      // The callbacks may come until the client is gone.
      withExtendedLifetime(ear) {}
    }
  }

  /// How long the end of a client is waited for.
  private static let closeMs = 5_000

  /// A topic's handle, kept until the client goes.
  mutating func topic(_ name: String) throws(LogError) -> KafkaTopic {
    if let known = topics[name] { return known }
    guard let topic = unsafe rd_kafka_topic_new(raw, name, nil) else {
      throw KafkaFault(rd_kafka_last_error()).error("opening topic \(name)", otherwise: .stop)
    }
    let kept = unsafe KafkaTopic(raw: topic)
    topics[name] = kept
    return kept
  }

  /// Lets the callbacks come that wait for this thread.
  func serve(timeoutMs: Int = 0) { _ = unsafe rd_kafka_poll(raw, Int32(clamping: timeoutMs)) }
}

/// A topic's handle, lent by the client that keeps it.
@safe struct KafkaTopic: Equatable {
  let raw: OpaquePointer
  static func == (left: Self, right: Self) -> Bool { unsafe left.raw == right.raw }
}

/// A client's settings while they are being gathered.
@safe struct KafkaConf: ~Copyable {
  private var owned: OpaquePointer?
  var raw: OpaquePointer { unsafe owned! }

  init() { unsafe owned = rd_kafka_conf_new() }

  deinit { if let owned = unsafe owned { unsafe rd_kafka_conf_destroy(owned) } }

  /// A refusal names the setting and where it was written, never its value.
  func set(_ key: String, _ value: String, from place: String) throws(LogError) {
    switch unsafe rd_kafka_conf_set(raw, key, value, nil, 0) {
    case RD_KAFKA_CONF_OK:
      return
    case RD_KAFKA_CONF_UNKNOWN:
      throw LogError(
        .stop, "\(place): librdkafka knows no setting \(key); correct its name or remove it")
    default:
      throw LogError(
        .stop,
        "\(place): librdkafka refuses the value of \(key); see its CONFIGURATION.md for what it takes"
      )
    }
  }

  /// Makes the client, which then owns the settings.
  mutating func client(isProducer: Bool) throws(LogError) -> OpaquePointer {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    unsafe text.initialize(repeating: 0, count: 512)
    let kind = isProducer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER
    guard let client = unsafe rd_kafka_new(kind, raw, text, 512) else {
      let reason = unsafe KafkaFault.tidy(String(cString: text))
      throw LogError(.stop, "Kafka: the client's settings do not work (\(reason)): correct them")
    }
    unsafe owned = nil
    return unsafe client
  }
}

/// A list of partitions with offsets, in librdkafka's form.
@safe struct KafkaPartitions: ~Copyable {
  struct Entry: Equatable {
    var partition: TopicPartition
    var offset: Int64
    var metadata: String
    var code: rd_kafka_resp_err_t
  }
  let raw: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(_ positions: [TopicPartition: Int64], metadata: [TopicPartition: String] = [:]) {
    unsafe raw = rd_kafka_topic_partition_list_new(Int32(positions.count))
    for (partition, offset) in positions {
      let entry = unsafe rd_kafka_topic_partition_list_add(
        raw, partition.topic, partition.partition)!
      unsafe entry.pointee.offset = offset
      guard let text = metadata[partition], !text.isEmpty else { continue }
      // From malloc: the list gives it back with itself.
      unsafe entry.pointee.metadata = UnsafeMutableRawPointer(strdup(text))
      unsafe entry.pointee.metadata_size = text.utf8.count
    }
  }

  init(topics: [String]) {
    unsafe raw = rd_kafka_topic_partition_list_new(Int32(topics.count))
    for topic in topics { _ = unsafe rd_kafka_topic_partition_list_add(raw, topic, -1) }
  }

  deinit { unsafe rd_kafka_topic_partition_list_destroy(raw) }

  var entries: [Entry] { unsafe Self.read(raw) }

  static func read(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [Entry] {
    (0..<Int(unsafe list.pointee.cnt)).map { index in
      let one = unsafe list.pointee.elems[index]
      let topic = unsafe String(cString: one.topic)
      let metadata = unsafe UnsafeRawBufferPointer(
        start: one.metadata, count: one.metadata == nil ? 0 : one.metadata_size)
      return unsafe Entry(
        partition: TopicPartition(topic, one.partition), offset: one.offset,
        metadata: String(decoding: metadata, as: UTF8.self), code: one.err)
    }
  }
}
