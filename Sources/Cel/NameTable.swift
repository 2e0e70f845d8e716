/// The declared variables, looked up by their paths.
struct NameTable {
  private let variables: [CelVariable]
  private var byPath: [[UInt8]: Int] = [:]
  /// Namespaces in which to look, the innermost first, each as a chain of names.
  private let containers: [[String]]

  init(_ variables: [CelVariable], container: String) {
    self.variables = variables
    let parts = container.split(separator: ".").map(String.init)
    containers = (0...parts.count).reversed().map { Array(parts.prefix($0)) }
    for (index, variable) in variables.enumerated() where byPath[key(variable.path)] == nil {
      byPath[key(variable.path)] = index
    }
  }

  /// Lengths before names keep the paths apart whatever the names hold.
  private func key(_ path: [String]) -> [UInt8] {
    path.flatMap { name in
      let count = name.utf8.count
      return (0..<4).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) } + Array(name.utf8)
    }
  }

  func type(of variable: Int) -> CelType { variables[variable].type }

  /// The variable that most of `names` lead to, and how many of them that is.
  func longest(_ names: [String], rooted: Bool) -> (variable: Int, count: Int)? {
    for count in (1...names.count).reversed() {
      for container in rooted ? [[]] : containers {
        if let index = byPath[key(container + names.prefix(count))] { return (index, count) }
      }
    }
    return nil
  }

  /// The type that most of `names` name, as a value.
  static func typeValue(_ names: [String]) -> (value: CelValue, count: Int)? {
    for count in (1...min(names.count, 3)).reversed() {
      let name = names.prefix(count).joined(separator: ".")
      if let value = StandardTypes.value(named: name) { return (value, count) }
    }
    return nil
  }

  /// The message for a chain of which not even the first name is known.
  func unknownName(_ names: [String]) -> String {
    let known = variables.map { $0.path.joined(separator: ".") }
    for count in (1...names.count).reversed() {
      let name = names.prefix(count).joined(separator: ".")
      if let near = nearestName(to: name, among: known) {
        return "unknown name '\(name)'; did you mean '\(near)'?"
      }
    }
    let name = names.joined(separator: ".")
    if let inside = variables.first(where: { sameBytes($0.path[0], names[0]) }) {
      return "unknown name '\(name)'; there is '\(inside.path.joined(separator: "."))'"
    }
    return "unknown name '\(name)'"
  }
}
