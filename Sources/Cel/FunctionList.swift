/// The signatures of all functions: names that share them, whether they are methods, and for each
/// way to call them the types of the arguments (a method's receiver first) and of the result.
enum FunctionList {
  static let entries: [(String, isMember: Bool, [String])] =
    operators + conversions + text + time + numbers + addresses

  private static let operators: [(String, isMember: Bool, [String])] = [
    (
      "+", false,
      [
        "int int:int", "uint uint:uint", "double double:double", "string string:string",
        "bytes bytes:bytes", "list(A) list(A):list(A)", "timestamp duration:timestamp",
        "duration timestamp:timestamp", "duration duration:duration",
      ]
    ),
    (
      "-", false,
      [
        "int int:int", "uint uint:uint", "double double:double", "timestamp timestamp:duration",
        "timestamp duration:timestamp", "duration duration:duration",
      ]
    ),
    ("* /", false, ["int int:int", "uint uint:uint", "double double:double"]),
    ("%", false, ["int int:int", "uint uint:uint"]),
    ("negate", false, ["int:int", "double:double"]),
    ("!", false, ["bool:bool"]),
    ("== !=", false, ["A A:bool"]),
    (
      "< <= > >=", false,
      [
        "bool bool:bool", "int int:bool", "uint uint:bool", "double double:bool",
        "string string:bool", "bytes bytes:bool", "timestamp timestamp:bool",
        "duration duration:bool", "int uint:bool", "int double:bool", "uint int:bool",
        "uint double:bool", "double int:bool", "double uint:bool",
      ]
    ),
    ("in", false, ["A list(A):bool", "A map(A,B):bool"]),
  ]

  private static let conversions: [(String, isMember: Bool, [String])] = [
    ("bool", false, ["bool:bool", "string:bool"]),
    ("bytes", false, ["bytes:bytes", "string:bytes"]),
    ("double", false, ["double:double", "int:double", "uint:double", "string:double"]),
    ("duration", false, ["duration:duration", "string:duration"]),
    ("dyn", false, ["A:dyn"]),
    ("int", false, ["int:int", "uint:int", "double:int", "string:int", "timestamp:int"]),
    (
      "string", false,
      [
        "string:string", "bool:string", "int:string", "uint:string", "double:string",
        "bytes:string", "timestamp:string", "duration:string", "net.IP:string", "net.CIDR:string",
      ]
    ),
    ("timestamp", false, ["timestamp:timestamp", "string:timestamp", "int:timestamp"]),
    ("type", false, ["A:type"]),
    ("uint", false, ["uint:uint", "int:uint", "double:uint", "string:uint"]),
  ]

  private static let text: [(String, isMember: Bool, [String])] = [
    ("size", false, ["string:int", "bytes:int", "list(A):int", "map(A,B):int"]),
    ("size", true, ["string:int", "bytes:int", "list(A):int", "map(A,B):int"]),
    ("contains startsWith endsWith matches", true, ["string string:bool"]),
    ("matches", false, ["string string:bool"]),
    ("charAt", true, ["string int:string"]),
    ("indexOf lastIndexOf", true, ["string string:int", "string string int:int"]),
    ("join", true, ["list(string):string", "list(string) string:string"]),
    ("lowerAscii upperAscii trim reverse", true, ["string:string"]),
    ("replace", true, ["string string string:string", "string string string int:string"]),
    ("split", true, ["string string:list(string)", "string string int:list(string)"]),
    ("substring", true, ["string int:string", "string int int:string"]),
    ("format", true, ["string list(dyn):string"]),
    ("strings.quote", false, ["string:string"]),
    ("base64.encode", false, ["bytes:string"]),
    ("base64.decode", false, ["string:bytes"]),
  ]

  private static let time: [(String, isMember: Bool, [String])] = [
    (
      "getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear", true,
      ["timestamp:int", "timestamp string:int"]
    ),
    (
      "getHours getMinutes getSeconds getMilliseconds", true,
      ["timestamp:int", "timestamp string:int", "duration:int"]
    ),
  ]

  /// `math.greatest` and `math.least` take any count of numbers; the checker knows them.
  private static let numbers: [(String, isMember: Bool, [String])] = [
    ("math.ceil math.floor math.round math.trunc", false, ["double:double"]),
    ("math.abs math.sign", false, ["double:double", "int:int", "uint:uint"]),
    ("math.sqrt", false, ["double:double", "int:double", "uint:double"]),
    ("math.isNaN math.isInf math.isFinite", false, ["double:bool"]),
    ("math.bitAnd math.bitOr math.bitXor", false, ["int int:int", "uint uint:uint"]),
    ("math.bitNot", false, ["int:int", "uint:uint"]),
    ("math.bitShiftLeft math.bitShiftRight", false, ["int int:int", "uint int:uint"]),
  ]

  private static let addresses: [(String, isMember: Bool, [String])] = [
    ("ip", false, ["string:net.IP"]),
    ("cidr", false, ["string:net.CIDR"]),
    ("isIP isCIDR ip.isCanonical", false, ["string:bool"]),
    ("family", true, ["net.IP:int"]),
    (
      "isUnspecified isLoopback isGlobalUnicast isLinkLocalMulticast isLinkLocalUnicast", true,
      ["net.IP:bool"]
    ),
    ("containsIP", true, ["net.CIDR net.IP:bool", "net.CIDR string:bool"]),
    ("containsCIDR", true, ["net.CIDR net.CIDR:bool", "net.CIDR string:bool"]),
    ("ip", true, ["net.CIDR:net.IP"]),
    ("masked", true, ["net.CIDR:net.CIDR"]),
    ("prefixLength", true, ["net.CIDR:int"]),
  ]
}
