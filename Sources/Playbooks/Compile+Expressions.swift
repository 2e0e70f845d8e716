internal import Cel
internal import Engine
internal import Features
internal import Scores
internal import Yaml

extension ProgramCompiler {
  func parse(_ text: CelText) -> CelExpression? {
    do {
      return try CelExpression(parsing: text.text)
    } catch {
      diagnostics.report(text.position(ofByte: error.offset), error.message)
      return nil
    }
  }

  /// What an expression may not look at.
  struct Limits {
    /// Nothing of an event: it is also looked at when time moves.
    var noEvent = false
    /// No features: it decides what goes into them.
    var noFeatures = false
    var isCondition = true
  }

  /// The expression's number; nil: it is wrong, and that has been reported. `types`: of the events
  /// that it is asked about.
  mutating func expression(
    _ text: CelText, playbook: Int, types: [Int], _ limits: Limits = Limits()
  ) -> Int? {
    let key = "\(playbook)\u{0}\(text.text)"
    if let known = predicateOf[key] {
      guard allow(known, text, limits) else { return nil }
      readFields(of: known, by: types)
      return known
    }
    guard let parsed = parse(text) else { return nil }
    let program: CelProgram
    do {
      program = try CelProgram(parsed, variables: visible(to: playbook))
    } catch {
      diagnostics.report(text.position(ofByte: error.offset), error.message)
      return nil
    }
    let scalar = ScalarProgram(program, pool: &texts)
    let reads = program.reads
    let predicate = Predicate(
      scalar: scalar, general: program, fills: reads.filter { $0 >= fields.count },
      readsEvent: reads.contains { isOfEvent($0) }, text: text.text)
    predicates.append(predicate)
    let number = predicates.count - 1
    guard allow(number, text, limits) else { return nil }
    predicateOf[key] = number
    markTexts(number, scalar: scalar, reads: reads.filter { $0 < fields.count })
    readFields(of: number, by: types)
    return number
  }

  private func allow(_ number: Int, _ text: CelText, _ limits: Limits) -> Bool {
    let predicate = predicates[number]
    if limits.isCondition, predicate.general.type != .bool, predicate.general.type != .dyn {
      diagnostics.report(
        text.position, "this is a condition, but its type is \(predicate.general.type)",
        hint: "compare it with something, as in `… > 3`")
      return false
    }
    if limits.noEvent, predicate.readsEvent {
      diagnostics.report(
        text.position, "this is looked at when time moves, when there is no event to look into",
        hint: "use facts and features here, and `where` for an event's fields")
      return false
    }
    if limits.noFeatures, predicate.fills.contains(where: { isFeature($0) }) {
      diagnostics.report(
        text.position, "a feature's or fact's `where` cannot look at features",
        hint: "look at the event (`data.…`) and at facts here")
      return false
    }
    return true
  }

  private func isFeature(_ slot: Int) -> Bool {
    switch slots[slot] {
    case .feature, .score: true
    default: false
    }
  }

  private func isOfEvent(_ slot: Int) -> Bool {
    switch slots[slot] {
    case .field, .type, .source, .id: true
    default: false
    }
  }

  /// All slots, those of other playbooks under names that nobody can write.
  func visible(to playbook: Int) -> [CelVariable] {
    variables.indices.map { slot in
      guard let owner = owners[slot], owner != playbook else { return variables[slot] }
      return CelVariable(path: ["\u{0}\(owner)"] + variables[slot].path, type: variables[slot].type)
    }
  }

  /// Which fields must bring their text, or their whole tree, for this expression.
  private mutating func markTexts(_ number: Int, scalar: ScalarProgram?, reads: [Int]) {
    for slot in reads {
      if let scalar {
        if scalar.stringSlotsNeedText.contains(slot) { fields[slot].needsText = true }
      } else {
        fields[slot].needsText = true
        fields[slot].needsTree = true
      }
    }
  }

  private mutating func readFields(of number: Int, by types: [Int]) {
    for slot in predicates[number].general.reads where slot < fields.count {
      read(slot, by: types)
    }
  }

  /// The features (never `.value` ones) that a row slot stands on.
  func leaves(ofSlots slots: [Int]) -> [Int] {
    var found: [Int] = []
    for slot in slots {
      let new: [Int]
      switch self.slots[slot] {
      case .score(let score): new = leaves(ofSlots: scores[score].weights.map(\.slot))
      case .feature(let index):
        if case .value(let expression) = features[index].kind {
          new = leaves(ofSlots: predicates[expression].fills)
        } else {
          new = [index]
        }
      default: continue
      }
      for leaf in new where !found.contains(leaf) { found.append(leaf) }
    }
    return found
  }

  /// The facts that a row slot stands on.
  func facts(ofSlots slots: [Int]) -> [Int] {
    var found: [Int] = []
    for slot in slots {
      switch self.slots[slot] {
      case .fact(let index): found.append(index)
      case .score(let score): found += facts(ofSlots: scores[score].weights.map(\.slot))
      case .zone(let playbook):
        if let own = scopes[playbook].facts["timezone"] { found.append(own) }
      case .feature(let index):
        if case .value(let expression) = features[index].kind {
          found += facts(ofSlots: predicates[expression].fills)
        }
      default: break
      }
    }
    return found
  }

  func readsTime(_ slots: [Int]) -> Bool {
    slots.contains { slot in
      switch self.slots[slot] {
      case .time: return true
      case .score(let score): return readsTime(scores[score].weights.map(\.slot))
      case .feature(let index):
        switch features[index].kind {
        case .since(_, _, let exact): return exact
        case .value(let expression): return readsTime(predicates[expression].fills)
        default: return false
        }
      default: return false
      }
    }
  }
}
