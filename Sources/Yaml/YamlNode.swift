/// A document as a tree. Scalars are texts: what they mean is decided where they are read.
package struct YamlNode: Sendable {
  package enum Kind: Sendable {
    case scalar(YamlScalar)
    case sequence([YamlNode])
    /// In the order of the file; no key stands twice.
    case mapping([YamlEntry])
  }
  package var kind: Kind
  package var start: SourcePosition
  /// Behind the last character.
  package var end: SourcePosition

  package init(kind: Kind, start: SourcePosition, end: SourcePosition) {
    self.kind = kind
    self.start = start
    self.end = end
  }

  package var scalar: YamlScalar? {
    if case .scalar(let scalar) = kind { return scalar }
    return nil
  }
  package var items: [YamlNode]? {
    if case .sequence(let items) = kind { return items }
    return nil
  }
  package var entries: [YamlEntry]? {
    if case .mapping(let entries) = kind { return entries }
    return nil
  }
  /// The value of a mapping's key.
  package subscript(_ key: String) -> YamlNode? {
    entries?.first { $0.key.text == key }?.value
  }
  /// A plain scalar that YAML calls null: nothing at all, `~` or `null`.
  package var isNull: Bool {
    guard let scalar, !scalar.quoted else { return false }
    return scalar.text.isEmpty || scalar.text == "~" || scalar.text == "null"
  }

  /// What stands here, for messages.
  package var shape: String {
    switch kind {
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .scalar(let scalar):
      isNull ? "nothing" : scalar.quoted ? "the text \"\(scalar.shortened)\"" : scalar.shortened
    }
  }
}

package struct YamlEntry: Sendable {
  package var key: YamlScalar
  package var value: YamlNode
  package init(key: YamlScalar, value: YamlNode) {
    self.key = key
    self.value = value
  }
}

/// A scalar's text, and how the file spells it.
package struct YamlScalar: Sendable {
  package enum Style: Sendable { case plain, single, double, literal, folded }
  package var text: String
  package var style: Style
  /// The file's characters from the first quote (or letter, or `|`) to the last.
  package var raw: String
  package var position: SourcePosition
  /// Where `raw` lies in the file's bytes, behind a byte order mark.
  var bytes = 0..<0

  package init(text: String, style: Style, raw: String, position: SourcePosition) {
    self.text = text
    self.style = style
    self.raw = raw
    self.position = position
  }

  package var quoted: Bool { style != .plain }

  /// At most forty characters on one line.
  package var shortened: String {
    let line = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)[0]
    return line.count > 40 || line.count < text.count ? "\(line.prefix(40))…" : text
  }
}
