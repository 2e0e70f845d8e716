import Decisions
import Engine
import Events
import Testing

@Suite struct `A customer's limit` {
  /// 64 KB for the one stream that there is: 8,192 times of eight bytes.
  private let book = playbook(
    """
    features:
      logins: { count: login, over: 30d }
    moments:
      asked: { sequence: [ { on: asked } ] }
    decisions:
    """ + "\n"
      + """
        d:
          when: { moment: asked }
          action: { topic: actions.t, channel: sms, fields: { n: logins } }
          purpose: service
      """, policy: "{ consent: { unknown: allow }, policy_time: event, customer_limit: 64KB }")

  private func decided(after logins: Int) throws -> String {
    var fold = try Fold(book)
    for number in 0..<logins { fold.event("login", at: monday + Int64(number)) }
    fold.event("asked", at: hour(1))
    return String(decoding: try #require(fold.records().first).value, as: UTF8.self)
  }

  @Test func `a stream that outgrows the customer's limit loses its oldest, and decisions say so`()
    throws
  {
    let within = try decided(after: 8_192)
    #expect(within.contains(#""fields":{"n":8192}"#), "\(within)")
    #expect(!within.contains("approximate"))
    let beyond = try decided(after: 8_193)
    #expect(beyond.contains(#""fields":{"n":8192}"#), "\(beyond)")
    #expect(beyond.contains(#""approximate":true"#))
  }
}
