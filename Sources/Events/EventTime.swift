/// Milliseconds since 1970-01-01T00:00:00Z.
package struct EventTime: Hashable, Comparable, Sendable {
  package var milliseconds: Int64
  package init(milliseconds: Int64) { self.milliseconds = milliseconds }
  package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }

  /// Before every event.
  package static let never = EventTime(milliseconds: .min)
  /// After every event: the watermark at the end of an archive.
  package static let end = EventTime(milliseconds: .max)
}
