/// Milliseconds of a duration as files write it: a whole number and one of `ms s m h d w`.
/// A day is 24 hours. Nil: it is not one, or does not fit.
package func milliseconds(ofDuration text: String) -> Int64? {
  let digits = text.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }
  guard !digits.isEmpty, let number = Int64(String(Substring(digits))) else { return nil }
  let factor: Int64
  switch text.dropFirst(digits.count) {
  case "ms": factor = 1
  case "s": factor = 1000
  case "m": factor = 60_000
  case "h": factor = 3_600_000
  case "d": factor = 86_400_000
  case "w": factor = 604_800_000
  default: return nil
  }
  let (product, overflow) = number.multipliedReportingOverflow(by: factor)
  // A century: sums of a few durations with a time never overflow.
  return overflow || product > 36_525 * 86_400_000 ? nil : product
}

/// The shortest way to write a duration: `72h`, `90s`, `14d`.
package func durationText(_ milliseconds: Int64) -> String {
  let units: [(Int64, String)] = [
    (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"),
  ]
  for (factor, unit) in units where milliseconds != 0 && milliseconds % factor == 0 {
    return "\(milliseconds / factor)\(unit)"
  }
  return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
}
