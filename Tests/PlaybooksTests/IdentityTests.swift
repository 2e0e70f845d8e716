import Cel
import Decisions
import Engine
import Features
import Playbooks
import Testing
import Yaml

let renewals = """
  kairos: 1
  name: renewals
  timezone: Europe/Berlin
  facts:
    plan: { last: data.plan, from: account.created, type: string, default: free }
    seats: { last: data.seats, from: seat.added, type: int, default: 1, where: plan != "free" }
  features:
    logins: { count: product.login, over: 7d, where: data.web == true }
    before: { count: product.login, over: 7d, ending: 7d }
    spend: { sum: data.amount, from: purchase.completed, over: 30d }
    change: { value: double(logins) - double(before) }
    days: { streak: product.login, each: day }
  moments:
    fading:
      sequence:
        - { on: product.login, where: data.web == true }
        - { absent: product.login, for: 72h }
    growing:
      at_least: 2
      within: 14d
      of:
        - { on: seat.added }
        - { becomes: logins > 10 }
    rich: { becomes: spend > 100.0 }
  windows:
    second: { after: { on: purchase.completed, nth: 2, within: 30d }, opens: 19h, closes: 37h }
    later: { after: { moment: fading }, opens: 1h, closes: 2h }
  scores:
    risk: { logistic: { bias: -2.0, weights: { logins: -0.3, spend: 0.01 } } }
  decisions:
    call:
      when: { score: risk, rises_above: 0.7 }
      if: plan != "free"
      action: { topic: actions.calls, channel: call }
      purpose: retention
    mail:
      when: { window: second }
      action: { topic: actions.mail, channel: email }
      purpose: retention
  policy: { consent: { unknown: allow } }

  """

func compiled(_ text: String) throws -> Program {
  let (program, diagnostics) = try book(text).compile(zones: try ZoneTable.system())
  guard let program else {
    throw NoBook(description: diagnostics.map(\.description).joined(separator: "\n"))
  }
  return program
}

/// `feature logins` and so on, with the identity.
private func identities(_ program: Program) -> [String: ItemIdentity] {
  let items = program.items
  let all: [(String, [ProgramItem])] = [
    ("fact", items.facts), ("feature", items.features), ("score", items.scores),
    ("watch", items.watches), ("moment", items.moments), ("window", items.windows),
    ("decision", items.decisions),
  ]
  var found: [String: ItemIdentity] = [:]
  for (kind, list) in all { for item in list { found["\(kind) \(item.name)"] = item.identity } }
  return found
}

/// The items that are in both and differ, sorted.
private func changed(_ edit: (String) -> String) throws -> [String] {
  let text = edit(renewals)
  try #require(text != renewals)
  let (old, new) = (identities(try compiled(renewals)), identities(try compiled(text)))
  return old.keys.filter { new[$0] != nil && new[$0] != old[$0] }.sorted()
}

@Suite struct `An item's identity` {
  @Test func `is there for each item of the program`() throws {
    let program = try compiled(renewals)
    #expect(program.items.facts.count == program.facts.count)
    #expect(program.items.sources.count == program.features.sources.count)
    #expect(program.items.features.count == program.features.features.count)
    #expect(program.items.scores.count == program.scores.count)
    #expect(program.items.watches.count == program.watches.count)
    #expect(program.items.sequences.count == program.sequences.count)
    #expect(program.items.gatherings.count == program.gatherings.count)
    #expect(program.items.moments.count == program.moments.count)
    #expect(program.items.windows.count == program.windows.count)
    #expect(program.items.decisions.count == program.checks.decisions.count)
  }

  @Test func `does not change with comments, layout or what stands beside it`() throws {
    let none = try changed { text in
      text.replacing("features:\n", with: "features:   # what we count\n  visits: { count: v }\n")
        .replacing(
          "  facts:\n", with: "  facts:\n  region: { last: data.r, from: x, type: string }\n"
        )
        .replacing("facts:\n", with: "facts:\n  region: { last: data.r, from: x, type: string }\n")
    }
    #expect(none == [])
  }

  @Test func `does not change with the order of items`() throws {
    let days = "  days: { streak: product.login, each: day }\n"
    let spend = "  spend: { sum: data.amount, from: purchase.completed, over: 30d }\n"
    let none = try changed { text in
      text.replacing(days, with: "").replacing(spend, with: days + spend)
    }
    #expect(none == [])
  }

  @Test func `does not change when something else is renamed, and hardly its own when it is`()
    throws
  {
    let old = identities(try compiled(renewals))
    let new = identities(
      try compiled(
        renewals.replacing("  days: {", with: "  run: {")
          .replacing("  rich: {", with: "  wealthy: {")))
    #expect(old["feature days"] == new["feature run"])
    #expect(old["moment rich"] == new["moment wealthy"])
    for (name, identity) in old where new[name] != nil { #expect(new[name] == identity) }
  }

  @Test func `changes with a filter, and so does that of all that reads it`() throws {
    let found = try changed {
      $0.replacing(
        "over: 7d, where: data.web == true", with: "over: 7d, where: data.web == false")
    }
    #expect(
      found == [
        "decision call", "feature change", "feature logins", "moment growing", "score risk",
        "watch logins > 10", "watch risk",
      ])
  }

  @Test func `changes with a fact that a filter reads`() throws {
    let found = try changed { $0.replacing("from: account.created", with: "from: plan.changed") }
    #expect(found == ["decision call", "fact plan", "fact seats"])
  }

  @Test func `does not change with a default, but that of what reads it does`() throws {
    let found = try changed { $0.replacing("default: free", with: "default: paid") }
    #expect(found == ["decision call", "fact seats"])
  }

  @Test func `changes with the zone only where days are counted`() throws {
    let found = try changed { $0.replacing("Europe/Berlin", with: "Asia/Tokyo") }
    #expect(found == ["feature days"])
  }

  @Test(arguments: [
    ("over: 30d }", "over: 31d }", "feature spend"),
    ("for: 72h", "for: 71h", "moment fading"), ("at_least: 2", "at_least: 1", "moment growing"),
    ("closes: 37h", "closes: 38h", "window second"), ("bias: -2.0", "bias: -2.1", "watch risk"),
    ("spend > 100.0", "spend > 101.0", "moment rich"),
    ("rises_above: 0.7", "rises_above: 0.6", "decision call"),
  ])
  func `changes with each member of its definition`(from: String, to: String, item: String) throws {
    #expect(try changed { $0.replacing(from, with: to) }.contains(item))
  }

  @Test func `is one for facts that look at each other`() throws {
    let text = { (a: String, b: String) in
      "kairos: 1\nname: p\nfacts:\n  \(a)\n  \(b)\n"
    }
    let a = #"a: { last: data.a, from: x, type: string, where: b == "1" }"#
    let b = #"b: { last: data.b, from: x, type: string, where: a == "2" }"#
    let one = identities(try compiled(text(a, b)))
    #expect(one == identities(try compiled(text(b, a))))
    let other = identities(try compiled(text(a, b.replacing("data.b", with: "data.c"))))
    #expect(one["fact a"] != other["fact a"])
    #expect(one["fact b"] != other["fact b"])
  }
}
