internal import Glibc

/// Writes events of one source partition: what their journal records have in common is laid out
/// once. The same bytes as `JournalRecord.encode`.
package struct JournalTemplate: Sendable {
  /// How many bytes behind a text may be read, and behind a record be written.
  package static let slack = 32

  /// One event, as places in a text.
  package struct Event {
    package var time: Int64 = .min
    /// In the source partition.
    package var offset: Int64 = 0
    /// Nothing: the template's own.
    package var source = JsonPlace()
    package var type = JsonPlace()
    package var id = JsonPlace()
    package var customer = JsonPlace()
    package var payload = 0..<0
    /// Within the payload; nothing: there is none.
    package var data = JsonPlace()
    package init() {}
  }

  /// Bytes with `slack` more behind them.
  private struct Constant {
    let count: Int
    let bytes: [UInt8]
    init(_ text: [UInt8]) {
      count = text.count
      bytes = text + [UInt8](repeating: 0, count: slack)
    }
  }

  /// Header and origin name.
  private let head: Constant
  private let source: Constant
  private let type: Constant

  /// `source` and `type` stand where an event names none.
  package init(origin: JournalRecord.Origin, source: [UInt8], type: [UInt8], delay: UInt32) {
    var bytes: [UInt8] = []
    JournalRecord(
      kind: .event, time: EventTime(milliseconds: 0), origin: origin, delay: delay
    ).encode(into: &bytes)
    head = Constant(bytes)
    self.source = Constant(source)
    self.type = Constant(type)
  }

  /// As much as the records of so many events can take at most whose payloads have `bytes` bytes
  /// together, each payload with the event's texts in it.
  package func sizeMost(events: Int, bytes: Int) -> Int {
    events * (head.count + source.count + type.count) + 5 * bytes
  }

  /// Writes an event's record at `place` of `out`, where there is room for it and for `slack` bytes;
  /// behind what the event names of `text` there are as many. Returns where the customer stands, and
  /// behind it the payload: the record's end.
  package func write(
    _ event: Event, of text: Span<UInt8>, to out: inout [UInt8], at place: Int
  ) -> Range<Int> {
    let sourceCount = event.source.isNothing ? source.count : event.source.count
    let typeCount = event.type.isNothing ? type.count : event.type.count
    let customer = place + head.count + sourceCount + typeCount + event.id.count
    let payload = customer + event.customer.count
    precondition(place >= 0 && payload + event.payload.count + Self.slack <= out.count)
    let last = max(
      max(event.payload.upperBound, event.id.end),
      max(event.customer.end, max(event.source.end, event.type.end)))
    precondition(last + Self.slack <= text.count && event.payload.lowerBound >= 0)
    unsafe text.withUnsafeBytes { text in
      unsafe out.withUnsafeMutableBytes { out in
        let text = text.baseAddress!
        let start = unsafe out.baseAddress! + place
        var to = unsafe start
        unsafe Self.copy(head, &to)
        if event.source.isNothing {
          unsafe Self.copy(source, &to)
        } else {
          unsafe Self.copy(text + event.source.start, event.source.count, &to)
        }
        if event.type.isNothing {
          unsafe Self.copy(type, &to)
        } else {
          unsafe Self.copy(text + event.type.start, event.type.count, &to)
        }
        unsafe Self.copy(text + event.id.start, event.id.count, &to)
        unsafe Self.copy(text + event.customer.start, event.customer.count, &to)
        unsafe memcpy(to, text + event.payload.lowerBound, event.payload.count)
        unsafe Self.fill(start, event, sourceCount, typeCount)
      }
    }
    return customer..<payload
  }

  /// What differs from header to header.
  @inline(__always)
  private static func fill(
    _ start: UnsafeMutableRawPointer, _ event: Event, _ sourceCount: Int, _ typeCount: Int
  ) {
    unsafe start.storeBytes(of: event.time.littleEndian, toByteOffset: 8, as: Int64.self)
    unsafe start.storeBytes(of: event.offset.littleEndian, toByteOffset: 16, as: Int64.self)
    let counts =
      UInt64(truncatingIfNeeded: sourceCount) | UInt64(truncatingIfNeeded: typeCount) << 16
      | UInt64(truncatingIfNeeded: event.id.count) << 32
      | UInt64(truncatingIfNeeded: event.customer.count) << 48
    unsafe start.storeBytes(of: counts.littleEndian, toByteOffset: 34, as: UInt64.self)
    let payload = UInt32(truncatingIfNeeded: event.payload.count)
    unsafe start.storeBytes(of: payload.littleEndian, toByteOffset: 44, as: UInt32.self)
    if event.data.isNothing { return }
    let data =
      UInt64(truncatingIfNeeded: event.data.start &- event.payload.lowerBound)
      | UInt64(truncatingIfNeeded: event.data.count) << 32
    unsafe start.storeBytes(of: data.littleEndian, toByteOffset: 48, as: UInt64.self)
  }

  @inline(__always)
  private static func copy(_ constant: Constant, _ to: inout UnsafeMutableRawPointer) {
    unsafe constant.bytes.withUnsafeBytes {
      unsafe copy($0.baseAddress!, constant.count, &to)
    }
  }

  /// Some bytes more than asked for, 32 at a time: texts are short.
  @inline(__always)
  private static func copy(
    _ from: UnsafeRawPointer, _ count: Int, _ to: inout UnsafeMutableRawPointer
  ) {
    var at = 0
    repeat {
      unsafe to.storeBytes(
        of: from.loadUnaligned(fromByteOffset: at, as: SIMD32<UInt8>.self), toByteOffset: at,
        as: SIMD32<UInt8>.self)
      at &+= slack
    } while at < count
    unsafe to += count
  }
}
