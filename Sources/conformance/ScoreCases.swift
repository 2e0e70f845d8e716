internal import Cel
internal import Engine
internal import Events
internal import Features
internal import Foundation

// What other libraries' scorers answer. A logistic model becomes a score of an ordinary playbook.

func runScores(_ path: String) throws -> [CaseResult] {
  let name = URL(fileURLWithPath: path).lastPathComponent
  guard name.hasSuffix(".json") else {
    return [CaseResult(name) { throw NotApplicable("a model file, not cases") }]
  }
  let file = try jsonFile(path)
  if file["bias"] != nil, file["weights"] != nil { return try logistic(file) }
  if file["learner"] != nil || file["version"] != nil {
    return [CaseResult(name) { throw NotApplicable("a model file, not cases") }]
  }
  return (file.array ?? [file]).enumerated().map { index, item in
    let own = (item["name"] ?? item["detector"] ?? item["model"])?.string
    return CaseResult("\(name) \(index)" + (own.map { " " + $0 } ?? "")) {
      throw NotApplicable("\(later(item)): a later issue")
    }
  }
}

private func later(_ item: JsonTree) -> String {
  if item["library"] != nil { return "trees" }
  if item["isotonic"] != nil { return "calibration" }
  if item["detector"] != nil { return "drift" }
  if item["reference"] != nil { return "population stability" }
  if item["rows"] != nil { return "learning" }
  return "measures of a model"
}

/// Each row is a customer's one event; the probability is a feature's value.
private func logistic(_ file: JsonTree) throws -> [CaseResult] {
  let weights = file["weights"]?.array ?? []
  let names = weights.indices.map { "x\($0)" }
  let program = try compile(playbook(file["bias"] ?? .int(0), zip(names, weights)))
  let index = program.features.names.firstIndex(of: "answer")
  guard let index else { throw CaseError("the playbook lost its feature") }
  let expected = file["probability"]?.array ?? []
  return (file["rows"]?.array ?? []).enumerated().map { number, row in
    CaseResult("row \(number)") {
      guard expected.indices.contains(number), let wanted = expected[number].number else {
        throw CaseError("the row has no expected probability")
      }
      var shard = Shard(program: program, partition: 0)
      var feeder = Feeder(customer: "c\(number)")
      let data = zip(names, row.array ?? []).map { JsonTree.Member($0, $1) }
      let event: [JsonTree.Member] = [
        .init("id", .string("e")), .init("type", .string("row")), .init("time_ms", .int(0)),
        .init("data", .object(data)),
      ]
      try feeder.send(event: .object(event), to: &shard)
      guard let value = shard.value(ofFeature: index, customer: feeder.customer),
        value.1.kind == .double
      else { return "there is no probability" }
      let found = value.1.double
      return abs(found - wanted) <= 1e-9 * abs(wanted) ? nil : "should be \(wanted), not \(found)"
    }
  }
}

private func playbook(
  _ bias: JsonTree, _ weights: Zip2Sequence<[String], [JsonTree]>
) -> JsonTree {
  var features = weights.map { name, _ in
    JsonTree.Member(
      name,
      .object([
        .init("last", .string("data." + name)), .init("from", .string("row")),
        .init("type", .string("double")),
      ]))
  }
  features.append(.init("answer", .object([.init("value", .string("risk"))])))
  let model = JsonTree.object([
    .init("bias", bias), .init("weights", .object(weights.map { .init($0, $1) })),
  ])
  return .object([
    .init("kairos", .int(1)), .init("name", .string("case")), .init("features", .object(features)),
    .init("scores", .object([.init("risk", .object([.init("logistic", model)]))])),
  ])
}
