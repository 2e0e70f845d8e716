import Foundation

@testable import Cel

/// The machine's time zones.
enum SharedFiles {
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
