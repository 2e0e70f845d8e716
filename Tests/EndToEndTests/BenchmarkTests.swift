import TestSupport
import Testing

@Suite struct `The benchmarks` {
  /// Small, so that they do not rot; the numbers mean nothing here, the equal decisions do.
  @Test func `still run, and decide what the reference decides`() throws {
    guard shared("reference/w.cpp", for: "Benchmarks/w") != nil else { return }
    try withTemporaryFolder { folder in
      let report = try benchmark(
        "w", folder,
        [
          "--events", "20000", "--customers", "2000", "--rounds", "1", "--kairos", built("kairos"),
        ])
      let w = try #require(report["results"]?[0])
      #expect(w["equal"]?.flag == true)
      #expect(w["events"]?.int == 20_000)
      #expect(try #require(w["decisions"]?.int) > 300)
      #expect(try #require(w["state_bytes_per_customer"]?.double) > 0)
      #expect(report["rows"]?.elements?.count == 3)
    }
  }

  @Test func `of the embedded log still runs, live and from its journal`() throws {
    guard shared("reference/w.cpp", for: "Benchmarks/journal") != nil else { return }
    try withTemporaryFolder { folder in
      let report = try benchmark(
        "journal", folder,
        ["--events", "5000", "--customers", "500", "--rounds", "1", "--kairos", built("kairos")])
      #expect(report["compared"]?["live"]?["equal"]?.flag == true)
      #expect(report["compared"]?["replay"]?["equal"]?.flag == true)
      #expect(try #require(report["live"]?["events_per_second"]?.double) > 0)
    }
  }

  @Test func `of larger playbooks still runs, and W decides in them what it decides alone`() throws
  {
    guard shared("reference/gen.cpp", for: "Benchmarks/playbooks") != nil else { return }
    try withTemporaryFolder { folder in
      let report = try benchmark(
        "playbooks", folder,
        ["--events", "10000", "--customers", "1000", "--rounds", "1", "--kairos", built("kairos")])
      #expect(report["equal"]?.flag == true)
      #expect(try #require(report["decisions"]?["tenfold"]?.int) > 500)
    }
  }

  @Test func `of latency on the embedded log still runs`() throws {
    try withTemporaryFolder { folder in
      let report = try benchmark(
        "latency", folder,
        ["--rate", "200", "--seconds", "2", "--on", "embedded", "--program", built("latency")])
      #expect(report["results"]?["embedded"]?["decisions"]?.int == 35)
    }
  }

  @Test func `of skewed keys and of many open starts still run`() throws {
    try withTemporaryFolder { folder in
      let starts = try benchmark(
        "open-starts", folder,
        ["--starts", "100", "--events", "200", "--rounds", "1", "--kairos", built("kairos")])
      #expect(starts["rows"]?.elements?.count == 3)
      guard shared("reference/w.cpp", for: "Benchmarks/skew") != nil else { return }
      let skew = try benchmark(
        "skew", folder,
        ["--events", "5000", "--customers", "1000", "--rounds", "1", "--kairos", built("kairos")])
      #expect(skew["equal"]?.flag == true)
      #expect(try #require(skew["compared"]?["hot"]?["decisions"]?.int) > 10)
    }
  }

  @Test func `of restores still runs, and what was restored decides what the journal says`() throws
  {
    try withTemporaryFolder { folder in
      let report = try benchmark(
        "restore", folder,
        [
          "--customers", "500", "--events-each", "4", "--rounds", "1", "--seal-seconds", "0",
          "--kairos", built("kairos"),
        ])
      let result = try #require(report["results"]?[0])
      #expect(result["equal"]?.flag == true)
      #expect(result["events"]?.int == 2_000)
    }
  }
}

/// Runs `Benchmarks/<name>/run`, and returns what it reports.
private func benchmark(_ name: String, _ folder: String, _ more: [String]) throws -> Json {
  let result = try run(
    [
      "/usr/bin/python3", "\(packageRoot)/Benchmarks/\(name)/run", "--json",
      "\(folder)/\(name).json",
    ]
      + more, seconds: 300)
  #expect(result.exitCode == 0, "\(result.outputText)\(result.complaintsText)")
  return try Json(fileBytes("\(folder)/\(name).json"))
}

extension `A run on Kafka` {
  /// Small, as above: that they come to their end, and that what was decided is what the journal says.
  @Test func `is measured by benchmarks that still run`() throws {
    guard shared("kafka/start", for: "the benchmarks on Kafka") != nil else { return }
    try withTemporaryFolder { folder in
      let small = ["--customers", "100", "--partitions", "2"]
      let load = small + ["--history", "500", "--rate", "100", "--rounds", "1"]
      let restart = try benchmark(
        "restart", folder, load + ["--pause", "1", "--kairos", built("kairos")])
      #expect(restart["equal"]?.flag == true)
      #expect(try #require(restart["worst_seconds"]?.double) > 0)
      let failover = try benchmark(
        "failover", folder,
        load + ["--session", "6000", "--quiet-seconds", "1", "--kairos", built("kairos")])
      #expect(failover["equal"]?.flag == true)
      #expect(try #require(failover["medians"]?["taken_over_after"]?.double) > 0)
      let cost = try benchmark(
        "exactly-once", folder,
        small + ["--events", "2100", "--rounds", "1", "--program", built("exactly-once")])
      #expect(cost["results"]?["exactly-once"]?["decisions"]?.int == 210)
      #expect(cost["results"]?["at-least-once"]?["decisions"]?.int == 210)
    }
  }

  @Test func `has its latency and its cost measured by benchmarks that still run`() throws {
    guard shared("kafka/start", for: "the benchmarks on Kafka") != nil else { return }
    try withTemporaryFolder { folder in
      let latency = try benchmark(
        "latency", folder,
        ["--rate", "200", "--seconds", "2", "--warm-seconds", "1", "--partitions", "2"]
          + ["--on", "kafka", "--kairos", built("kairos")])
      #expect(latency["results"]?["kafka"]?["decisions"]?.int == 35)
      if shared("reference/w.cpp", for: "Benchmarks/kafka-cpu") != nil {
        let least = try benchmark(
          "kafka-cpu", folder,
          ["--customers", "100", "--partitions", "2", "--events", "3000"]
            + ["--rounds", "1", "--kairos", built("kairos")])
        #expect(least["equal"]?.flag == true)
      }
    }
  }
}
