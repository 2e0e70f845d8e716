internal import Foundation

// Runs case files through the engine: a line per case, sums at the end.
//
//     conformance KIND [--restore-each] FILE…
//
// --restore-each: after each record, go on with a shard restored from the last one's snapshot
// (kinds whose cases are histories: meaning-*, flinkcep).
// Exit code 0: none failed; 1: some did; 64: the command line is wrong.

let kinds: [(name: String, run: (String, CaseOptions) throws -> [CaseResult])] = [
  ("meaning-features", runMeaningFeatures),
  ("meaning-decisions", runMeaningDecisions),
  ("flinkcep", runFlinkCep),
  ("cel", { path, _ in try runCel(path) }),
  ("cloudevents", { path, _ in try runCloudEvents(path) }),
  ("segment", { path, _ in try runSegment(path) }),
  ("scores", { path, _ in try runScores(path) }),
  ("beam", { path, _ in try runBeam(path) }),
]

func fail(_ line: String) -> Never {
  FileHandle.standardError.write(Data((line + "\n").utf8))
  exit(64)
}

var arguments = Array(CommandLine.arguments.dropFirst())
var options = CaseOptions()
if let index = arguments.firstIndex(of: "--restore-each") {
  arguments.remove(at: index)
  options.restoresEach = true
}
guard arguments.count >= 2, let kind = kinds.first(where: { $0.name == arguments[0] }) else {
  fail("usage: conformance \(kinds.map(\.name).joined(separator: "|")) [--restore-each] FILE…")
}
var total = Tally()
for path in arguments.dropFirst() {
  var tally = Tally()
  do {
    for result in try kind.run(path, options) {
      tally.add(result)
      print(result.line)
    }
  } catch {
    fail("\(path): \(error)")
  }
  print("\(path): \(tally.line)")
  total.add(tally)
}
print(total.line)
exit(total.failed == 0 ? 0 : 1)
