extension CelFunction {
  /// The value of a conversion or of an operator with one operand; nil if this is none, or takes
  /// no such argument.
  func applyConversion(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch self {
    case .dyn: return value
    case .type: return .type(value.typeName)
    case .not:
      guard case .bool(let holds) = value else { return nil }
      return .bool(!holds)
    case .negate: return try negated(value)
    case .bool: return try toBool(value)
    case .bytes: return toBytes(value)
    case .double: return try toDouble(value)
    case .int: return try toInt(value)
    case .uint: return try toUint(value)
    case .string: return try toString(value)
    case .timestamp: return try toTimestamp(value)
    case .duration: return try toDuration(value)
    default: return nil
    }
  }

  private func negated(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .int(let number): return .int(try CelFunction.subtract.whole(0, number))
    case .double(let number): return .double(-number)
    default: return nil
    }
  }

  private func refused(_ value: String) -> FunctionFailure {
    FunctionFailure("'\(value.prefix(40))' is no \(rawValue)")
  }

  private func outOfRange() -> FunctionFailure {
    FunctionFailure("the number is out of the range of \(rawValue)")
  }

  private func toBool(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .bool: return value
    case .string(let text):
      switch text {
      case "1", "t", "true", "TRUE", "True": return .bool(true)
      case "0", "f", "false", "FALSE", "False": return .bool(false)
      default: throw refused(text)
      }
    default: return nil
    }
  }

  private func toBytes(_ value: CelValue) -> CelValue? {
    switch value {
    case .bytes: value
    case .string(let text): .bytes(Array(text.utf8))
    default: nil
    }
  }

  private func toDouble(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .double: return value
    case .int(let number): return .double(Double(number))
    case .uint(let number): return .double(Double(number))
    case .string(let text):
      guard let number = DoubleText.parse(text) else { throw refused(text) }
      return .double(number)
    default: return nil
    }
  }

  private func toInt(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .int: return value
    case .uint(let number):
      guard let whole = Int64(exactly: number) else { throw outOfRange() }
      return .int(whole)
    case .double(let number):
      guard let whole = int64(truncating: number) else { throw outOfRange() }
      return .int(whole)
    case .string(let text):
      guard let whole = Int64(text), text.utf8.first != UInt8(ascii: "+") else {
        throw refused(text)
      }
      return .int(whole)
    case .timestamp(let time): return .int(time.seconds)
    default: return nil
    }
  }

  private func toUint(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .uint: return value
    case .int(let number):
      guard let whole = UInt64(exactly: number) else { throw outOfRange() }
      return .uint(whole)
    case .double(let number):
      guard number >= 0, let whole = uint64(truncating: number) else { throw outOfRange() }
      return .uint(whole)
    case .string(let text):
      guard let whole = UInt64(text), text.utf8.first.map(isDigit) == true else {
        throw refused(text)
      }
      return .uint(whole)
    default: return nil
    }
  }

  private func toString(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .string: return value
    case .bool(let holds): return .string(holds ? "true" : "false")
    case .int(let number): return .string(String(number))
    case .uint(let number): return .string(String(number))
    case .double(let number): return .string(DoubleText.plain(number))
    case .timestamp(let time): return .string(time.text)
    case .duration(let length): return .string(length.text)
    case .ip(let address): return .string(address.text)
    case .cidr(let prefix): return .string(prefix.text)
    case .bytes(let bytes):
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw FunctionFailure("the bytes are not UTF-8")
      }
      return .string(text)
    default: return nil
    }
  }

  private func toTimestamp(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .timestamp: return value
    case .string(let text):
      guard let time = CelTimestamp(parsing: text) else { throw refused(text) }
      return .timestamp(time)
    case .int(let seconds):
      guard let time = CelTimestamp(seconds: seconds) else { throw outOfRange() }
      return .timestamp(time)
    default: return nil
    }
  }

  private func toDuration(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .duration: return value
    case .string(let text):
      guard let length = CelDuration(parsing: text) else { throw refused(text) }
      return .duration(length)
    default: return nil
    }
  }
}
