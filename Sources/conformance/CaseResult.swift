/// What became of one case.
struct CaseResult {
  enum Outcome {
    case passed
    case failed(String)
    case notApplicable(String)
  }
  var name: String
  var outcome: Outcome

  init(name: String, outcome: Outcome) {
    self.name = name
    self.outcome = outcome
  }

  /// A case's check gives the difference that it finds, or throws.
  init(_ name: String, _ check: () throws -> String?) {
    self.name = name
    do {
      outcome = try check().map { .failed($0) } ?? .passed
    } catch let error as NotApplicable {
      outcome = .notApplicable(error.reason)
    } catch {
      outcome = .failed("\(error)")
    }
  }

  var line: String {
    switch outcome {
    case .passed: "passed \(name)"
    case .failed(let difference): "failed \(name): \(difference)"
    case .notApplicable(let reason): "not applicable \(name): \(reason)"
    }
  }
}

/// How cases are run, besides as they are written.
struct CaseOptions {
  /// Snapshot and restore after each record: nothing may come out otherwise.
  var restoresEach = false
}

/// Why a case says nothing about this engine.
struct NotApplicable: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

struct Tally {
  var passed = 0
  var failed = 0
  var notApplicable = 0

  mutating func add(_ result: CaseResult) {
    switch result.outcome {
    case .passed: passed += 1
    case .failed: failed += 1
    case .notApplicable: notApplicable += 1
    }
  }
  mutating func add(_ other: Tally) {
    passed += other.passed
    failed += other.failed
    notApplicable += other.notApplicable
  }
  var line: String { "\(passed) passed, \(failed) failed, \(notApplicable) not applicable" }
}
