/// The square root, correctly rounded, as IEEE 754 asks for.
///
/// The standard library's `squareRoot()` is one instruction in optimised builds, but a call of
/// libm in others, and no pure module links that.
package func squareRoot(_ value: Double) -> Double {
  guard value > 0, value.isFinite else {
    return value == 0 || !(value < 0) ? value : .nan
  }
  // A subnormal's root is normal: scaled by 2^54, the root is 2^27 too large.
  if value < .leastNormalMagnitude { return squareRoot(value * 0x1p54) * 0x1p-27 }
  let bits = value.bitPattern
  var exponent = Int(bits >> 52) - 1075
  var mantissa = UInt128(bits & 0xf_ffff_ffff_ffff | 1 << 52)
  // An even exponent halves; 54 bits more give 53 of the root and one to round by.
  if exponent % 2 != 0 {
    mantissa <<= 1
    exponent -= 1
  }
  mantissa <<= 56
  exponent -= 56
  var root: UInt128 = 0
  var bit: UInt128 = 1 << 56
  while bit != 0 {
    let candidate = root | bit
    if candidate * candidate <= mantissa { root = candidate }
    bit >>= 1
  }
  // A root is never half way between two doubles, so what is left over decides alone.
  let inexact = root * root != mantissa
  let whole = UInt64(truncatingIfNeeded: root << 1) | (inexact ? 1 : 0)
  return rounded(whole, exponent: exponent / 2 - 1)
}

/// `significand` × 2^`exponent` rounded half to even; the result must be a normal number.
private func rounded(_ significand: UInt64, exponent: Int) -> Double {
  let excess = 64 - significand.leadingZeroBitCount - 53
  guard excess > 0 else { return Double(significand) * powerOfTwo(exponent) }
  let half: UInt64 = 1 << UInt64(excess - 1)
  let rest = significand & ((half << 1) - 1)
  var kept = significand >> UInt64(excess)
  if rest > half || (rest == half && kept & 1 == 1) { kept += 1 }
  return Double(kept) * powerOfTwo(exponent + excess)
}

/// 2^`exponent` of a normal double.
func powerOfTwo(_ exponent: Int) -> Double {
  Double(bitPattern: UInt64(exponent + 1023) << 52)
}
