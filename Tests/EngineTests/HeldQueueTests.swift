import TestSupport
import Testing

@testable import Engine

@Suite struct `Held events` {
  @Test(arguments: [0, 1, 50, 2_000], 0..<4 as Range<UInt64>)
  func `are let go in the order of a sorted list`(disorder: Int64, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var queue = HeldQueue()
    var plain: [HeldQueue.Entry] = []
    for step in 0..<4_000 {
      let time = Int64(step / 3) - Int64.random(in: 0...disorder, using: &random)
      let entry = HeldQueue.Entry(time: time, position: Int64(step), slot: step)
      queue.push(entry)
      plain.append(entry)
      plain.sort(by: HeldQueue.Entry.precedes)
      #expect(queue.first?.slot == plain.first?.slot)
      if Int.random(in: 0..<700, using: &random) == 0 {
        let gone = Set(plain.filter { $0.slot % 3 == 0 }.map(\.slot))
        queue.remove(gone)
        plain.removeAll { gone.contains($0.slot) }
      }
      if step % 16 == 0 { #expect(queue.sorted.map(\.slot) == plain.map(\.slot)) }
      let watermark = time - Int64.random(in: 0...60, using: &random)
      while let entry = queue.pop(upTo: watermark) {
        #expect(entry.slot == plain.first?.slot)
        if !plain.isEmpty { plain.removeFirst() }
      }
      #expect(plain.first.map { $0.time > watermark } ?? true)
      #expect(queue.isEmpty == plain.isEmpty)
    }
  }
}
