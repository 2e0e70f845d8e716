import Events
import TestSupport
import Testing

@Suite struct `Customer table` {
  /// A plain one: by id, and the numbers that are free.
  private struct Plain {
    var numbers: [[UInt8]: Int] = [:]
    var free: [Int] = []
    var places = 0

    mutating func number(of id: [UInt8]) -> (Int, fresh: Bool) {
      if let known = numbers[id] { return (known, false) }
      let number = free.popLast() ?? places
      if number == places { places += 1 }
      numbers[id] = number
      return (number, true)
    }
    mutating func remove(_ id: [UInt8]) {
      guard let number = numbers.removeValue(forKey: id) else { return }
      free.append(number)
    }
  }

  /// Ids of all lengths around what fits in place, many of them alike.
  private func id(_ random: inout SplitMix64) -> [UInt8] {
    let count = Int.random(in: 0...20, using: &random)
    return (0..<count).map { _ in [0, 97, 98, 255].randomElement(using: &random) ?? 0 }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func `gives the numbers that a dictionary gives`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var table = CustomerTable()
    var plain = Plain()
    for _ in 0..<20_000 {
      let id = id(&random)
      // It may stand anywhere in its bytes.
      let before = [UInt8](repeating: 7, count: Int.random(in: 0...3, using: &random))
      let bytes = before + id + [9, 9]
      let range = before.count..<(before.count + id.count)
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        let known = plain.numbers[id]
        #expect(table.find(id.span)?.int == known)
        if let known { table.remove(CustomerIndex(known)) }
        plain.remove(id)
      case 1:
        #expect(table.find(id.span)?.int == plain.numbers[id])
      default:
        var fresh = false
        let number = table.number(of: bytes.span, in: range, fresh: &fresh)
        let expected = plain.number(of: id)
        #expect(number.int == expected.0)
        #expect(fresh == expected.fresh)
        #expect(table.id(number) == id)
      }
    }
    #expect(table.count == plain.numbers.count)
    #expect(table.places == plain.places)
    for (id, number) in plain.numbers { #expect(table.id(CustomerIndex(number)) == id) }
  }

  @Test func `orders ids byte by byte`() {
    var random = SplitMix64(seed: 1)
    var table = CustomerTable()
    var ids: [[UInt8]] = []
    for _ in 0..<300 {
      let id = id(&random)
      var fresh = false
      let number = table.number(of: id.span, in: 0..<id.count, fresh: &fresh)
      if fresh {
        #expect(number.int == ids.count)
        ids.append(id)
      }
    }
    for a in ids.indices {
      for b in ids.indices {
        let precedes = table.precedes(CustomerIndex(a), CustomerIndex(b))
        if precedes != ids[a].lexicographicallyPrecedes(ids[b]) {
          Issue.record("\(ids[a]) and \(ids[b])")
        }
      }
    }
  }
}
