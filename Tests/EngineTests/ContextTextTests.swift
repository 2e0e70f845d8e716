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

  @Test func `an event of a type that no playbook mentions has its type in expressions`() throws {
    let book = playbook(
      """
      decisions:
        d:
          when: { moment: m }
          action: { topic: actions.t, channel: sms, fields: { what: type } }
          purpose: service
      moments:
        m: { sequence: [ { on: any, where: "type.startsWith('odd.')" } ] }
      """)
    var fold = try Fold(book)
    fold.event("even.one", at: hour(0), customer: "ada")
    fold.event("odd.one", at: hour(1), customer: "ada")
    let values = fold.records().map { String(decoding: $0.value, as: UTF8.self) }
    #expect(values.count == 1)
    #expect(values.first?.contains(#""fields":{"what":"odd.one"}"#) == true, "\(values)")
  }
}
