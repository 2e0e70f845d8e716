package import Yaml

extension Book {
  /// Reads and checks the files of a book: `policy.yaml` (or `policy.yml`) and playbooks, in any
  /// order; or one playbook alone, with its policy inside. Without diagnostics there is a book,
  /// with any there is none.
  package static func parse(
    files: [(name: String, bytes: [UInt8])], tolerating: Set<String> = []
  ) -> (book: Book?, diagnostics: [Diagnostic]) {
    let diagnostics = Diagnostics(tolerating: tolerating)
    for file in files {
      _ = YamlParser.parse(file.bytes, file: file.name, diagnostics: diagnostics)
    }
    return (nil, diagnostics.sorted)
  }
}
