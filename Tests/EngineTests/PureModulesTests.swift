import Foundation
import TestSupport
import Testing

@Suite struct `Pure modules` {
  private let modules = ["Cel", "Events", "Features", "Moments", "Scores", "Decisions", "Engine"]

  @Test func `no pure module links libm`() throws {
    guard let nm = ["/usr/bin/nm", "/usr/local/bin/nm"].first(where: isExecutable) else {
      skipped("no pure module links libm", why: "there is no nm; it comes with binutils")
      return
    }
    // Not sqrt: IEEE 754 fixes every bit of it, and where it is optimized it is an instruction.
    let functions = [
      "exp", "exp2", "log", "log2", "log10", "pow", "floor", "ceil", "rint", "nearbyint", "round",
      "trunc", "fmod", "remainder",
    ]
    // Doubles, and floats.
    let forbidden = Set(functions + functions.map { $0 + "f" })
    for module in modules {
      let objects = try objectFiles(of: module)
      #expect(!objects.isEmpty, "there are no object files of \(module) beside this test")
      for object in objects {
        let undefined = try undefinedSymbols(of: object, nm)
        let found = undefined.filter { forbidden.contains($0) }
        #expect(found.isEmpty, "\(module), \(object): \(found)")
      }
    }
  }

  private func isExecutable(_ path: String) -> Bool {
    FileManager.default.isExecutableFile(atPath: path)
  }

  /// Of the build that this test is part of: the folder with its bundle has them all.
  private func objectFiles(of module: String) throws -> [String] {
    let build = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    var folders = [build.path]
    let all = packageRoot + "/.build"
    for triple in try FileManager.default.contentsOfDirectory(atPath: all).sorted() {
      folders.append("\(all)/\(triple)/debug")
    }
    for folder in folders {
      let objects = "\(folder)/\(module).build"
      guard FileManager.default.fileExists(atPath: objects) else { continue }
      return try FileManager.default.contentsOfDirectory(atPath: objects).sorted()
        .filter { $0.hasSuffix(".o") }.map { "\(objects)/\($0)" }
    }
    return []
  }

  /// The names without their versions.
  private func undefinedSymbols(of object: String, _ nm: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: nm)
    process.arguments = ["-u", object]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "nm -u \(object)")
    return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { line in
      let name = line.split(separator: " ").last ?? ""
      return name.split(separator: "@").first.map(String.init)
    }
  }
}
