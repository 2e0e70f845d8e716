import Playbooks
import TestSupport
import Testing
import Yaml

@Suite struct `A book` {
  private let playbook = """
    kairos: 1
    name: NAME
    decisions:
      call:
        when: { becomes: "true" }
        action: { topic: t, channel: call }
        purpose: p

    """

  private func parse(_ files: [(String, String)]) -> (book: Book?, said: [String]) {
    let (book, diagnostics) = Book.parse(
      files: files.map { (name: $0.0, bytes: Array($0.1.utf8)) })
    return (book, diagnostics.map(\.description))
  }

  private func named(_ name: String) -> String { playbook.replacing("NAME", with: name) }

  @Test func `has its playbooks in the order of their files' names`() throws {
    let (book, said) = parse([
      ("b.yaml", named("first")), ("policy.yaml", "kairos: 1\npolicy: {}\n"),
      ("a.yaml", named("second")),
    ])
    #expect(said.isEmpty)
    #expect(book?.playbooks.map(\.name) == ["second", "first"])
  }

  @Test func `of one playbook may carry its policy inside`() throws {
    let text = named("p") + "policy: { caps: [ { decision: p.call, at_most: 2, per: 7d } ] }\n"
    let (book, said) = parse([("p.yaml", text)])
    #expect(said.isEmpty)
    let cap = try #require(book?.policy.caps.first)
    guard case .decision(let mention, let playbook) = cap.scope else {
      throw NoBook(description: "another scope")
    }
    #expect(mention.name == "call")
    #expect(playbook == "p")
    #expect(cap.period == .rolling(604_800_000))
    #expect(book?.policy.unknownConsent == .deny)
  }

  @Test func `of several playbooks needs a policy`() {
    let (_, said) = parse([("a.yaml", named("a")), ("b.yaml", named("b"))])
    #expect(said.count == 1)
    #expect(
      said.first?.hasPrefix("a.yaml:1:1: the book has 2 playbooks and no policy.yaml") == true)
  }

  @Test func `without a playbook is none`() {
    let (_, said) = parse([("policy.yaml", "kairos: 1\npolicy: {}\n")])
    #expect(said.count == 1)
    #expect(said.first?.contains("the book has no playbook") == true)
  }

  @Test func `has each playbook's name once`() {
    let (_, said) = parse([
      ("a.yaml", named("p")), ("b.yaml", named("p")), ("policy.yaml", "kairos: 1\npolicy: {}\n"),
    ])
    #expect(said == ["b.yaml:1:1: the name \"p\" is taken; a.yaml has it; rename one of them"])
  }

  @Test func `lets a playbook tighten its policy, and no more`() throws {
    let policy = ("policy.yaml", "kairos: 1\npolicy: { consent: { unknown: allow } }\n")
    let tighter =
      "policy: { consent: { unknown: deny }, caps: [ { decision: call, at_most: 1, per: 1d } ] }\n"
    let (book, said) = parse([("a.yaml", named("a") + tighter), policy])
    #expect(said.isEmpty)
    #expect(book?.policy.unknownConsent == .allow)
    #expect(book?.playbooks[0].tightening.unknownConsent == .deny)
    #expect(book?.playbooks[0].tightening.caps.count == 1)
    let looser = "policy: { consent: { unknown: allow }, holdout: { share: 5%, salt: x } }\n"
    let refused = parse([("a.yaml", named("a") + looser), policy]).said
    #expect(refused.count == 2)
    #expect(refused[0].contains("a playbook may only tighten the book's policy"))
    #expect(refused[1].contains("it holds for the whole book: write it in policy.yaml"))
  }

  @Test func `is the same whatever its layout, and another when its content is`() throws {
    let text = named("p")
    let hash = try book(text).hash
    #expect(hash.count == 32)
    #expect(try book("# a comment\n" + text.replacing(": p\n", with: ":   'p'\n")).hash == hash)
    let reordered = text.replacing("{ topic: t, channel: call }", with: "{channel: call, topic: t}")
    #expect(try book(reordered).hash == hash)
    #expect(try book(text.replacing("topic: t", with: "topic: u")).hash != hash)
    #expect(try book(text + "policy: { policy_time: event }\n").hash != hash)
  }

  @Test func `is another when the order of its decisions or weights is`() throws {
    let a = "kairos: 1\nname: p\nfeatures: { f: { count: e }, g: { count: h } }\nscores: "
    let one = try book(a + "{ s: { logistic: { bias: 0, weights: { f: 1, g: 2 } } } }\n")
    let two = try book(a + "{ s: { logistic: { bias: 0, weights: { g: 2, f: 1 } } } }\n")
    #expect(one.playbooks[0].version != two.playbooks[0].version)
  }

  @Test func `is another when quotes turn a number into a text`() throws {
    let a = "kairos: 1\nname: p\nfeatures: { f: { last: data.k, from: e, default: "
    #expect(try book(a + "1 } }\n").hash != book(a + "\"1\" } }\n").hash)
    #expect(try book(a + "x } }\n").hash == book(a + "\"x\" } }\n").hash)
  }

  @Test func `is read from a folder or a file`() throws {
    try withTemporaryFolder { folder in
      try write(named("p"), to: folder + "/p.yaml")
      try write("not yaml: [", to: folder + "/notes.txt")
      try write("not yaml: [", to: folder + "/.hidden.yaml")
      #expect(try Book.load(path: folder).playbooks.map(\.name) == ["p"])
      #expect(try Book.load(path: folder + "/p.yaml").hash == Book.load(path: folder + "/").hash)
      try write("kairos: 1\nname: q\nx: 1\n", to: folder + "/q.yaml")
      try write("kairos: 1\npolicy: {}\n", to: folder + "/policy.yml")
      #expect {
        try Book.load(path: folder)
      } throws: { error in
        "\(error)".hasPrefix("\(folder)/q.yaml:3:1: the playbook has no key \"x\"")
      }
    }
  }

  @Test func `that is not there ends in one line that says what to do`() throws {
    try withTemporaryFolder { folder in
      #expect(
        throws: BookError.unreadable(
          "\(folder): the folder has no .yaml file; "
            + "put a playbook there")
      ) { try Book.load(path: folder) }
      #expect(
        throws: BookError.unreadable(
          "\(folder)/x: there is no such file or folder; "
            + "name a playbook or its folder")
      ) { try Book.load(path: folder + "/x") }
    }
  }
}
