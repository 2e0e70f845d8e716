import Console
import Foundation
import TestSupport
import Testing

@Suite struct `Metrics registry` {
  @Test func `a scrape looks as Prometheus wants it`() {
    let metrics = Metrics()
    let events = metrics.counter("kairos_test_total", "Things\\seen\nso far.", labels: ["a", "b"])
    events.cell("x", "say \"hi\"\\\n").add(3)
    events.cell("", "ü").add()
    metrics.gauge("kairos_level", "A level.").cell().set(-0.25)
    let times = metrics.histogram(
      "kairos_test_seconds", "Times.", labels: ["k"], bounds: [1_000_000, 1_000_000_000])
    let cell = times.cell("v")
    cell.record(nanoseconds: 500_000)
    cell.record(nanoseconds: 500_000_000, times: 2)
    cell.record(nanoseconds: 3_000_000_000)
    #expect(
      PrometheusText.render(metrics.samples()) == #"""
        # HELP kairos_test_total Things\\seen\nso far.
        # TYPE kairos_test_total counter
        kairos_test_total{a="",b="ü"} 1
        kairos_test_total{a="x",b="say \"hi\"\\\n"} 3
        # HELP kairos_level A level.
        # TYPE kairos_level gauge
        kairos_level -0.25
        # HELP kairos_test_seconds Times.
        # TYPE kairos_test_seconds histogram
        kairos_test_seconds_bucket{k="v",le="0.001"} 1
        kairos_test_seconds_bucket{k="v",le="1"} 3
        kairos_test_seconds_bucket{k="v",le="+Inf"} 4
        kairos_test_seconds_sum{k="v"} 4.0005
        kairos_test_seconds_count{k="v"} 4

        """#)
  }

  @Test(arguments: [
    (0.0, "0"), (-3.0, "-3"), (0.1, "0.1"), (1e300, "1e+300"), (.infinity, "+Inf"),
    (-.infinity, "-Inf"), (.nan, "NaN"), (9_007_199_254_740_991, "9007199254740991"),
  ])
  func `numbers are written for Go's parser`(number: Double, text: String) {
    #expect(PrometheusText.shown(number) == text)
  }

  @Test func `a family without series is not shown`() {
    let metrics = Metrics()
    _ = metrics.counter("kairos_test_total", "Never.", labels: ["a"])
    metrics.computed("kairos_unknown", "Cannot be read.") { nil }
    #expect(PrometheusText.render(metrics.samples()) == "")
  }

  @Test func `cells of several threads add up, and a retired counter's count stays`() async {
    let family = Metrics().counter("kairos_test_total", "Things.", labels: ["a"])
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask {
          let cell = family.cell("x")
          for _ in 0..<10_000 { cell.add() }
          if writer % 2 == 0 { family.retire(cell) }
        }
      }
    }
    #expect(family.samples().series == [.init(labels: ["x"], value: .count(80_000))])
  }

  @Test func `a retired gauge disappears, and its series with the last one`() {
    let family = Metrics().gauge("kairos_level", "A level.", labels: ["p"])
    let (a, b) = (family.cell("1"), family.cell("1"))
    let c = family.cell("2")
    a.set(1)
    b.set(2)
    c.set(4)
    family.retire(a)
    #expect(family.samples().series.map(\.value) == [.number(2), .number(4)])
    family.retire(b)
    #expect(family.samples().series.map(\.labels) == [["2"]])
    family.cell("2").set(1)
    #expect(family.samples().series.map(\.value) == [.number(5)])
  }

  @Test func `a retired histogram's durations stay`() {
    let family = Metrics().histogram("kairos_test_seconds", "Times.")
    let cell = family.cell()
    cell.record(nanoseconds: 5)
    family.retire(cell)
    family.cell().record(nanoseconds: 7)
    guard case .durations(let all, _) = family.samples().series.first?.value else {
      Issue.record("no durations")
      return
    }
    #expect(all.count == 2 && all.sum == 12 && all.max == 7)
  }

  @Test func `labels fed with free text end in one series`() {
    let family = Metrics().counter("kairos_test_total", "Things.", labels: ["a"])
    for number in 0..<5_000 { family.cell("\(number)").add() }
    let series = family.samples().series
    #expect(series.count == 4_097)
    #expect(series.contains(.init(labels: ["other"], value: .count(904))))
  }

  @Test func `the engine's metrics show what the meter was told`() {
    let metrics = Metrics()
    let engine = EngineMetrics(metrics, version: "1.2.3")
    let meter = EngineMeter(engine)
    write(to: meter)
    let text = PrometheusText.render(metrics.samples())
    for line in [
      #"kairos_build_info{version="1.2.3"} 1"#, #"kairos_events_total{source="crm"} 3"#,
      #"kairos_rejects_total{source="crm",reason="not_json"} 1"#, "kairos_events_late_total 1",
      "kairos_events_duplicate_total 2", "kairos_cel_errors_total 4",
      #"kairos_decisions_total{decision="save_call",outcome="held:consent"} 1"#,
      #"kairos_watermark_delay_seconds{partition="3"} 1.5"#,
      #"kairos_lag_records{topic="journal",partition="3"} 12"#, "kairos_customers 7",
      "kairos_state_bytes 700", "kairos_partial_matches 5",
      #"kairos_decision_latency_seconds_bucket{le="0.0025"} 1"#,
      "kairos_commit_seconds_sum 0.001",
    ] {
      #expect(text.contains(line + "\n"), "\(line) in \(text)")
    }
    #expect(text.contains("\nprocess_resident_memory_bytes "))
    #expect(text.contains("\nprocess_open_fds "))

    meter.dropWatermarkDelay(partition: 3)
    meter.dropLag(topic: "journal", partition: 3)
    let less = PrometheusText.render(metrics.samples())
    #expect(!less.contains("kairos_watermark_delay_seconds"))
    #expect(!less.contains("kairos_lag_records"))

    meter.close()
    let rest = PrometheusText.render(metrics.samples())
    #expect(rest.contains("kairos_events_total{source=\"crm\"} 3\n"))
    #expect(!rest.contains("kairos_customers"))
  }

  @Test func `promtool has nothing to say`() throws {
    guard program("promtool") != nil else {
      return skipped("promtool check metrics", why: "promtool (Debian: prometheus) is missing")
    }
    let metrics = Metrics()
    let meter = EngineMeter(EngineMetrics(metrics, version: "1.2.3"))
    write(to: meter)
    meter.events(source: "a \"b\" \\ \n ü")
    let text = PrometheusText.render(metrics.samples())
    let found = try TestSupport.run(["promtool", "check", "metrics"], input: Array(text.utf8))
    #expect(found.exitCode == 0)
    #expect(found.outputText == "")
    #expect(found.complaintsText == "")

    // That it would say something: a counter by a wrong name.
    let bad = "# HELP a_b A.\n# TYPE a_b counter\na_b 1\n"
    let complaint = try TestSupport.run(["promtool", "check", "metrics"], input: Array(bad.utf8))
    #expect(complaint.exitCode != 0)
  }

  private func write(to meter: EngineMeter) {
    meter.events(source: "crm", 2)
    meter.events(source: "crm")
    meter.rejects(source: "crm", reason: "not_json")
    meter.lateEvents()
    meter.duplicateEvents(2)
    meter.celErrors(4)
    meter.decisions("save_call", outcome: "held:consent")
    meter.setWatermarkDelay(partition: 3, seconds: 1.5)
    meter.setLag(topic: "journal", partition: 3, records: 12)
    meter.setState(customers: 7, bytes: 700, partialMatches: 5)
    meter.decisionLatency(nanoseconds: 2_000_000)
    meter.commit(nanoseconds: 1_000_000)
  }

  @Test func `the process shows plausible numbers of itself`() throws {
    let now = Date().timeIntervalSince1970
    #expect(try #require(ProcessStatistics.residentBytes()) > 1_000_000)
    #expect(try #require(ProcessStatistics.virtualBytes()) > 1_000_000)
    #expect(try #require(ProcessStatistics.cpuSeconds()) >= 0)
    let start = try #require(ProcessStatistics.startTime())
    #expect(start > now - 86_400 && start < now + 60)
    #expect(try #require(ProcessStatistics.openFiles()) >= 1)
    #expect(try #require(ProcessStatistics.openFilesLimit()) >= 10)
  }
}
