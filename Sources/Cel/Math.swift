// Exponentials and logits from + - * / only.

package func exp2(_ x: Double) -> Double { exp(x * 0.6931471805599453) }
package func exp(_ x: Double) -> Double {
  if x != x { return x }; if x > 709.78 { return .infinity }; if x < -745 { return 0 }
  let k = Int((x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5)))
  let r = (x - Double(k) * 0.6931471803691238) - Double(k) * 1.9082149292705877e-10
  var term = 1.0, sum = 1.0
  for i in 1..<22 { term *= r / Double(i); sum += term }
  var result = sum; var n = k
  while n > 0 { let s = min(n, 1000); result *= Double(sign: .plus, exponent: s, significand: 1); n -= s }
  while n < 0 { let s = max(n, -1000); result *= Double(sign: .plus, exponent: s, significand: 1); n -= s }
  return result }
package func logistic(_ z: Double) -> Double { 1 / (1 + exp(-z)) }
package func logit(_ p: Double) -> Double {
  var z = 0.0; for _ in 0..<60 { let q = logistic(z); z -= (q - p) / max(q * (1 - q), 1e-300) }; return z }
package func scaledHalfEven(_ v: Double, scale: Double) -> Int64? {
  let x = v * scale; guard x == x, x > -9.2e18, x < 9.2e18 else { return nil }
  let t = Int64(x); let f = x - Double(t)
  if f > 0.5 || (f == 0.5 && t & 1 == 1) { return t + 1 }
  if f < -0.5 || (f == -0.5 && t & 1 == 1) { return t - 1 }
  return t }
