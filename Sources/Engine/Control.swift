internal import Events

/// What a control record of the journal says.
package enum Control: Equatable, Sendable {
  /// The journal's first record.
  case journal(partitions: Int, semantics: Int)
  /// A book is in force from here on; or, with `backfillSince` (ms), its shadow begins to fold.
  case book(hash: String, backfillSince: Int64?)
  /// The fold's rules from here on.
  case semantics(Int)
  /// A source's topic was made anew.
  case incarnation(source: String, number: UInt32)
  /// A book's shadow has caught up: the book is in force from here on.
  case activate(hash: String)
}

extension Control {
  /// Nil: the payload is no control record that is known here.
  init?(_ bytes: Span<UInt8>, _ payload: Range<Int>) {
    var reader = JsonReader()
    let plan = reader.plan([
      ["control"], ["partitions"], ["semantics"], ["book"], ["backfill_since"], ["number"],
      ["source"], ["incarnation"],
    ])
    guard reader.check(plan, bytes, payload) == nil else { return nil }
    func int(_ index: Int) -> Int64? {
      reader.field(index).kind == .int ? reader.field(index).int : nil
    }
    func string(_ index: Int) -> String? {
      reader.field(index).kind == .string ? reader.string(reader.field(index), in: bytes) : nil
    }
    switch string(0) {
    case "journal":
      guard let partitions = int(1), let semantics = int(2) else { return nil }
      self = .journal(partitions: Int(partitions), semantics: Int(semantics))
    case "book":
      guard let hash = string(3) else { return nil }
      let isWhole = reader.field(4).kind == .missing || int(4) != nil
      guard isWhole else { return nil }
      self = .book(hash: hash, backfillSince: int(4))
    case "semantics":
      guard let number = int(5) else { return nil }
      self = .semantics(Int(number))
    case "incarnation":
      guard let source = string(6), let number = int(7).flatMap({ UInt32(exactly: $0) }) else {
        return nil
      }
      self = .incarnation(source: source, number: number)
    case "activate":
      guard let hash = string(3) else { return nil }
      self = .activate(hash: hash)
    default: return nil
    }
  }
}

extension Shard {
  /// What a journal record controls; nil for all other records. Looks at the record without reading
  /// it into any shard. `bytes` must be readable for 64 bytes beyond `range`.
  package static func control(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Control? {
    guard range.count >= JournalRecord.headerSize,
      bytes[range.lowerBound + 1] == JournalRecord.Kind.control.rawValue
    else { return nil }
    do {
      return Control(bytes, try JournalView(bytes, range).payload)
    } catch {
      return nil
    }
  }
}
