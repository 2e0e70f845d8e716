import Foundation

@testable import Cel

/// Runs cases in the form of `conformance/cel/FORMAT.md`.
struct CelConformance {
  enum Outcome {
    case passed
    case failed(String)
    case notApplicable(String)
  }

  struct BadCase: Error {
    var what: String
  }

  var zones: ZoneTable

  func run(_ test: [String: Any]) -> Outcome {
    guard let text = test["expr"] as? String, let expect = test["expect"] as? [String: Any] else {
      return .failed("the case has no 'expr' or no 'expect'")
    }
    do {
      let declared = try declarations(test)
      return try judge(test, text, expect, declared)
    } catch {
      return .failed("the case cannot be read: \(error)")
    }
  }

  private typealias Functions = [(name: String, parameters: [CelType], result: CelType)]
  private struct Declared {
    var variables: [CelVariable] = []
    var values: [CelValue?] = []
    var functions: Functions = []
  }

  private func judge(
    _ test: [String: Any], _ text: String, _ expect: [String: Any], _ declared: Declared
  ) throws -> Outcome {
    let result: Result<CelValue, CelFailure>
    do throws(CelError) {
      let program = try CelProgram(
        CelExpression(parsing: text), variables: declared.variables,
        container: test["container"] as? String ?? "", functions: declared.functions,
        checked: test["disable_check"] as? Bool != true)
      if let wanted = expect["type"] as? String, program.type.description != wanted {
        return .failed("expected the type \(wanted), found \(program.type)")
      }
      if test["check_only"] as? Bool == true { return .passed }
      result = program.evaluate({ declared.values[$0] }, zones: zones)
    } catch {
      if expect["error"] != nil { return .passed }
      return .failed("refused at \(error.offset): \(error.message)")
    }
    switch result {
    case .failure(let failure):
      if expect["error"] != nil { return .passed }
      return .failed("error at \(failure.offset): \(failure.message)")
    case .success(let found):
      guard let wanted = expect["value"] else {
        return .failed("expected an error, found \(found)")
      }
      let value = try self.value(wanted)
      return isSame(found, value) ? .passed : .failed("expected \(value), found \(found)")
    }
  }

  private func declarations(_ test: [String: Any]) throws -> Declared {
    var declared = Declared()
    var bindings = test["bindings"] as? [String: Any] ?? [:]
    for entry in test["type_env"] as? [[String: Any]] ?? [] {
      guard let name = entry["name"] as? String else { throw BadCase(what: "type_env") }
      for overload in entry["overloads"] as? [[String: Any]] ?? [] {
        guard let parameters = overload["params"] as? [String],
          let result = overload["result"] as? String
        else { throw BadCase(what: "overload") }
        declared.functions.append((name, try parameters.map(type), try type(result)))
      }
      guard let text = entry["type"] as? String else { continue }
      declared.variables.append(
        CelVariable(path: name.split(separator: ".").map(String.init), type: try type(text)))
      declared.values.append(try bindings.removeValue(forKey: name).map(value))
    }
    for (name, binding) in bindings.sorted(by: { $0.key < $1.key }) {
      declared.variables.append(
        CelVariable(path: name.split(separator: ".").map(String.init), type: .dyn))
      declared.values.append(try value(binding))
    }
    return declared
  }

  private func type(_ text: String) throws -> CelType {
    guard let type = CelType(parsing: text) else { throw BadCase(what: "type \(text)") }
    return type
  }

  private func value(_ json: Any) throws -> CelValue {
    guard let object = json as? [String: Any], let (kind, content) = object.first,
      object.count == 1
    else { throw BadCase(what: "value \(json)") }
    switch (kind, content) {
    case ("null", _): return .null
    case ("bool", let holds as Bool): return .bool(holds)
    case ("string", let text as String): return .string(text)
    case ("type", let name as String): return .type(name)
    case ("list", let items as [Any]): return .list(try items.map(value))
    case ("map", let entries as [[Any]]):
      if let map = CelMap(try entries.map { (try value($0[0]), try value($0[1])) }) {
        return .map(map)
      }
    case (_, let text as String):
      if let value = scalar(kind, text) { return value }
    default: break
    }
    throw BadCase(what: "value \(json)")
  }

  private func scalar(_ kind: String, _ text: String) -> CelValue? {
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

  /// Kind and content, NaN the same as NaN, -0.0 not the same as 0.0.
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
