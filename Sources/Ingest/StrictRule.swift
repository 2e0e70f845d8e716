package import Events

/// What every event must satisfy, whatever its source and whoever reads it: what is good does not
/// depend on any playbook.
package enum StrictRule {
  package static let idBytes = 1024
  package static let customerBytes = 512
  package static let typeBytes = 256
  package static let sourceBytes = 1024
  package static let payloadBytes = JsonReader.strictBytes
  /// Headers of one record.
  package static let headerCount = 128
  package static let headerBytes = 64 << 10
  /// How far an event's clock may be ahead of its append.
  package static let aheadMs: Int64 = 60_000
  /// 1971-01-01: before it are clocks that were never set.
  package static let earliestMs: Int64 = 31_536_000_000
  /// 2099-01-01.
  package static let latestMs: Int64 = 4_070_908_800_000

  static func check(time: EventTime, appended: Int64?) -> Rejection? {
    let ms = time.milliseconds
    if ms < earliestMs { return Rejection(.timeTooOld, "the time is before 1971 (\(ms) ms)") }
    if ms >= latestMs { return Rejection(.timeTooFar, "the time is after 2098 (\(ms) ms)") }
    if let appended, ms - appended > aheadMs {
      return Rejection(
        .timeInFuture, "the time is \((ms - appended) / 1000) s ahead of the record's append")
    }
    return nil
  }

  static func check(_ draft: borrowing EventDraft, appended: Int64?) -> Rejection? {
    if draft.id.isEmpty { return Rejection(.noId, "the event has no id") }
    if draft.id.count > idBytes {
      return Rejection(.badId, "the id has \(draft.id.count) bytes, more than \(idBytes)")
    }
    if draft.customer.isEmpty { return Rejection(.noCustomer, "the event names no customer") }
    if draft.customer.count > customerBytes {
      return Rejection(
        .badCustomer,
        "the customer's id has \(draft.customer.count) bytes, more than \(customerBytes)")
    }
    if draft.type.isEmpty { return Rejection(.noType, "the event has no type") }
    if draft.type.count > typeBytes {
      return Rejection(.badType, "the type has \(draft.type.count) bytes, more than \(typeBytes)")
    }
    if draft.source.count > sourceBytes {
      return Rejection(
        .badSource, "the source has \(draft.source.count) bytes, more than \(sourceBytes)")
    }
    return check(time: draft.time, appended: appended)
  }

  static func rejection(_ fault: JsonFault) -> Rejection {
    let place = "at byte \(fault.offset)"
    switch fault.reason {
    case .empty: return Rejection(.notJson, "the record is empty")
    case .notUtf8: return Rejection(.badEncoding, "the record is not UTF-8")
    case .syntax: return Rejection(.notJson, "the record is not JSON, \(place)")
    case .badText:
      return Rejection(.notJson, "a text has a bad escape or a control character, \(place)")
    case .numberOutOfRange: return Rejection(.numberOutOfRange, "a number is too large, \(place)")
    case .tooDeep:
      return Rejection(.tooDeep, "the record is nested deeper than \(JsonReader.strictDepth)")
    case .tooLarge: return Rejection(.tooLarge, "the record is longer than \(payloadBytes) bytes")
    case .memory: return Rejection(.tooLarge, "there was no memory to parse the record")
    }
  }
}

/// A person's wish to be forgotten: an event of this type, from whatever source and format.
let erasureType = "privacy.erase"

/// An event on its way from a source's record to the journal: its texts in buffers that are used
/// again for the next.
package struct EventDraft: ~Copyable {
  package var time = EventTime.never
  package var source: [UInt8] = []
  package var type: [UInt8] = []
  package var id: [UInt8] = []
  package var customer: [UInt8] = []
  /// What the journal keeps where that is not the record's value itself.
  package var rewritten: [UInt8] = []
  package var isRewritten = false
  /// In the payload, be it the record's value or `rewritten`. Empty: there is none.
  package var data: Range<Int> = 0..<0

  package init() {}

  /// The event asks that its customer be forgotten.
  package var isErasure: Bool { type.elementsEqual(erasureType.utf8) }

  mutating func clear() {
    time = .never
    source.removeAll(keepingCapacity: true)
    type.removeAll(keepingCapacity: true)
    id.removeAll(keepingCapacity: true)
    customer.removeAll(keepingCapacity: true)
    rewritten.removeAll(keepingCapacity: true)
    isRewritten = false
    data = 0..<0
  }
}

/// One record of a source, as places in its batch's bytes.
package struct SourceRecord: Sendable {
  package struct Header: Sendable {
    package var name: Range<Int>
    package var value: Range<Int>?
    package init(name: Range<Int>, value: Range<Int>?) {
      self.name = name
      self.value = value
    }
  }
  package var key: Range<Int>?
  package var value: Range<Int>?
  package var headers: [Header]
  package init(key: Range<Int>? = nil, value: Range<Int>?, headers: [Header] = []) {
    self.key = key
    self.value = value
    self.headers = headers
  }
}

/// What became of a record.
package enum Verdict: Equatable, Sendable {
  /// The draft holds the event.
  case event
  /// A `skip` rule says that it is nobody's.
  case skipped
  case rejected(Rejection)
}
