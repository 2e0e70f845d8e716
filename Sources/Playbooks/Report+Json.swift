package import Decisions
package import Yaml

extension BookReport {
  /// Appends the report as the members of the object that is open.
  package func write(to json: inout JsonWriter) {
    json.string("hash", hash)
    json.beginArray("playbooks")
    for part in parts {
      json.beginObject()
      part.write(to: &json)
      json.endObject()
    }
    json.endArray()
    json.beginArray("reads")
    for read in reads {
      json.beginObject()
      json.string("type", read.type)
      json.strings("fields", read.fields)
      json.endObject()
    }
    json.endArray()
    json.beginArray("memory")
    for part in memory {
      json.beginObject()
      json.string("what", part.what)
      json.string("text", part.text)
      json.int("bytesMax", Int64(part.bytesMax))
      json.int("bytesTypical", Int64(part.bytesTypical))
      json.endObject()
    }
    json.endArray()
    json.diagnostics("warnings", warnings)
  }
}

extension BookReport.Part {
  fileprivate func write(to json: inout JsonWriter) {
    json.string("name", name)
    json.string("file", file)
    json.string("version", version)
    json.string("timezone", timezone)
    json.objects("facts", facts) { fact, json in
      json.string("name", fact.name)
      json.string("type", fact.type)
      json.string("text", fact.text)
      json.string("default", fact.fallback)
    }
    json.objects("features", features) { feature, json in
      json.string("name", feature.name)
      json.string("text", feature.text)
      if !feature.window.isEmpty { json.string("window", feature.window) }
      if let stream = feature.stream { json.int("stream", Int64(stream)) }
      json.strings("sharedWith", feature.sharedWith)
      json.strings("standsOn", feature.standsOn)
    }
    json.objects("scores", scores) { score, json in
      json.string("name", score.name)
      json.string("text", score.text)
      json.double("least", score.least)
      json.double("greatest", score.greatest)
    }
    json.objects("moments", moments) { moment, json in
      json.string("name", moment.name)
      json.string("text", moment.text)
      json.strings("states", moment.states)
      if let most = moment.partialsMax { json.int("partialsMax", Int64(most)) }
      if let bytes = moment.bytesMax { json.int("bytesMax", Int64(bytes)) }
    }
    json.objects("windows", windows) { window, json in
      json.string("name", window.name)
      json.string("text", window.text)
      if let cancel = window.cancelledBy { json.string("cancelledBy", cancel) }
    }
    json.objects("decisions", decisions) { decision, json in
      json.string("name", decision.name)
      json.string("when", decision.trigger)
      if let condition = decision.condition { json.string("if", condition) }
      json.string("topic", decision.topic)
      json.string("do", decision.action)
      json.objects("checks", decision.checks) { check, json in
        json.string("check", check.name)
        json.string("text", check.text)
      }
    }
  }
}

extension JsonWriter {
  fileprivate mutating func strings(_ name: String, _ values: [String]) {
    beginArray(name)
    for value in values { string(nil, value) }
    endArray()
  }

  fileprivate mutating func objects<Element>(
    _ name: String, _ elements: [Element], _ body: (Element, inout JsonWriter) -> Void
  ) {
    beginArray(name)
    for element in elements {
      beginObject()
      body(element, &self)
      endObject()
    }
    endArray()
  }

  /// Findings with their places, as editors want them.
  package mutating func diagnostics(_ name: String, _ diagnostics: [Diagnostic]) {
    objects(name, diagnostics) { diagnostic, json in
      json.string("file", diagnostic.file)
      json.int("line", Int64(diagnostic.line))
      json.int("column", Int64(diagnostic.column))
      json.string("message", diagnostic.message)
      if let hint = diagnostic.hint { json.string("hint", hint) }
    }
  }
}
