internal import Events

// Beam's event-time cases are about windows that collect events and close: the language has none.
// A feature is looked at at every instant, and a late event counts wherever its time belongs.

func runBeam(_ path: String) throws -> [CaseResult] {
  try jsonFile(path).elements().map { item in
    CaseResult(item["id"]?.string ?? "?") { throw NotApplicable(try reason(item)) }
  }
}

private func reason(_ item: JsonTree) throws -> String {
  if item["time"] != nil {
    return "events are not assigned to windows: a feature's window ends at the instant it is read"
  }
  if item["events"] != nil { return "events are not grouped by windows" }
  if item["event_time"] != nil {
    return "no window closes: a late event counts wherever its time belongs"
  }
  if item["steps"] != nil { return "no window emits a result when it closes" }
  throw CaseError("the case is not in one of the formats")
}
