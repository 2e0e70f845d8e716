/// Evaluates a checked expression by walking its tree: the reference for `ScalarProgram`.
struct Evaluator {
  let nodes: [ProgramNode]
  /// The variables that are read, by their places in `CelProgram.reads`; nil where missing.
  let inputs: [CelValue?]
  let zones: ZoneTable
  private var locals: [CelValue] = []
  /// How many items macros have looked at.
  private var steps = 0

  /// Macros within macros over long lists would else take time beyond any bound.
  static let stepsMax = 1_000_000

  init(nodes: [ProgramNode], inputs: [CelValue?], zones: ZoneTable) {
    self.nodes = nodes
    self.inputs = inputs
    self.zones = zones
  }

  func failure(_ message: String, at id: NodeId) -> CelFailure {
    CelFailure(offset: nodes[id].offset, message: message)
  }

  mutating func value(_ id: NodeId) throws(CelFailure) -> CelValue {
    switch nodes[id].kind {
    case .constant(let value): return value
    case .variable(let slot): return try input(slot, at: id)
    case .present(let slot): return .bool(inputs[slot] != nil)
    case .local(let place): return locals[place]
    case .select(let operand, let field): return try select(operand, field, at: id)
    case .hasField(let operand, let field): return try hasField(operand, field, at: id)
    case .index(let operand, let key): return try index(operand, key, at: id)
    case .list(let items): return .list(try values(items))
    case .map(let entries): return try map(entries, at: id)
    case .and(let items): return try logic(items, absorbing: false)
    case .or(let items): return try logic(items, absorbing: true)
    case .choice(let condition, let yes, let no): return try choice(condition, yes, no)
    case .call(let function, let arguments):
      return function.isBinaryOperator && arguments.count == 2
        ? try chainOfOperators(id) : try call(function, arguments, at: id)
    case .matches(let operand, let pattern): return try matches(operand, pattern, at: id)
    case .fold(let fold): return try self.fold(fold, at: id)
    case .fail(let message): throw failure(message, at: id)
    }
  }

  private func input(_ slot: Int, at id: NodeId) throws(CelFailure) -> CelValue {
    guard let value = inputs[slot] else { throw failure("the value is missing", at: id) }
    return value
  }

  private mutating func values(_ ids: [NodeId]) throws(CelFailure) -> [CelValue] {
    var values: [CelValue] = []
    values.reserveCapacity(ids.count)
    for id in ids { values.append(try value(id)) }
    return values
  }

  private mutating func call(
    _ function: CelFunction, _ arguments: [NodeId], at id: NodeId
  ) throws(CelFailure) -> CelValue {
    try apply(function, try values(arguments), at: id)
  }

  private mutating func chainOfOperators(_ id: NodeId) throws(CelFailure) -> CelValue {
    var pending: [(function: CelFunction, right: NodeId, id: NodeId)] = []
    var id = id
    while case .call(let function, let arguments) = nodes[id].kind, function.isBinaryOperator,
      arguments.count == 2
    {
      pending.append((function, arguments[1], id))
      id = arguments[0]
    }
    var left = try value(id)
    for step in pending.reversed() {
      let right = try value(step.right)
      left = try apply(step.function, [left, right], at: step.id)
    }
    return left
  }

  private func apply(
    _ function: CelFunction, _ arguments: [CelValue], at id: NodeId
  ) throws(CelFailure) -> CelValue {
    do throws(FunctionFailure) {
      return try function.apply(arguments, zones: zones)
    } catch {
      throw failure(error.message, at: id)
    }
  }

  // MARK: Access

  private mutating func select(
    _ operand: NodeId, _ field: String, at id: NodeId
  ) throws(CelFailure) -> CelValue {
    let container = try value(operand)
    guard case .map(let map) = container else {
      throw failure("a \(container.typeName) has no fields", at: id)
    }
    guard let found = map.value(at: field) else { throw failure("no field '\(field)'", at: id) }
    return found
  }

  private mutating func hasField(
    _ operand: NodeId, _ field: String, at id: NodeId
  ) throws(CelFailure) -> CelValue {
    let container = try value(operand)
    guard case .map(let map) = container else {
      throw failure("a \(container.typeName) has no fields", at: id)
    }
    return .bool(map.has(.string(field)))
  }

  private mutating func index(
    _ operand: NodeId, _ key: NodeId, at id: NodeId
  ) throws(CelFailure) -> CelValue {
    let container = try value(operand)
    let key = try value(key)
    switch container {
    case .map(let map):
      guard let found = map.value(at: key) else { throw failure("no such key", at: id) }
      return found
    case .list(let items):
      guard let place = Evaluator.place(key) else {
        throw failure("a list is indexed by an int", at: id)
      }
      guard items.indices.contains(place) else {
        throw failure("index \(place) is outside a list of \(items.count)", at: id)
      }
      return items[place]
    default: throw failure("a \(container.typeName) cannot be indexed", at: id)
    }
  }

  /// A number that is whole, of any kind.
  private static func place(_ key: CelValue) -> Int? {
    switch key {
    case .int(let value): return Int(value)
    case .uint(let value): return Int(exactly: value)
    case .double(let value):
      guard let whole = int64(truncating: value), Double(whole) == value else { return nil }
      return Int(whole)
    default: return nil
    }
  }

  private mutating func map(
    _ entries: [(key: NodeId, value: NodeId)], at id: NodeId
  ) throws(CelFailure) -> CelValue {
    var values: [(key: CelValue, value: CelValue)] = []
    for entry in entries { values.append((try value(entry.key), try value(entry.value))) }
    guard let map = CelMap(values) else {
      throw failure("a map has a key twice, or a key that is none", at: id)
    }
    return .map(map)
  }

  // MARK: Logic

  /// `||` where true absorbs whatever else happens, `&&` where false does: also errors, on either
  /// side.
  private mutating func logic(
    _ items: [NodeId], absorbing: Bool
  ) throws(CelFailure) -> CelValue {
    var first: CelFailure?
    for item in items {
      do throws(CelFailure) {
        if try condition(item) == absorbing { return .bool(absorbing) }
      } catch {
        if steps > Evaluator.stepsMax { throw error }
        first = first ?? error
      }
    }
    if let first { throw first }
    return .bool(!absorbing)
  }

  private mutating func condition(_ id: NodeId) throws(CelFailure) -> Bool {
    let value = try value(id)
    guard case .bool(let holds) = value else {
      throw failure("a bool is needed, and this is a \(value.typeName)", at: id)
    }
    return holds
  }

  private mutating func choice(
    _ condition: NodeId, _ yes: NodeId, _ no: NodeId
  ) throws(CelFailure) -> CelValue {
    try value(try self.condition(condition) ? yes : no)
  }

  private mutating func matches(
    _ operand: NodeId, _ pattern: Pattern, at id: NodeId
  ) throws(CelFailure) -> CelValue {
    let value = try value(operand)
    guard case .string(let text) = value else {
      throw failure("matches() needs a string, and this is a \(value.typeName)", at: id)
    }
    return .bool(pattern.matches(text))
  }

  // MARK: Macros

  private mutating func fold(_ fold: ProgramFold, at id: NodeId) throws(CelFailure) -> CelValue {
    let items: [CelValue]
    switch try value(fold.range) {
    case .list(let list): items = list
    case .map(let map): items = map.keys
    case let other:
      throw failure(
        "\(fold.kind.rawValue)() needs a list or a map, not a \(other.typeName)", at: id)
    }
    precondition(locals.count == fold.local, "a macro's variable is out of place")
    locals.append(.null)
    defer { locals.removeLast() }
    switch fold.kind {
    case .all: return try quantify(fold, items, absorbing: false)
    case .exists: return try quantify(fold, items, absorbing: true)
    case .existsOne: return .bool(try kept(fold, items).count == 1)
    case .filter: return .list(try kept(fold, items))
    case .map: return .list(try mapped(fold, items))
    }
  }

  /// `all` is `&&` over the items, `exists` is `||`.
  private mutating func quantify(
    _ fold: ProgramFold, _ items: [CelValue], absorbing: Bool
  ) throws(CelFailure) -> CelValue {
    var first: CelFailure?
    for item in items {
      do throws(CelFailure) {
        if try holds(fold, item) == absorbing { return .bool(absorbing) }
      } catch {
        if steps > Evaluator.stepsMax { throw error }
        first = first ?? error
      }
    }
    if let first { throw first }
    return .bool(!absorbing)
  }

  private mutating func holds(_ fold: ProgramFold, _ item: CelValue) throws(CelFailure) -> Bool {
    locals[fold.local] = item
    steps += 1
    if steps > Evaluator.stepsMax {
      throw failure("macros looked at more than \(Evaluator.stepsMax) items", at: fold.range)
    }
    guard let condition = fold.condition else { return true }
    return try self.condition(condition)
  }

  private mutating func kept(
    _ fold: ProgramFold, _ items: [CelValue]
  ) throws(CelFailure) -> [CelValue] {
    var kept: [CelValue] = []
    for item in items where try holds(fold, item) { kept.append(item) }
    return kept
  }

  private mutating func mapped(
    _ fold: ProgramFold, _ items: [CelValue]
  ) throws(CelFailure) -> [CelValue] {
    guard let result = fold.result else { return [] }
    var mapped: [CelValue] = []
    for item in items where try holds(fold, item) { mapped.append(try value(result)) }
    return mapped
  }
}
