/// When a score's movement is worth a decision. Thresholds are compared in logits, so that nothing
/// is exponentiated to find out that nothing happened.
package struct ScoreTrigger: Equatable, Sendable {
  package enum Change: Equatable, Sendable {
    /// before < θ ≤ now, in logits.
    case risesAbove(Double)
    /// now < θ ≤ before, in logits.
    case fallsBelow(Double)
    /// The probability less its least in (t − within, t] comes to reach `by`.
    case risesBy(Double, within: Int64)
  }
  package var score: Int
  package var change: Change
  package init(score: Int, change: Change) {
    self.score = score
    self.change = change
  }

  /// Whether a move from `before` to `now` crosses the threshold. Nil: there was nothing before,
  /// which is below every threshold.
  package func crosses(from before: Double?, to now: Double) -> Bool {
    switch change {
    case .risesAbove(let threshold):
      return now >= threshold && (before.map { $0 < threshold } ?? true)
    case .fallsBelow(let threshold):
      return now < threshold && (before.map { $0 >= threshold } ?? false)
    case .risesBy: return false
    }
  }
}
