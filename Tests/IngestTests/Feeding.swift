import Events
import Ingest
import Log
import TestSupport
import Testing

/// A record as tests write it.
struct Given {
  var key: [UInt8]?
  var value: [UInt8]?
  var headers: [(String, [UInt8]?)] = []
  init(_ value: String?, key: String? = nil, headers: [(String, String)] = []) {
    self.value = value.map { Array($0.utf8) }
    self.key = key.map { Array($0.utf8) }
    self.headers = headers.map { ($0.0, Array($0.1.utf8)) }
  }
  init(bytes: [UInt8]) { value = bytes }

  /// Behind other bytes, as in a batch.
  func placed(in bytes: inout [UInt8]) -> SourceRecord {
    func put(_ part: [UInt8]) -> Range<Int> {
      bytes.append(contentsOf: part)
      return (bytes.count - part.count)..<bytes.count
    }
    return SourceRecord(
      key: key.map(put), value: value.map(put),
      headers: headers.map { .init(name: put(Array($0.0.utf8)), value: $0.1.map(put)) })
  }
}

/// What became of a record, with the journal record if there is one.
struct Outcome: Equatable {
  var verdict: Verdict
  var type = ""
  var id = ""
  var customer = ""
  var source = ""
  var time: Int64 = 0
  /// The journal's payload and the data in it.
  var payload = ""
  var data = ""
  var reason: Rejection.Reason? {
    if case .rejected(let rejection) = verdict { return rejection.reason }
    return nil
  }
}

func convert(
  _ given: Given, _ settings: SourceSettings, appended: Int64? = nil
) throws -> Outcome {
  var bytes = Array("\"{[".utf8)
  let record = given.placed(in: &bytes)
  var converter = SourceConverter(settings)
  let verdict = converter.convert(bytes.span, record, appended: appended)
  var outcome = Outcome(verdict: verdict)
  let payload =
    converter.draft.isRewritten ? converter.draft.rewritten : given.value ?? []
  outcome.type = String(decoding: converter.draft.type, as: UTF8.self)
  outcome.id = String(decoding: converter.draft.id, as: UTF8.self)
  outcome.customer = String(decoding: converter.draft.customer, as: UTF8.self)
  outcome.source = String(decoding: converter.draft.source, as: UTF8.self)
  outcome.time = converter.draft.time.milliseconds
  outcome.payload = String(decoding: payload, as: UTF8.self)
  outcome.data = String(decoding: payload[converter.draft.data], as: UTF8.self)
  guard case .event = verdict else { return outcome }
  var out: [UInt8] = [1, 2, 3]
  converter.append(bytes.span, record, partition: 7, offset: 42, to: &out)
  let view = try JournalView(out.span, 3..<out.count)
  #expect(Array(out[view.data]) == Array(payload[converter.draft.data]))
  var wanted: [UInt8] = []
  JournalRecord(
    kind: .event, time: converter.draft.time,
    origin: .init(name: Array(settings.name.utf8), partition: 7, offset: 42),
    source: converter.draft.source, type: converter.draft.type, id: converter.draft.id,
    customer: converter.draft.customer, payload: payload, data: converter.draft.data,
    delay: UInt32(settings.outOfOrderMs)
  ).encode(into: &wanted)
  #expect(Array(out[3...]) == wanted, "one layout, two writers")
  return outcome
}

extension JsonTree {
  /// The tree as JSON text.
  var text: String {
    func quoted(_ text: String) -> String {
      var out = "\""
      for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": out += "\\\(scalar)"
        case _ where scalar.value < 0x20:
          let hex = String(scalar.value, radix: 16)
          out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: out.unicodeScalars.append(scalar)
        }
      }
      return out + "\""
    }
    switch self {
    case .null: return "null"
    case .bool(let value): return "\(value)"
    case .int(let value): return "\(value)"
    case .uint(let value): return "\(value)"
    case .double(let value): return "\(value)"
    case .string(let value): return quoted(value)
    case .array(let items): return "[" + items.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      return "{" + members.map { quoted($0.name) + ":" + $0.value.text }.joined(separator: ",")
        + "}"
    }
  }
  var items: [JsonTree] {
    if case .array(let items) = self { return items }
    return []
  }
  var members: [Member] {
    if case .object(let members) = self { return members }
    return []
  }
}

/// A file of cases from the shared folder; nil, after a line that says so, if it is not there.
func cases(_ path: String) throws -> JsonTree? {
  guard let file = shared("conformance/" + path, for: path) else { return nil }
  return try JsonTree.parse(fileText(file))
}
