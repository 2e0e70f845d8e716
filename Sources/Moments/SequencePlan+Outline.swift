extension SequencePlan {
  /// The plan as a state machine, a line for each place at which a match can wait; `name` gives the
  /// words for a condition.
  package func outline(_ name: (Int) -> String) -> [String] {
    var numbers = [start: 0]
    var places = [start]
    var lines: [String] = []
    var next = 0
    while next < places.count {
      let place = places[next]
      let node = nodes[place]
      var clauses: [String] = []
      for action in actions[node.first..<(node.first + node.count)] {
        if next == 0, action.kind != .take { continue }
        if action.goesOn, numbers[action.target] == nil {
          numbers[action.target] = places.count
          places.append(action.target)
        }
        clauses += clause(action, place, numbers, name)
      }
      if let lasting = node.lasting { clauses.append("after \(lasting) ms it is complete") }
      lines.append((next == 0 ? "start" : "\(next)") + ": " + clauses.joined(separator: "; "))
      next += 1
    }
    return lines
  }

  private func clause(
    _ action: Action, _ place: Int, _ numbers: [Int: Int], _ name: (Int) -> String
  ) -> [String] {
    let kept = bits(action.yes).map(name) + bits(action.no & ~action.yes).map { "not " + name($0) }
    let what = kept.isEmpty ? "anything" : kept.joined(separator: " and ")
    let time = action.kind == .take && action.within < .max ? " within \(action.within) ms" : ""
    switch action.kind {
    case .kill: return ["\(what) ends it"]
    case .move where action.target == place: return ["\(what) stays"]
    case .take, .move:
      var clauses: [String] = []
      if action.goesOn, let number = numbers[action.target] {
        clauses.append("\(what)\(time) -> \(number)")
      }
      if action.finishes { clauses.append("\(what)\(time) completes it") }
      return clauses
    }
  }
}
