/// A variable that expressions may read.
package struct CelVariable: Sendable {
  /// One name (`logins_7d`), or a chain (`data.latency_hours`): a chain in an expression means the
  /// longest path that is declared.
  package var path: [String]
  package var type: CelType

  package init(path: [String], type: CelType) {
    self.path = path
    self.type = type
  }
}

/// An expression checked against its variables, ready to be evaluated any number of times.
///
/// Wrong types are found when it is made; what is `dyn` is checked as it is evaluated. JSON's
/// numbers are doubles, and CEL converts no number of its own accord: `data.count + 1` is an error
/// of the evaluation (`data.count + 1.0` is right), while `data.count > 1` is fine.
package struct CelProgram: Sendable {
  package let expression: CelExpression
  package let type: CelType
  /// Indices of the variables that are read, each once, in the order of the text.
  package let reads: [Int]
  let nodes: [ProgramNode]
  let root: NodeId

  /// `container` is a namespace such as `a.b` in which names are looked up first.
  package init(
    _ expression: CelExpression, variables: [CelVariable], container: String = ""
  ) throws(CelError) {
    try self.init(expression, variables: variables, container: container, checked: true)
  }

  /// `checked: false` lets types and names that do not fit pass until they are evaluated.
  /// `functions` are declared for the checker alone.
  package init(
    _ expression: CelExpression, variables: [CelVariable], container: String,
    functions: [(name: String, parameters: [CelType], result: CelType)] = [], checked: Bool
  ) throws(CelError) {
    var checker = Checker(
      expression, variables: variables, container: container, isChecked: checked)
    for function in functions {
      checker.extraFunctions[function.name, default: []].append(
        Overload(isMember: false, parameters: function.parameters, result: function.result))
    }
    root = try checker.lower(expression.root)
    checker.settleTypes()
    self.expression = expression
    nodes = checker.nodes
    type = checker.nodes[root].type
    reads = checker.reads
  }

  /// `values` gives a variable's value by its index among those declared; nil: it is missing.
  package func evaluate(
    _ values: (Int) -> CelValue?, zones: ZoneTable
  ) -> Result<CelValue, CelFailure> {
    var evaluator = Evaluator(nodes: nodes, inputs: reads.map(values), zones: zones)
    do {
      return .success(try evaluator.value(root))
    } catch {
      return .failure(error)
    }
  }
}
