import FoundationEssentials
package import Yaml

/// Why there is no book.
package enum BookError: Error, Equatable, Sendable {
  /// The path, and what to do about it, in one line.
  case unreadable(String)
  /// What is wrong with the files, in their order.
  case wrong([Diagnostic])
}

extension BookError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let line): line
    case .wrong(let diagnostics): diagnostics.map(\.description).joined(separator: "\n")
    }
  }
}

extension Book {
  /// Reads a book from a folder (its `*.yaml` and `*.yml`, not those of folders inside) or from
  /// one file, and checks it.
  package static func load(
    path: String, tolerating: Set<String> = []
  ) throws(BookError) -> Book {
    var files: [(name: String, bytes: [UInt8])] = []
    for name in try paths(of: path) { files.append((name, try read(name))) }
    let (book, diagnostics) = parse(files: files, tolerating: tolerating)
    guard let book else { throw .wrong(diagnostics) }
    return book
  }

  private static func paths(of path: String) throws(BookError) -> [String] {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .unreadable("\(path): there is no such file or folder; name a playbook or its folder")
    }
    guard isFolder else { return [path] }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw .unreadable("\(path): the folder cannot be listed; check its permissions")
    }
    let chosen = names.filter {
      !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml"))
    }
    guard !chosen.isEmpty else {
      throw .unreadable("\(path): the folder has no .yaml file; put a playbook there")
    }
    let folder = path.hasSuffix("/") ? path : path + "/"
    return chosen.sorted().map { folder + $0 }
  }

  private static func read(_ path: String) throws(BookError) -> [UInt8] {
    guard let content = FileManager.default.contents(atPath: path) else {
      throw .unreadable("\(path): the file cannot be read; check its permissions")
    }
    return Array(content)
  }
}
