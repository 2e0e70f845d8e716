import Foundation
import Playbooks
import TestSupport
import Yaml

/// The keys of the conformance cases that are not the language.
let caseKeys: Set<String> = ["where_py", "if_py", "share_bp"]

/// The diagnostics of a lone playbook, a line each.
func complaints(_ text: String, file: String = "p.yaml") -> [String] {
  Book.parse(files: [(file, Array(text.utf8))]).diagnostics.map(\.description)
}

struct NoBook: Error, CustomStringConvertible { var description: String }

/// The book of a lone playbook.
func book(_ text: String, tolerating: Set<String> = []) throws -> Book {
  let (book, diagnostics) = Book.parse(
    files: [("p.yaml", Array(text.utf8))], tolerating: tolerating)
  guard let book else {
    throw NoBook(description: diagnostics.map(\.description).joined(separator: "\n"))
  }
  return book
}

/// The playbooks of the design's cases, as JSON texts: those with features only get the top of a
/// playbook.
func meaningPlaybooks() throws -> [(name: String, text: String)]? {
  guard let folder = shared("conformance/meaning", for: "the design's playbooks") else {
    return nil
  }
  var found: [(String, String)] = []
  for file in ["features", "decisions"] {
    for line in try fileText("\(folder)/\(file).jsonl").split(separator: "\n") {
      let json = try Json(String(line))
      var playbook = json["playbook"]
      if playbook == nil {
        playbook = .object([
          Json.Member("kairos", .number("1")), Json.Member("name", .string("case")),
          Json.Member("timezone", json["timezone"] ?? .null),
          Json.Member("features", json["features"] ?? .null),
        ])
      }
      found.append((json["name"]?.text ?? "?", spelled(playbook ?? .null)))
    }
  }
  return found
}

/// A JSON value as text.
func spelled(_ json: Json) -> String {
  switch json {
  case .null: "null"
  case .bool(let flag): flag ? "true" : "false"
  case .number(let digits): digits
  case .string(let text): quoted(text)
  case .array(let items): "[" + items.map(spelled).joined(separator: ", ") + "]"
  case .object(let members):
    "{" + members.map { "\(quoted($0.name)): \(spelled($0.value))" }.joined(separator: ", ") + "}"
  }
}

private func quoted(_ text: String) -> String {
  let escaped = text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
  return "\"\(escaped)\""
}

func write(_ text: String, to path: String) throws {
  try Data(text.utf8).write(to: URL(fileURLWithPath: path))
}
