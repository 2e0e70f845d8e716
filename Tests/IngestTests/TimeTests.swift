import Ingest
import Testing

private func rfc(_ text: String) -> Int64? {
  let bytes = Array("x\(text)y".utf8)
  return rfc3339Milliseconds(bytes.span, 1..<(bytes.count - 1))
}

private func read(_ pattern: String, _ text: String) throws -> Int64? {
  let bytes = Array("5\(text)5".utf8)
  let read = try TimePattern(pattern).read(bytes.span, 1..<(bytes.count - 1))
  return read.map { $0.local - ($0.offset ?? 0) }
}

@Suite struct `Times` {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
      ("2024-02-29T23:59:59.9999999+05:45", 1_709_230_499_999),
      ("2024-02-29t00:00:00z", 1_709_164_800_000), ("2024-02-29 00:00:00Z", 1_709_164_800_000),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("1969-12-31T23:59:59-00:00", -1000),
      ("2000-02-29T00:00:00-23:59", 951_868_740_000), ("2024-02-29T00:00:00.5Z", 1_709_164_800_500),
    ] as [(String, Int64)])
  func `RFC 3339 is read to the millisecond`(_ text: String, _ ms: Int64) {
    #expect(rfc(text) == ms)
  }

  @Test(arguments: [
    "", "2024-02-29", "2024-02-29T00:00:00", "2024-02-29T00:00Z", "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:61Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00+0000", "2024-01-01T00:00:00+05",
    "2024-01-01T00:00:00Zx", "2024-01-01T00:00:00Z ", "24-01-01T00:00:00Z", "+024-01-01T00:00:00Z",
    "2024-1-01T00:00:00Z0", "2024-01-01X00:00:00Z",
  ])
  func `what is not RFC 3339 is no time`(_ text: String) {
    #expect(rfc(text) == nil)
  }

  @Test(
    arguments: [
      ("dd/MM/yyyy HH:mm", "29/02/2024 06:30", 1_709_188_200_000),
      ("yyyy-MM-dd HH:mm:ss", "2024-03-13 10:21:14", 1_710_325_274_000),
      ("yyyy-MM-dd", "2024-02-29", 1_709_164_800_000),
      ("M/d/yyyy h:mm a", "2/29/2024 12:05 AM", 1_709_165_100_000),
      ("M/d/yyyy h:mm a", "12/1/2024 12:05 pm", 1_733_054_700_000),
      ("dd MMM yyyy", "29 Feb 2024", 1_709_164_800_000),
      ("yyyyMMdd'T'HHmmss", "20240229T000001", 1_709_164_801_000),
      ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 00:00:00.25", 1_709_164_800_250),
      ("yyyy-MM-dd HH:mm:ssX", "2024-02-29 01:00:00+0100", 1_709_164_800_000),
      ("yyyy-MM-dd HH:mm:ss X", "2024-02-29 00:00:00 Z", 1_709_164_800_000),
      ("yyyy-MM-dd HH:mm:ssX", "2024-02-28 18:30:00-05:30", 1_709_164_800_000),
    ] as [(String, String, Int64)])
  func `patterns read what they spell`(_ pattern: String, _ text: String, _ ms: Int64) throws {
    #expect(try read(pattern, text) == ms)
  }

  @Test(arguments: [
    ("dd/MM/yyyy HH:mm", "30/02/2024 06:30"), ("dd/MM/yyyy HH:mm", "29/02/2024 06:30:00"),
    ("dd/MM/yyyy HH:mm", "29/02/2024 6:30"), ("dd/MM/yyyy HH:mm", "29-02-2024 06:30"),
    ("dd/MM/yyyy HH:mm", ""), ("dd/MM/yyyy", "29/02/24"), ("M/d/yyyy h:mm a", "1/1/2024 13:00 PM"),
    ("M/d/yyyy h:mm a", "1/1/2024 0:00 AM"), ("M/d/yyyy h:mm a", "1/1/2024 1:00 XM"),
    ("dd MMM yyyy", "29 Fbr 2024"), ("yyyy-MM-dd'T'HH", "2024-02-29T24"),
  ])
  func `what a pattern does not spell is no time`(_ pattern: String, _ text: String) throws {
    #expect(try read(pattern, text) == nil)
  }

  @Test(arguments: [
    "", "HH:mm", "yy-MM-dd", "yyyy-MM", "yyyy-MM-dd yyyy", "yyyy-MM-dd hh:mm",
    "yyyy-MM-dd 'T", "yyyy-MM-dd Q", "yyyy-MMMM-dd", "yyyy-MM-dd HH a",
  ])
  func `a pattern that cannot tell a date is refused`(_ pattern: String) {
    #expect(throws: TimePattern.Mistake.self) { try TimePattern(pattern) }
  }
}
