import Foundation
import TestSupport
import Testing

@Suite struct `The pages about what Kairos means and promises` {
  /// The names of all tests, as their sources spell them.
  private func names() throws -> Set<Substring> {
    var names: Set<Substring> = []
    let folder = packageRoot + "/Tests"
    for path in try FileManager.default.subpathsOfDirectory(atPath: folder)
    where path.hasSuffix(".swift") {
      for part in try fileText("Tests/" + path).split(separator: "func `").dropFirst() {
        names.insert(part.prefix { $0 != "`" })
      }
    }
    return names
  }

  @Test(arguments: [("docs/semantics.md", 70), ("docs/guarantees.md", 20)])
  func `names tests that there are`(page: String, least: Int) throws {
    let known = try names()
    var claims = 0
    for line in try fileText(page).split(separator: "\n")
    where line.drop(while: { $0 == " " }).hasPrefix("→") {
      let parts = line.split(separator: "`", omittingEmptySubsequences: false)
      #expect(parts.count >= 3 && parts.count % 2 == 1, "\(line)")
      for index in stride(from: 1, to: parts.count, by: 2) {
        #expect(known.contains(parts[index]), "no test has the name: \(parts[index])")
      }
      claims += 1
    }
    #expect(claims > least)
  }
}
