import Foundation
import Glibc
import Log
import TestSupport

/// A real broker, in a folder of its own, for as long as a test needs one.
final class Cluster {
  static let tools: String? = {
    let what = "runs on a Kafka broker"
    guard let tools = shared("kafka", for: what) else { return nil }
    for name in ["java", "kcat", "openssl", "setsid"] where program(name) == nil {
      skipped(what, why: "there is no \(name) on PATH")
      return nil
    }
    return tools
  }()

  let address: String
  /// What an ordinary client needs for the TLS listener.
  var secureProperties: String { folder + "/secure.properties" }
  private let folder: String
  private let tools: String

  private init(_ folder: String, _ tools: String, _ address: String) {
    self.folder = folder
    self.tools = tools
    self.address = address
  }

  /// Starts one, and stops it whatever happens. The second argument is a folder for the test's files.
  static func with(secure: Bool, _ body: (Cluster, String) throws -> Void) throws {
    guard let tools else { return }
    try withTemporaryFolder { folder in
      let data = folder + "/cluster"
      // Foundation notices a program's end by a descriptor that the program inherits; the broker,
      // which stays, must not keep it.
      let start =
        "for fd in /proc/$$/fd/*; do n=${fd##*/}; [ $n -le 2 ] || eval \"exec $n>&-\"; done; "
        + #"exec "$0" "$@""#
      let words = ["bash", "-c", start, tools + "/start", data] + (secure ? ["--secure"] : [])
      let result = try run(words, seconds: 120)
      defer { stop(tools, data) }
      guard result.exitCode == 0 else {
        throw Failure(description: "the broker does not start: " + result.complaintsText)
      }
      let address = result.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
      try body(Cluster(data, tools, address), folder)
    }
  }

  private static func stop(_ tools: String, _ data: String) {
    do {
      _ = try run([tools + "/stop", data, "--kill"])
    } catch {
      print("the broker in \(data) could not be stopped: \(error)")
    }
  }

  /// From now on it answers nobody, and hangs up on nobody either.
  func pause() throws {
    let text = try fileText(folder + "/1/pid").trimmingCharacters(in: .whitespacesAndNewlines)
    guard let pid = Int32(text), kill(pid, SIGSTOP) == 0 else {
      throw Failure(description: "the broker \(text) cannot be paused")
    }
  }

  /// What `kairos run` needs to find, and the source.
  func createTopics(actions: [String]) throws {
    let log = try KafkaLog(KafkaSettings(bootstrapServers: address))
    for contract in TopicContract.required {
      try log.createTopic(contract.settings(topic: contract.name, journalPartitions: 4))
    }
    for topic in actions { try log.createTopic(TopicContract.actions.settings(topic: topic)) }
    try log.createTopic(TopicSettings(name: "events", partitions: 4))
  }

  /// With its offsets, as brokers do it.
  func deleteTopic(_ topic: String) throws {
    let words = ["--bootstrap-server", address, "--delete", "--topic", topic]
    let result = try run([tools + "/bin/kafka-topics"] + words, seconds: 60)
    guard result.exitCode == 0 else {
      throw Failure(description: "kafka-topics: " + result.complaintsText)
    }
  }

  func kcat(_ arguments: [String], input: [UInt8] = []) throws -> String {
    let result = try run(["kcat"] + arguments, input: input, seconds: 60)
    guard result.exitCode == 0 else {
      throw Failure(description: "kcat: " + result.complaintsText)
    }
    return result.outputText
  }

  /// Sends events as their producer would: keyed by customer.
  func produce(_ events: some Sequence<String>, to topic: String = "events") throws {
    let lines = try events.map { "\(try Json($0)["customer"]?.text ?? "")\t\($0)" }
    _ = try kcat(
      ["-b", address, "-P", "-t", topic, "-K", "\t", "-X", "partitioner=murmur2_random"],
      input: Array((lines.joined(separator: "\n") + "\n").utf8))
  }

  /// A topic as a client reads it that knows nothing of us, committed records only. `settings`: how
  /// to reach the broker.
  func read(_ topic: String, settings: [String]? = nil) throws -> [Published] {
    let text = try kcat(
      (settings ?? ["-b", address]) + [
        "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J", "-X",
        "isolation.level=read_committed",
      ])
    return try text.split(separator: "\n").map { line in
      let json = try Json(String(line))
      let words = (json["headers"]?.elements ?? []).map { $0.text ?? "" }
      return Published(
        topic: topic, partition: Int32(json["partition"]?.int ?? -1),
        offset: Int64(json["offset"]?.int ?? -1), key: json["key"]?.text,
        value: json["payload"]?.text.map { Array($0.utf8) },
        headers: stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) })
    }
  }
}
