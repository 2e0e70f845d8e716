package import Cel
internal import Glibc

/// A clock on somebody's wall: how far it is from UTC, and when.
package enum ZoneClock: Equatable, Sendable {
  case utc
  case rules(ZoneRules)

  /// Where the system keeps its zones.
  package static let systemFolder = "/usr/share/zoneinfo"

  /// `UTC`, or a zone of the IANA database, read from its file in `folder`. Nil: there is none.
  package static func named(_ name: String, folder: String = systemFolder) -> ZoneClock? {
    if name == "UTC" { return .utc }
    let isName = name.utf8.allSatisfy { byte in
      (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a) || (byte >= 0x30 && byte <= 0x39)
        || "/_+-".utf8.contains(byte)
    }
    guard isName, !name.isEmpty, name.utf8.first != UInt8(ascii: "/"), name.utf8.count <= 64,
      let bytes = read(folder + "/" + name)
    else { return nil }
    return ZoneRules(tzif: bytes).map { .rules($0) }
  }

  private static func read(_ path: String) -> [UInt8]? {
    guard let file = unsafe fopen(path, "rb") else { return nil }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 256 << 10)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    return count < bytes.count ? Array(bytes[..<count]) : nil
  }

  /// Milliseconds since 1970 of the moment at which this clock shows `local` (milliseconds as if it
  /// were UTC's). Shown twice: the first of the two. Never shown: as much later as the clock skips.
  func utcMilliseconds(local: Int64) -> Int64 {
    switch self {
    case .utc: return local
    case .rules(let rules):
      let rest = local % 1000 < 0 ? local % 1000 + 1000 : local % 1000
      return rules.instant(local: (local - rest) / 1000) * 1000 + rest
    }
  }
}
