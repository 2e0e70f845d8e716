/// Writes a checked expression as postfix code over scalars.
struct ScalarCompiler {
  /// What is known of a value before it is there.
  struct Known {
    var type: CelType
    /// The variables whose texts it may be.
    var texts: Set<Int> = []

    /// Whether it may be a list, a map or bytes, which scalars only know as `.other`.
    var mayBeOther: Bool {
      switch type {
      case .bool, .int, .uint, .double, .string, .timestamp, .duration, .null: false
      default: true
      }
    }

    /// Whether `+` on it surely is arithmetic.
    var isSurelySummable: Bool { !mayBeOther && type != .string }
  }

  private(set) var code: [ScalarInstruction] = []
  private(set) var constants: [Scalar] = []
  private(set) var depthMax = 0
  var needsText: Set<Int> = []
  private let program: CelProgram
  private var depth = 0

  init(_ program: CelProgram) { self.program = program }

  private mutating func emit(
    _ operation: ScalarInstruction.Operation, _ function: CelFunction = .dyn, a: Int = 0,
    b: Int = 0, grows: Int
  ) {
    code.append(
      ScalarInstruction(operation: operation, function: function, a: Int32(a), b: Int32(b)))
    depth += grows
    depthMax = max(depthMax, depth)
  }

  /// Code that leaves the node's value on the stack; nil if scalars cannot hold what it needs.
  mutating func compile(_ id: NodeId, pool: inout TextPool) -> Known? {
    if isConstant(id) { return constant(id, pool: &pool) }
    switch program.nodes[id].kind {
    case .variable(let slot):
      let variable = program.reads[slot]
      emit(.slot, a: variable, grows: 1)
      let type = program.nodes[id].type
      let mayBeText = type == .string || Known(type: type).mayBeOther
      return Known(type: type, texts: mayBeText ? [variable] : [])
    case .present(let slot):
      emit(.present, a: program.reads[slot], grows: 1)
      return Known(type: .bool)
    case .and(let items): return logic(items, absorbing: 0, pool: &pool)
    case .or(let items): return logic(items, absorbing: 1, pool: &pool)
    case .choice(let condition, let yes, let no): return choice(condition, yes, no, pool: &pool)
    case .call(let function, let arguments):
      if function.isBinaryOperator && arguments.count == 2 {
        return chainOfOperators(id, pool: &pool)
      }
      return call(function, arguments, pool: &pool)
    case .fail:
      emit(.constant, a: place(.missing), grows: 1)
      return Known(type: .null)
    default: return nil
    }
  }

  // MARK: Constants

  /// Whether nothing in the node depends on variables or time zones.
  private func isConstant(_ id: NodeId) -> Bool {
    switch program.nodes[id].kind {
    case .constant: true
    case .list(let items): items.allSatisfy(isConstant)
    case .map(let entries): entries.allSatisfy { isConstant($0.key) && isConstant($0.value) }
    case .call(let function, let arguments):
      !(function.isClockField && arguments.count > 1) && arguments.allSatisfy(isConstant)
    default: false
    }
  }

  /// The constant's value; nil in the outer sense never, in the inner if it is an error.
  private func fold(_ id: NodeId) -> CelValue? {
    var evaluator = Evaluator(nodes: program.nodes, inputs: [], zones: ZoneTable())
    do {
      return try evaluator.value(id)
    } catch {
      return nil
    }
  }

  private mutating func constant(_ id: NodeId, pool: inout TextPool) -> Known? {
    guard let value = fold(id) else {
      emit(.constant, a: place(.missing), grows: 1)
      return Known(type: .null)
    }
    guard let scalar = Scalar(value, pool: &pool) else { return nil }
    emit(.constant, a: place(scalar), grows: 1)
    return Known(type: value.staticType)
  }

  private mutating func place(_ scalar: Scalar) -> Int {
    if let known = constants.firstIndex(of: scalar) { return known }
    constants.append(scalar)
    return constants.count - 1
  }

  // MARK: Logic

  private mutating func logic(
    _ items: [NodeId], absorbing: Int, pool: inout TextPool
  ) -> Known? {
    var jumps: [Int] = []
    for (index, item) in items.enumerated() {
      guard compile(item, pool: &pool) != nil else { return nil }
      if index > 0 { emit(.combine, b: absorbing, grows: -1) }
      guard index + 1 < items.count else { break }
      jumps.append(code.count)
      emit(.jumpIfAbsorbed, b: absorbing, grows: 0)
    }
    for jump in jumps { code[jump].a = Int32(code.count) }
    return Known(type: .bool)
  }

  private mutating func choice(
    _ condition: NodeId, _ yes: NodeId, _ no: NodeId, pool: inout TextPool
  ) -> Known? {
    guard compile(condition, pool: &pool) != nil else { return nil }
    let branch = code.count
    emit(.branch, grows: -1)
    guard let first = compile(yes, pool: &pool) else { return nil }
    let jump = code.count
    emit(.jump, grows: -1)
    code[branch].a = Int32(code.count)
    guard let second = compile(no, pool: &pool) else { return nil }
    code[jump].a = Int32(code.count)
    code[branch].b = Int32(code.count)
    return Known(
      type: first.type == second.type ? first.type : .dyn, texts: first.texts.union(second.texts))
  }

  // MARK: Calls

  private mutating func chainOfOperators(_ id: NodeId, pool: inout TextPool) -> Known? {
    var pending: [(function: CelFunction, right: NodeId)] = []
    var id = id
    while !isConstant(id), case .call(let function, let arguments) = program.nodes[id].kind,
      function.isBinaryOperator, arguments.count == 2
    {
      pending.append((function, arguments[1]))
      id = arguments[0]
    }
    guard var left = compile(id, pool: &pool) else { return nil }
    for step in pending.reversed() {
      guard let result = binary(step.function, left, step.right, pool: &pool) else { return nil }
      left = result
    }
    return left
  }

  private mutating func binary(
    _ function: CelFunction, _ left: Known, _ rightId: NodeId, pool: inout TextPool
  ) -> Known? {
    if function == .isIn { return isAmong(rightId, pool: &pool) }
    guard let right = compile(rightId, pool: &pool) else { return nil }
    switch function {
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
      guard !(left.mayBeOther && right.mayBeOther) else { return nil }
      let byContent = function != .equal && function != .notEqual
      if byContent || (!left.texts.isEmpty && !right.texts.isEmpty) {
        needsText.formUnion(left.texts.union(right.texts))
      }
      emitComparison(function)
      return Known(type: .bool)
    case .add:
      guard left.isSurelySummable || right.isSurelySummable else { return nil }
    default: break
    }
    emit(.calculate, function, grows: -1)
    // A dyn operand may be a timestamp here or a duration, so only numbers say what comes out.
    let type = left.type == right.type && left.type.isNumber ? left.type : CelType.dyn
    return Known(type: type == .dyn ? .null : type)
  }

  /// A slot against a constant, the usual case, is one instruction.
  private mutating func emitComparison(_ function: CelFunction) {
    let count = code.count
    if count >= 2, code[count - 1].operation == .constant, code[count - 2].operation == .slot,
      !code.contains(where: { isJump($0) && $0.a >= count - 1 })
    {
      let constant = code.removeLast().a
      let slot = code.removeLast().a
      depth -= 2
      emit(
        .compareSlotWithConstant, function, a: Int(slot), b: Int(constant), grows: 1)
    } else {
      emit(.compare, function, grows: -1)
    }
  }

  private func isJump(_ instruction: ScalarInstruction) -> Bool {
    switch instruction.operation {
    case .jump, .branch, .jumpIfAbsorbed: true
    default: false
    }
  }

  private mutating func isAmong(_ id: NodeId, pool: inout TextPool) -> Known? {
    guard isConstant(id) else { return nil }
    let items: [CelValue]
    switch fold(id) {
    case .list(let list): items = list
    case .map(let map): items = map.keys
    default: return nil
    }
    var scalars: [Scalar] = []
    for item in items {
      guard let scalar = Scalar(item, pool: &pool) else { return nil }
      scalars.append(scalar)
    }
    let start = constants.count
    constants += scalars
    emit(.isAmong, a: start, b: scalars.count, grows: 0)
    return Known(type: .bool)
  }

  private mutating func call(
    _ function: CelFunction, _ arguments: [NodeId], pool: inout TextPool
  ) -> Known? {
    switch function {
    case .greatest, .least: return extreme(function, arguments, pool: &pool)
    case _ where function.isClockField: return clock(function, arguments, pool: &pool)
    default: break
    }
    guard arguments.count == 1, let operand = compile(arguments[0], pool: &pool) else { return nil }
    switch function {
    case .dyn: return operand
    case .not:
      emit(.convert, function, grows: 0)
      return Known(type: .bool)
    case .double, .int, .uint:
      needsText.formUnion(operand.texts)
      emit(.convert, function, grows: 0)
      return Known(type: function == .double ? .double : function == .int ? .int : .uint)
    case .timestamp, .duration, .bool, .string:
      // Only what is of that type already: the texts of others are for the general evaluator.
      guard operand.type.description == function.rawValue else { return nil }
      emit(.convert, function, grows: 0)
      return operand
    case .isNaN, .isInf, .isFinite:
      emit(.convert, function, grows: 0)
      return Known(type: .bool)
    case .negate, .abs, .sign, .ceil, .floor, .round, .trunc:
      emit(.convert, function, grows: 0)
      return Known(type: operand.type.isNumber ? operand.type : .null)
    default: return nil
    }
  }

  private mutating func extreme(
    _ function: CelFunction, _ arguments: [NodeId], pool: inout TextPool
  ) -> Known? {
    var items = arguments
    if items.count == 1, case .list(let list) = program.nodes[items[0]].kind { items = list }
    guard let first = items.first, let known = compile(first, pool: &pool) else { return nil }
    // One value alone may be a list of numbers, unless it is known to be a number.
    if items.count == 1 { return known.type.isNumber ? known : nil }
    var isSame = known.type.isNumber
    for item in items.dropFirst() {
      guard let next = compile(item, pool: &pool) else { return nil }
      isSame = isSame && next.type == known.type
      emit(.extreme, function, grows: -1)
    }
    return Known(type: isSame ? known.type : .null)
  }

  private mutating func clock(
    _ function: CelFunction, _ arguments: [NodeId], pool: inout TextPool
  ) -> Known? {
    guard compile(arguments[0], pool: &pool) != nil else { return nil }
    if arguments.count == 1 {
      emit(.field, function, grows: 0)
    } else {
      guard let zone = compile(arguments[1], pool: &pool) else { return nil }
      needsText.formUnion(zone.texts)
      emit(.fieldInZone, function, grows: -1)
    }
    return Known(type: .int)
  }
}

extension Scalar {
  /// A value as a scalar, its text kept in the pool for ever; nil if it is none, or finer than a
  /// millisecond.
  package init?(_ value: CelValue, pool: inout TextPool) {
    switch value {
    case .null: self = .null
    case .bool(let holds): self.init(holds)
    case .int(let number): self.init(number)
    case .uint(let number): self.init(number)
    case .double(let number): self.init(number)
    case .string(let text): self.init(text: pool.internForever(text))
    case .timestamp(let time):
      guard time.nanos % 1_000_000 == 0 else { return nil }
      self.init(timestampMs: time.milliseconds)
    case .duration(let length):
      guard length.nanoseconds % 1_000_000 == 0 else { return nil }
      self.init(durationMs: length.nanoseconds / 1_000_000)
    default: return nil
    }
  }
}
