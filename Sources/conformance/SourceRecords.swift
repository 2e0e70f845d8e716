internal import Events
internal import Foundation
internal import Ingest

// A source's record through the converter that a running engine would give it to.

/// A record as cases write it.
struct GivenRecord {
  var value: [UInt8]?
  var key: [UInt8]?
  var headers: [(name: [UInt8], value: [UInt8])] = []

  init(_ value: [UInt8]?) { self.value = value }

  func converted(_ settings: SourceSettings) -> ConvertedRecord {
    var bytes: [UInt8] = []
    func put(_ part: [UInt8]) -> Range<Int> {
      bytes.append(contentsOf: part)
      return (bytes.count - part.count)..<bytes.count
    }
    let record = SourceRecord(
      key: key.map(put), value: value.map(put),
      headers: headers.map { .init(name: put($0.name), value: put($0.value)) })
    // Whoever reads the bytes may look a little beyond them.
    bytes.append(contentsOf: repeatElement(0, count: 64))
    var converter = SourceConverter(settings)
    var rejection: Rejection?
    if case .rejected(let found) = converter.convert(bytes.span, record, appended: nil) {
      rejection = found
    }
    let payload = converter.draft.isRewritten ? converter.draft.rewritten : value ?? []
    return ConvertedRecord(
      rejection: rejection, type: String(decoding: converter.draft.type, as: UTF8.self),
      id: String(decoding: converter.draft.id, as: UTF8.self),
      customer: String(decoding: converter.draft.customer, as: UTF8.self),
      time: converter.draft.time, payload: payload, data: Array(payload[converter.draft.data]),
      isRewritten: converter.draft.isRewritten)
  }
}

struct ConvertedRecord {
  /// Nil: it has become an event.
  var rejection: Rejection?
  var type: String
  var id: String
  var customer: String
  var time: EventTime
  /// The document that the journal keeps, and the data in it.
  var payload: [UInt8]
  var data: [UInt8]
  /// The document was put together from headers and value.
  var isRewritten: Bool

  var refusal: String { rejection.map { "\($0.reason.rawValue): \($0.detail)" } ?? "taken" }
}
