import Foundation
import Testing

@testable import Cel

/// A small generator of its own, so that a failing seed replays its failure.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

@Suite struct `Our own mathematics` {
  #if arch(x86_64)
    /// The greatest error in units of the last place, against 80-bit arithmetic.
    private func worst(
      _ arguments: [Double], _ ours: (Double) -> Double, _ exact: (Float80) -> Float80
    ) -> Double {
      var worst = 0.0
      for x in arguments {
        let wanted = exact(Float80(x))
        let unit = Float80(Double(wanted).ulp)
        worst = max(worst, Double(abs(Float80(ours(x)) - wanted) / unit))
      }
      return worst
    }

    private func arguments(_ range: ClosedRange<Double>, _ seed: UInt64) -> [Double] {
      var random = Seeded(seed)
      return (0..<100_000).map { _ in Double.random(in: range, using: &random) }
    }

    @Test func `exp errs by less than one unit`() {
      let error = worst(arguments(-708...709, 1) + arguments(-1...1, 2), Cel.exp, Foundation.exp)
      print("exp: \(error) units in the last place at worst")
      #expect(error < 1)
    }

    @Test func `exp2 errs by less than one unit`() {
      let error = worst(
        arguments(-1021...1023, 3) + arguments(-1...1, 4), Cel.exp2, Foundation.exp2)
      print("exp2: \(error) units in the last place at worst")
      #expect(error < 1)
    }

    @Test func `log errs by less than one unit`() {
      let near = arguments(0.5...2, 5)
      let wide = arguments(-700...700, 6).map { Foundation.exp($0) }
      let error = worst(near + wide, Cel.log, Foundation.log)
      print("log: \(error) units in the last place at worst")
      #expect(error < 1)
    }

    @Test func `logistic and logit err by a few units`() {
      let scores = arguments(-40...40, 7) + arguments(-1...1, 8)
      let error = worst(scores, Cel.logistic) { 1 / (1 + Foundation.exp(-$0)) }
      let back = worst(arguments(0.0001...0.9999, 9) + arguments(0.4...0.6, 10), Cel.logit) {
        // Near one half, log of the quotient would lose more than 80 bits have to spare.
        Foundation.log1p((2 * $0 - 1) / (1 - $0))
      }
      print("logistic: \(error), logit: \(back) units in the last place at worst")
      #expect(error < 3)
      #expect(back < 3)
    }
  #endif

  @Test func `the ends of the ranges are as IEEE 754 has them`() {
    #expect(Cel.exp(0) == 1 && Cel.exp(-.infinity) == 0 && Cel.exp(.infinity) == .infinity)
    #expect(Cel.exp(709.78) == Foundation.exp(709.78) && Cel.exp(709.79) == .infinity)
    #expect(Cel.exp(-745.13) > 0 && Cel.exp(-745.2) == 0)
    #expect(Cel.exp(.nan).isNaN && Cel.log(.nan).isNaN && Cel.log(-1).isNaN)
    #expect(Cel.log(1) == 0 && Cel.log(0) == -.infinity && Cel.log(.infinity) == .infinity)
    #expect(
      abs(Cel.log(Double.leastNonzeroMagnitude) - Foundation.log(Double.leastNonzeroMagnitude))
        < 1e-12)
    #expect(
      Cel.exp2(10) == 1024 && Cel.exp2(-1074) == Double.leastNonzeroMagnitude
        && Cel.exp2(1024) == .infinity)
    #expect(Cel.logistic(0) == 0.5 && Cel.logistic(800) == 1 && Cel.logistic(-800) == 0)
    #expect(Cel.logit(0.5) == 0 && Cel.logit(0) == -.infinity && Cel.logit(1) == .infinity)
    #expect(Cel.logit(1.5).isNaN)
  }

  @Test func `logit grows without a step where its two ways meet`() {
    for edge in [0.42, 0.58] {
      #expect(Cel.logit(edge.nextDown) <= Cel.logit(edge))
      #expect(Cel.logit(edge) <= Cel.logit(edge.nextUp))
    }
  }

  @Test func `square roots are those of IEEE 754`() {
    var random = Seeded(11)
    for _ in 0..<20000 {
      let value = Double(bitPattern: random.next() & 0x7fff_ffff_ffff_ffff)
      guard value.isFinite else { continue }
      #expect(squareRoot(value) == value.squareRoot(), "\(value)")
    }
    #expect(squareRoot(-1).isNaN && squareRoot(4) == 2 && squareRoot(.infinity) == .infinity)
    #expect(squareRoot(Double.leastNonzeroMagnitude) == Double.leastNonzeroMagnitude.squareRoot())
  }

  @Test(
    arguments: [
      (0.5, 1.0, 0), (1.5, 1, 2), (2.5, 1, 2), (-0.5, 1, 0), (-1.5, 1, -2), (0.1, 1e6, 100_000),
      (1e-6, 1e6, 1), (0.000_000_5, 1e6, 0), (0.000_001_5, 1e6, 2), (3, 1e-3, 0), (0, 1e6, 0),
      (19.99, 1e6, 19_990_000), (9_223_372_036_854.5, 1e6, 9_223_372_036_854_500_000),
      (-0x1p63, 1, Int64.min), (Double.leastNonzeroMagnitude, 1e6, 0),
    ] as [(Double, Double, Int64)])
  func `a scaled value rounds half to even`(value: Double, scale: Double, expected: Int64) {
    #expect(Cel.scaledHalfEven(value, scale: scale) == expected)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e13, -1e13, 1e300])
  func `a value that does not fit has no scaled form`(value: Double) {
    #expect(Cel.scaledHalfEven(value, scale: 1e6) == nil)
  }

  @Test func `scaling agrees with whole-number arithmetic`() {
    var random = Seeded(12)
    for _ in 0..<20000 {
      let quarters = Int64.random(in: -1_000_000_000_000...1_000_000_000_000, using: &random)
      let value = Double(quarters) / 4
      let exact = quarters / 4
      let rest = abs(quarters % 4)
      let away: Int64 = quarters < 0 ? -1 : 1
      let up = rest == 3 || (rest == 2 && exact % 2 != 0)
      #expect(Cel.scaledHalfEven(value, scale: 1) == exact + (up ? away : 0))
    }
  }

  @Test(
    arguments: [
      (3.0, "3.0"), (0.1, "0.1"), (-0.0, "-0.0"), (1e16, "1e+16"),
      (Double.leastNonzeroMagnitude, "5e-324"),
      (.nan, "null"), (.infinity, "null"),
    ] as [(Double, String)])
  func `a double prints as JSON`(value: Double, expected: String) throws {
    var bytes: [UInt8] = []
    DoubleText.appendJSON(value, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
    let read = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    if value.isFinite { #expect((read as? NSNumber)?.doubleValue == value) }
  }
}
