internal import Log
package import Yaml

extension SourceSettings {
  /// Reads the mapping under `sources`. What is wrong is reported; the result is of use only if
  /// nothing was.
  ///
  ///     sources:
  ///       crm:
  ///         topic: crm.events        # the source's name, if left out
  ///         format: json             # json | cloudevents | segment
  ///         out_of_order: 10m
  ///         idle: 30s
  ///         map:
  ///           id: { hash_of: [user.id, at, what] }    # or a path: event_id
  ///           type: what                              # or a constant: =login
  ///           time: { path: at, format: dd/MM/yyyy HH:mm, zone: Europe/London }
  ///           customer: user.id                       # or the record's key: "@key"
  ///           data: details                           # the whole document, if left out
  ///           skip: [{ path: user.id, blank: true }]
  package static func parse(
    _ node: YamlNode, _ diagnostics: Diagnostics,
    zone: (String) -> ZoneClock? = { ZoneClock.named($0) }
  ) -> [SourceSettings] {
    guard let entries = node.entries else {
      diagnostics.report(
        node.start, "\"sources\" must be a mapping of names, and this is \(node.shape)")
      return []
    }
    if entries.isEmpty { diagnostics.report(node.start, "\"sources\" names no source") }
    var sources: [SourceSettings] = []
    for entry in entries where !diagnostics.tolerated.contains(entry.key.text) {
      let name = entry.key.text
      if name.isEmpty || name.utf8.count > 256 {
        diagnostics.report(entry.key.position, "a source's name has 1 to 256 bytes")
      }
      guard let source = one(name, entry.value, diagnostics, zone) else { continue }
      if let other = sources.first(where: { $0.topic == source.topic }) {
        diagnostics.report(
          entry.key.position,
          "the sources \"\(other.name)\" and \"\(name)\" read the same topic \"\(source.topic)\"",
          hint: "a topic belongs to one source")
      }
      sources.append(source)
    }
    return sources
  }

  private static func one(
    _ name: String, _ node: YamlNode, _ diagnostics: Diagnostics,
    _ zone: (String) -> ZoneClock?
  ) -> SourceSettings? {
    let reader = YamlReader(node, "the source \"\(name)\"", diagnostics)
    guard reader.isMapping else { return nil }
    let topic = reader.has("topic") ? reader.string("topic") : name
    let format = format(reader, diagnostics, zone)
    let outOfOrder = reader.duration("out_of_order", atLeast: 0)
    // The journal's envelope holds it in 32 bits.
    let longest: Int64 = 30 * 86_400_000
    if let outOfOrder, outOfOrder > longest {
      reader.report(
        reader.position(of: "out_of_order"),
        "\"out_of_order\" of the source \"\(name)\" must be at most \(durationText(longest))")
    }
    let idle = reader.duration("idle")
    reader.finish(instead: ["mapping": "did you mean \"map\"?"])
    guard let topic, let format else { return nil }
    if topic.hasPrefix("kairos.") || TopicContract.of(topic) != nil {
      diagnostics.report(
        reader.node("topic")?.start ?? reader.position,
        "the source \"\(name)\" reads \"\(topic)\", which Kairos itself writes",
        hint: "name the topic that the source's producers write to")
    }
    return SourceSettings(
      name: name, topic: topic, format: format, outOfOrderMs: outOfOrder ?? 0,
      idleMs: idle ?? 30_000)
  }

  private static func format(
    _ reader: YamlReader, _ diagnostics: Diagnostics, _ zone: (String) -> ZoneClock?
  ) -> Format? {
    let word =
      reader.has("format")
      ? reader.word("format", of: ["json", "cloudevents", "segment"]) : "json"
    let map = reader.mapping("map")
    defer { map?.finish() }
    switch word {
    case "cloudevents":
      guard let map, map.has("customer") else {
        return .cloudEvents(customer: .field(FieldPath(["subject"])))
      }
      return customer(map, diagnostics).map { .cloudEvents(customer: $0) }
    case "segment":
      guard let map, map.has("data") else { return .segment(wholeAsData: false) }
      guard let data = map.text("data") else { return nil }
      if data.text != "$" {
        diagnostics.report(
          data.position, "\"data\" of a segment source is properties or traits, as each call has",
          hint: "leave it out, or write $ for the whole message")
      }
      return .segment(wholeAsData: true)
    case "json":
      guard let map else { return .json(.plain) }
      return mapping(map, diagnostics, zone).map { .json($0) }
    default:
      return nil
    }
  }

  private static func mapping(
    _ map: YamlReader, _ diagnostics: Diagnostics, _ zone: (String) -> ZoneClock?
  ) -> JsonMapping? {
    let id = id(map, diagnostics)
    let source = map.has("source") ? path(map.node("source"), "\"source\"", diagnostics) : nil
    let type = type(map, diagnostics)
    let time = time(map, diagnostics, zone)
    let customer = customer(map, diagnostics)
    let data =
      map.has("data") ? path(map.node("data"), "\"data\"", diagnostics) : FieldPath.document
    let skips = map.list("skip").compactMap { skip($0, diagnostics) }
    guard let id, let type, let time, let customer, let data else { return nil }
    return JsonMapping(
      id: id, source: source, type: type, time: time.path, timeFormat: time.format,
      zone: time.zone, customer: customer, data: data, skip: skips)
  }

  private static func path(
    _ node: YamlNode?, _ what: String, _ diagnostics: Diagnostics
  ) -> FieldPath? {
    guard let node, let text = diagnostics.text(node, what) else { return nil }
    guard let path = FieldPath(parsing: text.text) else {
      diagnostics.report(
        text.position, "\(what) is not a path: \"\(text.shortened)\"",
        hint: "write names with dots between, as in user.id, or $ for the whole document")
      return nil
    }
    return path
  }

  private static func id(_ map: YamlReader, _ diagnostics: Diagnostics) -> JsonMapping.Id? {
    let hint = "name the field, or write { hash_of: [a, b] } for a source that has no ids"
    guard let node = map.node("id", required: true, hint: hint) else { return nil }
    if node.scalar != nil {
      return path(node, "\"id\"", diagnostics).map { .field($0) }
    }
    let reader = YamlReader(node, "\"id\"", diagnostics)
    guard reader.isMapping else { return nil }
    let list = reader.node("hash_of", required: true, hint: hint)
    reader.finish(instead: ["hash": "did you mean \"hash_of\"?"])
    guard let list, let items = diagnostics.items(list, "\"hash_of\"") else { return nil }
    var paths: [FieldPath] = []
    for item in items {
      guard let path = path(item, "a field of \"hash_of\"", diagnostics) else { return nil }
      if paths.contains(path) {
        diagnostics.report(item.start, "\"\(path)\" stands twice in \"hash_of\"")
      } else {
        paths.append(path)
      }
    }
    return .hash(paths)
  }

  private static func type(_ map: YamlReader, _ diagnostics: Diagnostics) -> JsonMapping.Text? {
    let hint = "name the field, or write =login for a source with one type of events"
    guard let text = map.text("type", required: true, hint: hint) else { return nil }
    if text.text.hasPrefix("=") {
      let constant = String(text.text.dropFirst())
      if constant.isEmpty || constant.utf8.count > StrictRule.typeBytes {
        diagnostics.report(
          text.position, "an event's type has 1 to \(StrictRule.typeBytes) bytes")
      }
      return .constant(constant)
    }
    return path(map.node("type"), "\"type\"", diagnostics).map { .field($0) }
  }

  private static func customer(
    _ map: YamlReader, _ diagnostics: Diagnostics
  ) -> JsonMapping.Customer? {
    let hint = "name the field that tells customers apart, or write \"@key\" for the record's key"
    guard let node = map.node("customer", required: true, hint: hint) else { return nil }
    if node.scalar?.text == "@key" { return .key }
    return path(node, "\"customer\"", diagnostics).map { .field($0) }
  }

  private static func skip(_ node: YamlNode, _ diagnostics: Diagnostics) -> JsonMapping.Skip? {
    let reader = YamlReader(node, "a rule of \"skip\"", diagnostics)
    guard reader.isMapping else { return nil }
    let path = path(reader.node("path", required: true), "\"path\"", diagnostics)
    let equals = reader.has("equals") ? reader.text("equals") : nil
    let blank = reader.has("blank") ? reader.bool("blank") : nil
    reader.finish()
    guard let path else { return nil }
    if let equals, blank == nil { return JsonMapping.Skip(path: path, test: .equals(equals.text)) }
    if blank == true, equals == nil { return JsonMapping.Skip(path: path, test: .blank) }
    reader.report(
      reader.position, "a rule of \"skip\" says either \"blank: true\" or \"equals: …\"")
    return nil
  }

  private static func time(
    _ map: YamlReader, _ diagnostics: Diagnostics, _ zone: (String) -> ZoneClock?
  ) -> (path: FieldPath, format: TimeFormat, zone: ZoneClock)? {
    guard let node = map.node("time", required: true, hint: "name the field") else { return nil }
    if node.scalar != nil {
      return path(node, "\"time\"", diagnostics).map { ($0, .plain, .utc) }
    }
    let reader = YamlReader(node, "\"time\"", diagnostics)
    guard reader.isMapping else { return nil }
    let path = path(reader.node("path", required: true), "\"path\" of \"time\"", diagnostics)
    let format = reader.has("format") ? timeFormat(reader, diagnostics) : .plain
    var clock: ZoneClock?
    if let name = reader.has("zone") ? reader.text("zone") : nil {
      clock = zone(name.text)
      if clock == nil {
        diagnostics.report(
          name.position, "there is no time zone \"\(name.shortened)\"",
          hint: "write a name of the IANA database, as in Europe/Berlin")
      }
      if case .pattern(let pattern)? = format, pattern.hasOffset {
        diagnostics.report(name.position, "the pattern's X already tells the zone")
      } else if case .pattern? = format {
      } else {
        diagnostics.report(name.position, "only a pattern needs a zone: these times tell their own")
      }
    } else if case .pattern(let pattern)? = format, !pattern.hasOffset, !reader.has("zone") {
      reader.report(
        reader.position, "\"time\" has no \"zone\", and the pattern does not tell it",
        hint: "write zone: UTC, or the zone of the clock that wrote these times")
    }
    reader.finish()
    guard let path, let format else { return nil }
    return (path, format, clock ?? .utc)
  }

  private static func timeFormat(
    _ reader: YamlReader, _ diagnostics: Diagnostics
  ) -> TimeFormat? {
    guard let text = reader.text("format") else { return nil }
    switch text.text {
    case "rfc3339": return .rfc3339
    case "epoch_ms": return .epochMs
    case "epoch_s": return .epochS
    default: break
    }
    do throws(TimePattern.Mistake) {
      return .pattern(try TimePattern(text.text))
    } catch {
      let words = ["rfc3339", "epoch_ms", "epoch_s"]
      diagnostics.report(
        text.position, "\"\(text.shortened)\" is no format of times: \(error.message)",
        hint: suggestion(for: text.text, of: words)
          ?? "write rfc3339, epoch_ms, epoch_s, or a pattern as dd/MM/yyyy HH:mm")
      return nil
    }
  }
}
