import Yaml

// How a report says what a playbook says.

extension ReportReading {
  func text(_ types: EventTypes) -> String {
    types.isAny ? "any event" : types.names.joined(separator: " or ")
  }

  func text(_ pattern: EventPattern) -> String { text(pattern.on) + clause(pattern.where) }

  func clause(_ condition: CelText?) -> String {
    condition.map { " where \(oneLine($0.text))" } ?? ""
  }

  func text(_ literal: Literal) -> String {
    switch literal {
    case .string(let text): "\"\(text)\""
    case .int(let value): String(value)
    case .double(let value): value.description
    case .bool(let value): String(value)
    }
  }

  func ordinal(_ number: Int) -> String {
    switch (number % 10, number % 100) {
    case (_, 11...13): "\(number)th"
    case (1, _): "\(number)st"
    case (2, _): "\(number)nd"
    case (3, _): "\(number)rd"
    default: "\(number)th"
    }
  }

  /// Folded YAML texts may have line ends and runs of spaces.
  func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  func shortened(_ text: String) -> String {
    let line = oneLine(text)
    return line.count > 60 ? line.prefix(59) + "…" : line
  }

  /// `after 259200000 ms` as `after 3d`.
  func withDurations(_ line: String) -> String {
    var words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    for place in words.indices.reversed() where place > 0 && words[place].hasPrefix("ms") {
      let tail = words[place].dropFirst(2)
      guard tail.isEmpty || tail == ";", let number = Int64(words[place - 1]) else { continue }
      words[place - 1] = durationText(number) + tail
      words.remove(at: place)
    }
    return words.joined(separator: " ")
  }
}
