/// Resolves names and functions, finds every node's type, and refuses what cannot be right.
struct Checker {
  let expression: CelExpression
  let isChecked: Bool
  var extraFunctions: [String: [Overload]] = [:]
  private(set) var nodes: [ProgramNode] = []
  private(set) var reads: [Int] = []
  private var names: NameTable
  private var unifier = TypeUnifier()
  private var locals: [(name: String, type: CelType)] = []

  init(
    _ expression: CelExpression, variables: [CelVariable], container: String, isChecked: Bool
  ) {
    self.expression = expression
    self.isChecked = isChecked
    names = NameTable(variables, container: container)
  }

  mutating func settleTypes() {
    for index in nodes.indices { nodes[index].type = unifier.settled(nodes[index].type) }
  }

  private mutating func add(_ kind: ProgramNode.Kind, _ type: CelType, at offset: Int) -> NodeId {
    nodes.append(ProgramNode(kind: kind, offset: offset, type: type))
    return nodes.count - 1
  }

  private func type(_ id: NodeId) -> CelType { unifier.resolved(nodes[id].type) }

  /// In an unchecked expression what is wrong becomes a node that fails when it is reached.
  private mutating func refuse(_ message: String, at offset: Int) throws(CelError) -> NodeId {
    if isChecked { throw CelError(offset: offset, message: message) }
    return add(.fail(message), .dyn, at: offset)
  }

  /// The node that the written node `id` becomes.
  mutating func lower(_ id: NodeId) throws(CelError) -> NodeId {
    if expression.nodes[id].binary != nil { return try lowerChainOfOperators(id) }
    if let chain = expression.chain(at: id) { return try lower(chain) }
    let node = expression.nodes[id]
    switch node.kind {
    case .literal(let value): return add(.constant(value), value.staticType, at: node.offset)
    case .name: preconditionFailure("a name is a chain")
    case .select, .has, .index: return try lowerAccess(id, on: nil)
    case .call(let name, let receiver, let arguments):
      return try lowerCall(name, receiver, arguments, at: node.offset)
    case .list(let items): return try lowerList(items, at: node.offset)
    case .map(let entries): return try lowerMap(entries, at: node.offset)
    case .and(let items):
      return add(.and(try lowerConditions(items, "&&")), .bool, at: node.offset)
    case .or(let items): return add(.or(try lowerConditions(items, "||")), .bool, at: node.offset)
    case .choice(let condition, let yes, let no):
      return try lowerChoice(condition, yes, no, at: node.offset)
    case .fold(let fold): return try lowerFold(fold, at: node.offset)
    }
  }

  private mutating func lowerChainOfOperators(_ id: NodeId) throws(CelError) -> NodeId {
    var pending: [(name: String, right: NodeId, offset: Int)] = []
    var id = id
    while let binary = expression.nodes[id].binary {
      pending.append((binary.name, binary.right, expression.nodes[id].offset))
      id = binary.left
    }
    var left = try lower(id)
    for step in pending.reversed() {
      let right = try lower(step.right)
      left = try call(step.name, [left, right], isMember: false, at: step.offset)
    }
    return left
  }

  // MARK: Names

  private mutating func lower(_ chain: NameChain) throws(CelError) -> NodeId {
    let names = chain.names
    var used = 1
    let base: NodeId
    let offset = expression.nodes[chain.nodes[0]].offset
    let local = chain.rooted ? nil : locals.lastIndex { sameBytes($0.name, names[0]) }
    if let local {
      base = add(.local(local), locals[local].type, at: offset)
    } else if let (variable, count) = self.names.longest(names, rooted: chain.rooted) {
      used = count
      let slot = read(variable)
      let last = chain.nodes[count - 1]
      if count == names.count, case .has = expression.nodes[last].kind {
        return add(.present(slot), .bool, at: offset)
      }
      base = add(.variable(slot), self.names.type(of: variable), at: offset)
    } else if let (value, count) = NameTable.typeValue(names) {
      used = count
      base = add(.constant(value), .type, at: offset)
    } else {
      return try refuse(self.names.unknownName(names), at: offset)
    }
    var operand = base
    for node in chain.nodes[used...] { operand = try lowerAccess(node, on: operand) }
    return operand
  }

  private mutating func read(_ variable: Int) -> Int {
    if let slot = reads.firstIndex(of: variable) { return slot }
    reads.append(variable)
    return reads.count - 1
  }

  private mutating func lowered(
    _ operand: NodeId?, _ inner: NodeId
  ) throws(CelError) -> NodeId {
    if let operand { return operand }
    return try lower(inner)
  }

  /// A field or an index of `operand`, or of its own operand if that is not lowered yet.
  private mutating func lowerAccess(
    _ id: NodeId, on operand: NodeId?
  ) throws(CelError) -> NodeId {
    let node = expression.nodes[id]
    switch node.kind {
    case .select(let inner, let field):
      let operand = try lowered(operand, inner)
      return try select(field, of: operand, isTest: false, at: node.offset)
    case .has(let inner, let field):
      let operand = try lowered(operand, inner)
      return try select(field, of: operand, isTest: true, at: node.offset)
    case .index(let inner, let key):
      let operand = try lowered(operand, inner)
      return try index(operand, try lower(key), at: node.offset)
    default: preconditionFailure("node \(id) accesses nothing")
    }
  }

  private mutating func select(
    _ field: String, of operand: NodeId, isTest: Bool, at offset: Int
  ) throws(CelError) -> NodeId {
    let result: CelType
    switch type(operand) {
    case .map(_, let value): result = value
    case .dyn, .unknown: result = .dyn
    case let other:
      guard !isChecked else {
        return try refuse("a \(other) has no fields, so no '\(field)'", at: offset)
      }
      result = .dyn
    }
    return isTest
      ? add(.hasField(operand, field), .bool, at: offset)
      : add(.select(operand, field), result, at: offset)
  }

  private mutating func index(
    _ operand: NodeId, _ key: NodeId, at offset: Int
  ) throws(CelError) -> NodeId {
    let wanted: CelType
    let result: CelType
    switch type(operand) {
    case .list(let element): (wanted, result) = (.int, element)
    case .map(let key, let value): (wanted, result) = (key, value)
    case .dyn, .unknown: (wanted, result) = (.dyn, .dyn)
    case let other:
      guard !isChecked else { return try refuse("a \(other) cannot be indexed", at: offset) }
      (wanted, result) = (.dyn, .dyn)
    }
    let given = type(key)
    if isChecked && !unifier.accepts(given, as: wanted) {
      return try refuse("the index is a \(given), not a \(wanted)", at: nodes[key].offset)
    }
    return add(.index(operand, key), result, at: offset)
  }

  // MARK: Literals and logic

  private mutating func lowerAll(_ ids: [NodeId]) throws(CelError) -> [NodeId] {
    var lowered: [NodeId] = []
    for id in ids { lowered.append(try lower(id)) }
    return lowered
  }

  /// The type of all `items`: what they agree on, else dyn.
  private mutating func commonType(_ items: [NodeId]) -> CelType {
    guard let first = items.first else { return unifier.fresh() }
    var common = type(first)
    for item in items.dropFirst() {
      guard let joined = unifier.joined(common, type(item)) else { return .dyn }
      common = joined
    }
    return common
  }

  private mutating func lowerList(_ items: [NodeId], at offset: Int) throws(CelError) -> NodeId {
    let lowered = try lowerAll(items)
    return add(.list(lowered), .list(commonType(lowered)), at: offset)
  }

  private mutating func lowerMap(
    _ entries: [(key: NodeId, value: NodeId)], at offset: Int
  ) throws(CelError) -> NodeId {
    let keys = try lowerAll(entries.map(\.key))
    let values = try lowerAll(entries.map(\.value))
    for key in keys where isChecked {
      switch type(key) {
      case .bool, .int, .uint, .string, .dyn, .unknown: break
      case let other:
        return try refuse("a \(other) cannot be a map's key", at: nodes[key].offset)
      }
    }
    let type = CelType.map(commonType(keys), commonType(values))
    return add(.map(zip(keys, values).map { ($0, $1) }), type, at: offset)
  }

  private mutating func lowerConditions(
    _ items: [NodeId], _ name: String
  ) throws(CelError) -> [NodeId] {
    let lowered = try lowerAll(items)
    for item in lowered { try demandBool(item, for: "'\(name)'") }
    return lowered
  }

  private mutating func demandBool(_ id: NodeId, for what: String) throws(CelError) {
    let given = type(id)
    guard isChecked, !unifier.accepts(given, as: .bool) else { return }
    throw CelError(
      offset: nodes[id].offset, message: "\(what) needs a bool here, and this is a \(given)")
  }

  private mutating func lowerChoice(
    _ condition: NodeId, _ yes: NodeId, _ no: NodeId, at offset: Int
  ) throws(CelError) -> NodeId {
    let condition = try lower(condition)
    try demandBool(condition, for: "'?'")
    let yes = try lower(yes)
    let no = try lower(no)
    let joined = unifier.joined(type(yes), type(no))
    if joined == nil && isChecked {
      return try refuse(
        "'? :' gives a \(type(yes)) on one side and a \(type(no)) on the other; "
          + "convert one, or write dyn(...) if both are meant", at: offset)
    }
    return add(.choice(condition, yes, no), joined ?? .dyn, at: offset)
  }

  // MARK: Macros

  private mutating func lowerFold(_ fold: Fold, at offset: Int) throws(CelError) -> NodeId {
    let range = try lower(fold.range)
    let item: CelType
    switch type(range) {
    case .list(let element): item = element
    case .map(let key, _): item = key
    case .dyn, .unknown: item = .dyn
    case let other:
      guard !isChecked else {
        return try refuse(
          "\(fold.kind.rawValue)() needs a list or a map, and this is a \(other)", at: offset)
      }
      item = .dyn
    }
    locals.append((fold.variable, item))
    defer { locals.removeLast() }
    var lowered = ProgramFold(kind: fold.kind, range: range, local: locals.count - 1)
    if let condition = fold.condition {
      let node = try lower(condition)
      try demandBool(node, for: fold.kind.rawValue + "()")
      lowered.condition = node
    }
    if let result = fold.result { lowered.result = try lower(result) }
    let type: CelType
    switch fold.kind {
    case .all, .exists, .existsOne: type = .bool
    case .filter: type = .list(item)
    case .map: type = .list(lowered.result.map { self.type($0) } ?? .dyn)
    }
    return add(.fold(lowered), type, at: offset)
  }

  // MARK: Calls

  private mutating func lowerCall(
    _ name: String, _ receiver: NodeId?, _ arguments: [NodeId], at offset: Int
  ) throws(CelError) -> NodeId {
    guard let receiver else {
      return try call(name, try lowerAll(arguments), isMember: false, at: offset)
    }
    if let function = Overloads.namespaced(name, expression.chain(at: receiver)?.names) {
      return try call(function.rawValue, try lowerAll(arguments), isMember: false, at: offset)
    }
    let known = CelFunction(rawValue: name) != nil
    if !known, let chain = expression.chain(at: receiver), chain.names.count == 1,
      Overloads.names.contains(where: { $0.hasPrefix(chain.names[0] + ".") })
    {
      return try refuse(unknownFunction(chain.names[0] + "." + name), at: offset)
    }
    return try call(name, try lowerAll([receiver] + arguments), isMember: true, at: offset)
  }

  private mutating func call(
    _ name: String, _ arguments: [NodeId], isMember: Bool, at offset: Int
  ) throws(CelError) -> NodeId {
    let function = CelFunction(rawValue: name)
    if let function, function == .greatest || function == .least {
      return try callOfNumbers(function, arguments, at: offset)
    }
    let declared = (Overloads.all[name] ?? []) + (extraFunctions[name] ?? [])
    guard !declared.isEmpty else { return try refuse(unknownFunction(name), at: offset) }
    let result = resultType(of: declared, arguments, isMember: isMember)
    if result == nil && isChecked {
      return try refuse(mismatch(name, declared, arguments, isMember: isMember), at: offset)
    }
    guard let function else {
      let node = add(.fail("\(name)() is declared, but not there"), result ?? .dyn, at: offset)
      return node
    }
    if function == .matches, arguments.count == 2, let text = constantText(arguments[1]) {
      return try matches(arguments, text, at: offset)
    }
    return add(.call(function, arguments), result ?? .dyn, at: offset)
  }

  private func constantText(_ id: NodeId) -> String? {
    guard case .constant(.string(let text)) = nodes[id].kind else { return nil }
    return text
  }

  private mutating func matches(
    _ arguments: [NodeId], _ text: String, at offset: Int
  ) throws(CelError) -> NodeId {
    var problem = ""
    guard let pattern = Pattern(text, problem: &problem) else {
      return try refuse(
        "this is not a pattern in RE2's syntax: \(problem)", at: nodes[arguments[1]].offset)
    }
    return add(.matches(arguments[0], pattern), .bool, at: offset)
  }

  /// The type of a call's result; nil if no overload takes these arguments. Where dyn lets several
  /// take them and they differ, dyn.
  private mutating func resultType(
    of overloads: [Overload], _ arguments: [NodeId], isMember: Bool
  ) -> CelType? {
    let before = unifier
    var fitting: [(result: CelType, unifier: TypeUnifier)] = []
    for overload in overloads where overload.isMember == isMember {
      guard overload.parameters.count == arguments.count else { continue }
      unifier = before
      let opened = unifier.opened(overload)
      var fits = true
      for (argument, wanted) in zip(arguments, opened.parameters) where fits {
        fits = unifier.accepts(nodes[argument].type, as: wanted)
      }
      if fits { fitting.append((unifier.resolved(opened.result), unifier)) }
    }
    unifier = before
    guard let first = fitting.first else { return nil }
    if fitting.count == 1 {
      unifier = first.unifier
      return first.result
    }
    return fitting.allSatisfy { $0.result == first.result } ? first.result : .dyn
  }

  /// `math.greatest` and `math.least`: any count of numbers, or one list of them.
  private mutating func callOfNumbers(
    _ function: CelFunction, _ arguments: [NodeId], at offset: Int
  ) throws(CelError) -> NodeId {
    var types = arguments.map { type($0) }
    if types.count == 1, case .list(let element) = types[0] { types = [unifier.resolved(element)] }
    let wrong = types.first { !$0.isNumber && $0 != .dyn && unifier.settled($0) != .dyn }
    if isChecked, types.isEmpty || wrong != nil {
      let found = wrong.map { "and this has a \($0)" } ?? "and this has none"
      return try refuse("\(function.title) takes numbers, \(found)", at: offset)
    }
    let same = types.allSatisfy { $0 == types[0] } && types.first?.isNumber == true
    return add(.call(function, arguments), same ? types[0] : .dyn, at: offset)
  }

  // MARK: Messages

  private func unknownFunction(_ name: String) -> String {
    let near = nearestName(to: name, among: Overloads.names + extraFunctions.keys)
    return "there is no function '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? "")
  }

  private func mismatch(
    _ name: String, _ declared: [Overload], _ arguments: [NodeId], isMember: Bool
  ) -> String {
    let types = arguments.map { unifier.settled(nodes[$0].type) }
    let title = CelFunction(rawValue: name)?.title ?? name + "()"
    let given = types.map(\.description).joined(separator: " and ")
    if types.count == 2, types[0] != types[1], types.allSatisfy(\.isNumber) {
      let wanted = types.contains(.double) ? "double" : "int"
      return
        "\(title) does not mix \(given): write \(wanted)(...) around the \(other(types, wanted))"
        + ", or a number of the same kind"
    }
    guard declared.contains(where: { $0.isMember == isMember }) else {
      return isMember
        ? "\(title) is not a method: write \(name)(...)" : "\(title) is a method: write x.\(title)"
    }
    return "\(title) does not take \(given.isEmpty ? "nothing" : given)"
      + "; it takes "
      + declared.filter { $0.isMember == isMember }
      .map { "(" + $0.parameters.map(\.description).joined(separator: ", ") + ")" }
      .joined(separator: " or ")
  }

  private func other(_ types: [CelType], _ wanted: String) -> String {
    types.first { $0.description != wanted }?.description ?? "other"
  }
}

extension CelValue {
  /// A literal's type.
  var staticType: CelType {
    switch self {
    case .null: .null
    case .bool: .bool
    case .int: .int
    case .uint: .uint
    case .double: .double
    case .string: .string
    case .bytes: .bytes
    case .timestamp: .timestamp
    case .duration: .duration
    case .list: .list(.dyn)
    case .map: .map(.dyn, .dyn)
    case .type: .type
    case .ip: .ip
    case .cidr: .cidr
    }
  }
}
