/// Holds JSON values against a JSON Schema (what drafts 7 and 2020-12 have in common, less what
/// nobody here uses). A keyword that it does not know is a mistake in the schema, never passed over
/// in silence.
///
/// Not `Sendable`: it remembers compiled patterns. Make one where it is used.
package final class JsonSchema {
  /// The schema itself is unsound.
  package struct Unsound: Error, CustomStringConvertible {
    package var description: String
  }

  private let root: Json
  private let namedMembersOnly: Bool
  private var patterns: [String: Regex<AnyRegexOutput>] = [:]

  /// Checks the whole schema: its keywords, its patterns, and that every `$ref` leads somewhere.
  ///
  /// A published schema leaves objects open, so that members can be added later. What we write
  /// ourselves must be named there all the same: with `namedMembersOnly` an object whose schema has
  /// `properties` and does not speak of others has no others.
  package init(_ schema: Json, namedMembersOnly: Bool = false) throws {
    root = schema
    self.namedMembersOnly = namedMembersOnly
    try check(schema, at: "#")
  }

  /// What is wrong with the value, a line each; empty: it is valid.
  package func problems(of value: Json) -> [String] {
    var problems: [String] = []
    judge(value, by: root, at: "", into: &problems)
    return problems
  }

  private static let annotations: Set<String> = [
    "$schema", "$id", "$comment", "title", "description", "examples", "example", "default",
    "deprecated", "readOnly", "writeOnly",
  ]
  private static let ofSchemas: Set<String> = [
    "properties", "patternProperties", "definitions", "$defs",
  ]
  private static let ofLists: Set<String> = ["allOf", "anyOf", "oneOf", "prefixItems"]
  private static let ofSchema: Set<String> = [
    "items", "additionalProperties", "additionalItems", "propertyNames", "contains", "not", "if",
    "then", "else",
  ]
  private static let ofValues: Set<String> = [
    "type", "required", "enum", "const", "pattern", "format", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems",
    "maxItems", "uniqueItems", "minProperties", "maxProperties",
  ]

  // MARK: the schema's own soundness

  private func check(_ schema: Json, at place: String) throws {
    if case .bool = schema { return }
    guard case .object(let members) = schema else {
      throw Unsound(description: "\(place): a schema is an object or a boolean")
    }
    for member in members {
      let here = "\(place)/\(member.name)"
      switch member.name {
      case "$ref":
        guard let target = member.value.text, resolve(target) != nil else {
          throw Unsound(description: "\(here): leads nowhere")
        }
      case "pattern":
        try compile(member.value.text, at: here)
      case _ where Self.ofSchemas.contains(member.name):
        for inner in member.value.members ?? [] {
          if member.name == "patternProperties" { try compile(inner.name, at: here) }
          try check(inner.value, at: "\(here)/\(inner.name)")
        }
      case _ where Self.ofLists.contains(member.name):
        for inner in member.value.elements ?? [] { try check(inner, at: here) }
      case "items" where member.value.elements != nil:
        for inner in member.value.elements ?? [] { try check(inner, at: here) }
      case _ where Self.ofSchema.contains(member.name):
        try check(member.value, at: here)
      case _ where Self.ofValues.contains(member.name) || Self.annotations.contains(member.name):
        break
      case _ where member.name.hasPrefix("x-"):
        break
      default:
        throw Unsound(description: "\(here): a keyword that is not known here")
      }
    }
  }

  private func compile(_ pattern: String?, at place: String) throws {
    guard let pattern else { throw Unsound(description: "\(place): not a text") }
    patterns[pattern] = try Regex(pattern)
  }

  /// `#`, or `#/a/b` with JSON Pointer's escapes.
  private func resolve(_ reference: String) -> Json? {
    guard reference.hasPrefix("#") else { return nil }
    var here: Json? = root
    for part in reference.dropFirst().split(separator: "/") {
      let name = part.split(separator: "~1", omittingEmptySubsequences: false)
        .map { $0.split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~") }
        .joined(separator: "/")
      here = Int(name).flatMap { here?[$0] } ?? here?[name]
    }
    return here
  }

  // MARK: values

  private func valid(_ value: Json, _ schema: Json) -> Bool {
    var problems: [String] = []
    judge(value, by: schema, at: "", into: &problems)
    return problems.isEmpty
  }

  private func judge(
    _ value: Json, by schema: Json, at place: String, into problems: inout [String]
  ) {
    switch schema {
    case .bool(true): return
    case .object(let keywords):
      for keyword in keywords {
        judgeShape(value, keyword, at: place, into: &problems)
        judgeValue(value, keyword, at: place, into: &problems)
        judgeChoice(value, keyword, of: schema, at: place, into: &problems)
        judgeObject(value, keyword, of: schema, at: place, into: &problems)
        judgeArray(value, keyword, of: schema, at: place, into: &problems)
      }
    default: problems.append("\(place): must not be here")
    }
  }

  private func judgeShape(
    _ value: Json, _ keyword: Json.Member, at place: String, into problems: inout [String]
  ) {
    switch keyword.name {
    case "type":
      let names = keyword.value.elements?.compactMap(\.text) ?? [keyword.value.text ?? ""]
      if !names.contains(where: { value.is($0) }) {
        problems.append("\(place): is not of type \(names.joined(separator: " or "))")
      }
    case "enum":
      if !(keyword.value.elements ?? []).contains(where: { $0.means(value) }) {
        problems.append("\(place): is none of the allowed values: \(value)")
      }
    case "const":
      if !keyword.value.means(value) { problems.append("\(place): is not \(keyword.value)") }
    default: break
    }
  }

  private func judgeValue(
    _ value: Json, _ keyword: Json.Member, at place: String, into problems: inout [String]
  ) {
    func expect(_ holds: Bool) {
      if !holds { problems.append("\(place): \(keyword.name) \(keyword.value) does not hold") }
    }
    if let number = value.double, let bound = keyword.value.double {
      switch keyword.name {
      case "minimum": expect(number >= bound)
      case "maximum": expect(number <= bound)
      case "exclusiveMinimum": expect(number > bound)
      case "exclusiveMaximum": expect(number < bound)
      case "multipleOf": expect((number / bound).rounded() == number / bound)
      default: break
      }
    }
    guard let text = value.text else { return }
    switch keyword.name {
    case "minLength": expect(text.unicodeScalars.count >= keyword.value.int ?? 0)
    case "maxLength": expect(text.unicodeScalars.count <= keyword.value.int ?? .max)
    case "pattern": expect(matches(text, keyword.value.text ?? ""))
    case "format" where keyword.value.text == "date-time": expect(isDateTime(text))
    default: break
    }
  }

  private func matches(_ text: String, _ pattern: String) -> Bool {
    guard let regex = patterns[pattern] else { fatalError("pattern \(pattern) was not compiled") }
    return text.firstMatch(of: regex) != nil
  }

  private func judgeChoice(
    _ value: Json, _ keyword: Json.Member, of schema: Json, at place: String,
    into problems: inout [String]
  ) {
    switch keyword.name {
    case "$ref":
      guard let target = resolve(keyword.value.text ?? "") else { fatalError("checked in init") }
      judge(value, by: target, at: place, into: &problems)
    case "allOf":
      for inner in keyword.value.elements ?? [] {
        judge(value, by: inner, at: place, into: &problems)
      }
    case "anyOf":
      if !(keyword.value.elements ?? []).contains(where: { valid(value, $0) }) {
        problems.append("\(place): fits nothing of anyOf")
      }
    case "oneOf":
      let fits = (keyword.value.elements ?? []).count { valid(value, $0) }
      if fits != 1 { problems.append("\(place): fits \(fits) of oneOf") }
    case "not":
      if valid(value, keyword.value) { problems.append("\(place): fits what `not` forbids") }
    case "if":
      let branch = valid(value, keyword.value) ? schema["then"] : schema["else"]
      if let branch { judge(value, by: branch, at: place, into: &problems) }
    default: break
    }
  }

  private func judgeObject(
    _ value: Json, _ keyword: Json.Member, of schema: Json, at place: String,
    into problems: inout [String]
  ) {
    guard let members = value.members else { return }
    switch keyword.name {
    case "required":
      for name in (keyword.value.elements ?? []).compactMap(\.text) where value[name] == nil {
        problems.append("\(place): '\(name)' is missing")
      }
    case "properties":
      for member in members {
        guard let inner = keyword.value[member.name] else { continue }
        judge(member.value, by: inner, at: "\(place)/\(member.name)", into: &problems)
      }
      guard namedMembersOnly, schema["additionalProperties"] == nil,
        schema["patternProperties"] == nil
      else { return }
      for member in members where keyword.value[member.name] == nil {
        problems.append("\(place)/\(member.name): the schema does not name it")
      }
    case "patternProperties":
      for member in members {
        for rule in keyword.value.members ?? [] where matches(member.name, rule.name) {
          judge(member.value, by: rule.value, at: "\(place)/\(member.name)", into: &problems)
        }
      }
    case "additionalProperties":
      for member in members where schema["properties"]?[member.name] == nil {
        let rules = schema["patternProperties"]?.members ?? []
        if rules.contains(where: { matches(member.name, $0.name) }) { continue }
        judge(member.value, by: keyword.value, at: "\(place)/\(member.name)", into: &problems)
      }
    case "propertyNames":
      for member in members {
        judge(.string(member.name), by: keyword.value, at: place, into: &problems)
      }
    case "minProperties" where members.count < keyword.value.int ?? 0,
      "maxProperties" where members.count > keyword.value.int ?? .max:
      problems.append("\(place): \(keyword.name) \(keyword.value) does not hold")
    default: break
    }
  }

  private func judgeArray(
    _ value: Json, _ keyword: Json.Member, of schema: Json, at place: String,
    into problems: inout [String]
  ) {
    guard let elements = value.elements else { return }
    switch keyword.name {
    case "items":
      let tuple = keyword.value.elements
      let skipped = schema["prefixItems"]?.elements?.count ?? 0
      for (index, element) in elements.enumerated() where tuple != nil || index >= skipped {
        let inner = tuple.map { $0.indices.contains(index) ? $0[index] : .bool(true) }
        judge(element, by: inner ?? keyword.value, at: "\(place)/\(index)", into: &problems)
      }
    case "prefixItems":
      for (index, pair) in zip(elements, keyword.value.elements ?? []).enumerated() {
        judge(pair.0, by: pair.1, at: "\(place)/\(index)", into: &problems)
      }
    case "contains":
      if !elements.contains(where: { valid($0, keyword.value) }) {
        problems.append("\(place): contains nothing that fits")
      }
    case "uniqueItems" where keyword.value == .bool(true):
      for (index, element) in elements.enumerated()
      where elements[..<index].contains(where: { $0.means(element) }) {
        problems.append("\(place)/\(index): stands there twice")
      }
    case "minItems" where elements.count < keyword.value.int ?? 0,
      "maxItems" where elements.count > keyword.value.int ?? .max:
      problems.append("\(place): \(keyword.name) \(keyword.value) does not hold")
    default: break
    }
  }
}

extension Json {
  fileprivate func `is`(_ type: String) -> Bool {
    switch self {
    case .null: type == "null"
    case .bool: type == "boolean"
    case .number: type == "number" || type == "integer" && isWhole
    case .string: type == "string"
    case .array: type == "array"
    case .object: type == "object"
    }
  }

  private var isWhole: Bool { double.map { $0.rounded() == $0 } ?? false }
}

/// RFC 3339's `date-time`, with each field in its range.
private func isDateTime(_ text: String) -> Bool {
  let form = #/(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))/#
  guard let match = text.wholeMatch(of: form) else { return false }
  func field(_ text: Substring?) -> Int { text.flatMap { Int($0) } ?? 0 }
  let (year, month, day) = (field(match.1), field(match.2), field(match.3))
  let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  let days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  return (1...12).contains(month) && (1...days[month - 1]).contains(day) && field(match.4) < 24
    && field(match.5) < 60 && field(match.6) <= 60 && field(match.7) < 24 && field(match.8) < 60
}
