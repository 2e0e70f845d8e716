import Cel
import Console
import Foundation
import Ingest
import Playbooks
import Yaml

/// `kairos.yaml`: the sources, and what the command line may leave open.
///
///     book: books/live
///     log: /var/lib/kairos            # or: bootstrap_servers: kafka-1:9092
///     kafka_config: client.conf
///     listen: 127.0.0.1:9464
///     log_format: json
///     log_level: info
///     journal_partitions: 64
///     sources:
///       crm: { topic: crm.events, format: json }
struct Configuration {
  var book: String?
  var log: String?
  var bootstrapServers: String?
  var kafkaConfig: String?
  var listen: String?
  var logFormat: LogFormat?
  var logLevel: LogLevel?
  var journalPartitions: Int?
  var sources: [SourceSettings] = [.standard]

  static func load(_ path: String) throws(CommandFailure) -> Configuration {
    guard let content = FileManager.default.contents(atPath: path) else {
      throw CommandFailure(.noInput, "\(path): the configuration cannot be read")
    }
    let zones: ZoneTable
    do { zones = try ZoneTable.system() } catch {
      throw CommandFailure(.unavailable, error.description)
    }
    let diagnostics = Diagnostics()
    let configuration = parse(Array(content), file: path, zones, diagnostics)
    guard let configuration, diagnostics.isEmpty else {
      let lines = diagnostics.sorted.map(\.description).joined(separator: "\n")
      throw CommandFailure(.data, "the configuration is wrong\n" + lines)
    }
    return configuration
  }

  static func parse(
    _ bytes: [UInt8], file: String, _ zones: ZoneTable, _ diagnostics: Diagnostics
  ) -> Configuration? {
    guard let root = YamlParser.parse(bytes, file: file, diagnostics: diagnostics) else {
      return nil
    }
    let reader = YamlReader(root, "the configuration", diagnostics)
    guard reader.isMapping else { return nil }
    var configuration = Configuration()
    configuration.book = reader.string("book")
    configuration.log = reader.string("log")
    configuration.bootstrapServers = reader.string("bootstrap_servers")
    configuration.kafkaConfig = reader.string("kafka_config")
    configuration.listen = reader.string("listen")
    configuration.logFormat = reader.word("log_format", as: LogFormat.self)
    configuration.logLevel = reader.word("log_level", as: LogLevel.self)
    configuration.journalPartitions = reader.int("journal_partitions", in: 1...10_000).map(Int.init)
    if configuration.log != nil, configuration.bootstrapServers != nil {
      reader.report(
        reader.position(of: "bootstrap_servers"), "log and bootstrap_servers exclude each other",
        hint: "a directory of one's own, or Kafka")
    }
    if let node = reader.node("sources") {
      configuration.sources = SourceSettings.parse(node, diagnostics) { name in
        ZoneClock.named(name)
      }
    }
    reader.finish()
    return configuration
  }
}
