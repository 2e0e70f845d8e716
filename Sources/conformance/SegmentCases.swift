internal import Events
internal import Ingest

// Messages in the shapes of Segment's calls, through the converter of a Segment source.

func runSegment(_ path: String) throws -> [CaseResult] {
  let file = try jsonFile(path)
  if let cases = file["clock_skew"]?["cases"]?.array {
    return cases.map { item in
      CaseResult(item["name"]?.string ?? "?") { try checkTime() }
    }
  }
  guard let valid = file["valid"]?.array, let invalid = file["invalid"]?.array else {
    throw CaseError("neither calls nor the fields that all calls share")
  }
  let call = file["type"]?.string ?? "batch"
  return valid.map { item in
    CaseResult("\(call): \(item["name"]?.string ?? "?")") { try checkValid(item, call) }
  }
    + invalid.map { item in
      CaseResult("\(call): \(item["name"]?.string ?? "?")") { try checkInvalid(item) }
    }
}

private let settings = SourceSettings(
  name: "case", topic: "case", format: .segment(wholeAsData: false))

private func message(_ item: JsonTree) throws -> JsonTree {
  guard let message = item["message"] else { throw CaseError("the case has no message") }
  if message["batch"] != nil {
    throw NotApplicable("a batch in one record is refused, whatever it holds")
  }
  return message
}

/// Of a message as a library sends it Segment itself fills in time and id; without them it is a
/// call, but cannot be an event.
private let bare: [Rejection.Reason?] = [nil, .noTime, .noId]

private func checkValid(_ item: JsonTree, _ call: String) throws -> String? {
  let message = try message(item)
  let record = GivenRecord(message.text).converted(settings)
  guard bare.contains(record.rejection?.reason) else {
    return "should be taken, but \(record.refusal)"
  }
  if record.rejection == nil, message["timestamp"] == nil, message["receivedAt"] == nil {
    return "should have no time"
  }
  if record.rejection?.reason == .noId, message["messageId"] != nil { return record.refusal }
  if record.rejection?.reason == .noTime,
    message["timestamp"] != nil || message["receivedAt"] != nil
  {
    return record.refusal
  }
  let type = call == "track" ? message["event"]?.string ?? "" : call
  if record.type != type { return "the type should be \(type), not \(record.type)" }
  let customer = message["userId"]?.string ?? message["anonymousId"]?.string ?? ""
  if record.customer != customer { return "should be \(customer)'s, not \(record.customer)'s" }
  return try checkBody(message, call, record)
}

private func checkBody(
  _ message: JsonTree, _ call: String, _ record: ConvertedRecord
) throws -> String? {
  let wanted =
    switch call {
    case "alias": message
    case "identify", "group": message["traits"] ?? .null
    default: message["properties"] ?? .null
    }
  if record.data.isEmpty { return wanted == .null ? nil : "the data are missing" }
  let given = try JsonTree.parse(String(decoding: record.data, as: UTF8.self))
  return given == wanted ? nil : "the data should be the call's properties or traits"
}

private func checkInvalid(_ item: JsonTree) throws -> String? {
  let record = GivenRecord(try message(item).text).converted(settings)
  return bare.contains(record.rejection?.reason) ? "should be refused" : nil
}

/// What Segment's server makes of the three times of a sender; the engine reads what the server
/// wrote.
private func checkTime() throws -> String? {
  throw NotApplicable("clocks are corrected by Segment's server: \"timestamp\" is read as it is")
}
