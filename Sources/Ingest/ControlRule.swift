internal import Events

/// What a record of the control topic must be before it is copied to every journal partition.
///
/// Orders of a kind that is not known here are a newer version's and are copied as they are. Those
/// that a journal partition gets only from its own head or its own fold are refused: in every
/// partition at once they would say something false.
struct ControlRule: ~Copyable {
  private enum Field: Int, CaseIterable {
    case control, book, backfillSince, number, source, incarnation
    var path: [String] { self == .backfillSince ? ["backfill_since"] : ["\(self)"] }
  }
  private var reader = JsonReader()
  private let plan: FieldPlan

  /// An order names things; it does not carry them.
  static let payloadBytes = 64 << 10

  init() { plan = reader.plan(Field.allCases.map(\.path)) }

  /// Nil: the record may be copied.
  mutating func check(_ bytes: Span<UInt8>, _ value: Range<Int>?) -> Rejection? {
    guard let value else { return Rejection(.control, "the record has no value") }
    guard value.count <= Self.payloadBytes else {
      return Rejection(
        .control, "the record has \(value.count) bytes, more than \(Self.payloadBytes)")
    }
    if let fault = reader.check(plan, bytes, value) {
      return Rejection(.control, StrictRule.rejection(fault).detail)
    }
    guard field(.control).kind == .string else {
      return Rejection(.control, "\"control\" is \(shape(field(.control))), not a text")
    }
    let kind = text(.control, bytes)
    let isWord = kind.utf8.allSatisfy { $0 == 0x5f || ($0 >= 0x61 && $0 <= 0x7a) }
    guard isWord, !kind.isEmpty, kind.utf8.count <= 64 else {
      return Rejection(.control, "\"control\" is no word of a to z and _")
    }
    return complaint(kind, bytes).map { Rejection(.control, "\"\(kind)\": \($0)") }
  }

  /// The order that a source's topic was made anew, if the payload is one.
  mutating func incarnation(
    _ bytes: Span<UInt8>, _ value: Range<Int>?
  ) -> (source: String, number: UInt32)? {
    guard check(bytes, value) == nil, text(.control, bytes) == "incarnation" else { return nil }
    return (text(.source, bytes), UInt32(field(.incarnation).int))
  }

  private func complaint(_ kind: String, _ bytes: Span<UInt8>) -> String? {
    switch kind {
    case "journal", "activate":
      return "a journal partition gets this from its own process, never from the control topic"
    case "book":
      guard isName(.book) else { return "\"book\" must be the book's hash" }
      let since = field(.backfillSince).kind
      return since == .missing || since == .int ? nil : "\"backfill_since\" must be milliseconds"
    case "semantics":
      return isNumber(.number) ? nil : "\"number\" must be a whole number from 1"
    case "incarnation":
      guard isName(.source) else { return "\"source\" must be a source's name" }
      return isNumber(.incarnation) ? nil : "\"incarnation\" must be a whole number from 1"
    default: return nil
    }
  }

  private func field(_ field: Field) -> JsonField { reader.field(field.rawValue) }
  private func text(_ field: Field, _ bytes: Span<UInt8>) -> String {
    reader.string(self.field(field), in: bytes)
  }
  private func isName(_ field: Field) -> Bool {
    self.field(field).kind == .string && !self.field(field).text.isEmpty
  }
  private func isNumber(_ field: Field) -> Bool {
    let found = self.field(field)
    return found.kind == .int && found.int >= 1 && found.int <= Int64(UInt32.max)
  }
}
