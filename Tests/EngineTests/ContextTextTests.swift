import Decisions
import Engine
import Events
import Testing

@Suite struct `The customer's id, the event's id and source` {
  private let book = playbook(
    """
    decisions:
      d:
        when: { moment: m }
        if: "customer.startsWith('a')"
        action: { topic: actions.t, channel: sms, fields: { who: customer, what: "customer + '!'" } }
        purpose: service
    moments:
      m: { sequence: [ { on: login, where: "source.endsWith('pp') && id.size() == 2" } ] }
    """)

  @Test func `are texts that expressions can look into and decisions carry`() throws {
    var fold = try Fold(book)
    fold.event("login", at: hour(0), customer: "ada")
    fold.event("login", at: hour(1), customer: "bob")
    let records = fold.records()
    #expect(records.map(\.outcome.text) == ["released", "held:eligibility"])
    let value = String(decoding: try #require(records.first).value, as: UTF8.self)
    #expect(value.contains(#""fields":{"who":"ada","what":"ada!"}"#), "\(value)")
  }
}
