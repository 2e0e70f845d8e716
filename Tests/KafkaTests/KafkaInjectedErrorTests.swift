import CRdKafka
import Testing

@testable import Log

/// librdkafka's own mock of a cluster, which answers requests with the errors it is told to. It knows
/// nothing of isolation and keeps no offsets of transactions: that needs a real broker.
@safe private final class MockCluster {
  private let client: OpaquePointer
  private let cluster: OpaquePointer
  let address: String

  init(topic: String) throws {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: 512)
    defer { unsafe text.deallocate() }
    guard let client = unsafe rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, 512),
      let cluster = unsafe rd_kafka_mock_cluster_new(client, 1)
    else { throw BrokerFailure(description: "no mock cluster") }
    unsafe self.client = client
    unsafe self.cluster = cluster
    address = unsafe String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
    _ = unsafe rd_kafka_mock_topic_create(cluster, topic, 1, 1)
  }

  deinit {
    unsafe rd_kafka_mock_cluster_destroy(cluster)
    unsafe rd_kafka_destroy(client)
  }

  func push(_ request: Int16, _ errors: [rd_kafka_resp_err_t]) {
    unsafe errors.withUnsafeBufferPointer {
      unsafe rd_kafka_mock_push_request_errors_array(
        cluster, request, errors.count, $0.baseAddress)
    }
  }
}

/// What the brokers answer, through librdkafka's own judgement, to what the caller is to do.
@Suite(.serialized) struct `Errors that brokers answer with` {
  private let cluster: MockCluster
  private let log: KafkaLog
  let source = TopicPartition("t", 0)

  enum Request: Int16 {
    case produce = 0
    case initProducerId = 22
    case addPartitions = 24
    case addOffsets = 25
    case endTxn = 26
    case txnOffsetCommit = 28
  }

  init() throws {
    cluster = try MockCluster(topic: "t")
    var settings = KafkaSettings(bootstrapServers: cluster.address)
    settings.requestMs = 5_000
    settings.commitMs = 10_000
    log = try KafkaLog(settings)
  }

  private func step(_ writer: any LogWriter) throws {
    try writer.append(record("t", "x"))
    try writer.commit(offsets: [source: 1], group: "g", reader: nil)
  }

  @Test(arguments: [
    (Request.initProducerId, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
    (.produce, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION),
    (.produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS),
    (.addPartitions, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
    (.addOffsets, RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
    (.txnOffsetCommit, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
    (.endTxn, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
    (.endTxn, RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
  ])
  func `passing ones pass`(request: Request, error: rd_kafka_resp_err_t) throws {
    cluster.push(request.rawValue, [error, error])
    let writer = try log.transactionalWriter(id: "w")
    defer { writer.close() }
    try step(writer)
    try step(writer)
  }

  @Test(arguments: [
    (Request.txnOffsetCommit, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, LogError.Remedy.abort),
    (.txnOffsetCommit, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, .abort),
    (.txnOffsetCommit, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, .stop),
    (.txnOffsetCommit, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, .stop),
    (.addOffsets, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, .stop),
    (.addPartitions, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, .stop),
  ])
  func `those that an abort mends are aborted, and the writer goes on`(
    request: Request, error: rd_kafka_resp_err_t, remedy: LogError.Remedy
  ) throws {
    let writer = try log.transactionalWriter(id: "w")
    defer { writer.close() }
    try step(writer)
    cluster.push(request.rawValue, [error])
    let word = try #require(throws: LogError.self) { try step(writer) }
    #expect(word.remedy == remedy, "\(word.message)")
    #expect(throws: LogError.self) { try step(writer) }
    // Being fenced by name ends the writer; its process is to stop.
    guard error != RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID else { return }
    try writer.abort()
    try step(writer)
  }

  @Test(arguments: [
    (Request.endTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, LogError.Remedy.recreate),
    (.endTxn, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .recreate),
    (.addPartitions, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, .recreate),
    (.addOffsets, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .recreate),
    (.txnOffsetCommit, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, .recreate),
    (.endTxn, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, .recreate),
    (.endTxn, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, .stop),
  ])
  func `those that nothing mends end the writer, and a new one goes on`(
    request: Request, error: rd_kafka_resp_err_t, remedy: LogError.Remedy
  ) throws {
    let writer = try log.transactionalWriter(id: "w")
    try step(writer)
    cluster.push(request.rawValue, [error])
    let word = try #require(throws: LogError.self) { try step(writer) }
    #expect(word.remedy == remedy, "\(word.message)")
    #expect(throws: word) { try step(writer) }
    #expect(throws: word) { try writer.abort() }
    writer.close()
    let next = try log.transactionalWriter(id: "w")
    defer { next.close() }
    try step(next)
  }
}
