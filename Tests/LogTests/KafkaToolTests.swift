import Foundation
import Log
import TestSupport
import Testing

/// Kafka's own tool reads what we write.
@Suite struct `Kafka's dump-log tool` {
  @Test(arguments: [RecordBatchFormat.Codec.none, .lz4])
  func `finds our segments valid and reads the same records`(codec: RecordBatchFormat.Codec) throws
  {
    let what = "our segments read by Kafka's dump-log"
    guard let tool = shared("kafka/bin/kafka-dump-log", for: what) else { return }
    guard program("java") != nil else { return skipped(what, why: "there is no java") }
    let scratch = try Scratch()
    var options = EmbeddedLog.Options()
    options.codec = codec
    options.batchBytes = 200_000
    let log = try EmbeddedLog.open(directory: scratch("log"), options: options)
    try log.createTopic(TopicSettings(name: "t", partitions: 1))
    let writer = try log.plainWriter()
    var random = Seeded(21)
    var expected: [String] = []
    for step in 0..<400 {
      let size = step % 50 == 7 ? 150_000 : random.below(400)
      let value = "value \(step) " + String(decoding: random.text(size), as: UTF8.self)
      try writer.append(
        OutRecord(
          topic: "t", partition: 0, key: Array("key \(step)".utf8), value: Array(value.utf8),
          headers: [("ce_id", Array("id-\(step)".utf8))], timestamp: 1_700_000_000_000 + Int64(step)
        ))
      expected.append(
        "offset: \(step) CreateTime: \(1_700_000_000_000 + step) key: key \(step) payload: \(value)"
      )
      if step % 100 == 99 { try writer.commit(offsets: [:], group: "", reader: nil) }
    }
    try log.close()
    let segment = scratch("log/t-0/00000000000000000000.log")
    let result = try run([tool, "--files", segment, "--print-data-log"])
    #expect(result.exitCode == 0, "\(result.complaintsText)")
    let lines = result.outputText.split(separator: "\n")
    let batches = lines.filter { $0.hasPrefix("baseOffset:") }
    #expect(batches.count >= 4)
    #expect(batches.allSatisfy { $0.contains("isvalid: true") })
    #expect(batches.allSatisfy { $0.contains("compresscodec: \(codec)") })
    #expect(!lines.contains { $0.contains("invalid bytes") })
    let records = lines.filter { $0.hasPrefix("| offset:") }
    #expect(records.count == expected.count)
    for (record, line) in zip(records, expected) {
      let words = line.split(separator: " payload: ", maxSplits: 1)
      let payload = record.components(separatedBy: " payload: ").last
      #expect(payload.map { Substring($0) } == words[1])
      #expect(record.contains(words[0].prefix { $0 != "C" }))
    }
    #expect(records[3].contains("ce_id"))
  }
}
