import Engine
import Playbooks
import TestSupport
import Testing

/// From `renewals` to an edited one.
private func plan(backfill: String? = nil, _ edit: (String) -> String) throws -> MigrationPlan {
  MigrationPlan(
    from: try compiled(renewals), to: try compiled(edit(renewals)), backfill: backfill)
}

/// "kind name fate: reasons; start" of what is not simply kept.
private func told(_ plan: MigrationPlan) -> [String] {
  plan.items.filter { $0.fate != .kept || !$0.reasons.isEmpty }.map { item in
    let clauses = item.reasons + [item.start].compactMap { $0 }
    return "\(item.kind) \(item.name) \(item.fate.rawValue): " + clauses.joined(separator: "; ")
  }
}

@Suite struct `A migration plan` {
  @Test func `says that nothing changes where only layout does`() throws {
    let plan = try plan {
      "# renewals\n" + $0.replacing("features:\n", with: "features:  # many\n")
    }
    #expect(plan.isNothing && plan.text.contains("nothing changes"))
  }

  @Test func `keeps all and names what is new`() throws {
    let plan = try plan { $0.replacing("features:\n", with: "features:\n  visits: { count: v }\n") }
    #expect(told(plan) == ["feature visits new: starts empty"])
    #expect(plan.count(.dropped) == 0)
  }

  @Test func `says why something starts anew, and what follows from it`() throws {
    let plan = try plan(backfill: "30d") {
      $0.replacing("over: 7d, where: data.web == true", with: "over: 14d, where: data.web == true")
    }
    #expect(
      told(plan) == [
        "feature logins changed: its span changed: 7d -> 14d; back-filled from 30d ago",
        "feature change changed: `logins`, which it reads, changed",
        "score risk changed: `logins`, which it reads, changed; "
          + "its triggers start from its value then",
        "moment growing changed: `logins`, which it reads, changed; back-filled from 30d ago",
        "decision call kept: `risk`, which it reads, changed",
      ])
  }

  @Test func `keeps what is only called otherwise`() throws {
    let plan = try plan { $0.replacing("  days: {", with: "  run: {") }
    #expect(told(plan) == ["feature run kept: it was `renewals/days`"])
  }

  @Test func `keeps state over a new default, and says so`() throws {
    let plan = try plan { $0.replacing("default: 1, where", with: "default: 2, where") }
    #expect(told(plan) == ["fact seats kept: its default changed: 1 -> 2"])
  }

  @Test func `names what is dropped, and what becomes of a decision's promises`() throws {
    let mail =
      "  mail:\n    when: { window: second }\n"
      + "    action: { topic: actions.mail, channel: email }\n    purpose: retention\n"
    let plan = try plan { $0.replacing(mail, with: "") }
    #expect(
      told(plan) == [
        "decision mail dropped: what it has pending is revoked; "
          + "what it has released still counts for caps of its channel"
      ])
  }

  @Test func `tells the decision that goes on under other rules`() throws {
    let plan = try plan { $0.replacing("rises_above: 0.7", with: "rises_above: 0.6") }
    #expect(
      told(plan) == [
        "decision call kept: its trigger changed: score risk rises above 0.7 -> "
          + "score risk rises above 0.6"
      ])
  }

  @Test func `tells what changes for all decisions`() throws {
    let plan = try plan {
      $0.replacing(
        "{ consent: { unknown: allow } }",
        with: "{ consent: { unknown: deny }, caps: [{ channel: email, at_most: 1, per: 7d }] }")
    }
    #expect(
      plan.policy == [
        .init(what: "unknown consent", old: "allow", new: "deny"),
        .init(what: "cap", old: nil, new: "email: 1 per 7d"),
      ])
    #expect(plan.text.contains("unknown consent  changed: allow -> deny"))
  }

  @Test func `as JSON says the same`() throws {
    let plan = try plan { $0.replacing("over: 30d }", with: "over: 31d }") }
    let read = try Json(plan.json)
    #expect(read["changesNothing"]?.flag == false)
    let items = read["items"]?.elements ?? []
    #expect(items.count == plan.items.count)
    let spend = items.first { $0["name"]?.text == "spend" }
    #expect(spend?["fate"]?.text == "changed")
    #expect(spend?["reasons"]?[0]?.text == "its span changed: 30d -> 31d")
  }
}

@Suite struct `A book's artifact` {
  @Test func `gives the same book back`() throws {
    let first = try book("# a comment\n" + renewals)
    let again = try Book(artifact: try first.artifact(), hash: first.name)
    #expect(again.hash == first.hash && again.files == first.files)
    #expect(again.playbooks.map(\.version) == first.playbooks.map(\.version))
  }

  @Test func `of several files keeps their names and their order`() throws {
    let policy = "kairos: 1\npolicy: { consent: { unknown: allow } }\n"
    let files = [("b.yaml", "b"), ("a.yaml", "a")].map { file, name in
      (name: "books/" + file, bytes: Array("kairos: 1\nname: \(name)\n".utf8))
    }
    let all = files + [(name: "books/policy.yaml", bytes: Array(policy.utf8))]
    let first = try #require(Book.parse(files: all).book)
    let again = try Book(artifact: try first.artifact(), hash: first.name)
    #expect(again.playbooks.map(\.name) == ["a", "b"] && again.hash == first.hash)
  }

  @Test func `is refused under another hash, and when it is damaged`() throws {
    let first = try book(renewals)
    let other = try book(renewals.replacing("over: 30d", with: "over: 31d"))
    let bytes = try first.artifact()
    #expect(throws: BookError.self) { try Book(artifact: bytes, hash: other.name) }
    let bent = Array(String(decoding: bytes, as: UTF8.self).replacing("30d", with: "31d").utf8)
    #expect(throws: BookError.self) { try Book(artifact: bent, hash: first.name) }
    #expect(throws: BookError.self) {
      try Book(artifact: Array(bytes.dropLast()), hash: first.name)
    }
  }

  @Test func `is bounded`() throws {
    let long = try book(renewals + String(repeating: "# a long comment\n", count: 60_000))
    #expect(throws: BookError.self) { try long.artifact() }
  }
}
