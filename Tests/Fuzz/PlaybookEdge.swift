import Cel
import Playbooks
import Yaml

private let zones: ZoneTable = {
  do { return try ZoneTable.system() } catch { fatalError("\(error)") }
}()

/// Either a book or diagnostics with places in the file, one line each; and a book compiles, or says
/// why not in the same way.
func feedPlaybook(_ bytes: [UInt8]) {
  let (book, diagnostics) = Book.parse(files: [("f.yaml", bytes)])
  precondition((book == nil) != diagnostics.isEmpty, "neither book nor diagnostics, or both")
  check(diagnostics, bytes)
  guard let book else { return }
  let (program, found) = book.compile(zones: zones)
  precondition((program == nil) != found.isEmpty, "neither program nor diagnostics, or both")
  check(found, bytes)
}

private func check(_ diagnostics: [Diagnostic], _ bytes: [UInt8]) {
  let lines = bytes.count { $0 == 0x0a || $0 == 0x0d } + 3 * bytes.count { $0 >= 0x80 } + 2
  for diagnostic in diagnostics {
    precondition(diagnostic.line >= 1 && diagnostic.line <= lines, "\(diagnostic)")
    precondition(diagnostic.column >= 1 && diagnostic.column <= bytes.count + 2, "\(diagnostic)")
    precondition(!diagnostic.message.isEmpty)
    precondition(diagnostic.description.split { $0.isNewline }.count == 1, "\(diagnostic)")
  }
}
