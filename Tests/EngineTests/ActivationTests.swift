import Decisions
import Engine
import Events
import TestSupport
import Testing

@Suite struct `A new book` {
  // MARK: What stays

  @Test(arguments: Array(UInt64(1)...4))
  func `that says the same in another order changes no decision`(seed: UInt64) throws {
    var stream = RandomStream(seed: seed)
    let book = RandomBook(stream.playbook())
    let programs = [try book.program(book.main), try book.program(book.turned)]
    try #require(programs[0].hash != programs[1].hash)
    let course = Course(
      &stream, programs, records: 300,
      orders: [(after: 120, program: 1), (after: 200, program: 0)])
    let plain = Course(again: course, programs, known: [])
    let (said, expected) = (course.decided(by: "p"), plain.decided(by: "p"))
    for number in course.records.indices {
      try #require(said[number] == expected[number], "record \(number)")
    }
    #expect(course.output.contains { !$0.isEmpty })
  }

  @Test(arguments: Array(UInt64(11)...14))
  func `with one more playbook, or one less, changes no decision of the others`(
    seed: UInt64
  ) throws {
    var stream = RandomStream(seed: seed)
    let book = RandomBook(stream.playbook())
    let programs = [
      try book.program(book.main),
      try book.program(book.main, RandomBook.watcher(waits: false)),
      try book.program(RandomBook.watcher(waits: false), book.main),
    ]
    let course = Course(
      &stream, programs, records: 300,
      orders: [
        (after: 60, program: 1), (after: 120, program: 0), (after: 180, program: 2),
        (after: 240, program: 0),
      ])
    let plain = Course(again: course, programs, known: [])
    let (said, expected) = (course.decided(by: "p"), plain.decided(by: "p"))
    for number in course.records.indices {
      try #require(said[number] == expected[number], "record \(number)")
    }
    let watched = course.decided(by: "watcher").map { !$0.isEmpty }
    #expect(watched.contains(true))
    #expect(!watched[122...180].contains(true) && !watched[..<60].contains(true))
  }

  // MARK: Publishing calls nobody

  private func book(_ features: String, _ decisions: String, moments: String = "") throws -> Program
  {
    let body = "features:\n\(features)" + (moments.isEmpty ? "" : "moments:\n\(moments)")
    return try program(playbook(body + "decisions:\n" + decisions))
  }

  private let logins = "  logins: { count: login, over: 24h }\n"

  @Test func `calls nobody, and a later crossing does`() throws {
    let old = try book(logins, decision("other", when: "becomes: logins > 99"))
    let new = try book(
      logins,
      decision("other", when: "becomes: logins > 99")
        + decision("keen", when: "becomes: logins > 3")
        + decision("rare", when: "becomes: logins < 5"))
    var fold = Fold(old)
    fold.shard.know(new)
    for count in 0..<5 { fold.event("login", at: hour(Int64(count))) }
    fold.order(new, 0)
    fold.event("login", at: hour(5))
    #expect(fold.said() == [])
    // By then only one is left; with the fourth it becomes true again.
    fold.event("login", at: hour(29))
    #expect(fold.said().contains("rare released @25h"))
    for count in 30..<33 { fold.event("login", at: hour(Int64(count))) }
    #expect(fold.said() == ["keen released @32h"])
  }

  @Test func `starts what is new empty, also over a stream that is kept`() throws {
    let old = try book(logins, decision("a", when: "becomes: logins > 9"))
    let new = try book(
      logins + "  wide: { count: login, over: 48h }\n", decision("a", when: "becomes: logins > 9"))
    var fold = Fold(old)
    fold.shard.know(new)
    for count in 0..<5 { fold.event("login", at: hour(Int64(count))) }
    fold.order(new, 0)
    fold.event("login", at: hour(5))
    #expect(fold.value(of: "logins") == 6 && fold.value(of: "wide") == 1)
    fold.event("login", at: hour(30))
    #expect(fold.value(of: "logins") == 1 && fold.value(of: "wide") == 2)
  }

  @Test func `keeps a sequence half done, and forgets one that it drops`() throws {
    let moments = "  gone: { sequence: [{ on: login }, { absent: order, for: 10h }] }\n"
    let old = try book(logins, decision("call", when: "moment: gone"), moments: moments)
    let kept = try book(
      "  other: { count: x, over: 1h }\n" + logins, decision("call", when: "moment: gone"),
      moments: moments)
    let without = try book(logins, decision("call", when: "becomes: logins > 9"))
    for (next, said) in [(kept, ["call released @11h"]), (without, [])] {
      var fold = Fold(old)
      fold.shard.know(next)
      fold.shard.know(old)
      fold.event("login", at: hour(1))
      #expect(fold.shard.partialMatches == 1)
      fold.order(next, 0)
      #expect(fold.shard.partialMatches == (said.isEmpty ? 0 : 1))
      if said.isEmpty { fold.order(old, 1) }
      fold.event("visit", at: hour(12))
      #expect(fold.said() == said)
    }
  }

  // MARK: Decisions

  @Test func `revokes what is pending of a decision that is gone, and says so at once`() throws {
    let both =
      decision("ask", when: "becomes: logins > 0", "authority: human")
      + decision("wait", when: "becomes: logins > 0", "authority: human")
    let old = try book(logins, both)
    let new = try book(
      logins, decision("wait", when: "becomes: logins > 1", "authority: human, expires: 48h"))
    var fold = Fold(old)
    fold.shard.know(new)
    fold.event("login", at: hour(1))
    #expect(
      fold.said() == ["ask awaiting_approval @1h", "wait awaiting_approval @1h"])
    fold.order(new, 0)
    #expect(fold.said(old) == ["ask.1 revoked @1h"])
    let activations = fold.shard.takeActivations()
    #expect(activations.count == 1 && activations[0].revoked == 1 && activations[0].to == new.hash)
    // What is still there expires as it was promised.
    fold.event("visit", at: hour(26))
    #expect(fold.said() == ["wait.1 expired @25h"])
  }

  @Test func `goes on counting what a decision that is gone has released`() throws {
    let policy =
      "{ consent: { unknown: allow }, policy_time: event, "
      + "caps: [{ channel: sms, at_most: 1, per: 48h }] }"
    func book(_ decisions: String) throws -> Program {
      try program(playbook("features:\n\(logins)decisions:\n" + decisions, policy: policy))
    }
    let one = decision("one", when: "becomes: logins > 0")
    let two = decision("two", when: "becomes: logins > 1")
    let mail = decision("mail", when: "becomes: logins > 2", channel: "email")
    let (old, new) = (try book(one), try book(two + mail))
    var fold = Fold(old)
    fold.shard.know(new)
    fold.shard.know(old)
    fold.event("login", at: hour(1))
    #expect(fold.said() == ["one released @1h"])
    fold.order(new, 0)
    fold.event("login", at: hour(2))
    fold.event("login", at: hour(3))
    #expect(fold.said() == ["two held:caps @2h", "mail released @3h"])
    // And again once the decision has come back.
    fold.order(old, 1)
    fold.event("login", at: hour(40))
    #expect(fold.said().contains("one held:caps @40h"))
  }

  @Test func `lets go an event that waited for a deadline that it drops`() throws {
    let moments = "  gone: { sequence: [{ on: login }, { absent: order, for: 10h }] }\n"
    let old = try book(logins, decision("call", when: "moment: gone"), moments: moments)
    let without = try book(logins, decision("keen", when: "becomes: logins > 1"))
    var fold = Fold(old)
    fold.shard.know(without)
    fold.tick(hour(0), "slow")
    fold.event("login", at: hour(1))
    fold.event("login", at: hour(12), source: "app")
    #expect(fold.value(of: "logins") == 1)
    fold.order(without, 0)
    #expect(fold.said() == ["keen released @12h"])
    #expect(fold.value(of: "logins") == 2)
  }

  // MARK: Orders

  @Test func `is ordered once, however often its record is copied`() throws {
    let one = try book(logins, decision("a", when: "becomes: logins > 9"))
    let two = try book(logins, decision("b", when: "becomes: logins > 9"))
    var fold = Fold(one)
    fold.shard.know(one)
    fold.shard.know(two)
    fold.order(two, 0)
    fold.order(one, 1)
    fold.order(two, 0)
    #expect(fold.shard.program.hash == one.hash)
    #expect(fold.shard.takeActivations().count == 2)
  }

  @Test func `that nobody knows is passed over`() throws {
    let one = try book(logins, decision("a", when: "becomes: logins > 9"))
    let two = try book(logins, decision("b", when: "becomes: logins > 9"))
    var fold = Fold(one)
    fold.order(two, 0)
    #expect(fold.shard.program.hash == one.hash)
  }

  // MARK: Restores

  @Test(arguments: Array(UInt64(21)...26))
  func `restored at any point around it goes on as if nothing had been`(seed: UInt64) throws {
    var stream = RandomStream(seed: seed)
    let book = RandomBook(stream.playbook())
    let programs = [
      try book.program(book.main), try book.program(book.main, RandomBook.watcher()),
      try book.program(RandomBook.watcher(), book.turned), try book.program(RandomBook.watcher()),
    ]
    let course = Course(
      &stream, programs, records: 240,
      orders: [
        (after: 50, program: 1), (after: 100, program: 2), (after: 102, program: 3),
        (after: 150, program: 1), (after: 190, program: 0),
      ], keepsSnapshots: true)
    var random = SplitMix64(seed: seed &+ 1000)
    var shard = Shard(program: programs[0], partition: 3)
    var topic = StateTopic()
    var read = 0
    var seals = 0
    while read < course.records.count {
      for program in programs { shard.know(program) }
      course.records[read].feed(&shard, at: read)
      read += 1
      let said = shard.takeOutput().map(\.record)
      try #require(said == course.output[read - 1].map(\.record), "record \(read - 1)")
      if shard.pass == nil, random.chance(20) { shard.beginPass() }
      if random.chance(40) {
        topic.commit(&shard, atMostBytes: random.chance(30) ? 0 : random.number(in: 1..<20_000))
      }
      if random.chance(10) { topic.compact(&random, percent: random.pick([30, 100])) }
      guard random.chance(12) else { continue }
      if let restored = try topic.restore(programs) {
        shard = restored
        seals += 1
      } else {
        shard = Shard(program: programs[0], partition: 3)
      }
      for program in programs { shard.know(program) }
      read = Int(shard.next)
      while read < topic.committed {
        course.records[read].feed(&shard, at: read)
        read += 1
      }
      _ = shard.takeOutput()
      #expect(shard.damage == nil)
      if read > 0 {
        let snapshot = shard.snapshot()
        try #require(snapshot == course.snapshots[read - 1], "restored after \(read) records")
      }
    }
    #expect(seals > 3)
  }

  // MARK: Back-fill

  private static let plain = "kairos: 1\nname: p\nfeatures:\n  n: { count: a, over: 1h }\n"

  @Test(arguments: [41, 42, 43])
  func `filled from the whole journal decides as if it had been there from the start`(
    seed: UInt64
  ) throws {
    var stream = RandomStream(seed: seed)
    let book = RandomBook(stream.playbook())
    let programs = [
      try book.program(Self.plain),
      try book.program(Self.plain, RandomBook.watcher(waits: false)),
    ]
    let course = Course(
      &stream, programs, records: 300,
      fill: .init(after: 100, program: 1, since: 0, activatedAfter: 140))
    let whole = Course(again: course, [programs[1]], known: [])
    let (said, expected) = (
      course.decided(by: "watcher"), whole.decided(by: "watcher")
    )
    #expect(!said[...141].contains { !$0.isEmpty })
    for number in 142..<said.count {
      try #require(said[number] == expected[number], "record \(number)")
    }
    #expect(said.contains { !$0.isEmpty })
  }

  @Test(arguments: [51, 52, 53])
  func `restored around a back-fill goes on as if nothing had been`(seed: UInt64) throws {
    var stream = RandomStream(seed: seed)
    let book = RandomBook(stream.playbook())
    let programs = [
      try book.program(book.main), try book.program(book.turned, RandomBook.watcher()),
    ]
    let since = stream.random.chance(50) ? 0 : Int64(1_774_656_000_000 + 40 * 3_600_000)
    let course = Course(
      &stream, programs, records: 160,
      fill: .init(after: 70, program: 1, since: since, activatedAfter: 110), keepsSnapshots: true)
    for crash in stride(from: 60, to: course.records.count, by: 9) {
      var shard = Shard(program: programs[0], partition: 3)
      var topic = StateTopic()
      for number in 0..<crash {
        for program in programs { shard.know(program) }
        Course.prepare(
          &shard, for: course.records[number], after: course.records[..<number], programs)
        course.records[number].feed(&shard, at: number)
        if number % 20 == 19 { topic.checkpoint(&shard) }
        if number % 3 == 2 { topic.commit(&shard, atMostBytes: 3000) }
        if shard.pass == nil, number % 5 == 4 { shard.beginPass() }
      }
      topic.commit(&shard, atMostBytes: 3000)
      guard let restored = try topic.restore(programs) else { continue }
      shard = restored
      for number in Int(shard.next)..<min(course.records.count, crash + 30) {
        for program in programs { shard.know(program) }
        Course.prepare(
          &shard, for: course.records[number], after: course.records[..<number], programs)
        course.records[number].feed(&shard, at: number)
        let said = shard.takeOutput().map(\.record)
        if number < crash { continue }
        try #require(said == course.output[number].map(\.record), "\(crash): record \(number)")
        let snapshot = shard.snapshot()
        try #require(snapshot == course.snapshots[number], "\(crash): after record \(number)")
      }
    }
  }

  @Test func `filled in part has seen what was appended since`() throws {
    let old = try book(logins, decision("a", when: "becomes: logins > 99"))
    let new = try book(
      logins + "  wide: { count: login, over: 96h }\n  all: { count: visit }\n",
      decision("a", when: "becomes: logins > 99")
        + decision("keen", when: "becomes: all > 2"))
    var fold = Fold(old, keepsBytes: true)
    fold.shard.know(new)
    for count in 0..<4 {
      fold.event("login", at: hour(Int64(count)), appended: hour(Int64(count)))
      fold.event("visit", at: hour(Int64(count)), appended: hour(Int64(count)))
    }
    fold.fill(new, since: hour(1))
    // The stream of logins is shared: the window sees all that is known of it.
    #expect(fold.value(of: "wide") == 4 && fold.value(of: "logins") == 4)
    #expect(fold.value(of: "all") == 3)
    #expect(fold.said() == [])
    #expect(fold.shard.takeActivations().first?.isFilled == true)
  }

  @Test func `replayed from the journal decides what was decided live`() throws {
    var stream = RandomStream(seed: 31)
    let book = RandomBook(stream.playbook())
    let programs = [
      try book.program(book.main), try book.program(book.turned, RandomBook.watcher()),
    ]
    let course = Course(
      &stream, programs, records: 200, orders: [(after: 80, program: 1)],
      keepsSnapshots: true)
    let again = Course(again: course, programs, known: [0, 1])
    #expect(again.snapshots == course.snapshots)
  }
}

extension StateTopic {
  func restore(_ programs: [Program]) throws(SnapshotError) -> Shard? {
    var known: [String: Program] = [:]
    for program in programs { known[program.hash] = program }
    var restore = StateRestore(partition: 3, programs: known, initial: programs[0])
    for record in records {
      if let value = record.value {
        restore.read(key: record.key.span, value: value.span)
      } else {
        restore.read(key: record.key.span, value: nil)
      }
    }
    return try restore.finish(committed: committed)
  }
}
