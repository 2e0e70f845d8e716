/// Reads given partitions from given offsets.
final class KafkaReader: LogReader {
  private var fetcher: KafkaFetcher?

  init(
    _ settings: KafkaSettings, from positions: [TopicPartition: Int64],
    notice: (@Sendable (String) -> Void)?
  ) throws(LogError) {
    var fetcher = try KafkaFetcher(settings, notice: notice)
    for (partition, offset) in positions { try fetcher.start(partition, at: offset) }
    self.fetcher = consume fetcher
  }

  func poll(into batch: inout RecordBatch, timeoutMs: Int) throws(LogError) -> Bool {
    precondition(fetcher != nil, "the reader is closed")
    return try fetcher!.poll(into: &batch, timeoutMs: timeoutMs)
  }

  func knownEnd(of partition: TopicPartition) -> Int64? {
    fetcher?.knownEnd(of: partition)
  }

  func close() { fetcher = nil }
}
