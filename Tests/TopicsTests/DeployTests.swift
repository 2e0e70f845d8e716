import Console
import Foundation
import Ingest
import Playbooks
import TestSupport
import Testing
import Yaml

/// `docker-compose.yml` and `deploy/` cannot be run by the tests; what can be seen without running
/// them is seen here.
@Suite struct `What is deployed` {
  @Test func `Prometheus takes its configuration and rules`() throws {
    guard program("promtool") != nil else {
      skipped("deploy/prometheus", why: "promtool (Debian's prometheus) is not installed")
      return
    }
    let result = try run(
      ["promtool", "check", "config", "deploy/prometheus/prometheus.yml"], folder: packageRoot)
    #expect(result.exitCode == 0, "\(result.outputText)\(result.complaintsText)")
  }

  @Test func `dashboard and rules ask for metrics that there are, by labels that they have`() throws
  {
    let metrics = Metrics()
    _ = EngineMetrics(metrics, version: "1.0.0")
    let families = metrics.samples()
    var names: [String: [String]] = [:]
    for family in families {
      names[family.description.name] = family.description.labels
      if family.kind == .histogram {
        names[family.description.name + "_bucket"] = family.description.labels + ["le"]
      }
    }
    let texts = try expressions()
    #expect(texts.count > 20)
    for text in texts {
      for match in text.matches(of: /kairos_[a-z_]+/) {
        #expect(names[String(match.output)] != nil, "\(match.output) in \(text)")
      }
      let labels = Set(
        text.matches(of: /kairos_[a-z_]+/).flatMap { names[String($0.output)] ?? [] })
      for match in text.matches(of: /(?:by|on) \(([a-z, ]+)\)/) {
        for label in match.output.1.split(whereSeparator: { ", ".contains($0) }) {
          #expect(labels.contains(String(label)), "\(label) in \(text)")
        }
      }
    }
  }

  /// What the dashboard's panels and the alerting rules ask for, about Kairos' own metrics.
  private func expressions() throws -> [String] {
    let dashboard = try Json(fileBytes("deploy/grafana/dashboards/kairos.json"))
    let panels = try #require(dashboard["panels"]?.elements)
    var texts = panels.flatMap { $0["targets"]?.elements ?? [] }.compactMap { $0["expr"]?.text }
    let rules = try yamlAsJson("deploy/prometheus/rules.yml", for: "deploy/prometheus/rules.yml")
    for group in rules?["groups"]?.elements ?? [] {
      texts += (group["rules"]?.elements ?? []).compactMap { $0["expr"]?.text }
    }
    return texts.filter { !$0.contains("up{") }
  }

  @Test func `compose mounts what there is, and waits for services that it has`() throws {
    guard let compose = try yamlAsJson("docker-compose.yml", for: "docker-compose.yml") else {
      return
    }
    let services = try #require(compose["services"]?.members)
    #expect(services.map(\.name).contains("kairos"))
    let volumes = (compose["volumes"]?.members ?? []).map(\.name)
    for service in services {
      for mount in (service.value["volumes"]?.elements ?? []).compactMap(\.text) {
        let place = String(mount.prefix { $0 != ":" })
        if place.hasPrefix("./") {
          let path = packageRoot + place.dropFirst()
          #expect(FileManager.default.fileExists(atPath: path), "\(mount)")
        } else {
          #expect(volumes.contains(place), "\(mount)")
        }
      }
      for other in service.value["depends_on"]?.members ?? [] {
        #expect(services.contains { $0.name == other.name }, "\(service.name): \(other.name)")
      }
    }
  }

  @Test func `compose makes the topics of the book that it runs`() throws {
    guard let compose = try yamlAsJson("docker-compose.yml", for: "docker-compose.yml") else {
      return
    }
    let services = compose["services"]
    func book(_ service: String, _ verbs: [String]) throws -> String {
      let words = (services?[service]?["command"]?.elements ?? []).compactMap(\.text)
      #expect(Array(words.prefix(verbs.count)) == verbs, "\(service)")
      let option = try #require(words.firstIndex(of: "--book"), "\(service) names no book")
      let path = try #require(words.dropFirst(option + 1).first, "\(service)")
      let mounts = (services?[service]?["volumes"]?.elements ?? []).compactMap(\.text)
      #expect(mounts.contains("./deploy/book:\(path):ro"), "\(service)")
      return path
    }
    #expect(try book("topics", ["topics", "apply"]) == book("kairos", ["run"]))
  }

  @Test func `Grafana's provisioning names the data source that the dashboard asks`() throws {
    let folder = "deploy/grafana/provisioning"
    guard
      let sources = try yamlAsJson("\(folder)/datasources/prometheus.yml", for: "data sources"),
      let boards = try yamlAsJson("\(folder)/dashboards/kairos.yml", for: "dashboards")
    else { return }
    let uid = sources["datasources"]?[0]?["uid"]?.text
    let dashboard = try Json(fileBytes("deploy/grafana/dashboards/kairos.json"))
    for panel in dashboard["panels"]?.elements ?? [] {
      #expect(panel["datasource"]?["uid"]?.text == uid)
    }
    let path = boards["providers"]?[0]?["options"]?["path"]?.text
    let compose = try fileText("docker-compose.yml")
    #expect(compose.contains("./deploy/grafana/dashboards:\(path ?? "?"):ro"))
  }

  @Test func `the book has nothing wrong`() throws {
    let files = try ["policy.yaml", "api-docs.yaml"].map {
      (name: $0, bytes: try fileBytes("deploy/book/\($0)"))
    }
    #expect(Book.parse(files: files).diagnostics.map(\.description) == [])
  }

  @Test func `the sources have nothing wrong`() throws {
    let file = "deploy/kairos.yaml"
    let diagnostics = Diagnostics()
    let root = YamlParser.parse(try fileBytes(file), file: file, diagnostics: diagnostics)
    let node = try #require(root?.entries?.first { $0.key.text == "sources" }?.value)
    let sources = SourceSettings.parse(node, diagnostics) { _ in nil }
    #expect(diagnostics.items.map(\.description) == [])
    #expect(sources.map(\.topic) == ["customer.events"])
    #expect(try fileText("docker-compose.yml").contains("--topic=customer.events"))
  }

  @Test func `the image builds and carries the libraries that the package links`() throws {
    let docker = try fileText("Dockerfile")
    let package = try fileText("Package.swift")
    let links = package.matches(of: /apt: "([a-z0-9-]+)"/).map { String($0.output.1) }
    #expect(links.count > 4)
    for library in links + ["libre2-dev", "libsimdjson-dev", "libmicrohttpd-dev"] {
      #expect(docker.contains(library), "\(library)")
      #expect(try fileText("scripts/deps").contains(library), "\(library)")
    }
  }
}
