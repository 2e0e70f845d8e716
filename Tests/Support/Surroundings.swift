import Foundation

/// The folder of `Package.swift`, without a slash at its end.
package let packageRoot: String = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// The folder of data and tools beside the project: `KAIROS_SHARED`, or `../shared`. Nil: it is
/// not there, and the test should say so with `skipped`.
package func sharedFolder() -> String? {
  let named = ProcessInfo.processInfo.environment["KAIROS_SHARED"]
  let folder = named ?? packageRoot + "/../shared"
  return FileManager.default.fileExists(atPath: folder) ? folder : nil
}

/// The path of a file or folder in the shared folder; nil, after a `skipped` line, if it is not
/// there.
package func shared(_ path: String, for what: String) -> String? {
  guard let folder = sharedFolder() else {
    skipped(what, why: "no ../shared beside the project, and no KAIROS_SHARED")
    return nil
  }
  let whole = folder + "/" + path
  guard FileManager.default.fileExists(atPath: whole) else {
    skipped(what, why: "\(path) is not in the shared folder")
    return nil
  }
  return whole
}

/// Says plainly that something was not tested. `scripts/test` repeats these lines at the end.
package func skipped(_ what: String, why: String) {
  FileHandle.standardOutput.write(Data("skipped: \(what): \(why)\n".utf8))
}

/// A file's bytes; the path may be relative to the package's folder.
package func fileBytes(_ path: String) throws -> [UInt8] {
  let whole = path.hasPrefix("/") ? path : packageRoot + "/" + path
  return [UInt8](try Data(contentsOf: URL(fileURLWithPath: whole)))
}

package func fileText(_ path: String) throws -> String {
  let bytes = try fileBytes(path)
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw CocoaError(.fileReadInapplicableStringEncoding)
  }
  return text
}

/// A new, empty folder that is removed after `body`.
package func withTemporaryFolder<T>(_ body: (String) throws -> T) throws -> T {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("kairos-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer {
    do {
      try FileManager.default.removeItem(at: folder)
    } catch {
      print("could not remove \(folder.path): \(error)")
    }
  }
  return try body(folder.path)
}
