import Foundation

@testable import Cel

/// What lies beside the project: cases, and the machine's time zones.
enum SharedFiles {
  /// The folder of shared material; nil where there is none.
  static var root: URL? {
    if let path = ProcessInfo.processInfo.environment["KAIROS_SHARED"] {
      return URL(fileURLWithPath: path)
    }
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let beside = package.deletingLastPathComponent().appendingPathComponent("shared")
    return FileManager.default.fileExists(atPath: beside.path) ? beside : nil
  }

  static let zoneNames = [
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York",
    "America/St_Johns", "America/Sao_Paulo", "Australia/Sydney", "Australia/Lord_Howe",
    "Asia/Kathmandu", "Asia/Tokyo", "Africa/Casablanca", "Pacific/Apia", "US/Central",
    "Antarctica/Troll",
  ]

  static func zoneFile(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name)))
  }

  static func zones() throws -> ZoneTable {
    try ZoneTable(zoneNames.map { ($0, try zoneFile($0)) })
  }
}
