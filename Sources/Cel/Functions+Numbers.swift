extension CelFunction {
  /// The value of a function of one number; nil if this is none, or takes no such argument.
  func applyMath(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .double(let number): return applyMath(number)
    case .int(let number):
      switch self {
      case .abs:
        guard number != .min else { throw FunctionFailure("the result does not fit 64 bits") }
        return .int(Swift.abs(number))
      case .sign: return .int(number.signum())
      case .sqrt: return .double(squareRoot(Double(number)))
      case .bitNot: return .int(~number)
      default: return nil
      }
    case .uint(let number):
      switch self {
      case .abs: return value
      case .sign: return .uint(number == 0 ? 0 : 1)
      case .sqrt: return .double(squareRoot(Double(number)))
      case .bitNot: return .uint(~number)
      default: return nil
      }
    default: return nil
    }
  }

  private func applyMath(_ number: Double) -> CelValue? {
    switch self {
    case .ceil: .double(-roundedDown(-number))
    case .floor: .double(roundedDown(number))
    case .round: .double(roundedAwayFromZero(number))
    case .trunc: .double(truncated(number))
    case .abs: .double(number.magnitude)
    case .sign: .double(number > 0 ? 1 : number < 0 ? -1 : number)
    case .sqrt: .double(squareRoot(number))
    case .isNaN: .bool(number.isNaN)
    case .isInf: .bool(number.isInfinite)
    case .isFinite: .bool(number.isFinite)
    default: nil
    }
  }

  /// The value of a function of several numbers; nil if this is none, or takes no such arguments.
  func applyNumbers(_ arguments: [CelValue]) throws(FunctionFailure) -> CelValue? {
    switch self {
    case .greatest, .least:
      guard arguments.count == 1, case .list(let items) = arguments[0] else {
        return extreme(of: arguments)
      }
      return extreme(of: items)
    case .bitAnd, .bitOr, .bitXor: return bits(arguments)
    case .bitShiftLeft, .bitShiftRight: return try shifted(arguments)
    default: return nil
    }
  }

  /// The first of those that no other exceeds (or undercuts).
  private func extreme(of items: [CelValue]) -> CelValue? {
    guard var best = items.first, var bestNumber = Number(best) else { return nil }
    for item in items.dropFirst() {
      guard let number = Number(item) else { return nil }
      if number.order(bestNumber) == (self == .greatest ? .greater : .less) {
        (best, bestNumber) = (item, number)
      }
    }
    return best
  }

  private func bits(_ arguments: [CelValue]) -> CelValue? {
    guard arguments.count == 2 else { return nil }
    switch (arguments[0], arguments[1]) {
    case (.int(let a), .int(let b)): return .int(bits(a, b))
    case (.uint(let a), .uint(let b)): return .uint(bits(a, b))
    default: return nil
    }
  }

  private func bits<T: FixedWidthInteger>(_ a: T, _ b: T) -> T {
    self == .bitAnd ? a & b : self == .bitOr ? a | b : a ^ b
  }

  /// Zeros come in on either side; by 64 and more, nothing is left.
  private func shifted(_ arguments: [CelValue]) throws(FunctionFailure) -> CelValue? {
    guard arguments.count == 2, case .int(let count) = arguments[1] else { return nil }
    guard count >= 0 else { throw FunctionFailure("a shift by less than nothing") }
    func shift(_ bits: UInt64) -> UInt64 {
      self == .bitShiftLeft ? bits << UInt64(count) : bits >> UInt64(count)
    }
    switch arguments[0] {
    case .int(let number): return .int(Int64(bitPattern: shift(UInt64(bitPattern: number))))
    case .uint(let number): return .uint(shift(number))
    default: return nil
    }
  }
}

/// Doubles from 2^52 on are whole.
private let wholeFrom = 0x1p52

/// Towards zero; keeps the sign of zero.
func truncated(_ number: Double) -> Double {
  guard number.magnitude < wholeFrom else { return number }
  let whole = Double(Int64(number))
  return whole == 0 ? (number.sign == .minus ? -0.0 : 0.0) : whole
}

func roundedDown(_ number: Double) -> Double {
  let whole = truncated(number)
  return whole > number ? whole - 1 : whole
}

/// To the nearest; halves away from zero.
func roundedAwayFromZero(_ number: Double) -> Double {
  let whole = truncated(number)
  let rest = (number - whole).magnitude
  guard rest >= 0.5 else { return whole }
  return number < 0 ? whole - 1 : whole + 1
}
