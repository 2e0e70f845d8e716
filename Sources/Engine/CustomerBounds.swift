internal import Events

/// What one customer may take besides the streams that `customer_limit` bounds: state, and the time
/// that one event costs, stay bounded even if a customer is a program with a million events. None of
/// these bounds is met by what people do; whoever meets one is flagged, and decisions made for them
/// say `approximate` from then on.
enum CustomerBounds {
  /// Events that wait for their source's watermark or for a deadline; one more is dropped.
  static let waiting = 8192
  /// The bytes of their records, about.
  static let waitingBytes = 4 << 20
  /// Decisions that are deferred or wait for approval; one more is held back.
  static let pending = 1024
  /// Consents, by purpose and channel; and suppressed channels.
  static let permissions = 1024
  /// Spans of time that one `rises_by` looks back on; the earliest goes.
  static let spans = 4096
}

extension Shard {
  /// Some state has been given up: what is said of the customer is approximate from now on.
  mutating func flag(_ block: Words) {
    if block[Header.flags] & 1 != 0 { return }
    block[Header.flags] |= 1
    counts.limited += 1
  }
}
