import Console
import Foundation
import Log

extension LogPlace {
  /// The directory of the embedded log where nothing else is said.
  static let standardDirectory = "kairos-data"

  /// What the options, else the configuration, say.
  func merged(with configuration: Configuration?) -> LogPlace {
    guard let configuration else { return self }
    var place = self
    if directory == nil, bootstrapServers == nil {
      place.directory = configuration.log
      place.bootstrapServers = configuration.log == nil ? configuration.bootstrapServers : nil
    }
    place.kafkaConfig = kafkaConfig ?? configuration.kafkaConfig
    return place
  }

  var isKafka: Bool { bootstrapServers != nil || (directory == nil && kafkaConfig != nil) }

  func open(
    _ mode: EmbeddedLog.Mode, memberName: String? = nil,
    notice: (@Sendable (String) -> Void)? = nil
  ) throws(CommandFailure) -> any Log {
    do {
      guard isKafka else {
        return try EmbeddedLog.open(directory: directory ?? Self.standardDirectory, mode: mode)
      }
      var settings = try kafkaSettings()
      if settings.memberName == nil { settings.memberName = memberName }
      return try KafkaLog(settings, notice: notice)
    } catch let error as LogError {
      throw CommandFailure(error.remedy == .retry ? .temporary : .unavailable, error.message)
    } catch {
      throw CommandFailure(.unavailable, "\(error)")
    }
  }

  func kafkaSettings() throws -> KafkaSettings {
    var settings = KafkaSettings(bootstrapServers: bootstrapServers ?? "")
    if let kafkaConfig {
      guard let content = FileManager.default.contents(atPath: kafkaConfig) else {
        throw LogError(.stop, "\(kafkaConfig): the Kafka settings cannot be read")
      }
      settings = try KafkaSettings(
        parsing: String(decoding: content, as: UTF8.self), file: kafkaConfig)
      if let bootstrapServers { settings.bootstrapServers = bootstrapServers }
    }
    if settings.bootstrapServers.isEmpty {
      throw LogError(.stop, "no address of Kafka is given; say --bootstrap-servers HOST:PORT")
    }
    return settings
  }
}
