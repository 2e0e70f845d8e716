/// CEL's functions on scalars. `.missing` in gives `.missing` out.
extension CelFunction {
  enum Answer {
    case yes, no
    /// One of the two is missing, or both are beyond scalars.
    case open
  }

  static func scalarsEqual(_ a: Scalar, _ b: Scalar) -> Answer {
    if a.kind == b.kind {
      switch a.kind {
      case .missing, .other: return .open
      case .null: return .yes
      case .double: return a.double == b.double ? .yes : .no
      default: return a.bits == b.bits ? .yes : .no
      }
    }
    if a.kind == .missing || b.kind == .missing { return .open }
    guard let order = orderOfNumbers(a, b) else { return .no }
    return order == .equal ? .yes : .no
  }

  func compareScalars(_ a: Scalar, _ b: Scalar, _ texts: TextPool) -> Scalar {
    if self == .equal || self == .notEqual {
      let answer = CelFunction.scalarsEqual(a, b)
      return answer == .open ? .missing : Scalar((answer == .yes) == (self == .equal))
    }
    guard let order = CelFunction.order(a, b, texts) else { return .missing }
    return Scalar(holds(order))
  }

  private static func orderOfNumbers(_ a: Scalar, _ b: Scalar) -> Order? {
    switch (a.kind, b.kind) {
    case (.double, .double): orderOf(a.double, b.double)
    case (.int, .int): Order(a.int, b.int)
    case (.uint, .uint): Order(a.bits, b.bits)
    case (.int, .double): orderOf(a.int, b.double)
    case (.double, .int): orderOf(b.int, a.double).reversed
    case (.uint, .double): orderOf(a.bits, b.double)
    case (.double, .uint): orderOf(b.bits, a.double).reversed
    case (.int, .uint): a.int < 0 ? .less : Order(a.bits, b.bits)
    case (.uint, .int): b.int < 0 ? .greater : Order(a.bits, b.bits)
    default: nil
    }
  }

  private static func order(_ a: Scalar, _ b: Scalar, _ texts: TextPool) -> Order? {
    if let order = orderOfNumbers(a, b) { return order }
    guard a.kind == b.kind else { return nil }
    switch a.kind {
    case .bool: return Order(a.bits, b.bits)
    case .timestamp, .duration: return Order(a.int, b.int)
    case .string:
      guard a.text != .unknown && b.text != .unknown else { return nil }
      if a.bits == b.bits { return .equal }
      return texts.bytes(a.text).lexicographicallyPrecedes(texts.bytes(b.text)) ? .less : .greater
    default: return nil
    }
  }

  func calculate(_ a: Scalar, _ b: Scalar) -> Scalar {
    switch (a.kind, b.kind) {
    case (.double, .double): fraction(a.double, b.double).map { Scalar($0) } ?? .missing
    case (.int, .int): wholeScalar(a.int, b.int).map { Scalar($0) } ?? .missing
    case (.uint, .uint): wholeScalar(a.bits, b.bits).map { Scalar($0) } ?? .missing
    case (.timestamp, .duration), (.duration, .timestamp), (.timestamp, .timestamp),
      (.duration, .duration):
      calculateTime(a, b)
    default: .missing
    }
  }

  private func wholeScalar<T: FixedWidthInteger>(_ a: T, _ b: T) -> T? {
    let result: (partialValue: T, overflow: Bool)
    switch self {
    case .add: result = a.addingReportingOverflow(b)
    case .subtract: result = a.subtractingReportingOverflow(b)
    case .multiply: result = a.multipliedReportingOverflow(by: b)
    case .divide: result = a.dividedReportingOverflow(by: b)
    case .modulo: result = a.remainderReportingOverflow(dividingBy: b)
    default: return nil
    }
    return result.overflow ? nil : result.partialValue
  }

  private func calculateTime(_ a: Scalar, _ b: Scalar) -> Scalar {
    guard self == .add || self == .subtract else { return .missing }
    guard let milliseconds = wholeScalar(a.int, b.int) else { return .missing }
    switch (a.kind, b.kind, self) {
    case (.duration, .duration, _), (.timestamp, .timestamp, .subtract):
      return CelFunction.duration(milliseconds)
    case (.timestamp, .duration, _), (.duration, .timestamp, .add):
      let inRange = CelFunction.millisecondsRange.contains(milliseconds)
      return inRange ? Scalar(timestampMs: milliseconds) : .missing
    default: return .missing
    }
  }

  static let millisecondsRange =
    (CelTimestamp.secondsMin * 1000)...(CelTimestamp.secondsMax * 1000 + 999)

  /// As many milliseconds as fit 64 bits when counted in nanoseconds.
  private static func duration(_ milliseconds: Int64) -> Scalar {
    milliseconds.magnitude <= 9_223_372_036_854 ? Scalar(durationMs: milliseconds) : .missing
  }

  /// `math.greatest` or `math.least` of two: the first, unless the second goes beyond it.
  func extreme(_ a: Scalar, _ b: Scalar) -> Scalar {
    guard let order = CelFunction.orderOfNumbers(b, a) else { return .missing }
    return order == (self == .greatest ? .greater : .less) ? b : a
  }

  /// Functions of one operand that do not look at a clock.
  func convert(_ value: Scalar, _ texts: TextPool) -> Scalar {
    switch self {
    case .not: return value.kind == .bool ? Scalar(!value.bool) : .missing
    case .double: return toDouble(value, texts)
    case .int: return toInt(value, texts)
    case .uint: return toUint(value, texts)
    case .timestamp: return value.kind == .timestamp ? value : .missing
    case .duration: return value.kind == .duration ? value : .missing
    case .bool: return value.kind == .bool ? value : .missing
    case .string: return value.kind == .string ? value : .missing
    default: break
    }
    switch value.kind {
    case .double: return convertDouble(value.double)
    case .int: return convertInt(value.int)
    case .uint where self == .abs: return value
    case .uint where self == .sign: return Scalar(UInt64(value.bits == 0 ? 0 : 1))
    default: return .missing
    }
  }

  private func convertDouble(_ number: Double) -> Scalar {
    switch self {
    case .negate: Scalar(-number)
    case .abs: Scalar(number.magnitude)
    case .sign: Scalar(number > 0 ? 1 : number < 0 ? -1 : number)
    case .ceil: Scalar(-roundedDown(-number))
    case .floor: Scalar(roundedDown(number))
    case .round: Scalar(roundedAwayFromZero(number))
    case .trunc: Scalar(truncated(number))
    case .isNaN: Scalar(number.isNaN)
    case .isInf: Scalar(number.isInfinite)
    case .isFinite: Scalar(number.isFinite)
    default: .missing
    }
  }

  private func convertInt(_ number: Int64) -> Scalar {
    switch self {
    case .negate: number == .min ? .missing : Scalar(-number)
    case .abs: number == .min ? .missing : Scalar(Swift.abs(number))
    case .sign: Scalar(number.signum())
    default: .missing
    }
  }

  private func toDouble(_ value: Scalar, _ texts: TextPool) -> Scalar {
    switch value.kind {
    case .double: value
    case .int: Scalar(Double(value.int))
    case .uint: Scalar(Double(value.bits))
    case .string: text(value, texts).flatMap(DoubleText.parse).map { Scalar($0) } ?? .missing
    default: .missing
    }
  }

  private func toInt(_ value: Scalar, _ texts: TextPool) -> Scalar {
    switch value.kind {
    case .int: return value
    case .uint: return Int64(exactly: value.bits).map { Scalar($0) } ?? .missing
    case .double: return int64(truncating: value.double).map { Scalar($0) } ?? .missing
    case .timestamp: return Scalar(floorDivide(value.int, by: 1000).quotient)
    case .string:
      guard let text = text(value, texts), text.utf8.first != UInt8(ascii: "+") else {
        return .missing
      }
      return Int64(text).map { Scalar($0) } ?? .missing
    default: return .missing
    }
  }

  private func toUint(_ value: Scalar, _ texts: TextPool) -> Scalar {
    switch value.kind {
    case .uint: return value
    case .int: return value.int < 0 ? .missing : Scalar(value.bits)
    case .double:
      guard value.double >= 0, let whole = uint64(truncating: value.double) else { return .missing }
      return Scalar(whole)
    case .string:
      guard let text = text(value, texts), text.utf8.first.map(isDigit) == true else {
        return .missing
      }
      return UInt64(text).map { Scalar($0) } ?? .missing
    default: return .missing
    }
  }

  private func text(_ value: Scalar, _ texts: TextPool) -> String? {
    value.text == .unknown ? nil : texts.string(value.text)
  }

  func field(of value: Scalar) -> Scalar {
    switch value.kind {
    case .timestamp: field(of: CivilTime(milliseconds: value.int)).map { Scalar($0) } ?? .missing
    case .duration: part(ofMilliseconds: value.int).map { Scalar($0) } ?? .missing
    default: .missing
    }
  }

  func field(
    of value: Scalar, in zone: Scalar, _ texts: TextPool, _ zones: ZoneTable
  ) -> Scalar {
    guard value.kind == .timestamp, zone.kind == .string, zone.text != .unknown else {
      return .missing
    }
    let name = texts.bytes(zone.text)
    guard let zone = zones.zone(named: name.span) else { return .missing }
    return field(of: zones.civil(ms: value.int, zone: zone)).map { Scalar($0) } ?? .missing
  }
}
