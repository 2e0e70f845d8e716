import Foundation
import Testing

@testable import Cel

@Suite struct `The standard's own cases` {
  @Test(arguments: [
    "comparisons", "logic", "fields", "macros", "lists", "string", "timestamps", "conversions",
    "integer_math", "fp_math", "parse", "basic", "plumbing", "namespace", "string_ext", "math_ext",
    "encoders_ext", "network_ext", "type_deduction",
  ])
  func `all pass`(in file: String) throws {
    guard let shared = SharedFiles.root else {
      print("skipped: \(file): there is no folder 'shared' beside the package")
      return
    }
    let url = shared.appendingPathComponent("conformance/cel/\(file).json")
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
    let cases = try #require(json as? [[String: Any]])
    let conformance = CelConformance(zones: try SharedFiles.zones())
    var passed = 0
    var notApplicable = 0
    for test in cases {
      let id = test["id"] as? String ?? "?"
      switch conformance.run(test) {
      case .passed: passed += 1
      case .notApplicable: notApplicable += 1
      case .failed(let why): Issue.record("\(id): \(test["expr"] ?? ""): \(why)")
      }
    }
    print("\(file): \(passed) passed, \(notApplicable) not applicable, of \(cases.count)")
    #expect(!cases.isEmpty)
    #expect(passed + notApplicable == cases.count)
  }
}
