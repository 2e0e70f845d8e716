import Yaml

/// How far back a new book's new items are filled from the journal.
enum Backfill: Equatable {
  /// Milliseconds before now, and as it was written.
  case last(Int64, text: String)
  case all

  static let option = OptionSpec(
    name: "backfill", value: "SPAN",
    help: "Fill what is new from the journal: a duration such as 30d, or all. Without it, what is "
      + "new starts empty.")

  init?(_ words: Words) throws(UsageError) {
    guard let text = words.given("backfill") else { return nil }
    if text == "all" {
      self = .all
    } else if let span = milliseconds(ofDuration: text), span > 0 {
      self = .last(span, text: text)
    } else {
      throw UsageError(message: "--backfill is a duration such as 30d, or all, not '\(text)'")
    }
  }

  var text: String {
    switch self {
    case .last(_, let text): text
    case .all: "all"
    }
  }

  /// Milliseconds since 1970 from which on records are folded again.
  func since(now: Int64) -> Int64 {
    switch self {
    case .last(let span, _): max(0, now - span)
    case .all: 0
    }
  }
}
