/// Reads tokens into a tree, by precedence climbing: `? :`, then `||`, `&&`, relations, `+ -`,
/// `* / %`, signs, members.
struct Parser {
  var nodes: [SyntaxNode] = []
  private let tokens: [Token]
  private var position = 0
  private var nesting = 0

  /// How deep parentheses, calls, lists and the tree itself may nest. CEL asks for at least 32.
  static let depthMax = 128

  /// How high the tree may be with every operator of a chain such as `1 + 1 + 1` counted.
  static let heightMax = 1000

  static func parse(_ text: String) throws(CelError) -> (nodes: [SyntaxNode], root: NodeId) {
    var parser = Parser(tokens: try Lexer.tokens(of: text))
    guard parser.tokens.count > 1 else {
      throw CelError(offset: 0, message: "the expression is empty")
    }
    let root = try parser.expression()
    guard parser.peek.kind == .end else {
      throw parser.unexpected("an operator or the end")
    }
    return (parser.nodes, root)
  }

  private init(tokens: [Token]) { self.tokens = tokens }

  private var peek: Token { tokens[position] }

  private mutating func take() -> Token {
    let token = tokens[position]
    if position + 1 < tokens.count { position += 1 }
    return token
  }

  private mutating func skip(_ sign: String) -> Bool {
    guard peek.kind == .sign(sign) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ sign: String) throws(CelError) {
    guard skip(sign) else { throw unexpected("'\(sign)'") }
  }

  private func unexpected(_ wanted: String) -> CelError {
    let found: String
    switch peek.kind {
    case .end: found = "the end"
    case .sign(let sign): found = "'\(sign)'"
    case .name(let name), .quotedName(let name): found = "'\(name)'"
    case .string, .bytes: found = "a text"
    case .int, .uint, .double: found = "a number"
    }
    return CelError(offset: peek.offset, message: "expected \(wanted), found \(found)")
  }

  mutating func add(_ kind: SyntaxNode.Kind, at offset: Int) throws(CelError) -> NodeId {
    var node = SyntaxNode(kind: kind, offset: offset, depth: 1, height: 1)
    for (place, child) in node.children.enumerated() {
      let inChain = place == 0 && node.binary != nil && nodes[child].binary != nil
      node.depth = max(node.depth, nodes[child].depth + (inChain ? 0 : 1))
      node.height = max(node.height, nodes[child].height + 1)
    }
    guard node.depth <= Parser.depthMax else { throw tooDeep(offset) }
    guard node.height <= Parser.heightMax else {
      throw CelError(
        offset: offset,
        message: "this chains more than \(Parser.heightMax - 1) operators: split it")
    }
    nodes.append(node)
    return nodes.count - 1
  }

  private func tooDeep(_ offset: Int) -> CelError {
    CelError(
      offset: offset, message: "this nests deeper than \(Parser.depthMax) levels: split it")
  }

  private mutating func expression() throws(CelError) -> NodeId {
    nesting += 1
    guard nesting <= Parser.depthMax else { throw tooDeep(peek.offset) }
    let condition = try either()
    var result = condition
    let offset = peek.offset
    if skip("?") {
      let yes = try either()
      try expect(":")
      result = try add(.choice(condition, yes, try expression()), at: offset)
    }
    nesting -= 1
    return result
  }

  private mutating func either() throws(CelError) -> NodeId {
    let offset = peek.offset
    var items = [try both()]
    while skip("||") { items.append(try both()) }
    return items.count == 1 ? items[0] : try add(.or(items), at: offset)
  }

  private mutating func both() throws(CelError) -> NodeId {
    let offset = peek.offset
    var items = [try operation(1)]
    while skip("&&") { items.append(try operation(1)) }
    return items.count == 1 ? items[0] : try add(.and(items), at: offset)
  }

  private func binary(_ token: Token) -> (name: String, strength: Int)? {
    switch token.kind {
    case .name("in"): ("in", 1)
    case .sign(let sign):
      switch sign {
      case "==", "!=", "<", "<=", ">", ">=": (sign, 1)
      case "+", "-": (sign, 2)
      case "*", "/", "%": (sign, 3)
      default: nil
      }
    default: nil
    }
  }

  /// Binary operators at least as strong as `weakest`, left to right.
  private mutating func operation(_ weakest: Int) throws(CelError) -> NodeId {
    var left = try signed()
    while let (name, strength) = binary(peek), strength >= weakest {
      let offset = take().offset
      let right = strength == 3 ? try signed() : try operation(strength + 1)
      left = try add(.call(name, receiver: nil, [left, right]), at: offset)
    }
    return left
  }

  private mutating func signed() throws(CelError) -> NodeId {
    var signs: [(name: String, offset: Int)] = []
    while peek.kind == .sign("!") || peek.kind == .sign("-") {
      guard case .sign(let name) = peek.kind else { break }
      if let last = signs.last, last.name != name {
        throw CelError(
          offset: peek.offset, message: "'\(last.name)\(name)' needs parentheses between the two")
      }
      signs.append((name, take().offset))
    }
    var operand: NodeId
    if signs.last?.name == "-", let negative = negated(peek.kind) {
      let offset = signs.removeLast().offset
      _ = take()
      operand = try members(of: try add(.literal(negative), at: offset))
    } else {
      operand = try members(of: try primary())
    }
    for sign in signs.reversed() {
      let name = sign.name == "-" ? "negate" : "!"
      operand = try add(.call(name, receiver: nil, [operand]), at: sign.offset)
    }
    return operand
  }

  private func negated(_ kind: Token.Kind) -> CelValue? {
    switch kind {
    case .int(let size): .int(Int64(truncatingIfNeeded: 0 &- size))
    case .double(let value): .double(-value)
    default: nil
    }
  }

  private mutating func members(of start: NodeId) throws(CelError) -> NodeId {
    var operand = start
    while true {
      let offset = peek.offset
      if skip("[") {
        if peek.kind == .sign("?") { throw optionalSyntax() }
        let key = try expression()
        try expect("]")
        operand = try add(.index(operand, key), at: offset)
      } else if skip(".") {
        operand = try member(of: operand)
      } else if peek.kind == .sign("{"), case .name = nodes[operand].kind {
        throw CelError(
          offset: peek.offset, message: "messages are not part of this language: write a map {...}")
      } else {
        return operand
      }
    }
  }

  private mutating func member(of operand: NodeId) throws(CelError) -> NodeId {
    let token = take()
    switch token.kind {
    case .sign("?"):
      throw optionalSyntax()
    case .quotedName(let name):
      return try add(.select(operand, name), at: token.offset)
    case .name(let name) where !Parser.constants.contains(name) && name != "in":
      guard skip("(") else { return try add(.select(operand, name), at: token.offset) }
      let arguments = try items(until: ")", trailingComma: false)
      if let fold = try fold(name, operand, arguments, at: token.offset) { return fold }
      return try add(.call(name, receiver: operand, arguments), at: token.offset)
    default:
      position -= token.kind == .end ? 0 : 1
      throw unexpected("a field's name")
    }
  }

  private func optionalSyntax() -> CelError {
    CelError(offset: peek.offset, message: "optional values ('?') are not part of this language")
  }

  private mutating func items(
    until sign: String, trailingComma: Bool
  ) throws(CelError) -> [NodeId] {
    var items: [NodeId] = []
    while !skip(sign) {
      if !items.isEmpty {
        guard skip(",") else { throw unexpected("',' or '\(sign)'") }
        if trailingComma && skip(sign) { break }
      }
      if peek.kind == .sign("?") { throw optionalSyntax() }
      items.append(try expression())
    }
    return items
  }

  private mutating func primary() throws(CelError) -> NodeId {
    let token = peek
    switch token.kind {
    case .sign("("):
      _ = take()
      let inner = try expression()
      try expect(")")
      return inner
    case .sign("["):
      _ = take()
      return try add(.list(try items(until: "]", trailingComma: true)), at: token.offset)
    case .sign("{"):
      _ = take()
      return try map(at: token.offset)
    case .sign("."):
      _ = take()
      guard case .name(let name) = peek.kind else { throw unexpected("a name") }
      return try nameOrCall(name, rooted: true)
    case .name(let name):
      return try nameOrCall(name, rooted: false)
    default:
      guard let value = try literal(token) else { throw unexpected("a value") }
      _ = take()
      return try add(.literal(value), at: token.offset)
    }
  }

  private func literal(_ token: Token) throws(CelError) -> CelValue? {
    switch token.kind {
    case .int(let size):
      guard size <= UInt64(Int64.max) else {
        throw CelError(
          offset: token.offset, message: "\(size) is too large for an int; write \(size)u")
      }
      return .int(Int64(size))
    case .uint(let value): return .uint(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .bytes(let value): return .bytes(value)
    default: return nil
    }
  }

  private mutating func nameOrCall(_ name: String, rooted: Bool) throws(CelError) -> NodeId {
    let offset = peek.offset
    switch name {
    case "true", "false":
      _ = take()
      return try add(.literal(.bool(name == "true")), at: offset)
    case "null":
      _ = take()
      return try add(.literal(.null), at: offset)
    default: break
    }
    guard name != "in" && !Parser.reserved.contains(name) else {
      throw CelError(
        offset: offset, message: "'\(name)' is a reserved word and cannot be a variable's name")
    }
    _ = take()
    guard skip("(") else { return try add(.name(name, rooted: rooted), at: offset) }
    let arguments = try items(until: ")", trailingComma: false)
    if name == "has" && !rooted && arguments.count == 1 {
      guard case .select(let operand, let field) = nodes[arguments[0]].kind else {
        throw CelError(
          offset: nodes[arguments[0]].offset, message: "has() asks for a field: write has(a.b)")
      }
      return try add(.has(operand, field), at: offset)
    }
    return try add(.call(name, receiver: nil, arguments), at: offset)
  }

  private mutating func map(at offset: Int) throws(CelError) -> NodeId {
    var entries: [(key: NodeId, value: NodeId)] = []
    while !skip("}") {
      if !entries.isEmpty {
        guard skip(",") else { throw unexpected("',' or '}'") }
        if skip("}") { break }
      }
      if peek.kind == .sign("?") { throw optionalSyntax() }
      let key = try expression()
      try expect(":")
      entries.append((key, try expression()))
    }
    return try add(.map(entries), at: offset)
  }

  /// The node for a macro such as `all`; nil if `name` with that many arguments is none.
  private mutating func fold(
    _ name: String, _ range: NodeId, _ arguments: [NodeId], at offset: Int
  ) throws(CelError) -> NodeId? {
    guard let kind = Fold.Kind(rawValue: name),
      arguments.count == 2 || (kind == .map && arguments.count == 3)
    else { return nil }
    guard case .name(let variable, rooted: false) = nodes[arguments[0]].kind else {
      throw CelError(
        offset: nodes[arguments[0]].offset,
        message: "\(name)() names each item first: write \(name)(x, ...)")
    }
    var fold = Fold(kind: kind, range: range, variable: variable)
    if kind == .map {
      fold.result = arguments[arguments.count - 1]
      fold.condition = arguments.count == 3 ? arguments[1] : nil
    } else {
      fold.condition = arguments[1]
    }
    return try add(.fold(fold), at: offset)
  }

  private static let constants: Set<String> = ["true", "false", "null"]
  private static let reserved: Set<String> = [
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
    "package", "namespace", "return", "var", "void", "while",
  ]
}
