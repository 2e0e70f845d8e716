internal import Decisions

extension Control {
  /// Of a record of the control topic, whose value stands alone. Nil: it is no control record that
  /// is known here.
  package init?(payload: [UInt8]) {
    let padded = payload + [UInt8](repeating: 0, count: 64)
    self.init(padded.span, 0..<payload.count)
  }

  /// The record's value, as JSON.
  package var payload: [UInt8] {
    var json = JsonWriter()
    json.beginObject()
    switch self {
    case .journal(let partitions, let semantics):
      json.string("control", "journal")
      json.int("partitions", Int64(partitions))
      json.int("semantics", Int64(semantics))
    case .book(let hash, let since):
      json.string("control", "book")
      json.string("book", hash)
      if let since { json.int("backfill_since", since) }
    case .semantics(let number):
      json.string("control", "semantics")
      json.int("number", Int64(number))
    case .incarnation(let source, let number):
      json.string("control", "incarnation")
      json.string("source", source)
      json.int("incarnation", Int64(number))
    case .activate(let hash):
      json.string("control", "activate")
      json.string("book", hash)
    }
    json.endObject()
    return json.bytes
  }
}
