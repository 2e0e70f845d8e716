/// One way to call a function: the types it takes and gives. `A` and `B` stand for any one type.
struct Overload: Sendable {
  var isMember: Bool
  /// A member's receiver comes first.
  var parameters: [CelType]
  var result: CelType

  /// As `string.int:bool` (a member of string) or `int,int:bool`.
  init(_ signature: String, isMember: Bool) {
    let halves = signature.split(separator: ":")
    guard halves.count == 2, let result = CelType(parsing: String(halves[1])) else {
      fatalError("the signature \(signature) is malformed")
    }
    self.isMember = isMember
    self.result = result
    parameters = halves[0].split(separator: " ").map { text in
      guard let type = CelType(parsing: String(text)) else {
        fatalError("the type \(text) in \(signature) is malformed")
      }
      return type
    }
  }

  init(isMember: Bool, parameters: [CelType], result: CelType) {
    self.isMember = isMember
    self.parameters = parameters
    self.result = result
  }
}

/// Every function of the language and its extensions, by name.
enum Overloads {
  static let all: [String: [Overload]] = {
    var table: [String: [Overload]] = [:]
    for (names, isMember, signatures) in FunctionList.entries {
      let overloads = signatures.map { Overload($0, isMember: isMember) }
      for name in names.split(separator: " ") { table[String(name), default: []] += overloads }
    }
    return table
  }()

  /// Functions whose names have a prefix that looks like a receiver: `math.greatest(...)`.
  static func namespaced(_ name: String, _ receiver: [String]?) -> CelFunction? {
    guard let receiver, receiver.count == 1 else { return nil }
    return CelFunction(rawValue: receiver[0] + "." + name)
  }

  /// The functions' names, for suggestions.
  static let names: [String] = CelFunction.allCases.map(\.rawValue)
    .filter { $0.utf8.first.map(isLetter) ?? false }
}

/// Type names that stand for themselves as values.
enum StandardTypes {
  static func value(named name: String) -> CelValue? {
    switch name {
    case "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type",
      "google.protobuf.Timestamp", "google.protobuf.Duration", "net.IP", "net.CIDR":
      .type(name)
    default: nil
    }
  }
}
