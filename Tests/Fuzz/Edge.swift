import Foundation

/// Where bytes of strangers come in. `scripts/fuzz` builds this program with libFuzzer, which calls
/// `fuzzOneInput` with ever new bytes and looks which code they reach. A broken promise traps.
enum Edge: String {
  /// JSON documents, and what sources make of them.
  case json
  /// Record batches, as a log's segments hold them.
  case batch
  /// Playbooks, from the text to the compiled program.
  case playbook

  func feed(_ bytes: [UInt8]) {
    switch self {
    case .json: feedJson(bytes)
    case .batch: feedBatch(bytes)
    case .playbook: feedPlaybook(bytes)
    }
  }
}

/// libFuzzer owns the command line, so the edge comes by the environment.
private let edge: Edge = {
  let name = ProcessInfo.processInfo.environment["KAIROS_FUZZ_EDGE"] ?? ""
  guard let edge = Edge(rawValue: name) else {
    fatalError("KAIROS_FUZZ_EDGE is json, batch or playbook; scripts/fuzz sets it")
  }
  return edge
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  edge.feed(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}
