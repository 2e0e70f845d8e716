package import Cel

/// Rounds towards −∞, as days before 1970 want it.
package func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
  a >= 0 ? a / b : -((-a + b - 1) / b)
}

extension ZoneTable {
  package static let day: Int64 = 86_400_000

  /// Milliseconds that a clock in the zone is ahead of UTC.
  package func offset(ms: Int64, zone: ZoneId) -> Int64 { offset(atMs: ms, zone: zone) * 1000 }

  /// The number of the local calendar day, 1970-01-01 being 0.
  package func localDay(ms: Int64, zone: ZoneId) -> Int64 {
    floorDivide(ms + offset(ms: ms, zone: zone), Self.day)
  }

  /// The instant at which a local calendar day begins.
  package func startOfDay(_ day: Int64, zone: ZoneId) -> Int64 {
    milliseconds(of: CivilTime(milliseconds: day * Self.day), zone: zone)
  }
}
