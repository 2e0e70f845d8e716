/// The two small files beside the segments: `topics`, and `checkpoint`, which says how much of the
/// log is in the segments. Both are text with a checksum in the last line, and replaced as a whole.
enum EmbeddedText {
  static func seal(_ lines: [String]) -> [UInt8] {
    var bytes: [UInt8] = []
    for line in lines {
      bytes.append(contentsOf: line.utf8)
      bytes.append(0x0A)
    }
    let checksum = hex(Crc32c.of(bytes))
    bytes.append(contentsOf: "crc32c \(checksum)\n".utf8)
    return bytes
  }

  static func open(_ bytes: [UInt8], path: String, title: String) throws(LogError) -> [String] {
    let sealBytes = "crc32c 00000000\n".utf8.count
    let content = Array(bytes.dropLast(sealBytes))
    let seal = String(decoding: bytes.suffix(sealBytes), as: UTF8.self)
    guard seal == "crc32c \(hex(Crc32c.of(content)))\n" else {
      throw LogError(
        .stop, "\(path) is damaged: it fails its checksum; restore the log from a copy")
    }
    var lines = String(decoding: content, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
    lines.removeLast()
    guard let first = lines.first, first == title else {
      throw LogError(
        .stop,
        "\(path) begins with \"\(lines.first ?? "")\", not \"\(title)\"; open it with the "
          + "version of Kairos that wrote it")
    }
    lines.removeFirst()
    return lines
  }
}

struct EmbeddedTopics: Equatable, Sendable {
  var byName: [String: TopicSettings] = [:]

  static let title = "kairos topics 1"

  func encode() -> [UInt8] {
    var lines = [Self.title]
    for settings in byName.values.sorted(by: { $0.name < $1.name }) {
      lines.append("topic \(settings.name) \(settings.partitions)")
      for (key, value) in settings.config.sorted(by: { $0.key < $1.key }) {
        lines.append("config \(key)=\(value)")
      }
    }
    return EmbeddedText.seal(lines)
  }

  init() {}

  init(_ bytes: [UInt8], path: String) throws(LogError) {
    var current: TopicSettings?
    for line in try EmbeddedText.open(bytes, path: path, title: Self.title) {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      let rest = words.count == 2 ? words[1] : ""
      if words.first == "topic", let space = rest.lastIndex(of: " "),
        let partitions = Int(rest[rest.index(after: space)...])
      {
        if let current { byName[current.name] = current }
        current = TopicSettings(name: String(rest[..<space]), partitions: partitions)
      } else if words.first == "config", let equals = rest.firstIndex(of: "=") {
        current?.config[String(rest[..<equals])] = String(rest[rest.index(after: equals)...])
      } else {
        throw LogError(.stop, "\(path) holds a line that cannot be read: \(line)")
      }
    }
    if let current { byName[current.name] = current }
  }

  /// What is wrong with the settings of a new topic, in Kafka's own rules.
  static func complaint(_ settings: TopicSettings) -> String? {
    let name = settings.name
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    if !isPlain || name.isEmpty || name.utf8.count > 249 || name == "." || name == ".." {
      return "\"\(name)\" is no name for a topic: write 1 to 249 of letters, digits, '.', '_', '-'"
    }
    if settings.partitions < 1 || settings.partitions > 100_000 {
      return "topic \(name) cannot have \(settings.partitions) partitions: write 1 to 100000"
    }
    for (key, value) in settings.config
    where key.isEmpty || key.contains("=") || (key + value).utf8.contains(where: { $0 < 0x20 }) {
      return "topic \(name) has a setting that cannot be stored: \(key)"
    }
    return nil
  }
}

extension TopicPartition: Comparable {
  package static func < (one: TopicPartition, other: TopicPartition) -> Bool {
    (one.topic, one.partition) < (other.topic, other.partition)
  }
}
