import Decisions
import Events
import Testing

@testable import Engine

/// What a look finds out for the next one is a short cut only.
@Suite struct `A look at a score` {
  @Test(arguments: 1...24 as ClosedRange<UInt64>)
  func `gives what looking anew at everything gives`(seed: UInt64) throws {
    var stream = RandomStream(seed: seed)
    var text = stream.playbook()
    if seed % 2 == 0 { text = Self.withFractions(text) }
    if seed % 3 == 0 { text = text.replacing("u1: 0.3", with: "u1: 0.3, v1: 0.01, m1: 0.2") }
    let program = try EngineTests.program(text)
    var quick = Shard(program: program, partition: 0)
    var plain = Shard(program: program, partition: 0)
    var decisions: [DecisionRecord] = []
    for number in 0..<600 {
      let next = stream.next(decisions)
      for customer in 0..<plain.customers.places { plain.forgetLooks(plain.blocks[customer]) }
      next.feed(&quick, at: number)
      next.feed(&plain, at: number)
      let (output, same) = (quick.takeOutput(), plain.takeOutput())
      #expect(output.map(\.record) == same.map(\.record), "record \(number)")
      decisions += output.map(\.record)
      if number % 50 == 49 {
        #expect(quick.stateDigest() == plain.stateDigest(), "record \(number)")
      }
    }
    #expect(quick.counts == plain.counts)
  }

  /// The playbook with a score that moves at every instant.
  private static func withFractions(_ text: String) -> String {
    text.replacing(
      "  t2: { streak",
      with: "  t3: { since: a, in: hours, exact: true, at_most: 10, default: 10 }\n  t2: { streak"
    ).replacing(
      "\nscores:\n",
      with: "\nscores:\n  fresh:\n"
        + "    logistic: { bias: -0.5, weights: { n1: 0.5, s1: 0.1, t3: -0.3, u1: 0.2, m1: 0.1 } }\n"
    ).replacing(
      "\ndecisions:\n",
      with: "\ndecisions:\n  fresh:\n    when: { score: fresh, rises_above: 0.4, at: events }\n"
        + "    action: { topic: actions.t, channel: call }\n    purpose: service\n")
  }
}
