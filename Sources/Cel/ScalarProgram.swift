/// The fast form of a program: none yet, everything goes through the general evaluator.
package struct ScalarProgram: Sendable { package var stringSlotsNeedText: [Int]
  package init?(_ p: CelProgram, pool: inout TextPool) { return nil }
  package func evaluate(_ slots: Span<Scalar>, texts: borrowing TextPool, zones: borrowing ZoneTable) -> Scalar { fatalError() } }
