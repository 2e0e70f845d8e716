internal import Cel
internal import Events
internal import Foundation

// The expression language's own cases.

func runCel(_ path: String) throws -> [CaseResult] {
  let judge = CelJudge(zones: try systemZones.get())
  return try jsonFile(path).elements().map { item in
    CaseResult(item["id"]?.string ?? "?") { try judge.check(item) }
  }
}

private struct CelJudge {
  var zones: ZoneTable

  func check(_ item: JsonTree) throws -> String? {
    guard let text = item["expr"]?.string, let expect = item["expect"] else {
      throw CaseError("the case has no expr or no expect")
    }
    let declared = try Declared(item)
    let result: Result<CelValue, CelFailure>
    do throws(CelError) {
      let program = try CelProgram(
        CelExpression(parsing: text), variables: declared.variables,
        container: item["container"]?.string ?? "", functions: declared.functions,
        checked: item["disable_check"] != .bool(true))
      if let wanted = expect["type"]?.string, program.type.description != wanted {
        return "the type should be \(wanted), not \(program.type)"
      }
      if item["check_only"] == .bool(true) {
        return expect["error"] == nil ? nil : "an error is expected"
      }
      result = program.evaluate({ declared.values[$0] }, zones: zones)
    } catch {
      return expect["error"] != nil ? nil : "refused at \(error.offset): \(error.message)"
    }
    switch result {
    case .failure(let failure):
      return expect["error"] != nil ? nil : "error at \(failure.offset): \(failure.message)"
    case .success(let found):
      if expect["error"] != nil { return "an error is expected, not \(found)" }
      guard let wanted = expect["value"] else { return nil }
      let value = try celValue(wanted)
      return isSame(found, value) ? nil : "should be \(value), not \(found)"
    }
  }

  /// Kind and content: NaN is the same as NaN, -0.0 is not the same as 0.0.
  private func isSame(_ a: CelValue, _ b: CelValue) -> Bool {
    switch (a, b) {
    case (.double(let a), .double(let b)):
      return (a.isNaN && b.isNaN) || a.bitPattern == b.bitPattern
    case (.list(let a), .list(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { isSame($0, $1) }
    case (.map(let a), .map(let b)):
      return a.count == b.count
        && a.keys.indices.allSatisfy { index in
          guard let place = b.keys.firstIndex(where: { isSame($0, a.keys[index]) }) else {
            return false
          }
          return isSame(a.values[index], b.values[place])
        }
    default: return a.typeName == b.typeName && a.equals(b)
    }
  }
}

/// A case's variables with their values, and the functions that it declares for the checker.
private struct Declared {
  var variables: [CelVariable] = []
  var values: [CelValue?] = []
  var functions: [(name: String, parameters: [CelType], result: CelType)] = []

  init(_ item: JsonTree) throws {
    var bindings = item["bindings"]?.members ?? []
    for entry in item["type_env"]?.array ?? [] {
      let name = entry["name"]?.string ?? ""
      for overload in entry["overloads"]?.array ?? [] {
        functions.append(
          (
            name, try (overload["params"]?.array ?? []).map(celType),
            try celType(overload["result"] ?? .null)
          ))
      }
      guard let type = entry["type"] else { continue }
      let bound = bindings.firstIndex { $0.name == name }.map { bindings.remove(at: $0).value }
      variables.append(CelVariable(path: Self.path(name), type: try celType(type)))
      values.append(try bound.map(celValue))
    }
    for binding in bindings {
      variables.append(CelVariable(path: Self.path(binding.name), type: .dyn))
      values.append(try celValue(binding.value))
    }
  }

  private static func path(_ name: String) -> [String] {
    name.split(separator: ".").map(String.init)
  }
}

private func celType(_ tree: JsonTree) throws -> CelType {
  guard let text = tree.string, let type = CelType(parsing: text) else {
    throw CaseError("a type is not in the format")
  }
  return type
}

/// A value in the cases' form: an object with one key, its kind.
private func celValue(_ tree: JsonTree) throws -> CelValue {
  guard let members = tree.members, members.count == 1 else {
    throw CaseError("a value is not in the format")
  }
  switch (members[0].name, members[0].value) {
  case ("null", _): return .null
  case ("bool", .bool(let holds)): return .bool(holds)
  case ("string", .string(let text)): return .string(text)
  case ("type", .string(let name)): return .type(name)
  case ("list", .array(let items)): return .list(try items.map(celValue))
  case ("map", .array(let entries)):
    let pairs = try entries.map { entry -> (key: CelValue, value: CelValue) in
      guard let pair = entry.array, pair.count == 2 else {
        throw CaseError("a map is not in the format")
      }
      return (try celValue(pair[0]), try celValue(pair[1]))
    }
    if let map = CelMap(pairs) { return .map(map) }
  case (let kind, .string(let text)):
    if let value = celScalar(kind, text) { return value }
  default: break
  }
  throw CaseError("a value is not in the format")
}

private func celScalar(_ kind: String, _ text: String) -> CelValue? {
  switch kind {
  case "int": Int64(text).map { .int($0) }
  case "uint": UInt64(text).map { .uint($0) }
  case "double": Double(text).map { .double($0) }
  case "bytes": Data(base64Encoded: text).map { .bytes(Array($0)) }
  case "timestamp": CelTimestamp(parsing: text).map { .timestamp($0) }
  case "duration": CelDuration(parsing: text).map { .duration($0) }
  default: nil
  }
}
