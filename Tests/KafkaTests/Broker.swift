import Dispatch
import Foundation
import Glibc
import Log
import Synchronization
import TestSupport
import Testing

struct BrokerFailure: Error, CustomStringConvertible {
  var description: String
}

/// A real broker for as long as a suite runs: one node, in a folder of its own, with a plain and a
/// SASL_SSL listener, and a plain one behind a proxy.
final class Broker: Sendable {
  let folder: String
  let address: String
  let proxy: Proxy
  private let tools: String
  private static let running = Mutex<Broker?>(nil)
  private static let topics = Mutex(0)

  private init(tools: String, folder: String, address: String, proxy: Proxy) {
    self.tools = tools
    self.folder = folder
    self.address = address
    self.proxy = proxy
  }

  /// The suite's broker.
  static var current: Broker {
    guard let broker = running.withLock({ $0 }) else { fatalError("no broker runs") }
    return broker
  }

  static let tools: String? = {
    let what = "tests against a Kafka broker"
    guard let tools = shared("kafka", for: what) else { return nil }
    for name in ["java", "kcat", "openssl", "setsid"] where program(name) == nil {
      skipped(what, why: "there is no \(name) on PATH")
      return nil
    }
    return tools
  }()

  static func start() throws {
    guard let tools else { return }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("kairos-broker-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let address = try launch(tools, folder)
    let broker = Broker(tools: tools, folder: folder, address: address, proxy: try Proxy())
    running.withLock { $0 = broker }
    try broker.kill()
    try broker.addProxiedListener()
    try broker.restart()
  }

  /// What the broker tells its clients there is the proxy's address.
  private func addProxiedListener() throws {
    let port = Int(address.split(separator: ":")[1])! + 5
    let file = folder + "/1/server.properties"
    var lines = try fileText(file).split(separator: "\n").map(String.init)
    for index in lines.indices {
      if lines[index].hasPrefix("listeners=") { lines[index] += ",PROXIED://127.0.0.1:\(port)" }
      if lines[index].hasPrefix("advertised.listeners=") {
        lines[index] += ",PROXIED://127.0.0.1:\(proxy.port)"
      }
      if lines[index].hasPrefix("listener.security.protocol.map=") {
        lines[index] += ",PROXIED:PLAINTEXT"
      }
    }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: file))
    proxy.forward(to: port)
  }

  private static func launch(_ tools: String, _ folder: String) throws -> String {
    // Foundation notices a program's end by a descriptor that the program inherits; the broker,
    // which stays, must not keep it.
    let start =
      "for fd in /proc/$$/fd/*; do n=${fd##*/}; [ $n -le 2 ] || eval \"exec $n>&-\"; done; "
      + #"exec "$0" "$@""#
    // Away from where other brokers look for ports, for it gives its own up now and then. Only the
    // first start of a folder heeds it.
    let port = "\(20_000 + Int.random(in: 0..<900) * 10)"
    let result = try run(
      ["bash", "-c", start, tools + "/start", folder, "--secure", "--port", port], seconds: 120)
    guard result.exitCode == 0 else {
      throw BrokerFailure(description: "the broker does not start: " + result.complaintsText)
    }
    return result.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  static func stop() throws {
    guard let broker = running.withLock({ $0 }) else { return }
    broker.proxy.close()
    try broker.kill()
    try FileManager.default.removeItem(atPath: broker.folder)
  }

  /// As a power failure would.
  func kill() throws { _ = try run([tools + "/stop", folder, "--kill"]) }

  /// With the same data, at the same address.
  func restart() throws { _ = try Self.launch(tools, folder) }

  /// Stops the process where it stands (SIGSTOP); `resume` lets it go on.
  func freeze() throws { try signal(SIGSTOP) }
  func resume() throws { try signal(SIGCONT) }

  private func signal(_ number: Int32) throws {
    let text = try fileText(folder + "/1/pid").trimmingCharacters(in: .whitespacesAndNewlines)
    guard let process = Int32(text), Glibc.kill(process, number) == 0 else {
      throw BrokerFailure(description: "no broker to signal")
    }
  }

  // MARK: Using it

  func log(
    user: String? = nil, isProxied: Bool = false, lines: Lines? = nil,
    change: (inout KafkaSettings) throws -> Void = { _ in }
  ) throws -> KafkaLog {
    var settings = KafkaSettings(
      bootstrapServers: isProxied ? "127.0.0.1:\(proxy.port)" : address)
    if let user {
      settings = try secureSettings()
      try settings.set("sasl.username", user, from: "test")
      try settings.set("sasl.password", user + "-secret", from: "test")
    }
    try change(&settings)
    return try KafkaLog(settings) { lines?.add($0) }
  }

  func secureSettings() throws -> KafkaSettings {
    let text = try fileText(folder + "/secure.properties")
    return try KafkaSettings(parsing: text, file: "secure.properties")
  }

  /// A new topic of a name of its own.
  func topic(_ log: KafkaLog, partitions: Int = 1, config: [String: String] = [:]) throws -> String
  {
    let number = Self.topics.withLock { number in
      number += 1
      return number
    }
    let name = "topic-\(number)"
    // The records of tests are old.
    let config = config.merging(["retention.ms": "-1"]) { given, _ in given }
    try log.createTopic(TopicSettings(name: name, partitions: partitions, config: config))
    return name
  }

  /// As retention would.
  func deleteRecords(_ topic: String, before offset: Int) throws {
    let file = folder + "/delete-\(topic).json"
    let text =
      #"{"version":1,"partitions":[{"topic":""# + topic + #"","partition":0,"offset":\#(offset)}]}"#
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    try tool("kafka-delete-records", ["--offset-json-file", file])
  }

  func deleteTopic(_ topic: String) throws {
    try tool("kafka-topics", ["--delete", "--topic", topic])
  }

  private func tool(_ name: String, _ arguments: [String]) throws {
    let result = try run(
      [tools + "/bin/" + name, "--bootstrap-server", address] + arguments, seconds: 60)
    guard result.exitCode == 0 else {
      throw BrokerFailure(description: "\(name): " + result.outputText + result.complaintsText)
    }
  }

  func kcat(_ arguments: [String], input: String = "") throws -> String {
    let result = try run(
      ["kcat", "-b", address] + arguments, input: Array(input.utf8), seconds: 30)
    guard result.exitCode == 0 else {
      throw BrokerFailure(description: "kcat: " + result.complaintsText)
    }
    return result.outputText
  }
}

/// Runs a suite with a broker, and skips it, saying why, where there is none.
struct BrokerTrait: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard test.isSuite else { return try await function() }
    try Broker.start()
    do {
      try await function()
    } catch {
      try Broker.stop()
      throw error
    }
    try Broker.stop()
  }
}

/// All that needs the broker, one test after the other.
@Suite(.serialized, .enabled(if: Broker.tools != nil), BrokerTrait())
struct `Against a real broker` {}

// MARK: Reading and writing in tests

struct ReadRecord: Equatable {
  var offset: Int64
  var timestamp: Int64
  var key: String?
  var value: String?
  var headers: [String] = []
}

func record(
  _ topic: String, in partition: Int32 = 0, key: String? = nil, _ value: String,
  headers: [(name: String, value: [UInt8])] = [], timestamp: Int64 = 1_700_000_000_000
) -> OutRecord {
  OutRecord(
    topic: topic, partition: partition, key: key.map { Array($0.utf8) }, value: Array(value.utf8),
    headers: headers, timestamp: timestamp)
}

extension RecordBatch {
  func text(_ range: Range<Int>?) -> String? {
    range.map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  var records: [ReadRecord] {
    entries.map { entry in
      ReadRecord(
        offset: entry.offset, timestamp: entry.timestamp, key: text(entry.key),
        value: text(entry.value),
        headers: headers[entry.headers].map { "\(text($0.name)!)=\(text($0.value) ?? "nil")" })
    }
  }
}

/// Reads a partition from `offset` to its end.
func readAll(_ log: KafkaLog, _ partition: TopicPartition, from offset: Int64 = 0) throws
  -> [ReadRecord]
{
  let reader = try log.reader(from: [partition: offset])
  defer { reader.close() }
  return try readToEnd(reader, partition, from: offset)
}

/// Reads one partition of a reader to its end; fails after 30 s.
func readToEnd(_ reader: any LogReader, _ partition: TopicPartition, from offset: Int64) throws
  -> [ReadRecord]
{
  var records: [ReadRecord] = []
  var batch = RecordBatch(source: partition)
  var position = offset
  try wait("the end of \(partition)") {
    if try reader.poll(into: &batch, timeoutMs: 100), batch.source == partition {
      records += batch.records
      position = batch.nextOffset
    }
    return reader.knownEnd(of: partition) == position
  }
  return records
}

/// Until it is so, for at most `seconds`.
func wait(_ what: String, seconds: Int = 30, until isSo: () throws -> Bool) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !isSo() {
    guard ContinuousClock.now < deadline else {
      throw BrokerFailure(description: "waited \(seconds) s in vain for " + what)
    }
  }
}

/// What a client said while it ran.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  func add(_ line: String) { lines.withLock { $0.append(line) } }
  var all: [String] { lines.withLock { $0 } }
}

/// Holds a thread up until it is opened.
final class Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  func pass() { semaphore.wait() }
  func open() { semaphore.signal() }
}

func usleepMs(_ milliseconds: UInt32) { _ = usleep(milliseconds * 1_000) }
