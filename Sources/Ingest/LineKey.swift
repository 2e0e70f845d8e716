internal import Events
package import Log

/// Picks a record's key out of a line's JSON.
package final class LineKey {
  private var reader = JsonReader(maxBytes: 2 << 20)
  private let plan: FieldPlan?

  /// `path`: the field, as `data.customer`; nil: lines have no key.
  package init(path: String?) throws(LogError) {
    guard let path else {
      plan = nil
      return
    }
    let names = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard !names.contains("") else {
      throw LogError(.stop, "\"\(path)\" is no field; write names with a dot between them")
    }
    plan = reader.plan([names])
  }

  /// Whether lines are asked for a key at all.
  package var isAsked: Bool { plan != nil }

  /// Nil: nobody asks for a key, or the line has no text there. `bytes` go on for at least
  /// `RecordBatch.padding` behind the line.
  package func key(_ bytes: [UInt8], _ line: Range<Int>) -> [UInt8]? {
    guard let plan, reader.check(plan, bytes.span, line) == nil, reader.field(0).kind == .string
    else { return nil }
    return reader.text(reader.field(0), in: bytes.span)
  }
}
