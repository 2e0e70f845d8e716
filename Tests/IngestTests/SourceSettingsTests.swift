import Ingest
import Testing
import Yaml

private func parse(_ yaml: String) -> (sources: [SourceSettings], errors: [String]) {
  let diagnostics = Diagnostics()
  guard
    let node = YamlParser.parse(Array(yaml.utf8), file: "k.yaml", diagnostics: diagnostics),
    let sources = node["sources"]
  else { return ([], diagnostics.sorted.map(\.description)) }
  let parsed = SourceSettings.parse(sources, diagnostics) { $0 == "UTC" ? .utc : nil }
  return (parsed, diagnostics.sorted.map(\.description))
}

@Suite struct `Source settings` {
  @Test func `everything that can be said is read`() throws {
    let (sources, errors) = parse(
      """
      sources:
        crm:
          topic: crm.events
          format: json
          out_of_order: 10m
          idle: 5s
          map:
            id: { hash_of: [user.id, at, 'a\\.b'] }
            source: app
            type: =login
            time: { path: at, format: dd/MM/yyyy HH:mm, zone: UTC }
            customer: user.id
            data: details
            skip:
              - { path: user.id, blank: true }
              - { path: kind, equals: test }
        web: { format: cloudevents, map: { customer: data.user } }
        shop: { format: cloudevents }
        app: { topic: mobile, format: segment }
        raw: { format: segment, map: { data: $ } }
        plain: {}
      """)
    #expect(errors == [])
    let mapping = JsonMapping(
      id: .hash([
        FieldPath(["user", "id"]), FieldPath(["at"]), FieldPath(["a.b"]),
      ]), source: FieldPath(["app"]), type: .constant("login"), time: FieldPath(["at"]),
      timeFormat: .pattern(try TimePattern("dd/MM/yyyy HH:mm")),
      customer: .field(FieldPath(["user", "id"])), data: FieldPath(["details"]),
      skip: [
        .init(path: FieldPath(["user", "id"]), test: .blank),
        .init(path: FieldPath(["kind"]), test: .equals("test")),
      ])
    #expect(
      sources == [
        SourceSettings(
          name: "crm", topic: "crm.events", format: .json(mapping), outOfOrderMs: 600_000,
          idleMs: 5000),
        SourceSettings(
          name: "web", topic: "web",
          format: .cloudEvents(customer: .field(FieldPath(["data", "user"])))),
        SourceSettings(
          name: "shop", topic: "shop",
          format: .cloudEvents(customer: .field(FieldPath(["subject"])))),
        SourceSettings(name: "app", topic: "mobile", format: .segment(wholeAsData: false)),
        SourceSettings(name: "raw", topic: "raw", format: .segment(wholeAsData: true)),
        SourceSettings(name: "plain", topic: "plain", format: .json(.plain)),
      ])
  }

  @Test(arguments: [
    ("crm: { formt: json }", #"1:8: the source "crm" has no key "formt"; did you mean "format"?"#),
    (
      "crm: { format: jsn }",
      #"must be json, cloudevents or segment, and this is jsn; did you mean"#
    ),
    ("crm: { idle: 30 }", "must be a duration, and this is 30; add the unit"),
    ("crm: { idle: 0s }", "longer than nothing"),
    ("crm: { out_of_order: 60d }", "at most 30d"),
    ("crm: { map: { id: e } }", #"has no "customer""#),
    ("crm: { map: { ids: e, type: t, time: t, customer: c } }", #"did you mean "id"?"#),
    ("crm: { map: { id: a..b, type: t, time: t, customer: c } }", "is not a path"),
    (
      "crm: { map: { id: { hash: [a] }, type: t, time: t, customer: c } }",
      #"did you mean "hash_of"?"#
    ),
    ("crm: { map: { id: { hash_of: [a, a] }, type: t, time: t, customer: c } }", "stands twice"),
    ("crm: { map: { id: { hash_of: [] }, type: t, time: t, customer: c } }", "is an empty list"),
    ("crm: { map: { id: e, type: '=', time: t, customer: c } }", "1 to 256 bytes"),
    (
      "crm: { map: { id: e, type: t, time: { path: t, format: epoch_m }, customer: c } }",
      #"did you mean "epoch_ms"?"#
    ),
    (
      "crm: { map: { id: e, type: t, time: { path: t, format: yyyy-MM-dd }, customer: c } }",
      #"has no "zone""#
    ),
    (
      "crm: { map: { id: e, type: t, time: { path: t, format: yyyy-MM-dd, zone: Mars }, customer: c } }",
      #"no time zone "Mars""#
    ),
    (
      "crm: { map: { id: e, type: t, time: { path: t, format: yyyy-dd, zone: UTC }, customer: c } }",
      #""M" is missing"#
    ),
    (
      "crm: { map: { id: e, type: t, time: { path: t, zone: UTC }, customer: c } }",
      "only a pattern needs a zone"
    ),
    (
      "crm: { map: { id: e, type: t, time: t, customer: c, skip: [{ path: x }] } }",
      #"either "blank: true" or "equals"#
    ),
    ("{ a: { topic: t }, b: { topic: t } }", "read the same topic"),
    ("crm: { topic: kairos.journal }", "which Kairos itself writes"),
    ("crm: { topic: kairos.other }", "which Kairos itself writes"),
    ("crm: { topic: actions.sales }", "which Kairos itself writes"),
    ("decisions: {}", "which Kairos itself writes"),
    ("[crm]", "must be a mapping of names"),
    ("{}", "names no source"),
    ("crm: 7", "must be a mapping of keys"),
    ("crm: { format: segment, map: { data: x } }", "write $ for the whole message"),
  ])
  func `mistakes are told with their place and a remedy`(_ yaml: String, _ expected: String) {
    let errors = parse("sources:\n  \(yaml)\n").errors
    #expect(errors.contains { $0.contains(expected.replacing("1:8", with: "2:10")) }, "\(errors)")
    #expect(errors.allSatisfy { $0.hasPrefix("k.yaml:2:") }, "\(errors)")
  }
}
