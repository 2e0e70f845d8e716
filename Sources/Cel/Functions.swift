/// Why a function gave no value for its arguments.
struct FunctionFailure: Error {
  var message: String

  init(_ message: String) { self.message = message }
}

extension CelFunction {
  /// The function's value; a method's receiver is the first argument.
  func apply(_ arguments: [CelValue], zones: ZoneTable) throws(FunctionFailure) -> CelValue {
    if arguments.count == 2 {
      if let value = try applyOperator(arguments[0], arguments[1]) { return value }
      if let value = try applyPrefix(arguments[0], arguments[1]) { return value }
    }
    if arguments.count == 1 {
      if let value = try applyConversion(arguments[0]) { return value }
      if let value = try applyMath(arguments[0]) { return value }
      if let value = try applyAddress(arguments[0]) { return value }
    }
    if let value = try applyText(arguments) { return value }
    if let value = try applyTime(arguments, zones: zones) { return value }
    if let value = try applyNumbers(arguments) { return value }
    let given = arguments.map(\.typeName).joined(separator: ", ")
    throw FunctionFailure("\(title) does not take (\(given))")
  }
}
