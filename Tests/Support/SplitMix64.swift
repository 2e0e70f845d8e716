/// A seeded source of randomness for tests: the same seed gives the same numbers everywhere.
package struct SplitMix64: RandomNumberGenerator, Sendable {
  private var state: UInt64
  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A number in the range, each as likely as the others but for a bias of count / 2⁶⁴.
  package mutating func number(in range: Range<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  /// True in `percent` of 100 calls, in the long run.
  package mutating func chance(_ percent: Int) -> Bool { number(in: 0..<100) < percent }

  package mutating func pick<T>(_ choices: [T]) -> T { choices[number(in: 0..<choices.count)] }
}
