import Playbooks
import Testing

/// A sequence of these steps, and what follows it.
private func sequence(_ steps: [String], _ rest: String = "") -> String {
  "kairos: 1\nname: p\nmoments:\n  m:\n"
    + rest.split(separator: "\n").map { "    \($0)\n" }.joined()
    + "    sequence:\n" + steps.map { "      - { \($0) }\n" }.joined()
}

private func steps(_ items: [String], _ rest: String = "") throws -> Playbook.Sequence {
  let moment = try book(sequence(items, rest)).playbooks[0].moments[0]
  guard case .sequence(let sequence) = moment.kind else { throw NoBook(description: "another") }
  return sequence
}

@Suite struct `Sequences` {
  @Test func `every quantifier of Flink can be written`() throws {
    let sequence = try steps(
      [
        "on: a, as: first",
        "on: [b, c], next: true, times: 2, consecutive: true",
        "on: any, any: true, times: { at_least: 1, at_most: 3 }, combinations: true, optional: true",
        "on: d, times: { at_least: 0 }, greedy: true, until: data.x > 1, within: 2h",
        "steps: [ { on: e }, { on: f, next: true } ], times: { at_least: 2 }",
        "absent: g, where: data.y > first.data.y",
        "on: h",
        "absent: i, for: 72h",
      ], "within: 90d\nmatches: all\nmax_partial: 500")
    let all = sequence.steps
    #expect(sequence.within == 7_776_000_000)
    #expect(sequence.matches == .all)
    #expect(sequence.maxPartial == 500)
    #expect(all.map(\.name) == ["first", "step2", "step3", "step4", "", "step7", "step8", "step9"])
    #expect(all[0].times == nil)
    #expect(all[1].times == Playbook.Step.Times(least: 2, most: 2))
    #expect(all[1].contiguity == .next)
    #expect(all[1].inner == .consecutive)
    #expect(all[2].contiguity == .any)
    #expect(all[2].inner == .combinations)
    #expect(all[2].optional)
    #expect(all[2].times == Playbook.Step.Times(least: 1, most: 3))
    #expect(all[3].times == Playbook.Step.Times(least: 1, most: nil))
    #expect(all[3].optional)
    #expect(all[3].greedy)
    #expect(all[3].until?.text == "data.x > 1")
    #expect(all[3].within == 7_200_000)
    guard case .group(let inner) = all[4].kind else { throw NoBook(description: "no group") }
    #expect(inner.map(\.name) == ["step5", "step6"])
    #expect(inner.count { $0.isRepeated } == 2)
    #expect(all[5].looksBackAt == ["first"])
    guard case .absent(_, let duration) = all[7].kind else { throw NoBook(description: "none") }
    #expect(duration == 259_200_000)
  }

  @Test func `without a word a sequence gives its latest match`() throws {
    let sequence = try steps(["on: a", "on: b"])
    #expect(sequence.matches == .latest)
    #expect(sequence.maxOpen == 64)
    #expect(sequence.within == nil)
  }

  @Test(arguments: [
    (["absent: a", "on: b"], "m\" starts with what does not happen"),
    (["on: a, next: true", "on: b"], "the first step has no step before it"),
    (["on: a, within: 2h", "on: b"], "the first step has \"within: 2h\""),
    (["on: a, optional: true", "on: b, optional: true"], "all steps of the moment \"m\" are"),
    (["on: a", "on: b, optional: true", "absent: c", "on: d"], "cannot stand before an absence"),
    (["on: a", "absent: c, times: 2", "on: d"], "an absence happens once"),
    (["on: a", "absent: c, optional: true", "on: d"], "an absence happens once"),
    (["on: a", "absent: c, any: true", "on: d"], "an absence cannot branch"),
    (["on: a", "absent: c, within: 2h", "on: d"], "an absence has no \"within\""),
    (["on: a", "absent: c, for: 2h", "on: d"], "lasts until the next step is taken"),
    (["on: a", "absent: c"], "must say for how long; add \"for\""),
    (["on: a", "absent: c, next: true, for: 2h"], "looks at the very next event only"),
    (["on: a", "steps: [ { on: b }, { absent: c } ]", "on: d"], "a group cannot end with"),
    (["on: a", "on: b, greedy: true"], "taken once cannot be greedy"),
    (
      ["on: a", "steps: [ { on: b } ], times: 2, greedy: true", "on: c"], "a group cannot be greedy"
    ),
    (
      ["on: a", "on: b, times: { at_least: 1 }, greedy: true, combinations: true", "on: c"],
      "\"greedy\" keeps one run"
    ),
    (
      ["on: a", "on: b, times: { at_least: 1 }, greedy: true", "on: c, optional: true"],
      "cannot stand before an optional one"
    ),
    (["on: a, consecutive: true", "on: b"], "nothing inside it to order"),
    (["on: a, until: data.x > 1", "on: b"], "\"until\" ends a repetition that has no end"),
    (["on: a, times: 3, until: data.x > 1", "on: b"], "\"until\" ends a repetition"),
    (["on: a, as: s", "on: b, as: s"], "two steps of the moment \"m\" are named \"s\""),
    (["on: a, times: { at_least: 3, at_most: 2 }", "on: b"], "at_most 2 is less than at_least 3"),
    (["on: a, next: true, any: true", "on: b"], "the step has both \"next\" and \"any\""),
    (["on: a, as: s", "on: b, where: data.x > s.data.x"], "needs every partial match kept"),
    (["on: a, where: t.data.x > 1", "on: b, as: t"], "\"t\" has not been taken yet"),
  ])
  func `what Flink refuses, and what could never complete, is refused`(
    steps: [String], said: String
  ) {
    let lines = complaints(sequence(steps))
    #expect(lines.contains { $0.contains(said) }, "\(lines)")
  }

  @Test func `an absence at the end counts from the first event if the sequence has a within`()
    throws
  {
    let sequence = try steps(["on: a", "absent: b"], "within: 3d")
    guard case .absent(_, let duration) = sequence.steps[1].kind else {
      throw NoBook(description: "none")
    }
    #expect(duration == nil)
  }

  @Test(arguments: [("72h", true), ("73h", false)])
  func `an absence that outlasts the whole sequence is refused`(duration: String, fits: Bool) {
    let said = complaints(sequence(["on: a", "absent: b, for: \(duration)"], "within: 72h"))
    #expect(said.isEmpty == fits)
  }

  @Test func `matches without a bound are refused with the remedy`() {
    let said = complaints(sequence(["on: a", "on: b"], "matches: all"))
    #expect(
      said == [
        "p.yaml:6:5: the moment \"m\" keeps every partial match, without bound; "
          + "add \"max_partial: 1000\", or leave \"matches: all\" away"
      ])
  }

  @Test func `bounds of the other mode are refused`() {
    #expect(complaints(sequence(["on: a", "on: b"], "max_partial: 5")).count == 1)
    #expect(
      complaints(sequence(["on: a", "on: b"], "matches: all\nmax_partial: 5\nmax_open: 4")).count
        == 1)
  }

  @Test func `the place of an earlier step's name is exact`() {
    let said = complaints(
      sequence(["on: a, as: s", "on: b, where: \"data.k == \\\"s\\\" && data.x > s.data.x\""]))
    #expect(said.count == 1)
    #expect(
      said[0].hasPrefix("p.yaml:7:54: looking at the earlier step \"s\""), "\(said)")
  }
}
