/// An expression that has been read, but not yet checked against what may be named in it.
package struct CelExpression: Sendable {
  package let text: String
  let nodes: [SyntaxNode]
  let root: NodeId

  /// Throws what is wrong with the text, with its place in UTF-8 bytes.
  package init(parsing text: String) throws(CelError) {
    self.text = text
    (nodes, root) = try Parser.parse(text)
  }

  /// The names that stand free (not bound by a macro), each once, in the order of the text. Names
  /// of standard types and of extensions' functions (`math.greatest`) are not among them.
  package var identifiers: [String] {
    var walk = NameWalk(self)
    walk.visit(root)
    var seen: Set<[UInt8]> = []
    return walk.chains.map { $0[0] }.filter { seen.insert(Array($0.utf8)).inserted }
  }

  /// The longest chains of constant fields that start at the free name `root`, each once, in the
  /// order of the text, without `root` itself: `data.a.b`, `data["a"]` and `has(data.a)` give
  /// `["a", "b"]` and `["a"]`; `data` on its own gives `[]`.
  package func paths(root: String) -> [[String]] {
    var walk = NameWalk(self)
    walk.visit(self.root)
    var seen: Set<[[UInt8]]> = []
    return walk.chains.filter { sameBytes($0[0], root) }.map { Array($0.dropFirst()) }
      .filter { seen.insert($0.map { Array($0.utf8) }).inserted }
  }
}

/// Collects the chains of fields that start at free names.
private struct NameWalk {
  private let expression: CelExpression
  private var bound: [String] = []
  var chains: [[String]] = []

  init(_ expression: CelExpression) { self.expression = expression }

  /// The recursion is as deep as the tree, which the parser bounds, except along a chain of binary
  /// operators, which is walked in a loop.
  mutating func visit(_ id: NodeId) {
    var rights: [NodeId] = []
    var id = id
    while let binary = expression.nodes[id].binary {
      rights.append(binary.right)
      id = binary.left
    }
    visitOne(id)
    for right in rights.reversed() { visit(right) }
  }

  private mutating func visitOne(_ id: NodeId) {
    if let chain = expression.chain(at: id) {
      let isType = StandardTypes.value(named: chain.names.joined(separator: ".")) != nil
      let isBound = !chain.rooted && bound.contains { sameBytes($0, chain.names[0]) }
      if !isBound && !isType { chains.append(chain.names) }
      return
    }
    switch expression.nodes[id].kind {
    case .fold(let fold):
      visit(fold.range)
      bound.append(fold.variable)
      if let condition = fold.condition { visit(condition) }
      if let result = fold.result { visit(result) }
      bound.removeLast()
    case .call(let name, let receiver?, let arguments):
      if Overloads.namespaced(name, expression.chain(at: receiver)?.names) == nil {
        visit(receiver)
      }
      for argument in arguments { visit(argument) }
    default:
      for child in expression.nodes[id].children { visit(child) }
    }
  }
}

/// A name and the constant fields that are selected from it.
struct NameChain {
  var names: [String]
  /// Written with a leading dot.
  var rooted: Bool
  /// The node of each name, the outermost last.
  var nodes: [NodeId]
}

extension CelExpression {
  /// The chain that node `id` is: a name, or fields selected from one (`a.b`, `a["b"]`,
  /// `has(a.b)`).
  func chain(at id: NodeId) -> NameChain? {
    var names: [String] = []
    var ids: [NodeId] = []
    var next = id
    while true {
      ids.append(next)
      switch nodes[next].kind {
      case .name(let name, let rooted):
        return NameChain(
          names: [name] + names.reversed(), rooted: rooted, nodes: Array(ids.reversed()))
      case .select(let operand, let field):
        names.append(field)
        next = operand
      case .has(let operand, let field) where next == id:
        names.append(field)
        next = operand
      case .index(let operand, let key):
        guard case .literal(.string(let field)) = nodes[key].kind else { return nil }
        names.append(field)
        next = operand
      default: return nil
      }
    }
  }
}
