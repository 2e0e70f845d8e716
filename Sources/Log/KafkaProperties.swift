/// A client configuration file as Kafka's own tools read it: `key=value` lines, `#` or `!` before a
/// comment, a backslash at the end of a line that goes on.
///
/// Names of the Java client become librdkafka's where both can say the same. What only Java knows
/// and nothing here needs (serializers, interceptors) is passed over. The rest goes to librdkafka
/// as it stands, which refuses what it does not know.
struct KafkaProperties: Equatable, Sendable {
  struct Setting: Equatable, Sendable {
    var value: String
    /// `file:line`, for messages. A value never appears in one: it may be a secret.
    var place: String
  }
  private(set) var settings: [String: Setting] = [:]

  init(parsing text: String, file: String) throws(LogError) {
    var java: [String: Setting] = [:]
    for (number, line) in Self.logicalLines(text) {
      let place = "\(file):\(number)"
      guard let end = Self.separator(of: line) else {
        throw LogError(.stop, "\(place): expected key=value; write a line as name=value")
      }
      let key = Self.unescaped(Self.trimmed(line[..<end]))
      guard !key.isEmpty else {
        throw LogError(.stop, "\(place): a name is missing before '='")
      }
      let value = Self.unescaped(Self.trimmed(line[line.index(after: end)...]))
      java[key] = Setting(value: value, place: place)
    }
    try translate(java)
  }

  // MARK: Names

  /// Told to the Java client only; nothing that librdkafka could do with them.
  private static let javaOnly: Set<String> = [
    "key.serializer", "value.serializer", "key.deserializer", "value.deserializer",
    "interceptor.classes", "metric.reporters", "metrics.num.samples", "metrics.recording.level",
    "metrics.sample.window.ms", "partitioner.class", "auto.include.jmx.reporter",
    "enable.metrics.push", "default.api.timeout.ms", "max.block.ms", "max.poll.records",
    "client.dns.lookup", "send.buffer.bytes", "receive.buffer.bytes", "buffer.memory",
    "max.request.size", "security.providers", "ssl.provider", "ssl.trustmanager.algorithm",
    "ssl.keymanager.algorithm", "ssl.secure.random.implementation", "ssl.protocol",
    "ssl.enabled.protocols", "ssl.truststore.password", "ssl.truststore.type",
    "ssl.keystore.type", "sasl.client.callback.handler.class", "sasl.login.class",
    "sasl.login.callback.handler.class", "use.all.dns.ips", "reconnect.backoff.max.attempts",
  ]

  private mutating func translate(_ java: [String: Setting]) throws(LogError) {
    let keyStoreIsPem = java["ssl.keystore.type"]?.value.uppercased() == "PEM"
    for key in java.keys.sorted() {
      let setting = java[key]!
      switch key {
      case "sasl.jaas.config":
        try translateLogin(setting)
      case "ssl.truststore.location":
        try translateTrustStore(setting, type: java["ssl.truststore.type"]?.value)
      case "ssl.truststore.certificates":
        settings["ssl.ca.pem"] = setting
      case "ssl.keystore.location" where keyStoreIsPem:
        settings["ssl.certificate.location"] = setting
        settings["ssl.key.location"] = setting
      case "ssl.keystore.location":
        if java["ssl.keystore.type"]?.value.uppercased() == "JKS" {
          throw Self.needsPem(setting, "ssl.keystore.location", "a JKS key store")
        }
        settings[key] = setting
      case "ssl.keystore.password" where keyStoreIsPem:
        continue
      case "ssl.keystore.certificate.chain":
        settings["ssl.certificate.pem"] = setting
      case "ssl.keystore.key":
        settings["ssl.key.pem"] = setting
      case "ssl.endpoint.identification.algorithm":
        let name = setting.value.isEmpty ? "none" : setting.value.lowercased()
        settings[key] = Setting(value: name, place: setting.place)
      default:
        if !Self.javaOnly.contains(key) { settings[key] = setting }
      }
    }
  }

  /// `org.apache…PlainLoginModule required username="u" password="p";`
  private mutating func translateLogin(_ setting: Setting) throws(LogError) {
    let fields = Self.loginFields(setting.value)
    guard setting.value.contains("PlainLoginModule") || setting.value.contains("ScramLoginModule"),
      let user = fields["username"], let password = fields["password"]
    else {
      throw LogError(
        .stop,
        "\(setting.place): sasl.jaas.config is understood for PlainLoginModule and "
          + "ScramLoginModule with username and password; for others write librdkafka's own "
          + "sasl.* settings instead")
    }
    settings["sasl.username"] = Setting(value: user, place: setting.place)
    settings["sasl.password"] = Setting(value: password, place: setting.place)
  }

  private mutating func translateTrustStore(_ setting: Setting, type: String?) throws(LogError) {
    let path = setting.value.lowercased()
    let named = [".pem", ".crt", ".cer"].contains { path.hasSuffix($0) }
    guard type?.uppercased() == "PEM" || (type == nil && named) else {
      throw Self.needsPem(setting, "ssl.ca.location", "a Java trust store")
    }
    settings["ssl.ca.location"] = setting
  }

  private static func needsPem(_ setting: Setting, _ key: String, _ what: String) -> LogError {
    LogError(
      .stop,
      "\(setting.place): \(what) cannot be read here; export it as PEM "
        + "(keytool -exportcert -rfc, or openssl pkcs12) and set \(key) to that file")
  }

  private static func loginFields(_ text: String) -> [String: String] {
    var fields: [String: String] = [:]
    var rest = Substring(text)
    while let equals = rest.firstIndex(of: "=") {
      let name = rest[..<equals].split(whereSeparator: { $0.isWhitespace }).last ?? ""
      rest = rest[rest.index(after: equals)...].drop(while: { $0.isWhitespace })
      guard let quote = rest.first else { break }
      var value = ""
      if quote == "\"" || quote == "'" {
        rest.removeFirst()
        while let next = rest.popFirst(), next != quote {
          value.append(next == "\\" ? rest.popFirst() ?? next : next)
        }
      } else {
        value = String(rest.prefix(while: { !$0.isWhitespace && $0 != ";" }))
        rest = rest.dropFirst(value.count)
      }
      fields[String(name)] = value
    }
    return fields
  }

  // MARK: Lines

  private static func logicalLines(_ text: String) -> [(number: Int, text: Substring)] {
    var lines: [(number: Int, text: Substring)] = []
    var open: (number: Int, text: String)?
    let physical = text.split(omittingEmptySubsequences: false, whereSeparator: { $0.isNewline })
    for (index, raw) in physical.enumerated() {
      let line = trimmed(raw)
      if open == nil, line.isEmpty || line.first == "#" || line.first == "!" { continue }
      var text = (open?.text ?? "") + line
      let backslashes = text.reversed().prefix(while: { $0 == "\\" }).count
      if backslashes % 2 == 1 {
        text.removeLast()
        open = (open?.number ?? index + 1, text)
        continue
      }
      lines.append((open?.number ?? index + 1, Substring(text)))
      open = nil
    }
    if let open { lines.append((open.number, Substring(open.text))) }
    return lines
  }

  /// The first '=' or ':' that no backslash stands before.
  private static func separator(of line: Substring) -> Substring.Index? {
    var escaped = false
    for index in line.indices {
      if escaped {
        escaped = false
      } else if line[index] == "\\" {
        escaped = true
      } else if line[index] == "=" || line[index] == ":" {
        return index
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop(while: { $0.isWhitespace })
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }

  private static func unescaped(_ text: Substring) -> String {
    var out = ""
    var rest = text
    while let next = rest.popFirst() {
      guard next == "\\", let escaped = rest.popFirst() else {
        out.append(next)
        continue
      }
      switch escaped {
      case "t": out.append("\t")
      case "n": out.append("\n")
      case "r": out.append("\r")
      default: out.append(escaped)
      }
    }
    return out
  }
}
