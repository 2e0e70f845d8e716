/// What the console answers, without the network: a request in, a reply out.
package final class ConsoleSite: Sendable {
  package struct Reply {
    package var status: Int
    package var contentType: StaticString
    package var body: String
    /// The methods that would have been right.
    package var allow: StaticString?
  }

  private let metrics: Metrics
  private let health: Health
  private let about: About

  package struct About: Sendable {
    package var version: String
    /// What this process does, in a line: "run, Kafka at broker-1:9092", without secrets.
    package var role: String
    package init(version: String, role: String) {
      self.version = version
      self.role = role
    }
  }

  package init(metrics: Metrics, health: Health, about: About) {
    self.metrics = metrics
    self.health = health
    self.about = about
  }

  static let plain: StaticString = "text/plain; charset=utf-8"
  static let html: StaticString = "text/html; charset=utf-8"

  package func answer(method: String, path: String) -> Reply {
    guard ["/", "/metrics", "/healthz", "/readyz"].contains(path) else {
      return Reply(
        status: 404, contentType: Self.plain,
        body: "not found: there are /metrics, /healthz, /readyz and /\n")
    }
    guard method == "GET" || method == "HEAD" else {
      return Reply(
        status: 405, contentType: Self.plain, body: "only GET and HEAD\n", allow: "GET, HEAD")
    }
    switch path {
    case "/metrics":
      return Reply(
        status: 200, contentType: PrometheusText.contentType,
        body: PrometheusText.render(metrics.samples()))
    case "/healthz": return probe(health.stuck(), good: "alive")
    case "/readyz": return probe(health.unready(), good: "ready")
    default:
      let page = StatusPage(
        about: about, stuck: health.stuck(), unready: health.unready(),
        families: metrics.samples())
      return Reply(status: 200, contentType: Self.html, body: page.html)
    }
  }

  private func probe(_ complaints: [String], good: String) -> Reply {
    if complaints.isEmpty { return Reply(status: 200, contentType: Self.plain, body: good + "\n") }
    let body = complaints.map { $0 + "\n" }.joined()
    return Reply(status: 503, contentType: Self.plain, body: body)
  }
}
