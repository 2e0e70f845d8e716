extension CelFunction {
  /// A binary operator's value; nil if this is none, or takes no such operands.
  func applyOperator(_ a: CelValue, _ b: CelValue) throws(FunctionFailure) -> CelValue? {
    switch self {
    case .equal: return .bool(a.equals(b))
    case .notEqual: return .bool(!a.equals(b))
    case .less, .lessOrEqual, .greater, .greaterOrEqual: return a.order(b).map { .bool(holds($0)) }
    case .isIn: return isMember(a, of: b)
    case .add, .subtract, .multiply, .divide, .modulo: break
    default: return nil
    }
    switch (a, b) {
    case (.int(let a), .int(let b)): return .int(try whole(a, b))
    case (.uint(let a), .uint(let b)): return .uint(try whole(a, b))
    case (.double(let a), .double(let b)): return fraction(a, b).map { .double($0) }
    default: return try self == .add ? sum(a, b) : self == .subtract ? difference(a, b) : nil
    }
  }

  /// Whether an order answers this comparison with yes.
  func holds(_ order: Order) -> Bool {
    switch self {
    case .less: order == .less
    case .lessOrEqual: order == .less || order == .equal
    case .greater: order == .greater
    case .greaterOrEqual: order == .greater || order == .equal
    default: false
    }
  }

  private func isMember(_ item: CelValue, of container: CelValue) -> CelValue? {
    switch container {
    case .list(let items): .bool(items.contains { $0.equals(item) })
    case .map(let map): .bool(map.has(item))
    default: nil
    }
  }

  /// Arithmetic of whole numbers, which neither wraps nor divides by zero.
  func whole<T: FixedWidthInteger>(_ a: T, _ b: T) throws(FunctionFailure) -> T {
    let result: (partialValue: T, overflow: Bool)
    switch self {
    case .add: result = a.addingReportingOverflow(b)
    case .subtract: result = a.subtractingReportingOverflow(b)
    case .multiply: result = a.multipliedReportingOverflow(by: b)
    default:
      guard b != 0 else { throw FunctionFailure("division by zero") }
      result =
        self == .divide
        ? a.dividedReportingOverflow(by: b) : a.remainderReportingOverflow(dividingBy: b)
    }
    guard !result.overflow else { throw FunctionFailure("the result does not fit 64 bits") }
    return result.partialValue
  }

  func fraction(_ a: Double, _ b: Double) -> Double? {
    switch self {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    default: nil
    }
  }

  private func sum(_ a: CelValue, _ b: CelValue) throws(FunctionFailure) -> CelValue? {
    switch (a, b) {
    case (.string(let a), .string(let b)): return .string(a + b)
    case (.bytes(let a), .bytes(let b)): return .bytes(a + b)
    case (.list(let a), .list(let b)): return .list(a + b)
    case (.timestamp(let time), .duration(let length)),
      (.duration(let length), .timestamp(let time)):
      return .timestamp(try moved(time, by: length.nanoseconds))
    case (.duration(let a), .duration(let b)):
      return .duration(CelDuration(nanoseconds: try whole(a.nanoseconds, b.nanoseconds)))
    default: return nil
    }
  }

  private func difference(_ a: CelValue, _ b: CelValue) throws(FunctionFailure) -> CelValue? {
    switch (a, b) {
    case (.timestamp(let a), .timestamp(let b)):
      guard let length = a.distance(since: b) else {
        throw FunctionFailure("the two are too far apart for a duration")
      }
      return .duration(length)
    case (.timestamp(let time), .duration(let length)):
      guard length.nanoseconds != .min else {
        throw FunctionFailure("the result is not in the years 1 to 9999")
      }
      return .timestamp(try moved(time, by: -length.nanoseconds))
    case (.duration(let a), .duration(let b)):
      return .duration(CelDuration(nanoseconds: try whole(a.nanoseconds, b.nanoseconds)))
    default: return nil
    }
  }

  private func moved(
    _ time: CelTimestamp, by nanoseconds: Int64
  ) throws(FunctionFailure) -> CelTimestamp {
    guard let moved = time.adding(nanoseconds: nanoseconds) else {
      throw FunctionFailure("the result is not in the years 1 to 9999")
    }
    return moved
  }
}
