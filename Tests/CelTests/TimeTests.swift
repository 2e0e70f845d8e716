import Foundation
import Testing

@testable import Cel

@Suite struct `Time and zones` {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0, 0), ("2026-03-01T09:30:00.25+01:00", 1_772_353_800, 250_000_000),
      ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
      ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
      ("2024-02-29t12:00:00z", 1_709_208_000, 0), ("1969-12-31T23:59:59-00:00", -1, 0),
    ] as [(String, Int64, Int32)])
  func `an RFC 3339 text is read`(text: String, seconds: Int64, nanos: Int32) {
    let bytes = Array(text.utf8)
    let read = parseRFC3339(bytes.span)
    #expect(read?.seconds == seconds && read?.nanos == nanos)
  }

  @Test(arguments: [
    "", "2026-03-01", "2026-03-01T09:30:00", "2026-03-01 09:30:00Z", "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-00T00:00:00Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2016-12-31T23:59:60Z", "2026-1-01T00:00:00Z",
    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00Zx",
    "0000-12-31T23:59:59Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
    "+2026-01-01T00:00:00Z", "2026-01-01T00:00:00,5Z",
  ])
  func `what is not exactly RFC 3339 is refused`(text: String) {
    let bytes = Array(text.utf8)
    #expect(parseRFC3339(bytes.span) == nil)
  }

  @Test func `the calendar agrees with a count of days`() {
    var days = daysFromCivil(year: 1896, month: 1, day: 1)
    for year in 1896...2104 {
      for month in 1...12 {
        for day in 1...daysInMonth(year: year, month: month) {
          #expect(daysFromCivil(year: year, month: month, day: day) == days)
          #expect(civilFromDays(days) == (year, month, day))
          days += 1
        }
      }
    }
    #expect(weekdayOfDays(0) == 4 && weekdayOfDays(-1) == 3 && weekdayOfDays(-5) == 6)
    let time = CivilTime(milliseconds: -1)
    #expect((time.year, time.month, time.day, time.hour) == (1969, 12, 31, 23))
    #expect(time.millisecond == 999 && time.yearDay == 364 && time.milliseconds == -1)
  }

  /// Both sides of every change until 2090, as the zone database's own `zdump` tells them.
  @Test(arguments: SharedFiles.zoneNames)
  func `offsets agree with the zone database's own program`(name: String) throws {
    let zdump = URL(fileURLWithPath: "/usr/bin/zdump")
    guard FileManager.default.fileExists(atPath: zdump.path) else {
      print("skipped: offsets of \(name): there is no zdump")
      return
    }
    let process = Process()
    process.executableURL = zdump
    process.arguments = ["-v", "-c", "1900,2090", name]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let zones = try SharedFiles.zones()
    let zone = try #require(zones.zone(named: name))
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count > 8, let gmtoff = words.last?.split(separator: "=").last,
        let wanted = Int64(gmtoff), let year = Int(words[5]), let day = Int(words[3]),
        let month = months.range(of: words[2])
      else { continue }
      let clock = words[4].split(separator: ":").compactMap { Int($0) }
      let time = CivilTime(
        year: year, month: months.distance(from: months.startIndex, to: month.lowerBound) / 3 + 1,
        day: day, hour: clock[0], minute: clock[1], second: clock[2])
      #expect(zones.offset(atMs: time.milliseconds, zone: zone) == wanted, "\(line)")
    }
    #expect(name == "UTC" || output.contains("gmtoff"))
  }

  @Test func `the rule at a file's end holds for the years after its list`() throws {
    let rules = try #require(ZoneRules(tzif: try SharedFiles.zoneFile("Europe/Berlin")))
    func offset(_ text: String) throws -> Int32 {
      rules.offset(at: try #require(CelTimestamp(parsing: text)).seconds)
    }
    #expect(try offset("2099-03-29T00:59:59Z") == 3600)
    #expect(try offset("2099-03-29T01:00:00Z") == 7200)
    #expect(try offset("2099-10-25T00:59:59Z") == 7200)
    #expect(try offset("2099-10-25T01:00:00Z") == 3600)
  }

  private func instant(_ zone: String, _ civil: CivilTime) throws -> String? {
    let zones = try SharedFiles.zones()
    let id = try #require(zones.zone(named: zone))
    return CelTimestamp(milliseconds: zones.milliseconds(of: civil, zone: id))?.text
  }

  @Test func `a time shown twice is the earlier, one never shown moves forward`() throws {
    let gap = CivilTime(year: 2026, month: 3, day: 29, hour: 2, minute: 30)
    #expect(try instant("Europe/Berlin", gap) == "2026-03-29T01:30:00Z")
    let before = CivilTime(year: 2026, month: 3, day: 29, hour: 1, minute: 59, second: 59)
    #expect(try instant("Europe/Berlin", before) == "2026-03-29T00:59:59Z")
    let after = CivilTime(year: 2026, month: 3, day: 29, hour: 3)
    #expect(try instant("Europe/Berlin", after) == "2026-03-29T01:00:00Z")
    let fold = CivilTime(year: 2026, month: 10, day: 25, hour: 2, minute: 30)
    #expect(try instant("Europe/Berlin", fold) == "2026-10-25T00:30:00Z")
    let past = CivilTime(year: 2026, month: 10, day: 25, hour: 3)
    #expect(try instant("Europe/Berlin", past) == "2026-10-25T02:00:00Z")
    #expect(
      try instant("+05:30", CivilTime(year: 2026, month: 1, day: 1)) == "2025-12-31T18:30:00Z")
  }

  @Test(arguments: SharedFiles.zoneNames)
  func `what a clock shows leads back to its instant`(name: String) throws {
    let zones = try SharedFiles.zones()
    let zone = try #require(zones.zone(named: name))
    var random = Seeded(5)
    for _ in 0..<3000 {
      let ms = Int64.random(in: 0...4_000_000_000_000, using: &random)
      let civil = zones.civil(ms: ms, zone: zone)
      let back = zones.milliseconds(of: civil, zone: zone)
      #expect(zones.civil(ms: back, zone: zone) == civil && back <= ms)
    }
  }

  @Test func `names of zones are found, and nothing else is`() throws {
    let zones = try SharedFiles.zones()
    #expect(ZoneTable().zone(named: "UTC") == .utc && ZoneTable().zone(named: "+00:00") == .utc)
    for name in ["", "utc", "Europe", "Berlin", "+1:00", "+24:00", "+01:60", "01:0", "+01:000"] {
      #expect(zones.zone(named: name) == nil, "\(name)")
    }
    #expect(throws: ZoneError(name: "x")) { try ZoneTable([("x", [1, 2, 3])]) }
  }

  @Test func `a damaged zone file is refused or read, never a crash`() throws {
    let good = try SharedFiles.zoneFile("Europe/Berlin")
    for length in 0..<good.count { _ = ZoneRules(tzif: Array(good[..<length])) }
    #expect(ZoneRules(tzif: Array(good.dropLast())) == nil)
    var random = Seeded(3)
    for _ in 0..<3000 {
      var bad = good
      bad[Int.random(in: 0..<120, using: &random)] = UInt8.random(in: 0...255, using: &random)
      if let rules = ZoneRules(tzif: bad) {
        for seconds in [-5_000_000_000, 0, 1_800_000_000, 9_000_000_000] as [Int64] {
          _ = rules.offset(at: seconds)
        }
      }
    }
  }

  @Test(
    arguments: [
      ("1h30m", 5_400_000_000_000), ("-1.5s", -1_500_000_000), ("250ms", 250_000_000), ("0", 0),
      ("1us", 1000), (".5s", 500_000_000), ("9223372036854775807ns", Int64.max),
      ("-9223372036854775808ns", Int64.min),
    ] as [(String, Int64)])
  func `a duration is read`(text: String, nanoseconds: Int64) {
    #expect(CelDuration(parsing: text)?.nanoseconds == nanoseconds)
  }

  @Test(arguments: [
    "", "1", "s", "1d", "1h 2m", "-", "+", "1.s.", "9223372036854775808ns", "1e3s", "--1s", ".",
  ])
  func `what is no duration is refused`(text: String) {
    #expect(CelDuration(parsing: text) == nil)
  }
}
