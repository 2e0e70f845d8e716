import Events
import TestSupport
import Testing

@testable import Engine

@Suite struct `Ids seen` {
  /// A plain list, looked through from end to end.
  private struct Plain {
    var seen: [(hash: UInt64, time: Int64)] = []

    mutating func remember(id hash: UInt64, time: Int64, clock: Int64, span: Int64) -> Bool {
      if let oldest = seen.first, oldest.time <= clock &- span {
        seen.removeAll { $0.time <= clock &- span }
      }
      for entry in seen where entry.hash == hash { return false }
      if seen.count == 4_096 { seen.removeFirst() }
      seen.append((hash, time))
      return true
    }
  }

  /// One customer's events: so many apart, so far out of order, so many of them sent twice.
  struct Habit: CustomTestStringConvertible {
    var apart: Int64
    var disorder: Int64
    var again: Int
    var testDescription: String { "\(apart) apart, \(disorder) out of order, 1/\(again) again" }
  }
  static let habits = [
    Habit(apart: 700, disorder: 0, again: 5), Habit(apart: 100, disorder: 300, again: 5),
    Habit(apart: 30, disorder: 900, again: 10), Habit(apart: 4, disorder: 40, again: 20),
    Habit(apart: 1, disorder: 0, again: 3), Habit(apart: 1, disorder: 2_000, again: 50),
    Habit(apart: 0, disorder: 300, again: 100),
  ]

  @Test(arguments: habits, 0..<3 as Range<UInt64>)
  func `are those of a plain list`(habit: Habit, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var ids = SeenIds()
    var word: Int64 = 0
    var plain = Plain()
    var latest: Int64 = 1_000_000
    for step in 0..<9_000 {
      latest += Int64.random(in: 0...(2 * habit.apart), using: &random)
      // Now and then the customer is gone for a while.
      if Int.random(in: 0..<2_000, using: &random) == 0 { latest += 5_000 }
      let time = latest - Int64.random(in: 0...habit.disorder, using: &random)
      var hash = random.next()
      // Half of them meet in the index.
      if hash & 1 == 0 { hash &= 0xffff_ffff_0000_0000 }
      if Int.random(in: 0..<habit.again, using: &random) == 0,
        let known = plain.seen.randomElement(using: &random)
      {
        hash = known.hash
      }
      let expected = plain.remember(id: hash, time: time, clock: latest, span: 10_000)
      let isNew = ids.remember(&word, id: hash, time: time, clock: latest, span: 10_000)
      #expect(isNew == expected)
      if isNew != expected { return }
      #expect(ids.count(word) == plain.seen.count)
      guard step % 64 == 0 else { continue }
      #expect(ids.ids(word).elementsEqual(plain.seen, by: ==))
      // As a slice has them.
      var restored: Int64 = 0
      var others = SeenIds()
      for id in ids.ids(word) { others.restore(&restored, id: id.hash, time: id.time) }
      #expect(others.ids(restored).elementsEqual(plain.seen, by: ==))
    }
    ids.erase(&word)
    #expect(ids.count(word) == 0)
  }

  @Test func `of several customers are kept apart`() {
    var random = SplitMix64(seed: 7)
    var ids = SeenIds()
    var words = [Int64](repeating: 0, count: 40)
    var plain = [Plain](repeating: Plain(), count: 40)
    for step in 0..<20_000 {
      let customer = min(
        Int.random(in: 0..<40, using: &random), Int.random(in: 0..<40, using: &random))
      let (hash, time) = (random.next() % 5_000, Int64(step))
      if Int.random(in: 0..<500, using: &random) == 0 {
        ids.erase(&words[customer])
        plain[customer] = Plain()
      }
      #expect(
        ids.remember(&words[customer], id: hash, time: time, clock: time, span: 900)
          == plain[customer].remember(id: hash, time: time, clock: time, span: 900))
    }
    for customer in words.indices {
      #expect(ids.ids(words[customer]).elementsEqual(plain[customer].seen, by: ==))
    }
  }
}
