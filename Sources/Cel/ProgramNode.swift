/// One node of a checked expression, with every name resolved. Children come before parents.
struct ProgramNode: Sendable {
  enum Kind: Sendable {
    case constant(CelValue)
    /// The value of a variable, by its place in `CelProgram.reads`.
    case variable(Int)
    /// Whether that variable is there.
    case present(Int)
    /// A macro's variable, by its place on the stack of those.
    case local(Int)
    case select(NodeId, String)
    case hasField(NodeId, String)
    case index(NodeId, NodeId)
    case list([NodeId])
    case map([(key: NodeId, value: NodeId)])
    case and([NodeId])
    case or([NodeId])
    case choice(NodeId, NodeId, NodeId)
    case call(CelFunction, [NodeId])
    /// `matches` with a pattern that was known when the expression was loaded.
    case matches(NodeId, Pattern)
    case fold(ProgramFold)
    /// What an unchecked expression could not resolve: an error only where it is reached.
    case fail(String)
  }
  var kind: Kind
  var offset: Int
  var type: CelType
}

struct ProgramFold: Sendable {
  var kind: Fold.Kind
  var range: NodeId
  /// The place of its variable on the stack of locals.
  var local: Int
  var condition: NodeId?
  var result: NodeId?
}
