// Logs of this process, for people and their log collectors: one line each, to standard error.
//
// No personal data, by design: a line names sources, topics, partitions, offsets, playbooks and
// reasons, never a customer, a field of an event or a record's bytes. Who needs those follows the
// origin (topic, partition, offset) that the line gives.

package enum LogFormat: String, CaseIterable, Sendable { case text, json }

package enum LogLevel: String, CaseIterable, Sendable, Comparable {
  /// What a developer wants to see.
  case debug
  /// What happens in the normal course of things, a few lines an hour.
  case info
  /// Works, but a person should look at it in working hours.
  case warning
  /// Does not work, and will not without a person.
  case error

  package static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }
  private var rank: Int {
    switch self {
    case .debug: 0
    case .info: 1
    case .warning: 2
    case .error: 3
    }
  }
}

package enum LogValue: Equatable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByStringInterpolation, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  case text(String)
  case integer(Int64)
  case number(Double)
  case flag(Bool)

  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(booleanLiteral value: Bool) { self = .flag(value) }
  package init(_ value: some BinaryInteger) { self = .integer(Int64(clamping: value)) }
  package init(_ value: String) { self = .text(value) }
}

/// One line, before it is text.
package struct LogLine: Equatable, Sendable {
  /// Milliseconds since 1970.
  package var time: Int64
  package var level: LogLevel
  /// What happened, the same words each time, so that it can be searched for.
  package var message: String
  package var fields: [(name: String, value: LogValue)]

  package init(
    time: Int64, level: LogLevel, message: String, fields: [(name: String, value: LogValue)] = []
  ) {
    self.time = time
    self.level = level
    self.message = message
    self.fields = fields
  }

  package static func == (a: LogLine, b: LogLine) -> Bool {
    a.time == b.time && a.level == b.level && a.message == b.message
      && a.fields.elementsEqual(b.fields) { $0 == $1 }
  }

  /// Ends in a line feed and holds no other.
  package func rendered(_ format: LogFormat) -> String {
    let all: [(name: String, value: LogValue)] =
      [
        ("time", .text(UtcText.dateTime(time))), ("level", .text(level.rawValue)),
        ("message", .text(message)),
      ] + fields
    switch format {
    case .text:
      return all.map { "\($0.name)=\(Self.text($0.value))" }.joined(separator: " ") + "\n"
    case .json:
      let members = all.map { "\(Self.quoted($0.name)):\(Self.json($0.value))" }
      return "{" + members.joined(separator: ",") + "}\n"
    }
  }

  private static func text(_ value: LogValue) -> String {
    guard case .text(let text) = value else { return bare(value) }
    let plain = text.unicodeScalars.allSatisfy {
      $0.value > 0x20 && $0.value != 0x7F && $0 != "\"" && $0 != "=" && $0 != "\\"
    }
    return plain && !text.isEmpty ? text : quoted(text)
  }

  private static func json(_ value: LogValue) -> String {
    switch value {
    case .text(let text): quoted(text)
    case .number(let number) where !number.isFinite: quoted(PrometheusText.shown(number))
    default: bare(value)
    }
  }

  private static func bare(_ value: LogValue) -> String {
    switch value {
    case .text(let text): text
    case .integer(let number): "\(number)"
    case .number(let number): PrometheusText.shown(number)
    case .flag(let flag): "\(flag)"
    }
  }

  /// A JSON string. Control characters of C1 are escaped too: a terminal may obey them.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
