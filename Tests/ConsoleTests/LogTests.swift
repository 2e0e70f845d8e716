import Console
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct `Log lines` {
  let line = LogLine(
    time: 1_772_357_400_123, level: .warning, message: "dead letter",
    fields: [
      ("topic", "crm.events"), ("offset", 17), ("reason", "not \"JSON\"\n"), ("empty", ""),
      ("share", 0.5), ("again", true), ("odd", .number(.nan)),
    ])

  @Test func `are key=value text`() {
    #expect(
      line.rendered(.text)
        == "time=2026-03-01T09:30:00.123Z level=warning message=\"dead letter\" topic=crm.events "
        + "offset=17 reason=\"not \\\"JSON\\\"\\n\" empty=\"\" share=0.5 again=true odd=NaN\n")
  }

  @Test func `are JSON that a parser reads back`() throws {
    let text = line.rendered(.json)
    #expect(text.hasSuffix("}\n") && !text.dropLast().contains("\n"))
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(object["message"] as? String == "dead letter")
    #expect(object["reason"] as? String == "not \"JSON\"\n")
    #expect(object["offset"] as? Int == 17)
    #expect(object["odd"] as? String == "NaN")
  }

  @Test func `pass nothing on that a terminal would obey`() {
    let line = LogLine(time: 0, level: .info, message: "\u{1B}[2J\u{9B}\r\u{7F}")
    for format in LogFormat.allCases {
      let text = line.rendered(format)
      #expect(text.contains(#"\u001b[2J\u009b\r\u007f"#), "\(text)")
    }
  }

  @Test func `below the least level are dropped`() {
    let written = Written()
    let log = LineLog(least: .warning, write: { written.add($0) })
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d", ["n": 1])
    #expect(written.lines.count == 2)
    #expect(written.lines.last?.hasSuffix("level=error message=d n=1\n") == true)
  }

  @Test func `of one cause come once in 10 s, with the number held back`() {
    let written = Written()
    let log = LineLog(write: { written.add($0) })
    let second: UInt64 = 1_000_000_000
    for tick in 0..<100 { log.repeated(.error, "broker gone", now: UInt64(tick) * second / 10) }
    log.repeated(.error, "other", now: 9 * second)
    #expect(written.lines.count == 2)
    log.repeated(.error, "broker gone", now: 10 * second)
    #expect(written.lines.last?.hasSuffix("message=\"broker gone\" repeated=99\n") == true)
    log.repeated(.error, "broker gone", now: 11 * second)
    log.flushRepeated(now: 12 * second)
    #expect(written.lines.count == 3)
    log.flushRepeated(now: 20 * second)
    #expect(written.lines.last?.hasSuffix("message=\"broker gone\" repeated=1\n") == true)
    log.flushRepeated(now: .max)
    #expect(written.lines.count == 4)
  }

  final class Written: Sendable {
    private let all = Mutex<[String]>([])
    func add(_ line: String) { all.withLock { $0.append(line) } }
    var lines: [String] { all.withLock { $0 } }
  }
}

@Suite struct `UTC text` {
  @Test func `agrees with Foundation over 400 years`() {
    var random = SplitMix64(seed: 3)
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    for _ in 0..<2_000 {
      let time = Int64(random.number(in: -6_000_000_000_000..<7_000_000_000_000))
      let date = Date(timeIntervalSince1970: Double(time) / 1000)
      #expect(UtcText.dateTime(time) == formatter.string(from: date))
    }
    #expect(UtcText.dateTime(0) == "1970-01-01T00:00:00.000Z")
    #expect(UtcText.dateTime(-1) == "1969-12-31T23:59:59.999Z")
    #expect(UtcText.dateTime(951_782_400_000) == "2000-02-29T00:00:00.000Z")
  }
}
