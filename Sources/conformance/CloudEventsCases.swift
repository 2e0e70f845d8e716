internal import Events
internal import Foundation
internal import Ingest

// CloudEvents' own cases, through the converter of a CloudEvents source.

func runCloudEvents(_ path: String) throws -> [CaseResult] {
  let file = try jsonFile(path)
  if let list = file.array {
    return list.map { item in
      CaseResult(item["id"]?.string ?? "?") { try checkListed(item) }
    }
  }
  guard let tests = file["tests"]?.array, let kind = file["testType"]?.string else {
    if file["events"] != nil, file["batches"] != nil {
      return [
        CaseResult("samples") { throw NotApplicable("the samples that other files' cases name") }
      ]
    }
    throw CaseError("neither a list of cases nor one of the test types")
  }
  let samples = kind == "ValidSingleEvent" ? try samples(beside: path) : .null
  return tests.map { item in
    CaseResult(item["id"]?.string ?? "?") { try checkTest(item, samples) }
  }
}

private let settings = SourceSettings(
  name: "case", topic: "case", format: .cloudEvents(customer: .field(FieldPath(["subject"]))))

/// `golden.json` in the same folder.
private func samples(beside path: String) throws -> JsonTree {
  let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
  return try jsonFile(folder + "/golden.json")["events"] ?? .null
}

private func structured(_ event: JsonTree) -> ConvertedRecord {
  var given = GivenRecord(event.text)
  given.headers = [
    (Array("content-type".utf8), Array("application/cloudevents+json".utf8))
  ]
  return given.converted(settings)
}

/// By CloudEvents' own rules: ours ask for a time and a customer besides.
private func isEvent(_ record: ConvertedRecord) -> Bool {
  [nil, .noTime, .noCustomer].contains(record.rejection?.reason)
}

private func checkTest(_ item: JsonTree, _ samples: JsonTree) throws -> String? {
  if item["batch"] != nil {
    throw NotApplicable("a batch in one record is refused, whatever it holds")
  }
  guard let event = item["event"] else { throw CaseError("the case has no event") }
  let record = structured(event)
  guard samples != .null else {
    return isEvent(record) ? "should be refused" : nil
  }
  guard isEvent(record) else { return "should be taken, but \(record.refusal)" }
  if item["sampleExtensionAttributes"] == .bool(true) {
    throw NotApplicable("the types of extensions are not read")
  }
  guard let sample = samples[item["sampleId"]?.string ?? ""] else {
    throw CaseError("the case's sample is not in golden.json")
  }
  return try compare(record, sample["attributes"]?.members ?? [], sample["data"])
}

private func checkListed(_ item: JsonTree) throws -> String? {
  if item["request"] != nil { throw NotApplicable("there is no source that listens on HTTP") }
  let expect = item["expect"] ?? .null
  let record: ConvertedRecord
  if let given = item["record"] {
    record = kafka(given).converted(settings)
  } else if let event = item["event"] {
    record = structured(event)
  } else {
    throw CaseError("the case has neither a record nor an event")
  }
  if expect["invalid"] == .bool(true) {
    return isEvent(record) ? "should be refused" : nil
  }
  guard isEvent(record) else { return "should be taken, but \(record.refusal)" }
  if let mode = expect["mode"]?.string, (mode == "binary") != record.isRewritten {
    return "should be in \(mode) mode"
  }
  let document = try JsonTree.parse(String(decoding: record.payload, as: UTF8.self))
  for name in expect["unset"]?.array ?? [] {
    if let value = document[name.string ?? ""], value != .null {
      return "\(name.string ?? "") should not be there"
    }
  }
  return try compare(record, expect["attributes"]?.members ?? [], expect["data"])
}

private func kafka(_ record: JsonTree) -> GivenRecord {
  var given = GivenRecord(record["value"]?.string.map { Array($0.utf8) })
  given.key = record["key"]?.string.map { Array($0.utf8) }
  given.headers = (record["headers"]?.array ?? []).map { header in
    let parts = (header.array ?? []).map { Array(($0.string ?? "").utf8) }
    return (parts.first ?? [], parts.count > 1 ? parts[1] : [])
  }
  return given
}

/// The journal's document against the attributes and the data that are expected; `data` nil: they
/// are not looked at.
private func compare(
  _ record: ConvertedRecord, _ attributes: [JsonTree.Member], _ data: JsonTree?
) throws -> String? {
  let document = try JsonTree.parse(String(decoding: record.payload, as: UTF8.self))
  for attribute in attributes {
    let wanted = attribute.value.members?.first?.value ?? attribute.value
    guard let given = document[attribute.name] else { return "\(attribute.name) is missing" }
    if attribute.name == "time" {
      let text = Array((wanted.string ?? "").utf8)
      guard let time = rfc3339Milliseconds(text.span, 0..<text.count) else {
        throw CaseError("the expected time is none")
      }
      if record.time.milliseconds != time { return "the time should be \(time)" }
    } else if given != wanted {
      return "\(attribute.name) should be \(show(wanted)), not \(show(given))"
    }
  }
  guard let data else { return nil }
  return try compareData(record, document, data)
}

private func compareData(
  _ record: ConvertedRecord, _ document: JsonTree, _ wanted: JsonTree
) throws -> String? {
  if wanted == .null {
    return record.data.isEmpty && document["data_base64"] == nil
      ? nil : "there should be no data"
  }
  if let base64 = wanted["binary"] {
    return record.data.isEmpty && document["data_base64"] == base64
      ? nil : "the data should be the bytes \(show(base64))"
  }
  guard let value = wanted["json"] ?? wanted["text"] else {
    throw CaseError("the expected data are not in the format")
  }
  if record.data.isEmpty { return "the data are missing" }
  let given = try JsonTree.parse(String(decoding: record.data, as: UTF8.self))
  return given == value ? nil : "the data should be \(show(value)), not \(show(given))"
}

private func show(_ tree: JsonTree) -> String { String(decoding: tree.text, as: UTF8.self) }
