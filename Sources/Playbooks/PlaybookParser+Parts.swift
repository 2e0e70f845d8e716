import Cel
import Yaml

/// The small parts that recur everywhere.
extension PlaybookParser {
  func cel(_ reader: YamlReader, _ key: String) -> CelText? {
    guard let node = reader.node(key) else { return nil }
    return cel(node, "\"\(key)\" of \(reader.what)")
  }

  func cel(_ node: YamlNode, _ what: String) -> CelText? {
    guard node.items == nil, node.entries == nil else {
      diagnostics.report(
        node.start, "\(what) must be an expression, and this is \(node.shape)",
        hint: "put an expression that starts with [ or { into quotes")
      return nil
    }
    guard let scalar = diagnostics.text(node, what) else { return nil }
    guard scalar.text.contains(where: { !$0.isWhitespace }) else {
      diagnostics.report(node.start, "\(what) is an empty expression")
      return nil
    }
    guard scalar.text.utf8.count <= Self.maxExpression else {
      diagnostics.report(
        node.start, "\(what) has more than \(Self.maxExpression) bytes",
        hint: "compute parts of it in \"value\" features")
      return nil
    }
    let cel = CelText(scalar)
    if let mistake = cel.mistake {
      diagnostics.report(cel.position(ofByte: mistake.offset), mistake.message)
    }
    return cel
  }

  /// One type, a list of types, or `any`.
  func eventTypes(_ node: YamlNode, _ what: String) -> EventTypes? {
    let items = diagnostics.list(node)
    if items.isEmpty {
      diagnostics.report(node.start, "\(what) is an empty list", hint: "name an event type")
      return nil
    }
    var names: [String] = []
    for item in items {
      guard let name = diagnostics.name(item, "the event type in \(what)") else { return nil }
      if names.contains(name) {
        diagnostics.report(item.start, "the event type \"\(name)\" stands here twice")
      }
      names.append(name)
    }
    guard names.contains("any") else {
      return EventTypes(isAny: false, names: names, position: items[0].start)
    }
    if names.count > 1 {
      diagnostics.report(
        node.start, "\"any\" already means every event type", hint: "leave the others away")
    }
    return EventTypes(isAny: true, names: [], position: node.start)
  }

  func eventTypes(
    _ reader: YamlReader, _ key: String, required: Bool = true, hint: String? = nil
  ) -> EventTypes? {
    reader.node(key, required: required, hint: hint).flatMap {
      eventTypes($0, "\"\(key)\" of \(reader.what)")
    }
  }

  /// `data.amount`, or one of the event's own fields.
  func fieldPath(_ node: YamlNode, _ what: String) -> FieldPath? {
    guard let scalar = diagnostics.text(node, what) else { return nil }
    let segments = scalar.text.split(separator: ".", omittingEmptySubsequences: false)
    let own = ["type", "id", "source", "customer"]
    let isData = segments.first == "data" && segments.count > 1
    guard isData || own.contains(scalar.text), segments.allSatisfy({ !$0.isEmpty }) else {
      let hint =
        segments.first == "data" || scalar.text.isEmpty || scalar.text.contains(" ")
        ? "write it as data.amount" : "did you mean \"data.\(scalar.text)\"?"
      diagnostics.report(
        node.start, "\(what) must name a field of the event, and this is \(node.shape)",
        hint: hint)
      return nil
    }
    return FieldPath(
      text: scalar.text, segments: segments.map(String.init), position: node.start)
  }

  /// A default: of `type`, or of the type that it looks like.
  func literal(_ node: YamlNode, _ what: String, _ type: ValueType?) -> Literal? {
    switch type {
    case .string: return diagnostics.text(node, what).map { .string($0.text) }
    case .int: return diagnostics.int(node, what).map { .int($0) }
    case .double: return diagnostics.double(node, what).map { .double($0) }
    case .bool: return diagnostics.bool(node, what).map { .bool($0) }
    case nil: break
    }
    guard let scalar = diagnostics.text(node, what) else { return nil }
    if !scalar.quoted, scalar.text == "true" || scalar.text == "false" {
      return .bool(scalar.text == "true")
    }
    if !scalar.quoted, isDecimal(scalar.text, fraction: true) {
      return diagnostics.double(node, what).map { .double($0) }
    }
    return .string(scalar.text)
  }

  /// `reason: a text`, or `reason: { code, text, talking_point }`.
  func reason(_ node: YamlNode, _ what: String) -> ReasonText? {
    if node.scalar != nil {
      return diagnostics.text(node, what).map {
        ReasonText(code: nil, text: $0.text, talkingPoint: nil, position: node.start)
      }
    }
    let reader = YamlReader(node, what, diagnostics)
    guard reader.isMapping else { return nil }
    let reason = ReasonText(
      code: reader.string("code"), text: reader.string("text"),
      talkingPoint: reader.string("talking_point"), position: node.start)
    reader.finish()
    return reason
  }

  func reason(_ reader: YamlReader) -> ReasonText? {
    reader.node("reason").flatMap { reason($0, "\"reason\" of \(reader.what)") }
  }

  /// `{ on, where }` of the reader's mapping.
  func pattern(_ reader: YamlReader, on key: String = "on") -> EventPattern? {
    let condition = cel(reader, "where")
    guard let types = eventTypes(reader, key) else { return nil }
    return EventPattern(on: types, where: condition, position: reader.position)
  }

  /// How many of `keys` are there; reports none and more than one.
  func exactlyOne(_ reader: YamlReader, of keys: [String]) -> String? {
    let present = keys.filter(reader.mentions)
    if present.count == 1 { return present[0] }
    guard reader.isMapping else { return nil }
    if present.isEmpty {
      let unknown = (reader.node.entries ?? []).map(\.key.text)
      let near = unknown.compactMap { suggestion(for: $0, of: keys) }.first
      diagnostics.report(
        reader.position, "\(reader.what) needs one of \(enumeration(keys))", hint: near)
    } else {
      diagnostics.report(
        reader.position(of: present[1]),
        "\(reader.what) has both \"\(present[0])\" and \"\(present[1])\"", hint: "keep one")
      for key in present { _ = reader.has(key) }
    }
    return present.first
  }
}
