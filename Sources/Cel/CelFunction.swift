/// A function by its full name. A method and a plain function of one name are one function whose
/// first argument is the receiver.
enum CelFunction: String, CaseIterable, Sendable {
  // Operators
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case modulo = "%"
  case negate
  case not = "!"
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case isIn = "in"
  // Conversions
  case bool, bytes, double, duration, dyn, int, string, timestamp, type, uint
  // Text
  case size, contains, startsWith, endsWith, matches
  case charAt, indexOf, join, lastIndexOf, lowerAscii, upperAscii, replace, split, substring, trim
  case format, reverse
  case quote = "strings.quote"
  case base64Encode = "base64.encode"
  case base64Decode = "base64.decode"
  // Time
  case getFullYear, getMonth, getDate, getDayOfMonth, getDayOfWeek, getDayOfYear
  case getHours, getMinutes, getSeconds, getMilliseconds
  // Numbers
  case greatest = "math.greatest"
  case least = "math.least"
  case ceil = "math.ceil"
  case floor = "math.floor"
  case round = "math.round"
  case trunc = "math.trunc"
  case abs = "math.abs"
  case sign = "math.sign"
  case sqrt = "math.sqrt"
  case isNaN = "math.isNaN"
  case isInf = "math.isInf"
  case isFinite = "math.isFinite"
  case bitAnd = "math.bitAnd"
  case bitOr = "math.bitOr"
  case bitXor = "math.bitXor"
  case bitNot = "math.bitNot"
  case bitShiftLeft = "math.bitShiftLeft"
  case bitShiftRight = "math.bitShiftRight"
  // Internet addresses
  case ip, cidr, isIP, isCIDR
  case isCanonical = "ip.isCanonical"
  case family, isUnspecified, isLoopback, isGlobalUnicast, isLinkLocalMulticast
  case isLinkLocalUnicast, containsIP, containsCIDR, masked, prefixLength

  /// Binary operators are evaluated along a chain in a loop.
  var isBinaryOperator: Bool {
    switch self {
    case .add, .subtract, .multiply, .divide, .modulo, .equal, .notEqual, .less, .lessOrEqual,
      .greater, .greaterOrEqual, .isIn:
      true
    default: false
    }
  }

  /// For messages: an operator in quotes, a function with its parentheses.
  var title: String {
    switch self {
    case .negate: "'-'"
    default:
      rawValue.utf8.first.map(isLetter) == true && self != .isIn ? rawValue + "()" : "'\(rawValue)'"
    }
  }
}
