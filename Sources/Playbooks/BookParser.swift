package import Yaml

extension Book {
  /// Reads and checks the files of a book: `policy.yaml` (or `policy.yml`) and playbooks, in any
  /// order; or one playbook alone, with its policy inside. Without diagnostics there is a book,
  /// with any there is none. Keys in `tolerating` are passed over wherever they stand.
  package static func parse(
    files: [(name: String, bytes: [UInt8])], tolerating: Set<String> = []
  ) -> (book: Book?, diagnostics: [Diagnostic]) {
    var parser = BookParser(tolerating: tolerating)
    let book = parser.parse(files)
    return parser.diagnostics.isEmpty ? (book, []) : (nil, parser.diagnostics.sorted)
  }
}

private struct BookParser {
  let diagnostics: Diagnostics
  private var parsed: [(playbook: Playbook, parser: PlaybookParser)] = []

  init(tolerating: Set<String>) { diagnostics = Diagnostics(tolerating: tolerating) }

  mutating func parse(_ files: [(name: String, bytes: [UInt8])]) -> Book? {
    let ordered = files.sorted {
      Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8))
    }
    let policies = ordered.filter { isPolicy($0.name) }
    let rest = ordered.filter { !isPolicy($0.name) }
    guard !rest.isEmpty else {
      let file = ordered.first?.name ?? "the book"
      diagnostics.report(
        SourcePosition(file: file, line: 1, column: 1), "the book has no playbook",
        hint: "put one into the folder, as in silent-churn.yaml")
      return nil
    }
    for file in rest { playbook(file.name, file.bytes) }
    checkPlaybookNames()
    let allowed = PolicyParser.DecisionNames(
      playbooks: parsed.map { ($0.playbook.name, $0.parser.names.decisions) })
    let policy = policy(policies, count: rest.count, allowed)
    for item in parsed {
      PlaybookChecks(
        diagnostics: diagnostics, playbook: item.playbook, names: item.parser.names
      ).check()
    }
    guard let policy, diagnostics.isEmpty else { return nil }
    let playbooks = parsed.map(\.playbook)
    let hash = ContentHash.of(book: policy.hash, playbooks.map(\.version))
    var book = Book(policy: policy.policy, playbooks: playbooks, hash: hash)
    book.files = ordered.map {
      Book.File(name: String($0.name.split(separator: "/").last ?? ""), text: $0.bytes)
    }
    return book
  }

  private func isPolicy(_ path: String) -> Bool {
    let name = path.split(separator: "/").last ?? ""
    return name == "policy.yaml" || name == "policy.yml"
  }

  private mutating func playbook(_ file: String, _ bytes: [UInt8]) {
    guard let root = YamlParser.parse(bytes, file: file, diagnostics: diagnostics) else { return }
    var parser = PlaybookParser(diagnostics: diagnostics)
    guard var playbook = parser.parse(root) else { return }
    playbook.version = ContentHash.of(root, tolerated: diagnostics.tolerated)
    parsed.append((playbook, parser))
  }

  private func checkPlaybookNames() {
    var seen: [String: SourcePosition] = [:]
    for item in parsed where !item.playbook.name.isEmpty {
      if let other = seen[item.playbook.name] {
        diagnostics.report(
          item.playbook.position, "the name \"\(item.playbook.name)\" is taken",
          hint: "\(other.file) has it; rename one of them")
      }
      seen[item.playbook.name] = item.playbook.position
    }
  }

  /// The book's policy and its content's hash; gives each playbook what it adds to it.
  private mutating func policy(
    _ files: [(name: String, bytes: [UInt8])], count: Int, _ names: PolicyParser.DecisionNames
  ) -> (policy: Policy, hash: [UInt8])? {
    if let file = files.first {
      if files.count > 1 {
        diagnostics.report(
          SourcePosition(file: files[1].name, line: 1, column: 1),
          "the book has two policies", hint: "\(file.name) is the other; keep one")
      }
      for index in parsed.indices {
        guard let node = parsed[index].parser.policy else { continue }
        let own = parsed[index].playbook.name
        let parser = PolicyParser(
          diagnostics: diagnostics,
          decisions: PolicyParser.DecisionNames(
            playbooks: names.playbooks.filter { $0.name == own }))
        parsed[index].playbook.tightening = parser.tightening(node)
      }
      return policyFile(file, names)
    }
    let none = SourcePosition(file: parsed.first?.playbook.position.file ?? "", line: 1, column: 1)
    let noHash = [UInt8](repeating: 0, count: 32)
    if count > 1 {
      diagnostics.report(
        none, "the book has \(count) playbooks and no policy.yaml",
        hint: "add one, with \"kairos: 1\" and \"policy:\"; only a lone playbook may carry its own")
      return nil
    }
    guard let node = parsed.first?.parser.policy else { return (Policy(position: none), noHash) }
    let policy = PolicyParser(diagnostics: diagnostics, decisions: names).policy(node)
    // The lone playbook's version covers it.
    return (policy, noHash)
  }

  private func policyFile(
    _ file: (name: String, bytes: [UInt8]), _ names: PolicyParser.DecisionNames
  ) -> (policy: Policy, hash: [UInt8])? {
    guard let root = YamlParser.parse(file.bytes, file: file.name, diagnostics: diagnostics) else {
      return nil
    }
    let reader = YamlReader(root, "policy.yaml", diagnostics)
    guard reader.isMapping else { return nil }
    PlaybookParser.checkVersion(reader)
    let node = reader.node("policy", required: true, hint: "write \"policy:\" and indent the rest")
    reader.finish(instead: [
      "decisions": "decisions stand in playbooks", "timezone": "it belongs under \"policy\"",
    ])
    guard let node else { return nil }
    let policy = PolicyParser(diagnostics: diagnostics, decisions: names).policy(node)
    return (policy, ContentHash.of(root, tolerated: diagnostics.tolerated))
  }
}
