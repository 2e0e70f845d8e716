import Testing

@testable import Features

@Suite struct `Wide integers` {
  @Test func `become the nearest double, as the standard library's slow way does`() {
    var state: UInt64 = 42
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
    for _ in 0..<20_000 {
      let bits = Int(next() % 127)
      let wide = Int128(truncatingIfNeeded: UInt128(next()) << 64 | UInt128(next())) >> (127 - bits)
      #expect(Double(exact: wide) == Double(wide), "\(wide)")
    }
    for edge in [0, 1, -1, Int128(Int64.max), Int128(Int64.min), Int128(1) << 63, Int128(1) << 64] {
      for near in [edge - 1, edge, edge + 1] {
        #expect(Double(exact: near) == Double(near), "\(near)")
        #expect(Double(exact: -near) == Double(-near), "\(-near)")
      }
    }
    #expect(Double(exact: .max) == Double(Int128.max))
    #expect(Double(exact: .min) == Double(Int128.min))
  }
}
