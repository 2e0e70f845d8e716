import Yaml

/// What a file declares by name, including what could not be read: a name that is mentioned is
/// looked up here, so that one mistake is reported once.
struct DeclaredNames {
  var facts: [String] = []
  var features: [String] = []
  var moments: [String] = []
  var windows: [String] = []
  var scores: [String] = []
  var decisions: [String] = []
}

/// Reads one playbook's tree. What is wrong is reported and left out; the caller discards the
/// playbook if anything was reported.
struct PlaybookParser {
  let diagnostics: Diagnostics
  private(set) var names = DeclaredNames()
  /// The `policy` of the file, read by whoever knows whether it is the book's.
  private(set) var policy: YamlNode?

  /// Of each kind.
  static let maxNames = 4096
  /// Bytes of an expression.
  static let maxExpression = 16_384

  init(diagnostics: Diagnostics) { self.diagnostics = diagnostics }

  mutating func parse(_ root: YamlNode) -> Playbook? {
    let reader = YamlReader(root, "the playbook", diagnostics)
    guard reader.isMapping else { return nil }
    Self.checkVersion(reader)
    let name = reader.string("name", required: true, hint: "name it, as in \"name: silent-churn\"")
    if let name, let node = reader.node("name") {
      checkName(name, "playbook", at: node.start, dashes: true)
    }
    let zone = reader.text("timezone")
    if let zone { Self.checkTimezone(zone.text, at: zone.position, diagnostics) }
    var playbook = Playbook(
      name: name ?? "", position: root.start, timezone: zone?.text ?? "UTC",
      timezonePosition: zone?.position ?? root.start)
    names = declaredNames(reader)
    playbook.facts = entries(reader, "facts", fact)
    playbook.features = entries(reader, "features", feature)
    playbook.moments = entries(reader, "moments", moment)
    playbook.windows = entries(reader, "windows", window)
    playbook.scores = entries(reader, "scores", score)
    playbook.decisions = entries(reader, "decisions", decision)
    policy = reader.node("policy")
    reader.finish(instead: [
      "dedup": "it belongs under \"policy\"", "caps": "it belongs under \"policy\"",
      "quiet_hours": "it belongs under \"policy\"", "consent": "it belongs under \"policy\"",
      "holdout": "it belongs under \"policy\"",
    ])
    return playbook
  }

  /// Every file says `kairos: 1`.
  static func checkVersion(_ reader: YamlReader) {
    let hint = "start the file with \"kairos: 1\""
    guard let node = reader.node("kairos", required: true, hint: hint),
      let version = reader.diagnostics.int(node, "\"kairos\"")
    else { return }
    if version != 1 {
      reader.report(
        node.start, "this program reads version 1 of the language, and this is \(version)",
        hint: "write \"kairos: 1\"")
    }
  }

  /// The shape of an IANA zone name.
  static func checkTimezone(_ text: String, at position: SourcePosition, _ to: Diagnostics) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let fits = parts.allSatisfy { part in
      !part.isEmpty && part != "." && part != ".."
        && part.utf8.allSatisfy { isNameByte($0) || $0 == 0x2d || $0 == 0x2b }
    }
    if !fits || text.utf8.count > 64 {
      to.report(
        position, "\"\(text)\" is not the name of a time zone", hint: "write it as Europe/Berlin")
    }
  }

  private func declaredNames(_ reader: YamlReader) -> DeclaredNames {
    func names(_ key: String) -> [String] {
      (reader.node[key]?.entries ?? []).map(\.key.text).filter {
        !diagnostics.tolerated.contains($0)
      }
    }
    return DeclaredNames(
      facts: names("facts"), features: names("features"), moments: names("moments"),
      windows: names("windows"), scores: names("scores"), decisions: names("decisions"))
  }

  /// Reads a mapping of names, each with `read`.
  private func entries<Node>(
    _ reader: YamlReader, _ key: String, _ read: (YamlEntry) -> Node?
  ) -> [Node] {
    let entries = reader.named(key)
    if entries.count > Self.maxNames {
      diagnostics.report(
        reader.position(of: key),
        "\(entries.count) \(key) are more than the \(Self.maxNames) "
          + "that one playbook may have", hint: "split it into several playbooks")
      return []
    }
    return entries.compactMap { entry in
      checkName(entry.key.text, singular(key), at: entry.key.position)
      return read(entry)
    }
  }

  private func singular(_ key: String) -> String { String(key.dropLast()) }

  /// Names are CEL identifiers, so that an expression can mention them.
  func checkName(
    _ name: String, _ kind: String, at position: SourcePosition, dashes: Bool = false
  ) {
    let bytes = Array(name.utf8)
    let startsWell = bytes.first.map { isNameByte($0) && !isDigit($0) } ?? false
    let fits = bytes.allSatisfy { isNameByte($0) || (dashes && $0 == 0x2d) }
    if !fits || !(startsWell || (dashes && bytes.first.map(isNameByte) ?? false)) {
      let extra = dashes ? ", digits, _ and -" : ", digits and _, not starting with a digit"
      diagnostics.report(
        position, "\"\(name)\" cannot name a \(kind)", hint: "use letters\(extra)")
    } else if bytes.count > 128 {
      diagnostics.report(position, "the name of this \(kind) is longer than 128 characters")
    } else if !dashes, reservedNames.contains(name), (kind, name) != customersZone {
      diagnostics.report(
        position, "\"\(name)\" cannot name a \(kind): expressions know it already",
        hint: "choose another name")
    }
  }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

func isNameByte(_ byte: UInt8) -> Bool {
  isDigit(byte) || byte == 0x5f || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
}

/// The one reserved name that a playbook may fill: the fact `timezone` is the customer's own zone,
/// and wins over the playbook's wherever the two differ.
let customersZone = ("fact", "timezone")

/// What a name cannot be, since CEL or the event's own fields have it.
let reservedNames: Set<String> = [
  "data", "type", "time", "id", "source", "customer", "timezone", "math", "any",
  "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
  "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
  "int", "uint", "double", "string", "bytes", "bool", "list", "map", "timestamp", "duration",
  "null_type", "dyn", "optional", "has", "size",
]
