/// The position of a node in its tree's array.
typealias NodeId = Int

/// An expression as it was written, one node of it. Children come before their parents in the
/// array that holds them all, so that walking it needs no recursion.
struct SyntaxNode: Sendable {
  enum Kind: Sendable {
    case literal(CelValue)
    /// `a`, or `.a` (rooted: looked up without the container).
    case name(String, rooted: Bool)
    /// `a.b`
    case select(NodeId, String)
    /// `has(a.b)`
    case has(NodeId, String)
    /// `a[b]`
    case index(NodeId, NodeId)
    /// `f(x)`, `a.f(x)`, and operators under names such as `+`.
    case call(String, receiver: NodeId?, [NodeId])
    case list([NodeId])
    case map([(key: NodeId, value: NodeId)])
    /// `a && b && c` is one node.
    case and([NodeId])
    case or([NodeId])
    /// `a ? b : c`
    case choice(NodeId, NodeId, NodeId)
    case fold(Fold)
  }

  var kind: Kind
  /// UTF-8 bytes from the start of the text.
  var offset: Int
  /// How deep a walk from here goes. A chain of binary operators counts once, since it is walked
  /// in a loop.
  var depth: Int
  /// The same with every operator of a chain counted.
  var height: Int

  var children: [NodeId] {
    switch kind {
    case .literal, .name: []
    case .select(let operand, _), .has(let operand, _): [operand]
    case .index(let operand, let key): [operand, key]
    case .call(_, let receiver, let arguments): (receiver.map { [$0] } ?? []) + arguments
    case .list(let items), .and(let items), .or(let items): items
    case .map(let entries): entries.flatMap { [$0.key, $0.value] }
    case .choice(let condition, let yes, let no): [condition, yes, no]
    case .fold(let fold): [fold.range, fold.condition, fold.result].compactMap(\.self)
    }
  }

  /// The operands if this is a binary operator of those that are walked as a chain.
  var binary: (name: String, left: NodeId, right: NodeId)? {
    guard case .call(let name, nil, let arguments) = kind, arguments.count == 2,
      SyntaxNode.binaryOperators.contains(name)
    else { return nil }
    return (name, arguments[0], arguments[1])
  }

  static let binaryOperators: Set<String> = [
    "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in",
  ]
}

/// `range.all(variable, condition)` and its kin.
struct Fold: Sendable {
  enum Kind: String, Sendable {
    case all, exists
    case existsOne = "exists_one"
    case map, filter
  }
  var kind: Kind
  var range: NodeId
  var variable: String
  /// What must hold; nil in a `map` without a filter.
  var condition: NodeId?
  /// What a `map` makes of each item.
  var result: NodeId?
}
