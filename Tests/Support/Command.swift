import Dispatch
import Foundation

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
  // Files instead of pipes: nobody waits for anybody, and nothing is lost at the end.
  return try withTemporaryFolder { folder in
    func file(_ name: String, _ bytes: [UInt8] = []) throws -> FileHandle {
      let path = folder + "/" + name
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      guard let handle = FileHandle(forUpdatingAtPath: path) else {
        throw CommandFailure(description: "cannot open \(path)")
      }
      return handle
    }
    process.standardInput = try file("input", input)
    process.standardOutput = try file("output")
    process.standardError = try file("complaints")
    // Not `waitUntilExit`: that looks only now and then.
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    if ended.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
      process.terminate()
      throw CommandFailure(description: "\(name) took longer than \(seconds) s and was ended")
    }
    return CommandResult(
      exitCode: process.terminationStatus, output: try fileBytes(folder + "/output"),
      complaints: try fileBytes(folder + "/complaints"))
  }
}
