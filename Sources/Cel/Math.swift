// Exponentials and logarithms from + − × ÷ alone: the same bits on every machine, where libm's
// differ between its versions. Worst errors found against 80-bit arithmetic on 100,000 to 200,000
// arguments each, in units of the last place: exp 0.61, exp2 0.61, log 0.80, logit 1.26, logistic
// 2.18 (see `MathTests`).

/// log 2 in two parts: the first has zeros enough at its end that its product with any exponent
/// is exact.
private let ln2High = Double(bitPattern: 0x3fe6_2e42_fefa_3800)
private let ln2Low = Double(bitPattern: 0x3d2e_f357_93c7_6730)
private let ln2 = 0.693_147_180_559_945_309_42
/// What `ln2` lacks of log 2.
private let ln2Rest = 2.319_046_813_846_299_6e-17
private let log2e = 1.442_695_040_888_963_407_4
/// Added and taken away again, this rounds to the nearest whole number.
private let rounder = 0x1.8p52

/// e^x. 0 below about -745.13, infinite above about 709.78.
package func exp(_ x: Double) -> Double {
  if x.isNaN { return x }
  if x > 709.79 { return .infinity }
  if x < -745.14 { return 0 }
  let k = (x * log2e + rounder) - rounder
  let high = x - k * ln2High
  return scaled(expNearZero(high, -(k * ln2Low)), by: Int(k))
}

/// 2^x.
package func exp2(_ x: Double) -> Double {
  if x.isNaN { return x }
  if x >= 1024 { return .infinity }
  if x < -1075 { return 0 }
  let k = (x + rounder) - rounder
  let (high, low) = product(x - k, ln2)
  return scaled(expNearZero(high, low + (x - k) * ln2Rest), by: Int(k))
}

/// e^(high + low) for a sum of at most 0.35 and a much smaller `low`: 1 + r + r²/2! + …
private func expNearZero(_ high: Double, _ low: Double) -> Double {
  let r = high + low
  let rest = (high - r) + low
  var tail = 1.0 / 6_227_020_800
  tail = tail * r + 1.0 / 479_001_600
  tail = tail * r + 1.0 / 39_916_800
  tail = tail * r + 1.0 / 3_628_800
  tail = tail * r + 1.0 / 362_880
  tail = tail * r + 1.0 / 40320
  tail = tail * r + 1.0 / 5040
  tail = tail * r + 1.0 / 720
  tail = tail * r + 1.0 / 120
  tail = tail * r + 1.0 / 24
  tail = tail * r + 1.0 / 6
  tail = tail * r + 0.5
  let small = tail * r * r + rest * (1 + r)
  // 1 + r with what the sum loses kept.
  let sum = 1 + r
  let lost = r - (sum - 1)
  return sum + (lost + small)
}

private func scaled(_ value: Double, by exponent: Int) -> Double {
  if exponent > 1023 { return value * 0x1p1023 * powerOfTwo(exponent - 1023) }
  if exponent < -1021 { return value * powerOfTwo(exponent + 54) * 0x1p-54 }
  return value * powerOfTwo(exponent)
}

/// The product's double and what it lacks of the exact product (Dekker, Veltkamp).
private func product(_ a: Double, _ b: Double) -> (high: Double, low: Double) {
  let high = a * b
  let (aHigh, aLow) = halves(a)
  let (bHigh, bLow) = halves(b)
  let low = ((aHigh * bHigh - high) + aHigh * bLow + aLow * bHigh) + aLow * bLow
  return (high, low)
}

private func halves(_ value: Double) -> (high: Double, low: Double) {
  let shifted = value * 134_217_729
  let high = shifted - (shifted - value)
  return (high, value - high)
}

/// The natural logarithm. NaN below 0, -infinity at 0.
package func log(_ x: Double) -> Double {
  guard x > 0, x.isFinite else {
    return x == 0 ? -.infinity : x < 0 ? .nan : x
  }
  if x < .leastNormalMagnitude { return log(x * 0x1p54, exponentLess: 54) }
  return log(x, exponentLess: 0)
}

private func log(_ x: Double, exponentLess: Int) -> Double {
  var exponent = Int(x.bitPattern >> 52) - 1023 - exponentLess
  var m = Double(bitPattern: x.bitPattern & 0xf_ffff_ffff_ffff | 0x3ff << 52)
  if m > 1.414_213_562_373_095 {
    m *= 0.5
    exponent += 1
  }
  // log m = 2 artanh s, with s = (m - 1) / (m + 1); f - f²/2 + s (f²/2 + tail) loses less.
  let f = m - 1
  let s = f / (2 + f)
  let tail = artanhTail(s * s)
  let half = 0.5 * f * f
  let k = Double(exponent)
  if exponent == 0 { return f - (half - s * (half + tail)) }
  return k * ln2High - ((half - (s * (half + tail) + k * ln2Low)) - f)
}

/// 2 (z/3 + z²/5 + z³/7 + …), so that 2 artanh s = 2 s + s × this of s².
private func artanhTail(_ z: Double) -> Double {
  var tail = 2.0 / 23
  tail = tail * z + 2.0 / 21
  tail = tail * z + 2.0 / 19
  tail = tail * z + 2.0 / 17
  tail = tail * z + 2.0 / 15
  tail = tail * z + 2.0 / 13
  tail = tail * z + 2.0 / 11
  tail = tail * z + 2.0 / 9
  tail = tail * z + 2.0 / 7
  tail = tail * z + 2.0 / 5
  tail = tail * z + 2.0 / 3
  return tail * z
}

/// 1 / (1 + e^-z): a probability from a score.
package func logistic(_ z: Double) -> Double {
  if z >= 0 { return 1 / (1 + exp(-z)) }
  let power = exp(z)
  return power / (1 + power)
}

/// log(p / (1 - p)): the score of a probability. -infinity at 0, infinity at 1, NaN beyond.
package func logit(_ p: Double) -> Double {
  guard p > 0 && p < 1 else { return p == 0 ? -.infinity : p == 1 ? .infinity : .nan }
  if p > 0.42 && p < 0.58 {
    // Near one half the quotient is near 1, where its rounding would weigh most.
    let s = 2 * p - 1
    return 2 * s + s * artanhTail(s * s)
  }
  // What 1 - p and the quotient were rounded by comes back in first order.
  let rest = 1 - p
  let restLost = (1 - rest) - p
  let quotient = p / rest
  let (high, low) = product(quotient, rest)
  return log(quotient) + (((p - high) - low) / p - restLost / rest)
}

/// `value` × `scale`, rounded half to even from the exact product of the two doubles. Nil for
/// NaN, infinities, and what does not fit.
package func scaledHalfEven(_ value: Double, scale: Double) -> Int64? {
  guard value.isFinite && scale.isFinite else { return nil }
  let (a, exponentA) = parts(value)
  let (b, exponentB) = parts(scale)
  let product = UInt128(a) * UInt128(b)
  if product == 0 { return 0 }
  let exponent = exponentA + exponentB
  let size: UInt128
  if exponent >= 0 {
    guard exponent < 64, product.leadingZeroBitCount > exponent else { return nil }
    size = product << UInt128(exponent)
  } else if exponent < -127 {
    size = 0
  } else {
    let shift = UInt128(-exponent)
    let kept = product >> shift
    let rest = product & ((1 << shift) - 1)
    let half: UInt128 = 1 << (shift - 1)
    size = rest > half || (rest == half && kept & 1 == 1) ? kept + 1 : kept
  }
  let isNegative = (value < 0) != (scale < 0)
  guard size <= UInt128(Int64.max) + (isNegative ? 1 : 0) else { return nil }
  return isNegative ? Int64(truncatingIfNeeded: 0 - Int128(size)) : Int64(size)
}

/// |value| = significand × 2^exponent.
private func parts(_ value: Double) -> (significand: UInt64, exponent: Int) {
  let raw = Int(value.bitPattern >> 52 & 0x7ff)
  let fraction = value.bitPattern & 0xf_ffff_ffff_ffff
  return raw == 0 ? (fraction, -1074) : (fraction | 1 << 52, raw - 1075)
}
