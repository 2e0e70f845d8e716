import Playbooks
import Testing
import Yaml

@Suite struct `A playbook as a whole` {
  private func features(_ body: String, _ rest: String = "") -> String {
    "kairos: 1\nname: p\nfeatures:\n" + body.split(separator: "\n").map { "  \($0)\n" }.joined()
      + rest
  }

  @Test func `features that are computed in a circle are refused, and the circle is named`() {
    let said = complaints(
      features("z: { count: e }\na: { value: b + 1 }\nb: { value: c * 2 + z }\nc: { value: a }"))
    #expect(
      said == [
        "p.yaml:5:15: the feature \"a\" is computed from itself: a → b → c → a; "
          + "break the circle at one of them"
      ])
  }

  @Test func `a feature of itself is a circle`() {
    #expect(complaints(features("a: { value: a + 1 }")).first?.contains("a → a") == true)
  }

  @Test func `what looks like the feature inside a text or behind a dot is no circle`() {
    #expect(
      complaints(features("a: { value: '\"a\" == b.a ? 1 : size(\"x\")' }\nb: { count: e }"))
        .isEmpty)
  }

  @Test func `an expression that cannot be read is reported at its own place`() {
    let said = complaints(features("a: { count: e }\nb: { value: a + * 2 }\nc: { value: a +) }"))
    #expect(said.count == 2)
    #expect(said[0].hasPrefix("p.yaml:5:19: "))
    #expect(said[1].hasPrefix("p.yaml:6:18: "))
  }

  @Test func `an unknown name is reported with the nearest right one`() {
    let said = complaints(
      features(
        "logins_7d: { count: e, where: dta.x > 1 }\nb: { value: '[1].exists(n, n > logins_7dd)' }",
        "moments: { m: { becomes: \"logins_7d > 1 && plan == 'x'\" } }\n"))
    #expect(
      said == [
        "p.yaml:4:33: there is no fact, feature or score \"dta\"; did you mean \"data\"?",
        "p.yaml:5:34: there is no fact, feature or score \"logins_7dd\"; "
          + "did you mean \"logins_7d\"?",
        "p.yaml:6:44: there is no fact, feature or score \"plan\"; "
          + "an event's own fields are written data.plan",
      ])
  }

  @Test func `a name that a macro binds hides a feature`() {
    #expect(complaints(features("a: { value: '[1].exists(a, a > 0) ? 1 : 0' }")).isEmpty)
  }

  @Test func `a name is a fact, a feature or a score, but only one of them`() {
    let said = complaints(
      features("a: { count: e }", "facts: { a: { last: data.x, from: e, type: int } }\n"))
    #expect(said.count == 1)
    #expect(said[0].contains("\"a\" is already the name of a fact"))
  }

  @Test(arguments: ["data", "in", "double", "1a", "a-b", "a.b", ""])
  func `names that expressions could not mention are refused`(name: String) {
    #expect(complaints(features("\"\(name)\": { count: e }")).count == 1)
  }

  @Test func `a weight needs a feature that is a number`() {
    let body = "a: { last: data.k, from: e, default: none }\nb: { count: e }"
    let score = "scores: { s: { logistic: { bias: 0, weights: { a: 1, bb: 1, b: 1, f: 1 } } } }\n"
    let facts = "facts: { f: { last: data.x, from: e, type: int } }\n"
    let said = complaints(features(body, score + facts))
    #expect(said.count == 3)
    #expect(said[0].hasPrefix("p.yaml:6:48: the feature \"a\" is no number"))
    #expect(said[1] == "p.yaml:6:54: there is no feature \"bb\"; declared: a, b")
    #expect(said[2].hasPrefix("p.yaml:6:67: \"f\" is a fact, and a weight needs a feature"))
  }

  private let exact = """
    kairos: 1
    name: p
    features:
      quiet: { since: e, in: days, exact: true, default: 0 }
      tired: { value: quiet * 2.0 }
    scores: { s: { logistic: { bias: 0, weights: { tired: 1 } } } }
    decisions:
      d:
        when: { score: s, rises_above: 0.5, at: AT }
        action: { topic: t, channel: c }
        purpose: p

    """

  @Test func `what moves at every instant cannot trigger at changes`() {
    let said = complaints(exact.replacing("AT", with: "changes"))
    #expect(
      said == [
        "p.yaml:9:11: the decision \"d\" goes by \"quiet\", which is exact and moves at every "
          + "instant; write at: events, or leave \"exact\" away"
      ])
    #expect(complaints(exact.replacing("AT", with: "events")).isEmpty)
  }

  @Test func `what moves at every instant cannot become a moment`() {
    let said = complaints(
      exact.replacing("AT", with: "events") + "moments: { m: { becomes: tired > 2.0 } }\n")
    #expect(said.count == 1)
    #expect(said[0].contains("the moment \"m\" goes by \"quiet\""))
  }

  @Test func `all mistakes of all files are reported at once`() {
    let (_, diagnostics) = Book.parse(files: [
      ("a.yaml", Array("kairos: 1\nname: a\nx: 1\ny: 2\n".utf8)),
      ("b.yaml", Array("kairos: 1\nname: [\n".utf8)),
      ("policy.yaml", Array("kairos: 1\npolicy: { cap: [] }\n".utf8)),
    ])
    #expect(diagnostics.map(\.file) == ["a.yaml", "a.yaml", "b.yaml", "policy.yaml"])
  }

  @Test func `a name that is declared wrongly is not reported as missing too`() {
    let said = complaints(
      "kairos: 1\nname: p\nmoments: { m: { becomes: [] } }\n"
        + "windows: { w: { after: { moment: m }, closes: 2h } }\n")
    #expect(said.count == 1)
  }
}
