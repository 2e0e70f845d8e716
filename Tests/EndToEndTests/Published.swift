import Foundation
import Log
import TestSupport
import Testing

/// A record as a subscriber reads it.
struct Published {
  var topic: String
  var partition: Int32
  var offset: Int64
  var key: String?
  /// Nil: a tombstone.
  var value: [UInt8]?
  var headers: [(name: String, value: String)]

  var text: String { String(decoding: value ?? [], as: UTF8.self) }
  subscript(header: String) -> String? { headers.first { $0.name == header }?.value }
  /// As the schemas of headers see them.
  var headersJson: Json { .object(headers.map { Json.Member($0.name, .string($0.value)) }) }
}

/// All records of a topic of an embedded log; empty if there is no such topic.
func readTopic(_ topic: String, of directory: String) throws -> [Published] {
  let log = try EmbeddedLog.open(directory: directory, mode: .readOnly)
  var records: [Published] = []
  for number in 0..<Int32(try log.partitionCount(of: topic) ?? 0) {
    let partition = TopicPartition(topic, number)
    let bounds = try log.bounds(of: partition)
    let reader = try log.reader(from: [partition: bounds.lowerBound])
    defer { reader.close() }
    var batch = RecordBatch(source: partition)
    var next = bounds.lowerBound
    while next < bounds.upperBound {
      guard try reader.poll(into: &batch, timeoutMs: 1000) else {
        throw Failure(description: "\(topic)-\(number) ends at \(next), not \(bounds.upperBound)")
      }
      func text(_ range: Range<Int>) -> String {
        String(decoding: batch.bytes[range], as: UTF8.self)
      }
      for entry in batch.entries {
        records.append(
          Published(
            topic: topic, partition: number, offset: entry.offset, key: entry.key.map(text),
            value: entry.value.map { Array(batch.bytes[$0]) },
            headers: batch.headers[entry.headers].map { (text($0.name), $0.value.map(text) ?? "") })
        )
      }
      next = batch.nextOffset
    }
  }
  return records
}

/// What `kairos replay` makes of a file: the decisions' data, a line each.
func replayed(_ playbook: String, _ events: String, _ more: [String] = []) throws -> [String] {
  let result = try kairosDoes(["replay", playbook, events, "--quiet"] + more)
  return result.outputText.split(separator: "\n").map(String.init)
}

/// What everybody may rely on in published decisions: the schemas, keys, and that action topics
/// carry what was released or revoked and nothing else, byte by byte as in `decisions`.
func checkContract(decisions: [Published], actions: [Published]) throws {
  let data = try JsonSchema(topics: "decision.schema.json")
  let action = try JsonSchema(topics: "action.schema.json")
  let headers = try JsonSchema(topics: "decision-headers.schema.json")
  var ids: Set<String> = []
  var toDo: [String] = []
  for record in decisions {
    let json = try Json(record.text)
    #expect(data.problems(of: json) == [])
    #expect(headers.problems(of: record.headersJson) == [])
    #expect(record.key == json["customer"]?.text)
    let id = try #require(record["ce_id"])
    #expect(ids.insert(id).inserted, "\(id) stands twice")
    let outcome = try #require(json["outcome"]?.text)
    let topic = try #require(json["action"]?["topic"]?.text)
    if outcome == "released" || outcome == "revoked" { toDo.append("\(topic) \(record.text)") }
  }
  for record in actions {
    #expect(action.problems(of: try Json(record.text)) == [])
    #expect(headers.problems(of: record.headersJson) == [])
  }
  #expect(actions.map { "\($0.topic) \($0.text)" }.sorted() == toDo.sorted())
}

/// Decisions and actions of an embedded log hold to the contract, and the decisions' data are
/// `expected`, in whatever order.
func check(_ directory: String, actionTopics: [String], against expected: [String]) throws {
  let decisions = try readTopic("decisions", of: directory)
  let actions = try actionTopics.flatMap { try readTopic($0, of: directory) }
  #expect(decisions.map(\.text).sorted() == expected.sorted())
  try checkContract(decisions: decisions, actions: actions)
}

/// The action topics that a replay's decisions name.
func actionTopics(_ decisions: [String]) throws -> [String] {
  Set(try decisions.compactMap { try Json($0)["action"]?["topic"]?.text }).sorted()
}

extension Story {
  var playbookPath: String { "\(packageRoot)/\(folder)/playbook.yaml" }
  var eventsPath: String { "\(packageRoot)/\(folder)/events.ndjson" }
}

func story(_ name: String) throws -> Story {
  guard let story = try Story.all.first(where: { $0.name == name }) else {
    throw Failure(description: "there is no story \(name)")
  }
  return story
}
