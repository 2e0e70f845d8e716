import Playbooks
import Testing

/// A playbook with one thing in it, indented below its key.
private func with(_ section: String, _ body: String) -> String {
  "kairos: 1\nname: p\n\(section):\n  x: \(body)\n"
}

private func decision(_ body: String) -> String {
  "kairos: 1\nname: p\nfeatures: { f: { count: a } }\nmoments: { m: { becomes: f > 1 } }\n"
    + "windows: { w: { after: { moment: m }, closes: 2h } }\n"
    + "scores: { s: { logistic: { bias: 0, weights: { f: 1 } } } }\ndecisions:\n  d:\n"
    + body.replacing("ACTION", with: action).split(separator: "\n").map { "    \($0)\n" }.joined()
}

private let action = "action: { topic: t, channel: email }\npurpose: p"

/// Mistakes as pairs of lines: what is written, and what is said about it after `=> `.
private func mistakes(in text: String) -> [(body: String, said: String)] {
  text.split(separator: "\n\n").map { block in
    let lines = block.split(separator: "\n")
    return (
      lines.dropLast().joined(separator: "\n"), String(lines[lines.count - 1].dropFirst(3))
    )
  }
}

@Suite struct `Mistakes in a playbook` {
  @Test(arguments: mistakes(in: topMistakes))
  func `at the top are named with their place`(text: String, said: String) {
    #expect(complaints(text) == ["p.yaml:\(said)"])
  }

  @Test(arguments: mistakes(in: factMistakes))
  func `in facts are named with their place`(body: String, said: String) {
    #expect(complaints(with("facts", body)) == ["p.yaml:\(said)"])
  }

  @Test(arguments: mistakes(in: featureMistakes))
  func `in features are named with their place`(body: String, said: String) {
    #expect(complaints(with("features", body)) == ["p.yaml:\(said)"])
  }

  @Test(arguments: mistakes(in: momentMistakes))
  func `in moments are named with their place`(body: String, said: String) {
    #expect(complaints(with("moments", body)) == ["p.yaml:\(said)"])
  }

  @Test(arguments: mistakes(in: windowMistakes))
  func `in windows are named with their place`(body: String, said: String) {
    #expect(complaints(with("windows", body)).first == "p.yaml:\(said)")
  }

  @Test(arguments: mistakes(in: decisionMistakes))
  func `in decisions are named with their place`(body: String, said: String) {
    #expect(complaints(decision(body)) == ["p.yaml:\(said)"])
  }

  @Test(arguments: mistakes(in: policyMistakes))
  func `in the policy are named`(body: String, said: String) {
    let text = decision("ACTION\nwhen: { moment: m }") + "policy:\n  \(body)\n"
    let lines = complaints(text)
    #expect(lines.count == 1)
    #expect(lines.first?.hasSuffix(": \(said)") == true, "\(lines)")
    #expect(lines.first?.hasPrefix("p.yaml:13:") == true)
  }
}

private let topMistakes = """
  name: p
  => 1:1: the playbook has no "kairos"; start the file with "kairos: 1"

  kairos: 2
  name: p
  => 1:9: this program reads version 1 of the language, and this is 2; write "kairos: 1"

  kairos: 1
  => 1:1: the playbook has no "name"; name it, as in "name: silent-churn"

  kairos: 1
  name: a b
  => 2:7: "a b" cannot name a playbook; use letters, digits, _ and -

  kairos: 1
  name: p
  featres: {}
  => 3:1: the playbook has no key "featres"; did you mean "features"?

  kairos: 1
  name: p
  caps: []
  => 3:1: the playbook has no key "caps"; it belongs under "policy"

  kairos: 1
  name: p
  timezone: Middle Earth
  => 3:11: "Middle Earth" is not the name of a time zone; write it as Europe/Berlin

  kairos: 1
  name: p
  features: [a]
  => 3:11: "features" of the playbook must be a mapping of names, and this is a list

  []
  => 1:1: the playbook must be a mapping of keys, and this is a list
  """

private let factMistakes = """
  { last: data.a, from: e }
  => 4:6: the fact "x" has no "type"

  { last: a, from: e, type: string }
  => 4:14: "last" of the fact "x" must name a field of the event, and this is a; did you mean \
  "data.a"?

  { last: data.a, type: int }
  => 4:6: the fact "x" has no "from"; name the event types that carry it

  { last: data.a, from: e, type: strin }
  => 4:37: "type" of the fact "x" must be string, int, double or bool, and this is strin; did \
  you mean "string"?

  { last: data.a, from: e, type: int, default: x }
  => 4:51: "default" of the fact "x" must be a whole number, and this is x

  { last: data.a, from: e, type: int, over: 7d }
  => 4:42: the fact "x" has no key "over"; a fact has no window; write a feature

  { last: data.a, from: [e, e], type: int }
  => 4:32: the event type "e" stands here twice

  { last: data.a, from: [any, e], type: int }
  => 4:28: "any" already means every event type; leave the others away
  """

private let featureMistakes = """
  { over: 7d }
  => 4:6: the feature "x" needs one of count, sum, mean, min, max, distinct, first, last, \
  since, rate, ewm, stddev, slope, streak or value

  { cuont: e, over: 7d }
  => 4:6: the feature "x" needs one of count, sum, mean, min, max, distinct, first, last, \
  since, rate, ewm, stddev, slope, streak or value; did you mean "count"?

  { count: e, sum: data.x }
  => 4:18: the feature "x" has both "count" and "sum"; keep one

  { count: e, over: 7 }
  => 4:24: "over" of the feature "x" must be a duration, and this is 7; add the unit, as in 7h

  { count: e, over: 0d }
  => 4:24: "over" of the feature "x" must be longer than nothing, and this is 0d

  { count: e, from: f }
  => 4:18: the feature "x" has no key "from"; count names the event type itself

  { count: e, default: 3 }
  => 4:18: the feature "x" has no key "default"; without events it is 0

  { sum: data.x }
  => 4:6: the feature "x" has no "from"; name the event types that carry the field

  { sum: data.x, from: e, scale: 0.5 }
  => 4:37: "scale" of the feature "x" must be a power of ten from 1e-9 to 1e6; write 0.01 to \
  keep cents

  { rate: e, per: 1d }
  => 4:6: the feature "x" has no "over"; a rate needs a window, as in over: 7d

  { rate: e, over: 1d }
  => 4:6: the feature "x" has no "per"; say per what, as in per: 1d

  { ewm: data.x, from: e }
  => 4:6: the feature "x" has no "half_life"; say how fast it forgets, as in half_life: 3d

  { streak: e, each: week }
  => 4:25: "each" of the feature "x" must be day, and this is week

  { since: e, in: days }
  => 4:6: the feature "x" has no "at_most"; say where it stops growing, as in at_most: 60; else \
  time moves it for ever

  { since: e, at_most: 3 }
  => 4:6: the feature "x" has no "in"; write in: days

  { since: e, in: days, exact: true }
  => 4:6: the feature "x" has neither "at_most" nor "default"; say what it is before the first \
  event

  { value: 1 + 1, over: 7d }
  => 4:22: the feature "x" has no key "over"; a value is computed from other features; filter \
  there

  { value: "" }
  => 4:15: "value" of the feature "x" is an empty expression

  { mean: data.x, from: e, default: null }
  => 4:31: "default" of the feature "x" has no value

  { mean: data.x, from: e, whre: data.y > 1 }
  => 4:31: the feature "x" has no key "whre"; did you mean "where"?

  { mean: data..x, from: e }
  => 4:14: "mean" of the feature "x" must name a field of the event, and this is data..x; write \
  it as data.amount
  """

private let momentMistakes = """
  { sequence: [] }
  => 4:18: "sequence" of the moment "x" is an empty list

  { sequence: { on: e } }
  => 4:18: "sequence" of the moment "x" must be a list, and this is a mapping; start each item \
  with "- ", or write [a, b]

  { at_least: 3, within: 1d, of: [ { on: a }, { on: b } ] }
  => 4:8: the moment "x" needs 3 different indicators and lists 2; it could never happen; lower \
  at_least, or add to the list

  { at_least: 1, within: 1d, of: [ { on: a }, { on: a } ] }
  => 4:50: the moment "x" lists the same indicator twice; one thing that happens would count as \
  two

  { at_least: 1, of: [ { on: a } ] }
  => 4:6: the moment "x" has no "within"; say how close together, as in within: 14d

  { becomes: 2 > 1, within: 1d }
  => 4:24: the moment "x" has no key "within"; known here: becomes or reason
  """

private let windowMistakes = """
  { after: { on: a }, opens: 3h, closes: 3h }
  => 4:37: the window "x" closes after 3h and opens after 3h: it is never open; close it later \
  than it opens; both count from "after"

  { after: { on: a }, opens: 3h }
  => 4:6: the window "x" has no "closes"; say when it is over, as in closes: 37h

  { after: { on: a, nth: 0 }, closes: 3h }
  => 4:29: "nth" of "after" of the window "x" must be at least 1, and this is 0

  { after: { moment: m }, closes: 3h }
  => 4:25: there is no moment "m"; there is none; declare it under "moments"

  { after: { on: a }, closes: 3h, cancelled_by: a }
  => 4:52: the window "x" is cancelled by the very event that starts it; name another type, or \
  add a where

  { after: { moment: m, nth: 2 }, closes: 3h }
  => 4:25: there is no moment "m"; there is none; declare it under "moments"
  """

private let decisionMistakes = """
  ACTION
  when: { score: z, rises_above: 0.7 }
  => 11:20: there is no score "z"; declared: s

  ACTION
  when: { moment: n }
  => 11:21: there is no moment "n"; declared: m

  ACTION
  when: { score: s, rises_above: 1 }
  => 11:36: "rises_above" is 1.0, and a probability lies between 0 and 1, both excluded; write \
  0.7, say

  ACTION
  when: { score: s, rises_above: 70 }
  => 11:36: "rises_above" is 70.0, and a probability lies between 0 and 1, both excluded; did \
  you mean 0.7?

  ACTION
  when: { score: s, rises_by: 0.2 }
  => 11:11: "when" of the decision "d" has no "within"; rises_by needs a span, as in within: 24h

  ACTION
  when: { score: s }
  => 11:11: "when" of the decision "d" needs one of rises_above, falls_below or rises_by

  ACTION
  when: { moment: m, at: events }
  => 11:24: "when" of the decision "d" has no key "at"; a moment knows by itself when it happens

  when: { moment: m }
  action: { topic: t, channel: c }
  => 9:5: the decision "d" has no "purpose"; say what consent must cover, as in purpose: \
  retention

  when: { moment: m }
  action: { topic: t }
  purpose: p
  => 10:13: "action" of the decision "d" has no "channel"; consent and caps need it, as in \
  channel: email

  when: { moment: m }
  action: { topic: "a b", channel: c }
  purpose: p
  => 10:22: "a b" cannot name a topic; use letters, digits, ".", "_" and "-", at most 249

  when: { moment: m }
  action: { topic: kairos.journal, channel: c }
  purpose: p
  => 10:22: "kairos.journal" is a topic of Kairos' own, and no action may go there; write a name \
  that begins with "actions."

  when: { moment: m }
  action: { topic: decisions, channel: c }
  purpose: p
  => 10:22: "decisions" is a topic of Kairos' own, and no action may go there; write a name \
  that begins with "actions."

  ACTION
  when: { moment: m }
  authority: { human: 0.9 }
  => 12:16: "authority" of the decision "d" goes by a score, and this decision is not triggered \
  by one; write authority: human, automatic or monitor

  ACTION
  when: { score: s, rises_above: 0.7 }
  authority: { human: 0.5, monitor: 0.6 }
  => 12:16: "authority" of the decision "d" must fall from human over automatic to monitor; as \
  in { human: 0.9, automatic: 0.7, monitor: 0.5 }

  ACTION
  when: { moment: m }
  expire: 2h
  => 12:5: the decision "d" has no key "expire"; did you mean "expires"?
  """

private let policyMistakes = """
  consent: { unknown: ask }
  => "unknown" of "consent" of the policy must be deny or allow, and this is ask

  caps: [ { at_most: 1, per: 7d } ]
  => the cap needs one of channel, decision or any; write any: true for all decisions

  caps: [ { any: true, at_most: 0, per: 7d } ]
  => the cap allows nothing: what it is for can never be released; write at_most: 1 or more, or \
  take the decision out of the playbook

  caps: [ { any: true, at_most: 1, per: week } ]
  => "per: week" can mean two things; write "calendar week", or a duration as 1d, 7d or 30d

  caps: [ { any: true, at_most: 1, per: calendar wek } ]
  => "per" of the cap must be calendar day, calendar week or calendar month, and this is \
  calendar wek; did you mean "calendar week"?

  caps: [ { decision: e, at_most: 1, per: 7d } ]
  => there is no decision "e"; declared: d

  quiet_hours: { from: "21:00", to: "21:00" }
  => quiet hours that end when they begin are never or always; if nothing may ever be sent, \
  leave the decision out

  quiet_hours: { from: "9:00", to: "21:00" }
  => "from" must be a time of day, and this is 9:00; write it as "08:30"

  holdout: { share: 0.1, salt: x }
  => "share" must be a percentage, and this is 0.1; write 10% or 2.5%

  holdout: { share: 100%, salt: x }
  => "share" is 100%: nobody, or everybody, is held out; write 10%, say

  holdout: { share: 10% }
  => "holdout" of the policy has no "salt"; any word; another one draws other customers

  policy_time: now
  => "policy_time" of the policy must be append or event, and this is now

  customer_limit: 16
  => "customer_limit" must be a size from 64KB to 1024MB, and this is 16; write 16MB
  """
