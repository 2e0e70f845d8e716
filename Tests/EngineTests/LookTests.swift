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
}
