/// A place in a file, for people: lines and columns count from 1, columns in characters (code
/// points), as editors do.
package struct SourcePosition: Hashable, Sendable {
  package var file: String
  package var line: Int
  package var column: Int
  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }
}

extension SourcePosition: CustomStringConvertible {
  package var description: String { "\(file):\(line):\(column)" }
}

/// One thing that is wrong with a file, and what to write instead.
package struct Diagnostic: Hashable, Sendable, Error {
  package var position: SourcePosition
  package var message: String
  /// The remedy, as a clause: `did you mean "within"?`.
  package var hint: String?

  package init(_ position: SourcePosition, _ message: String, hint: String? = nil) {
    self.position = position
    self.message = message
    self.hint = hint
  }

  package var file: String { position.file }
  package var line: Int { position.line }
  package var column: Int { position.column }
}

extension Diagnostic: CustomStringConvertible {
  /// `file:line:column: message; hint`, on one line whatever the file has written into it.
  package var description: String {
    let said = hint.map { "\(Self.oneLine(message)); \(Self.oneLine($0))" } ?? Self.oneLine(message)
    return "\(position): \(said)"
  }

  /// At most 500 characters, none of them a control character.
  private static func oneLine(_ text: String) -> String {
    var line = String.UnicodeScalarView()
    for (index, scalar) in text.unicodeScalars.enumerated() {
      if index == 500 { return String(line) + "…" }
      let breaks =
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
        || scalar.value == 0x2028 || scalar.value == 0x2029
      line.append(breaks ? " " : scalar)
    }
    return String(line)
  }
}

/// Everything found wrong while files are read. Readers report here and go on, so that one run
/// shows all mistakes.
package final class Diagnostics {
  package private(set) var items: [Diagnostic] = []
  private var known: Set<Diagnostic> = []
  /// Keys that are passed over in silence wherever they stand.
  package let tolerated: Set<String>

  /// So many are listed; nobody reads more.
  package static let limit = 1000

  package init(tolerating: Set<String> = []) { tolerated = tolerating }

  package var isEmpty: Bool { items.isEmpty }

  /// Nothing more will be listed.
  package var isFull: Bool { items.count > Self.limit }

  /// The same thing is said once, however often it is reported.
  package func report(_ position: SourcePosition, _ message: String, hint: String? = nil) {
    if isFull { return }
    let diagnostic = Diagnostic(position, message, hint: hint)
    guard known.insert(diagnostic).inserted else { return }
    items.append(
      items.count < Self.limit
        ? diagnostic
        : Diagnostic(position, "more than \(Self.limit) mistakes: the rest is not listed"))
  }

  /// In the order of the files as first mentioned, then of lines and columns.
  package var sorted: [Diagnostic] {
    var order: [String: Int] = [:]
    for item in items where order[item.file] == nil { order[item.file] = order.count }
    return items.enumerated().sorted { a, b in
      let left = (order[a.element.file] ?? 0, a.element.line, a.element.column, a.offset)
      let right = (order[b.element.file] ?? 0, b.element.line, b.element.column, b.offset)
      return left < right
    }.map(\.element)
  }
}
