import Console
import TestSupport
import Testing

@Suite struct `Console server` {
  let metrics = Metrics()
  let health = Health()
  let server: ConsoleServer
  var port: UInt16 { server.address.port }

  init() throws {
    let site = ConsoleSite(
      metrics: metrics, health: health, about: .init(version: "1.2.3", role: "a <test>"))
    server = try ConsoleServer(listen: ListenAddress(host: "127.0.0.1", port: 0), site: site)
  }

  @Test func `metrics are served as Prometheus' text`() throws {
    metrics.counter("kairos_test_total", "Things.").cell().add(5)
    let reply = try RawHttp.ask("GET", "/metrics", port: port)
    #expect(reply.status == 200)
    #expect(reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
    #expect(reply.body.hasSuffix("kairos_test_total 5\n"))
    // A query is no part of the path.
    #expect(try RawHttp.ask("GET", "/metrics?a=b", port: port).status == 200)
  }

  @Test func `HEAD gives the headers of GET and no body`() throws {
    let (get, head) = (
      try RawHttp.ask("GET", "/", port: port), try RawHttp.ask("HEAD", "/", port: port)
    )
    #expect(head.status == 200)
    #expect(head.body == "")
    #expect(head.headers["content-length"] == get.headers["content-length"])
    #expect(head.headers["content-type"] == get.headers["content-type"])
  }

  @Test func `an unknown path is 404, another method 405 with what is allowed`() throws {
    #expect(try RawHttp.ask("GET", "/metric", port: port).status == 404)
    #expect(try RawHttp.ask("POST", "/nowhere", port: port).status == 404)
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
      let reply = try RawHttp.ask(method, "/metrics", port: port)
      #expect(reply.status == 405)
      #expect(reply.headers["allow"] == "GET, HEAD")
    }
  }

  @Test func `a body that nobody asked for is refused, and the server goes on`() throws {
    let body = String(repeating: "x", count: 200_000)
    let bytes = try RawHttp.exchange(
      "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n"
        + "Connection: close\r\n\r\n", port: port)
    #expect(String(decoding: bytes, as: UTF8.self).hasPrefix("HTTP/1.1 405 "))
    #expect(try RawHttp.ask("GET", "/healthz", port: port).status == 200)
  }

  @Test func `what is no HTTP is refused, and the server goes on`() throws {
    _ = try RawHttp.exchange("NO HTTP AT ALL\r\n\r\n", port: port)
    let long = String(repeating: "a", count: 40_000)
    let reply = try RawHttp.exchange("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n", port: port)
    #expect(String(decoding: reply.prefix(10), as: UTF8.self).hasPrefix("HTTP/1.1 4"))
    #expect(try RawHttp.ask("GET", "/healthz", port: port).status == 200)
  }

  @Test func `health follows the pulse`() throws {
    #expect(try RawHttp.ask("GET", "/healthz", port: port).body == "alive\n")
    let pulse = health.pulse("fold 3", boundSeconds: 30)
    #expect(try RawHttp.ask("GET", "/healthz", port: port).status == 200)
    pulse.beat(at: MonotonicClock.nanoseconds() - 31_000_000_000)
    let reply = try RawHttp.ask("GET", "/healthz", port: port)
    #expect(reply.status == 503)
    #expect(reply.body == "fold 3: no turn for 31 s, at most 30 s expected\n")
    pulse.beat()
    #expect(try RawHttp.ask("GET", "/healthz", port: port).status == 200)
  }

  @Test func `readiness waits for every gate and says which`() throws {
    #expect(try RawHttp.ask("GET", "/readyz", port: port).body == "start: not finished\n")
    let gate = health.gate("partition 3", closedBecause: "being restored, 40 %")
    let log = health.gate("log", closedBecause: "not reached yet")
    log.open()
    let reply = try RawHttp.ask("GET", "/readyz", port: port)
    #expect(reply.status == 503)
    #expect(reply.body == "partition 3: being restored, 40 %\n")
    gate.open()
    #expect(try RawHttp.ask("GET", "/readyz", port: port).body == "ready\n")
    log.close("nothing answers at broker:9092")
    #expect(try RawHttp.ask("GET", "/readyz", port: port).status == 503)
    health.remove(log)
    #expect(try RawHttp.ask("GET", "/readyz", port: port).status == 200)
  }

  @Test func `the page shows what it is and escapes what it shows`() throws {
    let meter = EngineMeter(EngineMetrics(metrics, version: "1.2.3"))
    meter.decisions("<b>", outcome: "released", 3)
    meter.commit(nanoseconds: 1_500_000)
    let page = try RawHttp.ask("GET", "/", port: port)
    #expect(page.headers["content-type"] == "text/html; charset=utf-8")
    #expect(page.body.contains("Version 1.2.3. a &lt;test&gt;"))
    #expect(page.body.contains("<td>&lt;b&gt;</td><td>released</td><td>3</td>"))
    #expect(page.body.contains("Commit, p50 / p99"))
    #expect(page.body.contains("Not ready"))
  }

  @Test func `a port in use is one clear line`() throws {
    let site = ConsoleSite(metrics: metrics, health: health, about: .init(version: "", role: ""))
    let error = #expect(throws: ConsoleError.self) {
      try ConsoleServer(listen: ListenAddress(host: "127.0.0.1", port: port), site: site)
    }
    #expect(
      error?.message == "cannot listen on 127.0.0.1:\(port): another process has this port; "
        + "stop it or choose another with --listen")
  }

  @Test func `an address that is not ours, or no address at all, is one clear line`() throws {
    let site = ConsoleSite(metrics: metrics, health: health, about: .init(version: "", role: ""))
    for (host, words) in [("192.0.2.1", "does not have that address"), ("no such host", "give an")]
    {
      let error = #expect(throws: ConsoleError.self) {
        try ConsoleServer(listen: ListenAddress(host: host, port: 0), site: site)
      }
      #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }
  }

  @Test func `a stopped server's port is free again`() throws {
    let site = ConsoleSite(metrics: metrics, health: health, about: .init(version: "", role: ""))
    let first = try ConsoleServer(listen: ListenAddress(host: "127.0.0.1", port: 0), site: site)
    let address = first.address
    #expect(try RawHttp.ask("GET", "/", port: address.port).status == 200)
    first.stop()
    first.stop()
    let second = try ConsoleServer(listen: address, site: site)
    #expect(try RawHttp.ask("GET", "/", port: second.address.port).status == 200)
  }

  @Test func `many at once are all answered`() async throws {
    let port = port
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<40 {
        group.addTask { try RawHttp.ask("GET", "/metrics", port: port).status }
      }
      for try await status in group { #expect(status == 200) }
    }
  }
}

@Suite struct `Listen address` {
  @Test(
    arguments: [
      ("127.0.0.1:9464", "127.0.0.1", 9464), (":80", nil, 80), ("*:80", nil, 80),
      ("[::1]:0", "::1", 0), ("localhost:65535", "localhost", 65535),
    ] as [(String, String?, UInt16)])
  func `is a host and a port`(text: String, host: String?, port: UInt16) throws {
    #expect(try ListenAddress(parsing: text) == ListenAddress(host: host, port: port))
  }

  @Test(arguments: ["", "9464", "a:b", "a:65536", "a:-1", "::1:80", "a:"])
  func `is refused without one`(text: String) {
    #expect(throws: ConsoleError.self) { try ListenAddress(parsing: text) }
  }
}
