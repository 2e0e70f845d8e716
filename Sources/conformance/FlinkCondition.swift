internal import Events

// Flink's conditions as CEL texts over an event's `data`.

/// The condition as a `where`; a case whose condition looks at the partial match is not applicable.
func celText(ofCondition condition: JsonTree) throws -> String {
  if let all = condition["and"]?.array {
    return all.isEmpty ? "true" : "(" + (try joined(all, " && ")) + ")"
  }
  if let some = condition["or"]?.array {
    return some.isEmpty ? "false" : "(" + (try joined(some, " || ")) + ")"
  }
  if let other = condition["not"] { return "!(" + (try celText(ofCondition: other)) + ")" }
  if condition["ref"] != nil || condition["sum"] != nil || condition["count"] != nil {
    throw NotApplicable("a step's condition cannot look at earlier steps in this version")
  }
  guard let field = condition["field"]?.string, let op = condition["op"]?.string,
    let value = condition["value"]
  else { throw CaseError("a condition is not in the format") }
  if let text = value.string { return try comparison(field, op, celString(text)) }
  guard let number = value.number else { throw CaseError("a condition's value is no number") }
  return try comparison(field, op, "\(number)")
}

private func joined(_ conditions: [JsonTree], _ separator: String) throws -> String {
  try conditions.map { try celText(ofCondition: $0) }.joined(separator: separator)
}

private func comparison(_ field: String, _ op: String, _ literal: String) throws -> String {
  switch op {
  case "eq": "data.\(field) == \(literal)"
  case "ne": "data.\(field) != \(literal)"
  case "lt": "data.\(field) < \(literal)"
  case "le": "data.\(field) <= \(literal)"
  case "gt": "data.\(field) > \(literal)"
  case "ge": "data.\(field) >= \(literal)"
  case "contains": "data.\(field).contains(\(literal))"
  case "startsWith": "data.\(field).startsWith(\(literal))"
  default: throw CaseError("\"\(op)\" is no operator of the format")
  }
}

private func celString(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": out += "\\\(scalar)"
    case _ where scalar.value < 0x20:
      let hex = String(scalar.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
