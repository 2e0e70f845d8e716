import Decisions
import Engine
import Events
import TestSupport

/// A journal record as it comes to a shard.
struct Fed {
  var record: JournalRecord
  var appendTime: Int64

  func feed(_ shard: inout Shard, at position: Int) {
    var bytes: [UInt8] = []
    record.encode(into: &bytes)
    let count = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: 64))
    shard.read(bytes.span, 0..<count, position: Int64(position), appendTime: appendTime)
  }
}

/// A playbook and a journal that visit as much of a shard's state as may be: two sources, one of
/// them out of order, several customers, all kinds of features, moments, windows and answers.
struct RandomStream {
  var random: SplitMix64
  private var now: Int64 = 1_774_656_000_000
  private var offsets: [Int64] = [0, 0]
  private var sent: [JournalRecord] = []
  private let delay: Int64 = 5_400_000
  /// Customers ask to be forgotten now and then, and sources' topics are made anew.
  private let erases: Bool
  private var incarnations: [UInt32] = [0, 0]
  private var controls: Int64 = 0

  init(seed: UInt64, erases: Bool = false) {
    random = SplitMix64(seed: seed)
    self.erases = erases
  }

  private static let features = [
    "n1: { count: a, over: 2h }", "n2: { count: a, over: 2h, ending: 1h }",
    "n3: { count: [a, b] }", "n4: { count: a, ending: 1h }", "n5: { count: a }",
    "s1: { sum: data.x, from: a, over: 3h }", "s2: { sum: data.x, from: a }",
    "s3: { sum: data.x, from: [a, c], ending: 2h }",
    "m1: { mean: data.x, from: a, over: 90m, default: 1.5 }",
    "m2: { min: data.x, from: [a, b], over: 4h, default: 0.5 }",
    "m3: { max: data.x, from: a, ending: 1h, default: 0.5 }",
    "m4: { max: data.x, from: a, over: 1h, default: 0.5 }",
    "d1: { stddev: data.x, from: [a, b, c], over: 5h, default: 0.0 }",
    "l1: { slope: data.x, from: a, over: 5h, per: 1h, default: 0.0 }",
    "l2: { slope: data.x, from: a, ending: 1h, per: 1h, default: 0.0 }",
    "e1: { ewm: data.x, from: a, over: 5h, half_life: 1h, default: 0.0 }",
    "e2: { ewm: data.x, from: a, half_life: 1h, default: 0.0 }",
    "u1: { distinct: data.k, from: [a, b], over: 6h }",
    "u2: { distinct: data.k, from: a, over: 3h, ending: 1h }", "u3: { distinct: data.k, from: a }",
    "f1: { first: data.k, from: a, over: 3h, default: none }",
    "f2: { last: data.k, from: [a, b], default: none }",
    "f3: { last: data.k, from: a, ending: 1h, default: none }",
    "r1: { rate: a, over: 2h, per: 1h }",
    "t1: { since: a, in: hours, at_most: 10, default: 10 }", "t2: { streak: b, each: day }",
    "v1: { value: double(size(plan)) + double(n1) }",
  ]

  mutating func playbook() -> String {
    let scores = ["n1: 0.9", "n2: -0.6", "n3: 0.01", "s1: 0.1", "m4: 0.2", "t1: -0.2", "u1: 0.3"]
    let time = random.chance(50) ? "event" : "append"
    return """
      kairos: 1
      name: p
      timezone: \(random.pick(["UTC", "Europe/Berlin", "America/New_York"]))
      facts:
        plan: { last: data.k, from: a, type: string, default: free }
        mark: { last: data.x, from: [b, c], where: "data.k != 'x'", type: double, default: 1 }
        timezone: { last: data.zone, from: c, type: string, default: UTC }
      features:
        \(Self.features.joined(separator: "\n  "))
      moments:
        one:
          sequence:
            - { on: a, where: data.x <= \(random.number(in: 2..<8)).0 }
            - { on: [b, c], within: 3h }
            - { absent: d, for: \(random.number(in: 1..<5))h }
        two:
          matches: all
          max_partial: 20
          within: 6h
          sequence:
            - { on: a }
            - { absent: d }
            - { on: b, any: true, times: { at_least: 1, at_most: 2 } }
        three:
          at_least: 2
          within: 4h
          of:
            - { on: a, where: data.k == plan }
            - { on: c }
            - { becomes: n1 > \(random.number(in: 1..<4)) }
        four: { becomes: "f2 == 'x' && t1 < 2" }
        five:
          sequence:
            - { on: a, where: "size(data.list) > 1 && data.list[0] == data.x" }
            - { on: any, next: true }
      windows:
        w1: { after: { on: b, nth: 2, within: 5h }, opens: 1h, closes: 3h, cancelled_by: d }
        w2: { after: { moment: three }, opens: 0h, closes: 2h }
        w3: { after: { on: a, nth: 3 }, opens: 30m, closes: 9h, cancelled_by: { on: d } }
      scores:
        \(random.pick(["risk"])):
          logistic: { bias: -1.5, weights: { \(scores.joined(separator: ", ")) } }
      decisions:
      \(decisions())
      policy:
        policy_time: \(time)
        consent: { unknown: \(random.pick(["allow", "deny"])) }
        caps:
          - { channel: sms, at_most: 2, per: 6h }
          - { any: true, at_most: 9, per: calendar day }
        quiet_hours: { channels: [sms], from: "20:00", to: "07:30" }
        holdout: { share: 10%, salt: s }
      """
  }

  private mutating func decisions() -> String {
    let triggers = [
      "moment: one", "moment: two", "moment: three", "moment: four", "moment: five", "window: w1",
      "window: w2", "window: w3", "score: risk, rises_above: 0.5", "score: risk, falls_below: 0.4",
      "score: risk, rises_by: 0.1, within: 2h", "becomes: v1 > 6.0", "becomes: n2 > 1, at: events",
    ]
    var text = ""
    for (index, trigger) in triggers.enumerated() {
      let level = random.pick(["human", "automatic", "automatic", "monitor"])
      text += """
          d\(index):
            when: { \(trigger) }
            if: "mark >= 0.0 && plan != 'zzz'"
            action: { topic: actions.t, channel: \(random.pick(["sms", "call"])), \
        template: t, fields: { n: n3, k: f2, p: plan } }
            purpose: \(random.pick(["service", "marketing"]))
            authority: \(level)
            owner: plan
            account: "f1 == 'none' ? '' : 'acc'"
            expires: \(random.number(in: 1..<40))h
            cool_down: \(random.number(in: 1..<6))h
            priority: \(random.number(in: 0..<3))

        """
    }
    return text
  }

  /// The next record; some answer what has been decided.
  mutating func next(_ decided: [DecisionRecord]) -> Fed {
    now += Int64(random.number(in: 0..<40)) * 60_000
    let appendTime = now + Int64(random.number(in: 0..<600_000))
    if random.chance(6) { return Fed(record: tick(), appendTime: appendTime) }
    if random.chance(4), let again = sent.last(where: { _ in random.chance(30) }) {
      return Fed(record: again, appendTime: appendTime)
    }
    let source = random.number(in: 0..<2)
    if erases, random.chance(2) {
      return Fed(record: renewal(of: source), appendTime: appendTime)
    }
    var record = JournalRecord(
      kind: .event, time: EventTime(milliseconds: now),
      origin: .init(
        name: Array("s\(source)".utf8), incarnation: incarnations[source],
        partition: Int32(source), offset: offsets[source]),
      source: Array("s\(source)".utf8), type: Array("a".utf8),
      id: Array("e\(random.chance(5) ? 7 : offsets[source])".utf8),
      customer: Array("customer-\(random.number(in: 0..<4))".utf8))
    offsets[source] += Int64(random.number(in: 1..<3))
    if source == 1 {
      record.delay = UInt32(delay)
      // Mostly within its delay, sometimes later than that.
      record.time.milliseconds -= Int64(random.number(in: 0..<130)) * 60_000
    }
    if erases, random.chance(3) {
      record.kind = .erase
      record.type = Array("privacy.erase".utf8)
      record.payload = Array("{}".utf8)
      sent.append(record)
      return Fed(record: record, appendTime: appendTime)
    }
    let (type, data) = body(decided, &record)
    record.type = Array(type.utf8)
    record.payload = Array(data.utf8)
    record.data = 0..<record.payload.count
    sent.append(record)
    return Fed(record: record, appendTime: appendTime)
  }

  /// The source's topic was made anew; sometimes the order comes twice.
  private mutating func renewal(of source: Int) -> JournalRecord {
    incarnations[source] += 1
    offsets[source] = 0
    if random.chance(70) { controls += 1 }
    let control = Control.incarnation(source: "s\(source)", number: incarnations[source])
    return JournalRecord(
      kind: .control, time: EventTime(milliseconds: now),
      origin: .init(name: Array("kairos.control".utf8), partition: 0, offset: controls),
      payload: control.payload)
  }

  private mutating func tick() -> JournalRecord {
    let source = random.number(in: 0..<2)
    let mark = now - (source == 1 ? delay : 0)
    let entry = Tick.Entry(
      name: Array("s\(source)".utf8), incarnation: incarnations[source],
      partition: Int32(source),
      watermark: EventTime(milliseconds: mark))
    return JournalRecord(
      kind: .tick, time: EventTime(milliseconds: mark),
      origin: .init(name: [], partition: 0, offset: 0), payload: Tick(entries: [entry]).encode())
  }

  private mutating func body(
    _ decided: [DecisionRecord], _ record: inout JournalRecord
  ) -> (type: String, data: String) {
    let purpose = random.pick(["service", "marketing", "unheard-of"])
    let channel = random.pick(["sms", "call", "pigeon"])
    if random.chance(8), !decided.isEmpty {
      let decision = random.pick(decided)
      record.customer = decision.customer
      let type = random.pick(["decision.approved", "decision.rejected", "receipt.failed"])
      return (type, #"{"decision":"\#(decision.id.text)"}"#)
    }
    switch random.number(in: 0..<40) {
    case 0..<3:
      return ("consent.granted", #"{"purpose":"\#(purpose)","channel":"\#(channel)"}"#)
    case 3: return ("consent.withdrawn", #"{"purpose":"\#(purpose)","channel":"\#(channel)"}"#)
    case 4: return ("suppression.added", random.chance(50) ? "{}" : #"{"channel":"\#(channel)"}"#)
    case 5, 6: return ("suppression.removed", #"{"channel":"\#(channel)"}"#)
    case 7: return ("suppression.removed", "{}")
    default: break
    }
    let type = random.pick(["a", "a", "a", "b", "b", "c", "d", "unheard-of"])
    let x = random.number(in: -2..<10)
    let k = random.pick([#""x""#, #""y""#, #""free""#, "3", "true", "null", "\"t\(x)-\(now)\""])
    let zone = random.pick([#""Asia/Tokyo""#, #""nowhere""#])
    let list = random.pick(["[]", "[\(x), {\"y\": [null, true, \"é\"]}]", "[\(x), \"z\", 2]"])
    return (
      type,
      random.chance(5)
        ? "{}" : #"{"x":\#(x).\#(abs(x)),"k":\#(k),"zone":\#(zone),"list":\#(list)}"#
    )
  }
}
