package import Cel

/// A linear score in logits, z = bias + Σ weight · value, in declared order; the probability is
/// 1 / (1 + e^−z). After the logistic model of any textbook; the sum's order is part of the meaning,
/// since floating-point addition is not associative.
package struct ScorePlan: Sendable {
  package struct Weight: Sendable {
    /// Slot of the feature's value in the row.
    package var slot: Int
    /// The feature's name, for reasons.
    package var feature: String
    package var weight: Double
    package var reason: ReasonWords
    package init(slot: Int, feature: String, weight: Double, reason: ReasonWords) {
      self.slot = slot
      self.feature = feature
      self.weight = weight
      self.reason = reason
    }
  }
  package var name: String
  package var bias: Double
  package var weights: [Weight]

  package init(name: String, bias: Double, weights: [Weight]) {
    self.name = name
    self.bias = bias
    self.weights = weights
  }

  /// The score in logits; nil: a value is missing or not a number.
  package func logit(_ row: Span<Scalar>) -> Double? {
    var z = bias
    for index in weights.indices {
      guard let value = row[weights[index].slot].number else { return nil }
      z += weights[index].weight * value
    }
    return z
  }

  /// weight · value per feature, strongest first; equals keep the declared order.
  package func contributions(_ row: Span<Scalar>) -> [(weight: Weight, value: Double, part: Double)]
  {
    var parts: [(place: Int, value: Double, part: Double)] = []
    parts.reserveCapacity(weights.count)
    for index in weights.indices {
      let value = row[weights[index].slot].number ?? 0
      parts.append((index, value, weights[index].weight * value))
    }
    parts.sort { a, b in
      a.part.magnitude != b.part.magnitude
        ? a.part.magnitude > b.part.magnitude : a.place < b.place
    }
    return parts.map { (weights[$0.place], $0.value, $0.part) }
  }
}

/// How a reason is worded: from the playbook, or from the names in it.
package struct ReasonWords: Equatable, Sendable {
  package var code: String
  package var text: String?
  package var talkingPoint: String?
  /// The playbook has put something into words, beyond a name.
  package var isTold: Bool { text != nil || talkingPoint != nil }
  package init(code: String, text: String? = nil, talkingPoint: String? = nil) {
    self.code = code
    self.text = text
    self.talkingPoint = talkingPoint
  }
}
