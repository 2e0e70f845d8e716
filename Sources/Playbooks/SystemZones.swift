package import Cel
internal import Foundation

/// The system's time zones cannot be read.
package struct SystemZonesError: Error, CustomStringConvertible {
  package var description: String
}

extension ZoneTable {
  /// All zones of the system's tzdata, read whole: which ones the customers will name, nobody knows.
  package static func system(
    folder: String = "/usr/share/zoneinfo"
  ) throws(SystemZonesError) -> ZoneTable {
    let skipped = ["posix/", "right/", "posixrules", "localtime"]
    guard let names = FileManager.default.enumerator(atPath: folder) else {
      throw SystemZonesError(
        description: "\(folder): there are no time zones; install the package tzdata")
    }
    var files: [(name: String, bytes: [UInt8])] = []
    for case let name as String in names where !skipped.contains(where: name.hasPrefix) {
      guard let content = FileManager.default.contents(atPath: folder + "/" + name) else {
        continue
      }
      let bytes = Array(content)
      if bytes.starts(with: "TZif".utf8) { files.append((name, bytes)) }
    }
    files.sort { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
    do {
      return try ZoneTable(files)
    } catch {
      throw SystemZonesError(description: error.message)
    }
  }
}
