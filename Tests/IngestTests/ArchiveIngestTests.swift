import Events
import Ingest
import Log
import TestSupport
import Testing
import Yaml

private func source(_ yaml: String) throws -> SourceSettings {
  let diagnostics = Diagnostics()
  let node = try #require(
    YamlParser.parse(Array(yaml.utf8), file: "k.yaml", diagnostics: diagnostics))
  let sources = SourceSettings.parse(node, diagnostics)
  #expect(diagnostics.sorted == [])
  return try #require(sources.first)
}

private struct Sums: Equatable {
  var events = 0
  var skipped = 0
  var rejected: [Rejection.Reason: Int] = [:]
  var customers: Set<[UInt8]> = []
  var ids: Set<[UInt8]> = []
  var first = Int64.max
  var last = Int64.min
}

private func run(_ path: String, _ settings: SourceSettings, partitions: Int = 4) throws -> Sums {
  var sums = Sums()
  let archive = try LineArchive(path: path)
  var ingest = ArchiveIngest(source: settings, journalPartitions: partitions)
  var batches = ingest.batches()
  var rejects: [ArchiveIngest.Reject] = []
  var chunk = LineChunk()
  while try archive.next(into: &chunk) {
    ingest.convert(chunk, into: &batches, rejects: &rejects)
    for batch in batches {
      for entry in batch.entries {
        let value = try #require(entry.value)
        let view = try JournalView(batch.bytes.span, value)
        let key = try #require(entry.key)
        #expect(batch.bytes[key] == batch.bytes[view.customer])
        sums.customers.insert(Array(batch.bytes[key]))
        sums.ids.insert(Array(batch.bytes[view.customer]) + Array(batch.bytes[view.id]))
        sums.first = min(sums.first, view.time.milliseconds)
        sums.last = max(sums.last, view.time.milliseconds)
      }
    }
  }
  for reject in rejects { sums.rejected[reject.rejection.reason, default: 0] += 1 }
  sums.events = ingest.events
  sums.skipped = ingest.skipped
  #expect(ingest.rejected == rejects.count)
  return sums
}

@Suite struct `Archives` {
  @Test func `a chunk's lines become journal records, in order and per partition`() throws {
    let lines = [
      #"{"id":"1","type":"t","time":1709164800000,"customer":"ada"}"#, "", "  ", "{",
      #"{"id":"2","type":"t","time":1709164800001,"customer":"ada","data":{"n":1}}"#,
    ]
    var bytes: [UInt8] = []
    let ranges = lines.map { line in
      bytes.append(contentsOf: line.utf8)
      return (bytes.count - line.utf8.count)..<bytes.count
    }
    var ingest = ArchiveIngest(source: .standard, journalPartitions: 1)
    var batches = ingest.batches()
    var rejects: [ArchiveIngest.Reject] = []
    ingest.convert(
      bytes.span, lines: ranges, firstLine: 10, into: &batches, rejects: &rejects)
    #expect(rejects.map(\.line) == [13])
    #expect(batches[0].entries.map(\.offset) == [1, 2])
    #expect(batches[0].nextOffset == 3)
    #expect(batches[0].entries.allSatisfy { $0.timestamp == .min })
    let written = batches[0].bytes
    var views: [JournalView] = []
    for entry in batches[0].entries {
      let value = try #require(entry.value)
      views.append(try JournalView(written.span, value))
    }
    #expect(views.map(\.originOffset) == [10, 14])
    #expect(String(decoding: batches[0].bytes[views[1].data], as: UTF8.self) == #"{"n":1}"#)
    ingest.convert(bytes.span, lines: [], firstLine: 15, into: &batches, rejects: &rejects)
    #expect(batches[0].entries.isEmpty)
  }

  @Test func `learning analytics: a local clock, no ids, numbers missing`() throws {
    guard let path = shared("data/oulad.ndjson.gz", for: "oulad through a mapping") else { return }
    let settings = try source(
      """
      oulad:
        map:
          id: { hash_of: [$] }
          type: what
          time: { path: when, format: dd/MM/yyyy HH:mm, zone: Europe/London }
          customer: student
      """)
    let sums = try run(path, settings)
    #expect(sums.events == 216_532 && sums.rejected.isEmpty)
    #expect(sums.customers.count > 26_000 && sums.customers.count < 33_000)
    print("oulad: \(sums.events) events, \(sums.customers.count) customers, \(sums.ids.count) ids")
  }

  @Test func `a shop: exact duplicates have one id`() throws {
    guard let path = shared("data/ecom.ndjson.gz", for: "ecom through a mapping") else { return }
    let settings = try source(
      """
      shop:
        map:
          id: { hash_of: [$] }
          type: event
          time: { path: timestamp, format: "yyyy-MM-dd HH:mm:ss", zone: UTC }
          customer: user_id
      """)
    let sums = try run(path, settings)
    #expect(sums.events == 31_106 && sums.rejected.isEmpty)
    #expect(sums.customers.count == 600)
    #expect(sums.ids.count == 31_106 - 30)
  }

  @Test(arguments: [false, true])
  func `a music service: nobody is logged in at times`(_ skip: Bool) throws {
    guard let path = shared("data/sparkify.ndjson.gz", for: "sparkify through a mapping") else {
      return
    }
    let settings = try source(
      """
      music:
        map:
          id: { hash_of: [userId, ts, page, itemInSession, sessionId] }
          type: page
          time: { path: ts, format: epoch_ms }
          customer: userId
          skip: [{ path: \(skip ? "userId" : "nothing") , \(skip ? "blank: true" : "equals: x") }]
      """)
    let sums = try run(path, settings)
    #expect(sums.customers.count == 97)
    let blank = skip ? sums.skipped : sums.rejected[.noCustomer] ?? 0
    #expect(blank > 0)
    #expect(sums.events + blank == 8056)
    #expect(sums.rejected.keys.allSatisfy { $0 == .noCustomer })
    #expect(skip ? sums.rejected.isEmpty : sums.skipped == 0)
  }

  @Test func `a clock in a zone tells the moment, twice shown and never shown`() throws {
    guard case .rules = ZoneClock.named("Europe/London") else {
      skipped("zones of sources", why: "no Europe/London in \(ZoneClock.systemFolder)")
      return
    }
    let settings = try source(
      """
      x:
        map:
          id: id
          type: =t
          time: { path: at, format: dd/MM/yyyy HH:mm, zone: Europe/London }
          customer: id
      """)
    let expected: [(String, Int64)] = [
      ("28/02/2024 12:00", 1_709_121_600_000), ("28/06/2024 12:00", 1_719_572_400_000),
      // 2024-10-27: 01:30 comes twice; the first is in summer time.
      ("27/10/2024 01:30", 1_729_989_000_000),
      // 2024-03-31: 01:30 is skipped; the clock shows 02:30 then.
      ("31/03/2024 01:30", 1_711_848_600_000),
    ]
    for (text, ms) in expected {
      #expect(try convert(Given(#"{"id":"e","at":"\#(text)"}"#), settings).time == ms, "\(text)")
    }
    #expect(ZoneClock.named("../../etc/passwd") == nil)
    #expect(ZoneClock.named("Mars/Olympus") == nil)
  }
}
