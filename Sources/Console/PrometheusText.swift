/// Prometheus' text exposition format, version 0.0.4.
package enum PrometheusText {
  package static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  /// A family without series is left out.
  package static func render(_ families: [FamilySamples]) -> String {
    var text = ""
    text.reserveCapacity(16_384)
    for family in families where !family.series.isEmpty {
      let name = family.description.name
      text += "# HELP \(name) \(escapedHelp(family.description.help))\n"
      text += "# TYPE \(name) \(family.kind.rawValue)\n"
      for series in family.series {
        let labels = zip(family.description.labels, series.labels).map { name, value in
          "\(name)=\"\(escapedLabel(value))\""
        }
        switch series.value {
        case .count(let count): text += "\(name)\(braced(labels)) \(count)\n"
        case .number(let number): text += "\(name)\(braced(labels)) \(shown(number))\n"
        case .durations(let histogram, let bounds):
          append(histogram, bounds: bounds, name: name, labels: labels, to: &text)
        }
      }
    }
    return text
  }

  private static func append(
    _ histogram: LatencyHistogram, bounds: [UInt64], name: String, labels: [String],
    to text: inout String
  ) {
    for (bound, count) in zip(bounds, histogram.cumulative(upTo: bounds)) {
      let le = "le=\"\(shown(seconds(bound)))\""
      text += "\(name)_bucket\(braced(labels + [le])) \(count)\n"
    }
    text += "\(name)_bucket\(braced(labels + ["le=\"+Inf\""])) \(histogram.count)\n"
    text += "\(name)_sum\(braced(labels)) \(shown(seconds(histogram.sum)))\n"
    text += "\(name)_count\(braced(labels)) \(histogram.count)\n"
  }

  private static func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

  private static func braced(_ labels: [String]) -> String {
    labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
  }

  /// Shortest round-trip, whole numbers without a fraction, and Go's words for what is no number.
  package static func shown(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: number), whole.magnitude < 1 << 53 { return "\(whole)" }
    return "\(number)"
  }

  /// In a help line a backslash and a line feed are escaped.
  package static func escapedHelp(_ text: String) -> String { escaped(text, quote: false) }

  /// In a label's value a quotation mark is escaped as well.
  package static func escapedLabel(_ text: String) -> String { escaped(text, quote: true) }

  private static func escaped(_ text: String, quote: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quote: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
