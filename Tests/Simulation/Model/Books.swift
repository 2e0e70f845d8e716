import Cel
import Engine
import Log
import Playbooks
import Replay

/// The playbooks that are simulated: small spans of time, so that a run of a minute or two sees
/// deadlines, windows, caps, waits and quiet hours come and go.
enum Books {
  private static let body = """
    kairos: 1
    name: sim
    timezone: UTC
    facts:
      plan: { last: data.plan, from: [login, buy], type: string, default: free }
    features:
      views_10s: { count: view, over: 10s }
      pages: { distinct: data.page, from: view, over: 15s }
      spend: { sum: data.amount, from: buy, over: 20s, scale: 0.01 }
      largest: { max: data.amount, from: buy, over: 30s, scale: 0.01 }
      mood: { ewm: data.amount, from: any, half_life: 20s, default: 1 }
    moments:
      abandoned:
        sequence:
          - { on: cart }
          - { absent: buy, for: 6s }
      eager:
        sequence:
          - { on: view, where: data.page == "/pricing" }
          - { on: reply, within: 10s }
      expanding:
        at_least: 2
        within: 12s
        of:
          - { on: cart }
          - { on: reply }
          - { becomes: views_10s >= 3 }
    windows:
      second: { after: { on: buy, nth: 2, within: 40s }, opens: 4s, closes: 9s, cancelled_by: ticket }
    scores:
      heat: { logistic: { bias: -2.0, weights: { views_10s: 0.7, spend: 0.02 } } }
    decisions:
      saved_cart:
        when: { moment: abandoned }
        action: { topic: actions.mail, channel: email, fields: { views: views_10s, mood: mood } }
        purpose: service
        expires: 30s
      offer:
        when: { moment: eager }
        if: plan != "gone"
        action: { topic: actions.mail, channel: sms, fields: { plan: plan, pages: pages } }
        purpose: marketing
        expires: 3m
        priority: 2
      expand:
        when: { moment: expanding }
        action: { topic: actions.sales, channel: call, fields: { largest: largest } }
        purpose: sales
        expires: 40s
        cool_down: 15s
        authority: APPROVAL
      thanks:
        when: { window: second }
        action: { topic: actions.sales, channel: email }
        purpose: service
      hot:
        when: { score: heat, rises_above: 0.5 }
        action: { topic: actions.sales, channel: task, fields: { heat: heat, spend: spend } }
        purpose: sales
        expires: 20s
    policy:
      policy_time: TIME
      consent: { unknown: UNKNOWN }
      caps:
        - { channel: email, at_most: 2, per: 30s }
        - { any: true, at_most: 4, per: 40s }
      quiet_hours: { channels: [sms], from: "21:00", to: "21:01" }
    """

  /// What an edited book says instead.
  private static let edits = [
    ("becomes: views_10s >= 3", "becomes: views_10s >= 2"), ("for: 6s", "for: 4s"),
    ("{ sum: data.amount, from: buy, over: 20s", "{ sum: data.amount, from: buy, over: 25s"),
    ("      thanks:", "      gratitude:"), ("at_most: 4, per: 40s", "at_most: 3, per: 50s"),
  ]

  private static func program(
    approval: String, time: String, unknown: String, isEdited: Bool = false
  ) -> Program {
    var text = body.replacing("APPROVAL", with: approval).replacing("TIME", with: time)
      .replacing("UNKNOWN", with: unknown)
    if isEdited { for (old, new) in edits { text = text.replacing(old, with: new) } }
    let (book, diagnostics) = Book.parse(files: [("sim.yaml", Array(text.utf8))])
    guard let book else { fatalError("\(diagnostics)") }
    do {
      let (program, problems) = book.compile(zones: try .system())
      guard let program else { fatalError("\(problems)") }
      return program
    } catch { fatalError("\(error)") }
  }

  /// Policy time is append time; consent is asked for, a person approves.
  static let strict = program(approval: "human", time: "append", unknown: "deny")
  /// The same, allowed unless withdrawn.
  static let open = program(approval: "automatic", time: "append", unknown: "allow")
  /// The open one, edited.
  static let edited = program(
    approval: "automatic", time: "append", unknown: "allow", isEdited: true)
  /// Nothing but events' own time counts.
  static let timeless = program(approval: "automatic", time: "event", unknown: "allow")
}

/// The books of a run: found as soon as they are ordered.
final class ModelPrograms: ProgramSource {
  let initial: Program
  let known: [String: Program]

  init(_ workload: Workload) {
    initial = workload.program
    known = workload.programs
  }

  func find(_ hash: String) throws(LogError) -> Program {
    if let program = known[hash] { return program }
    throw LogError(.stop, "there is no book \(hash)")
  }
}
