internal import Cel
internal import Decisions
internal import Events
internal import Features

// The CEL row: one scalar per slot, filled when something reads it, forgotten at the next instant.

extension Shard {
  /// Turns to a customer at an instant. Event fields are those of `event`, if there is one.
  mutating func begin(_ customer: CustomerIndex, now: Int64, event: Int?) {
    epoch &+= 1
    if epoch == 0 {
      // Around once: what was filled so long ago must not pass for filled now.
      for slot in filled.indices { filled[slot] = 0 }
      epoch = 1
    }
    giveBackTexts()
    changes.mark(customer)
    at = (customer, now)
    current = event
    clearFields()
    if let event { takeFields(event) }
  }

  /// Takes the fields of an event into the row: those that its type has. All others are missing.
  private mutating func takeFields(_ event: Int) {
    let type = Int(slab[event].type)
    for place in routes.fields(of: type) {
      let index = routes.fields[place]
      row[index] = slab.field(event, index)
    }
    rowType = type
  }

  mutating func clearFields() {
    guard let type = rowType else { return }
    rowType = nil
    for place in routes.fields(of: type) { row[routes.fields[place]] = .missing }
  }

  /// The slot's value, computed if nobody has asked for it at this instant.
  mutating func fill(_ slot: Int, _ block: Words, _ now: Int64) -> Scalar {
    if filled[slot] == epoch { return row[slot] }
    let value: Scalar
    switch program.slots[slot] {
    case .field: return row[slot]
    case .feature(let index): value = feature(index, block, now)
    case .fact(let index): value = fact(index, block)
    case .score(let index):
      value = logit(index, block, now).map { Scalar(logistic($0)) } ?? .missing
    case .time: value = Scalar(timestampMs: current.map { slab[$0].time } ?? now)
    case .zone(let playbook): value = zoneName(playbook, block)
    case .type:
      if let current { value = text(slab.type(current)) } else { value = .missing }
    case .source:
      if let current { value = text(slab.source(current)) } else { value = .missing }
    case .id:
      if let current { value = text(slab.id(current)) } else { value = .missing }
    case .customer: value = text(customers.id(at.customer))
    }
    row[slot] = value
    filled[slot] = epoch
    return value
  }

  /// A string for the row that neither book nor state need hold: until the next instant, or the
  /// next record, it has a reference.
  private mutating func text(_ bytes: [UInt8]) -> Scalar {
    let id = memory.texts.intern(bytes.span)
    rowTexts.append(id)
    return Scalar(text: id)
  }

  @inline(__always)
  mutating func giveBackTexts() {
    if !rowTexts.isEmpty { giveBackRowTexts() }
  }

  @inline(never)
  private mutating func giveBackRowTexts() {
    for id in rowTexts { memory.texts.release(id) }
    rowTexts.removeAll(keepingCapacity: true)
  }

  private mutating func feature(_ index: Int, _ block: Words, _ now: Int64) -> Scalar {
    let plan = program.features.features[index]
    guard case .value(let expression) = plan.kind else {
      return program.features.value(index, at: now, block, &memory)
    }
    let value = evaluate(expression, block, now)
    return value.kind == .missing ? plan.fallback : value
  }

  private func fact(_ index: Int, _ block: Words) -> Scalar {
    let plan = program.facts[index]
    let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[plan.offset + 1])) ?? .missing
    if kind == .missing { return plan.fallback }
    return Scalar(kind: kind, bits: UInt64(bitPattern: block[plan.offset + 2]))
  }

  /// The zone of the policy's calendar words: the customer's own where a fact names one that exists,
  /// else the policy's, else the playbook's.
  func zone(playbook: Int, _ block: Words) -> ZoneId {
    let (ofPlaybook, _, slot) = program.playbookZones[playbook]
    let zone = program.checks.policy.zone ?? ofPlaybook
    guard let slot, case .fact(let index) = program.slots[slot] else { return zone }
    let own = fact(index, block)
    guard own.kind == .string else { return zone }
    return program.zones.zone(named: memory.texts.bytes(own.text).span) ?? zone
  }

  private func zoneName(_ playbook: Int, _ block: Words) -> Scalar {
    let (_, name, slot) = program.playbookZones[playbook]
    guard let slot, case .fact(let index) = program.slots[slot] else { return Scalar(text: name) }
    let own = fact(index, block)
    guard own.kind == .string,
      program.zones.zone(named: memory.texts.bytes(own.text).span) != nil
    else { return Scalar(text: name) }
    return own
  }

  /// An expression's value; `.missing` and counted if it fails.
  mutating func evaluate(_ index: Int, _ block: Words, _ now: Int64) -> Scalar {
    for slot in program.predicates[index].fills { _ = fill(slot, block, now) }
    let value: Scalar
    if let scalar = program.predicates[index].scalar {
      value = scalar.evaluate(row.span, texts: memory.texts, zones: program.zones)
    } else {
      switch generalValue(index) {
      case .success(let result): value = self.scalar(result)
      case .failure: value = .missing
      }
    }
    if value.kind == .missing { counts.celErrors += 1 }
    return value
  }

  mutating func isTrue(_ index: Int, _ block: Words, _ now: Int64) -> Bool {
    let value = evaluate(index, block, now)
    return value.kind == .bool && value.bool
  }

  /// The general evaluator on the filled row.
  private func generalValue(_ index: Int) -> Result<CelValue, CelFailure> {
    program.predicates[index].general.evaluate({ celValue(slot: $0) }, zones: program.zones)
  }

  private func celValue(slot: Int) -> CelValue? {
    let value = row[slot]
    switch value.kind {
    case .missing: return nil
    case .null: return .null
    case .bool: return .bool(value.bool)
    case .int: return .int(value.int)
    case .uint: return .uint(value.bits)
    case .double: return .double(value.double)
    case .string: return .string(memory.texts.string(value.text))
    case .timestamp: return CelTimestamp(milliseconds: value.int).map { .timestamp($0) }
    case .duration: return CelDuration(milliseconds: value.int).map { .duration($0) }
    case .other: return current.flatMap { slab.tree($0, slot) }
    }
  }

  private mutating func scalar(_ value: CelValue) -> Scalar {
    switch value {
    case .null: .null
    case .bool(let value): Scalar(value)
    case .int(let value): Scalar(value)
    case .uint(let value): Scalar(value)
    case .double(let value): Scalar(value)
    case .string(let value): text(Array(value.utf8))
    default: .other
    }
  }

  /// An expression's value as JSON, for what a decision carries; nil if it fails.
  mutating func json(_ index: Int, _ block: Words, _ now: Int64) -> [UInt8]? {
    for slot in program.predicates[index].fills { _ = fill(slot, block, now) }
    guard case .success(let value) = generalValue(index) else {
      counts.celErrors += 1
      return nil
    }
    var writer = JsonWriter()
    writer.value(value)
    return writer.bytes
  }

  mutating func string(_ index: Int, _ block: Words, _ now: Int64) -> String? {
    for slot in program.predicates[index].fills { _ = fill(slot, block, now) }
    guard case .success(.string(let text)) = generalValue(index), !text.isEmpty else { return nil }
    return text
  }
}
