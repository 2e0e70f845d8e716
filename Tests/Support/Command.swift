import Dispatch
import Foundation
import Synchronization

/// What another program said.
package struct CommandResult: Sendable {
  package var exitCode: Int32
  package var output: [UInt8]
  /// What it wrote to standard error.
  package var complaints: [UInt8]
  package var outputText: String { String(decoding: output, as: UTF8.self) }
  package var complaintsText: String { String(decoding: complaints, as: UTF8.self) }
}

package struct CommandFailure: Error, CustomStringConvertible {
  package var description: String
}

/// The first place on PATH where a program of that name lies.
package func program(_ name: String) -> String? {
  let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
  return path.split(separator: ":").map { "\($0)/\(name)" }
    .first { FileManager.default.isExecutableFile(atPath: $0) }
}

/// Runs a program to its end and returns what it said. It is killed, and that is an error, if it
/// takes longer than `seconds`.
package func run(
  _ arguments: [String], input: [UInt8] = [], folder: String? = nil,
  environment: [String: String] = [:], seconds: Int = 120
) throws -> CommandResult {
  let name = arguments[0]
  guard let path = name.hasPrefix("/") ? name : program(name) else {
    throw CommandFailure(description: "there is no program \(name) on PATH")
  }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: path)
  process.arguments = Array(arguments.dropFirst())
  if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let (given, said, complained) = (Pipe(), Pipe(), Pipe())
  process.standardInput = given
  process.standardOutput = said
  process.standardError = complained
  // A program that ends before it has read all would otherwise end us too.
  signal(SIGPIPE, SIG_IGN)
  try process.run()

  // All three pipes at once, or a full one would stop the other side.
  let output = Mutex<[UInt8]>([])
  let complaints = Mutex<[UInt8]>([])
  let group = DispatchGroup()
  let queue = DispatchQueue(label: "pipes of \(name)", attributes: .concurrent)
  queue.async(group: group) {
    let data = said.fileHandleForReading.readDataToEndOfFile()
    output.withLock { $0 = [UInt8](data) }
  }
  queue.async(group: group) {
    let data = complained.fileHandleForReading.readDataToEndOfFile()
    complaints.withLock { $0 = [UInt8](data) }
  }
  queue.async(group: group) {
    do {
      try given.fileHandleForWriting.write(contentsOf: Data(input))
      try given.fileHandleForWriting.close()
    } catch {
      // The program ended without reading all: its exit code says more.
      print("\(name) did not read all of its input: \(error)")
    }
  }
  if group.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
    process.terminate()
    throw CommandFailure(description: "\(name) took longer than \(seconds) s and was ended")
  }
  process.waitUntilExit()
  return CommandResult(
    exitCode: process.terminationStatus, output: output.withLock { $0 },
    complaints: complaints.withLock { $0 })
}
