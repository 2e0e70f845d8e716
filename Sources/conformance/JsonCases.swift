internal import Cel
internal import Decisions
internal import Events
internal import Foundation
internal import Playbooks

struct CaseError: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// The system's time zones, read once.
let systemZones = Result { try ZoneTable.system() }

/// The cases of a file: JSON lines.
func jsonLines(_ path: String) throws -> [JsonTree] {
  let text = try String(contentsOfFile: path, encoding: .utf8)
  return try text.split(separator: "\n", omittingEmptySubsequences: true).map {
    try JsonTree.parse(String($0))
  }
}

/// A file that is one document.
func jsonFile(_ path: String) throws -> JsonTree {
  try JsonTree.parse(try String(contentsOfFile: path, encoding: .utf8))
}

extension JsonTree {
  /// The elements of a file that is a list.
  func elements() throws -> [JsonTree] {
    guard let array else { throw CaseError("the file is not a list of cases") }
    return array
  }

  var int: Int64? {
    switch self {
    case .int(let value): value
    case .double(let value): Int64(exactly: value)
    default: nil
    }
  }
  var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
  var array: [JsonTree]? {
    if case .array(let elements) = self { elements } else { nil }
  }
  var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The value as JSON text: JSON is YAML, so that a case's playbook can be parsed as one.
  var text: [UInt8] {
    var writer = JsonWriter()
    write(to: &writer, nil)
    return writer.bytes
  }

  private func write(to writer: inout JsonWriter, _ name: String?) {
    switch self {
    case .null: writer.null(name)
    case .bool(let value): writer.bool(name, value)
    case .int(let value): writer.int(name, value)
    case .uint(let value): writer.raw(name, Array(String(value).utf8))
    case .double(let value): writer.double(name, value)
    case .string(let value): writer.string(name, value)
    case .array(let elements):
      writer.beginArray(name)
      for element in elements { element.write(to: &writer, nil) }
      writer.endArray()
    case .object(let members):
      writer.beginObject(name)
      for member in members { member.value.write(to: &writer, member.name) }
      writer.endObject()
    }
  }
}
