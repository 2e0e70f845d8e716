import Foundation

extension JsonSchema {
  /// A schema file of `topics/schemas`, closed: what it does not name is a problem.
  package convenience init(topics name: String) throws {
    try self.init(file: "topics/schemas/\(name)", namedMembersOnly: true)
  }

  /// A schema in a file (the path may be relative to the package's folder), together with the files
  /// beside it that it refers to.
  package convenience init(file path: String, namedMembersOnly: Bool = false) throws {
    let url = URL(fileURLWithPath: path.hasPrefix("/") ? path : packageRoot + "/" + path)
    var bundle = Bundle(folder: url.deletingLastPathComponent().path)
    try self.init(
      bundle.whole(Json(fileBytes(url.path))), namedMembersOnly: namedMembersOnly)
  }
}

/// Puts the files that a schema refers to into its `definitions`, and turns the references around.
private struct Bundle {
  let folder: String
  var names: [String] = []
  var documents: [Json.Member] = []

  init(folder: String) { self.folder = folder }

  mutating func whole(_ schema: Json) throws -> Json {
    let turned = try turn(schema, under: "#")
    guard case .object(var members) = turned, !documents.isEmpty else { return turned }
    let own = members.firstIndex { $0.name == "definitions" }
    let definitions = (own.flatMap { members[$0].value.members } ?? []) + documents
    if let own { members.remove(at: own) }
    members.append(Json.Member("definitions", .object(definitions)))
    return .object(members)
  }

  /// `under`: where the document at hand will stand, so that its own `#/…` still lead there.
  private mutating func turn(_ json: Json, under place: String) throws -> Json {
    switch json {
    case .array(let elements):
      return .array(try elements.map { try turn($0, under: place) })
    case .object(let members):
      return .object(
        try members.map { member in
          // Examples are no schemas, and may show references that lead nowhere.
          if member.name == "examples", member.value.elements != nil { return member }
          guard member.name == "$ref", let reference = member.value.text else {
            return Json.Member(member.name, try turn(member.value, under: place))
          }
          return Json.Member("$ref", .string(try turn(reference: reference, under: place)))
        })
    default: return json
    }
  }

  private mutating func turn(reference: String, under place: String) throws -> String {
    guard !reference.hasPrefix("#") else { return place + reference.dropFirst() }
    let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    let target = "#/definitions/\(name)"
    if !names.contains(name) {
      names.append(name)
      let document = try turn(Json(fileBytes(folder + "/" + name)), under: target)
      documents.append(Json.Member(name, document))
    }
    return target + (parts.count > 1 ? String(parts[1]) : "")
  }
}
