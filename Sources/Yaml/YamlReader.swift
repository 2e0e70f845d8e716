/// Reads one mapping key by key; what is wrong is reported, and the reader goes on.
///
///     let reader = YamlReader(node, "the source", diagnostics)
///     let topic = reader.string("topic", required: true)
///     let delay = reader.duration("out_of_order", atLeast: 0) ?? 0
///     reader.finish()   // reports the keys that nobody asked for, with the nearest right one
package final class YamlReader {
  package let node: YamlNode
  /// For messages: "the feature \"logins\"".
  package let what: String
  package let diagnostics: Diagnostics
  private let entries: [YamlEntry]
  private var asked: [String] = []

  /// If `node` is not a mapping, that is reported, and all keys are missing.
  package init(_ node: YamlNode, _ what: String, _ diagnostics: Diagnostics) {
    self.node = node
    self.what = what
    self.diagnostics = diagnostics
    entries = node.entries ?? []
    if node.entries == nil {
      diagnostics.report(
        node.start, "\(what) must be a mapping of keys, and this is \(node.shape)")
    }
  }

  package var position: SourcePosition { node.start }
  package var isMapping: Bool { node.entries != nil }

  package func report(_ position: SourcePosition, _ message: String, hint: String? = nil) {
    diagnostics.report(position, message, hint: hint)
  }

  /// Whether the key is there; counts as asked.
  package func has(_ key: String) -> Bool { entry(key) != nil }

  /// Whether the key is there; does not count as asked.
  package func mentions(_ key: String) -> Bool { entries.contains { $0.key.text == key } }

  package func entry(_ key: String) -> YamlEntry? {
    if !asked.contains(key) { asked.append(key) }
    return entries.first { $0.key.text == key }
  }

  /// Where the key stands, or else where the mapping does.
  package func position(of key: String) -> SourcePosition {
    entries.first { $0.key.text == key }?.key.position ?? node.start
  }

  package func node(_ key: String, required: Bool = false, hint: String? = nil) -> YamlNode? {
    guard let entry = entry(key) else {
      if required, isMapping {
        diagnostics.report(node.start, "\(what) has no \"\(key)\"", hint: hint)
      }
      return nil
    }
    if entry.value.isNull {
      diagnostics.report(entry.key.position, "\"\(key)\" of \(what) has no value", hint: hint)
      return nil
    }
    return entry.value
  }

  package func text(_ key: String, required: Bool = false, hint: String? = nil) -> YamlScalar? {
    node(key, required: required, hint: hint).flatMap { diagnostics.text($0, label(key)) }
  }

  /// A text that is not empty.
  package func string(_ key: String, required: Bool = false, hint: String? = nil) -> String? {
    node(key, required: required, hint: hint).flatMap { diagnostics.name($0, label(key)) }
  }

  package func int(
    _ key: String, in range: ClosedRange<Int64> = .min ... .max, required: Bool = false,
    hint: String? = nil
  ) -> Int64? {
    node(key, required: required, hint: hint).flatMap {
      diagnostics.int($0, label(key), in: range)
    }
  }

  package func double(_ key: String, required: Bool = false, hint: String? = nil) -> Double? {
    node(key, required: required, hint: hint).flatMap { diagnostics.double($0, label(key)) }
  }

  package func bool(_ key: String, required: Bool = false, hint: String? = nil) -> Bool? {
    node(key, required: required, hint: hint).flatMap { diagnostics.bool($0, label(key)) }
  }

  /// Milliseconds.
  package func duration(
    _ key: String, atLeast: Int64 = 1, required: Bool = false, hint: String? = nil
  ) -> Int64? {
    node(key, required: required, hint: hint).flatMap {
      diagnostics.duration($0, label(key), atLeast: atLeast)
    }
  }

  package func word(
    _ key: String, of words: [String], required: Bool = false, hint: String? = nil
  ) -> String? {
    node(key, required: required, hint: hint).flatMap {
      diagnostics.word($0, label(key), of: words)
    }
  }

  /// The raw value of an enumeration.
  package func word<E: RawRepresentable & CaseIterable>(
    _ key: String, as type: E.Type, required: Bool = false, hint: String? = nil
  ) -> E? where E.RawValue == String {
    word(key, of: E.allCases.map(\.rawValue), required: required, hint: hint)
      .flatMap(E.init(rawValue:))
  }

  /// A list, or one item that stands for a list of one; empty if the key is missing.
  package func list(_ key: String) -> [YamlNode] {
    node(key).map(diagnostics.list) ?? []
  }

  /// The entries of a mapping of names; empty if the key is missing.
  package func named(_ key: String) -> [YamlEntry] {
    guard let node = node(key) else { return [] }
    guard let entries = node.entries else {
      diagnostics.report(
        node.start, "\"\(key)\" of \(what) must be a mapping of names, and this is \(node.shape)")
      return []
    }
    return entries.filter { !diagnostics.tolerated.contains($0.key.text) }
  }

  /// A reader of the mapping under `key`.
  package func mapping(
    _ key: String, _ what: String? = nil, required: Bool = false, hint: String? = nil
  ) -> YamlReader? {
    node(key, required: required, hint: hint).map {
      YamlReader($0, what ?? label(key), diagnostics)
    }
  }

  /// Reports every key that nobody asked for. `instead` knows better hints for some of them.
  package func finish(instead: [String: String] = [:]) {
    let missing = asked.filter { self.node[$0] == nil }
    for entry in entries where !asked.contains(entry.key.text) {
      let key = entry.key.text
      if diagnostics.tolerated.contains(key) || diagnostics.isFull { continue }
      let hint =
        instead[key] ?? suggestion(for: key, of: missing)
        ?? suggestion(for: key, of: asked)
        ?? "known here: \(enumeration(asked.sorted()))"
      diagnostics.report(
        entry.key.position, "\(what) has no key \"\(entry.key.shortened)\"", hint: hint)
    }
  }

  private func label(_ key: String) -> String { "\"\(key)\" of \(what)" }
}
