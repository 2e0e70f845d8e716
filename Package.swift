// swift-tools-version: 6.3
// The target list is the architecture diagram: a target imports only what stands above it.
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(), .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func stage(
  _ name: String, _ dependencies: [Target.Dependency] = [], _ settings: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

/// A second number of the fold's rules, to try an upgrade with two builds (`Semantics.swift`).
let preview: [SwiftSetting] =
  Context.environment["KAIROS_SEMANTICS_PREVIEW"] == nil
  ? [] : [.define("KAIROS_SEMANTICS_PREVIEW")]

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func library(_ name: String, _ pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func cxxDoor(_ name: String, _ library: String) -> Target {
  .target(name: name, linkerSettings: [.linkedLibrary(library)])
}

let package = Package(
  name: "kairos",
  products: [.executable(name: "kairos", targets: ["kairos"])],
  targets: [
    // Doors to Debian's C and C++ libraries: a module map or a shim of a page, nothing else.
    library("CRdKafka", "rdkafka", apt: "librdkafka-dev"),
    library("CLZ4", "liblz4", apt: "liblz4-dev"),
    library("CZstd", "libzstd", apt: "libzstd-dev"),
    library("CYAML", "yaml-0.1", apt: "libyaml-dev"),
    library("CCrypto", "libcrypto", apt: "libssl-dev"),
    library("CZlib", "zlib", apt: "zlib1g-dev"),
    cxxDoor("CSimdJSON", "simdjson"),
    cxxDoor("CRE2", "re2"),
    cxxDoor("CMicroHTTP", "microhttpd"),
    .target(name: "CPosix"),
    .target(name: "CPrefetch"),

    // Pure: no Foundation, no I/O, no clock.
    stage("Cel", ["CRE2"]),
    stage("Events", ["Cel", "CSimdJSON", "CPrefetch"]),
    stage("Features", ["Cel", "Events"]),
    stage("Moments", ["Events"]),
    stage("Scores", ["Cel", "Events"]),
    stage("Decisions", ["Cel", "Events", "CCrypto"]),
    stage("Engine", ["Cel", "Events", "Features", "Moments", "Scores", "Decisions"], preview),

    // The outside world.
    stage("Yaml", ["CYAML"]),
    stage(
      "Playbooks",
      ["Yaml", "Cel", "Events", "Features", "Moments", "Scores", "Decisions", "Engine", "CCrypto"]),
    stage("Log", ["Events", "CRdKafka", "CLZ4", "CZstd", "CZlib", "CPosix"]),
    stage("Ingest", ["Yaml", "Cel", "Events", "Log", "CSimdJSON"]),
    stage("Replay", ["Log", "Ingest", "Engine", "Playbooks", "Events", "Decisions", "Cel"]),
    stage("Console", ["CMicroHTTP", "CPosix"]),
    .executableTarget(
      name: "kairos",
      dependencies: [
        "Console", "Replay", "Ingest", "Log", "Playbooks", "Yaml", "Engine", "Events", "Cel",
        "Decisions", "Features", "Moments", "Scores", "CPosix",
      ], swiftSettings: strict),

    // Runs case files in the formats of a conformance folder through the engine; not installed.
    .executableTarget(
      name: "conformance",
      dependencies: [
        "Replay", "Ingest", "Log", "Playbooks", "Yaml", "Engine", "Events", "Cel", "Decisions",
        "Features", "Moments", "Scores",
      ], swiftSettings: strict),

    // What `Benchmarks/exactly-once/run` measures; not installed.
    .executableTarget(
      name: "exactly-once",
      dependencies: ["Replay", "Log", "Events", "Playbooks", "Engine", "Cel"],
      path: "Benchmarks/exactly-once", exclude: ["run", "book.yaml"], swiftSettings: strict),

    // What `Benchmarks/latency/run` measures on the embedded log; not installed.
    .executableTarget(
      name: "latency", dependencies: ["Ingest", "Replay", "Log", "Events", "Playbooks"],
      path: "Benchmarks/latency", exclude: ["run", "book.yaml", "feed.c"], swiftSettings: strict),

    // What tests share: the folder beside the project, JSON and its schemas, seeded randomness.
    .target(name: "TestSupport", path: "Tests/Support", swiftSettings: strict),
    // A program that drains, for the test that sends it signals; not installed.
    .executableTarget(
      name: "drain-probe", dependencies: ["Console"], path: "Tests/DrainProbe",
      swiftSettings: strict),
    // The engine over a model of the log: one seed, one run. `simulate` is not installed.
    .target(
      name: "Simulation",
      dependencies: [
        "Replay", "Ingest", "Log", "Playbooks", "Engine", "Events", "Cel", "Decisions",
        "TestSupport",
      ], path: "Tests/Simulation/Model", swiftSettings: strict),
    .executableTarget(
      name: "simulate", dependencies: ["Simulation"], path: "Tests/Simulation/Command",
      swiftSettings: strict),
    .testTarget(
      name: "SimulationTests", dependencies: ["Simulation", "TestSupport"],
      path: "Tests/Simulation/Tests", swiftSettings: strict),
    tests("CelTests", ["Cel"]),
    tests("EventsTests", ["Events", "Cel"]),
    tests("FeaturesTests", ["Features", "Events", "Cel"]),
    tests("MomentsTests", ["Moments", "Events"]),
    tests(
      "EngineTests",
      [
        "Engine", "Playbooks", "Events", "Cel", "Features", "Moments", "Scores", "Decisions",
        "Replay", "Yaml", "conformance", "TestSupport",
      ]),
    tests("YamlTests", ["Yaml", "TestSupport"]),
    tests(
      "PlaybooksTests",
      ["Playbooks", "Yaml", "Engine", "Decisions", "Features", "Cel", "TestSupport"]),
    tests("LogTests", ["Log", "Events", "TestSupport"]),
    tests("KafkaTests", ["Log", "CRdKafka", "Events", "TestSupport"]),
    tests("IngestTests", ["Ingest", "Log", "Events", "Yaml", "TestSupport"]),
    tests("ConsoleTests", ["Console", "kairos", "drain-probe", "TestSupport"]),
    tests("TopicsTests", ["Log", "Playbooks", "Yaml", "Console", "Ingest", "TestSupport"]),
    tests(
      "EndToEndTests",
      [
        "kairos", "conformance", "exactly-once", "latency", "Replay", "Ingest", "Log", "Playbooks",
        "Engine", "Events", "TestSupport",
      ]),
  ],
  cxxLanguageStandard: .cxx17
)

// Built by scripts/fuzz alone, with libFuzzer, which brings its own `main`.
if Context.environment["KAIROS_FUZZ_BUILD"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["Events", "Ingest", "Log", "Playbooks", "Yaml", "Cel"],
      path: "Tests/Fuzz", exclude: ["seeds", "playbook.dict"], swiftSettings: strict))
}
