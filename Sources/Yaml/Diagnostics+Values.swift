/// Single values, each read as what its place expects; nil after a report.
extension Diagnostics {
  /// Any scalar but null, quoted or not.
  package func text(_ node: YamlNode, _ what: String) -> YamlScalar? {
    guard let scalar = node.scalar, !node.isNull else {
      report(node.start, "\(what) must be a text, and this is \(node.shape)")
      return nil
    }
    return scalar
  }

  /// A text that is not empty.
  package func name(_ node: YamlNode, _ what: String) -> String? {
    guard let scalar = text(node, what) else { return nil }
    if scalar.text.isEmpty {
      report(node.start, "\(what) must not be empty")
      return nil
    }
    return scalar.text
  }

  package func int(
    _ node: YamlNode, _ what: String, in range: ClosedRange<Int64> = .min ... .max
  ) -> Int64? {
    guard let scalar = number(node, what, "a whole number") else { return nil }
    guard isDecimal(scalar.text, fraction: false), let value = Int64(scalar.text) else {
      report(node.start, "\(what) must be a whole number, and this is \(node.shape)")
      return nil
    }
    guard range.contains(value) else {
      let bound =
        value < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
      report(node.start, "\(what) must be \(bound), and this is \(value)")
      return nil
    }
    return value
  }

  package func double(_ node: YamlNode, _ what: String) -> Double? {
    guard let scalar = number(node, what, "a number") else { return nil }
    guard isDecimal(scalar.text, fraction: true), let value = Double(scalar.text), value.isFinite
    else {
      report(node.start, "\(what) must be a number, and this is \(node.shape)")
      return nil
    }
    return value
  }

  package func bool(_ node: YamlNode, _ what: String) -> Bool? {
    if let scalar = node.scalar, !scalar.quoted {
      if scalar.text == "true" { return true }
      if scalar.text == "false" { return false }
    }
    report(node.start, "\(what) must be true or false, and this is \(node.shape)")
    return nil
  }

  /// Milliseconds, at least `atLeast`.
  package func duration(_ node: YamlNode, _ what: String, atLeast: Int64 = 1) -> Int64? {
    guard let scalar = node.scalar, let value = milliseconds(ofDuration: scalar.text) else {
      let hint =
        node.scalar?.text.allSatisfy(\.isNumber) == true && !node.isNull
        ? "add the unit, as in \(node.scalar?.text ?? "")h" : "write 90s, 5m, 4h, 7d or 2w"
      report(node.start, "\(what) must be a duration, and this is \(node.shape)", hint: hint)
      return nil
    }
    guard value >= atLeast else {
      let least = atLeast == 1 ? "longer than nothing" : "at least \(durationText(atLeast))"
      report(node.start, "\(what) must be \(least), and this is \(scalar.text)")
      return nil
    }
    return value
  }

  /// One of a few words.
  package func word(_ node: YamlNode, _ what: String, of words: [String]) -> String? {
    if let scalar = node.scalar, words.contains(scalar.text) { return scalar.text }
    let list = words.count == 1 ? words[0] : enumeration(words)
    report(
      node.start, "\(what) must be \(list), and this is \(node.shape)",
      hint: node.scalar.flatMap { suggestion(for: $0.text, of: words) })
    return nil
  }

  /// A list, or one item that stands for a list of one.
  package func list(_ node: YamlNode) -> [YamlNode] { node.items ?? [node] }

  /// A list of at least one item.
  package func items(_ node: YamlNode, _ what: String) -> [YamlNode]? {
    guard let items = node.items else {
      report(
        node.start, "\(what) must be a list, and this is \(node.shape)",
        hint: "start each item with \"- \", or write [a, b]")
      return nil
    }
    if items.isEmpty { report(node.start, "\(what) is an empty list") }
    return items
  }

  private func number(_ node: YamlNode, _ what: String, _ kind: String) -> YamlScalar? {
    guard let scalar = node.scalar, !scalar.quoted else {
      let hint = node.scalar == nil ? nil : "leave the quotes away"
      report(node.start, "\(what) must be \(kind), and this is \(node.shape)", hint: hint)
      return nil
    }
    return scalar
  }
}

/// `a, b or c`
package func enumeration(_ words: [String]) -> String {
  guard words.count > 1 else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
}

/// Whether a text is spelled as a decimal number: JSON's grammar, with a plus sign, leading zeros
/// and a missing digit on one side of the point refused.
package func isDecimal(_ text: String, fraction: Bool) -> Bool {
  var rest = Array(text.utf8)[...]
  func digits(_ rest: inout ArraySlice<UInt8>) -> Int {
    let count = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }.count
    rest = rest.dropFirst(count)
    return count
  }
  if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
  let leadsWithZero = rest.first == UInt8(ascii: "0")
  let whole = digits(&rest)
  guard whole > 0, !(leadsWithZero && whole > 1) else { return false }
  guard fraction else { return rest.isEmpty }
  if rest.first == UInt8(ascii: ".") {
    rest = rest.dropFirst()
    guard digits(&rest) > 0 else { return false }
  }
  if let e = rest.first, e == UInt8(ascii: "e") || e == UInt8(ascii: "E") {
    rest = rest.dropFirst()
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
    }
    guard digits(&rest) > 0 else { return false }
  }
  return rest.isEmpty
}
