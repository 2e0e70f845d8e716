internal import Cel
internal import Decisions
internal import Events

/// The paths that one event type's fields are read by.
struct FieldReads {
  var data: FieldPlan?
  var whole: FieldPlan?
  init(_ type: TypePlan, _ program: Program, _ reader: inout JsonReader) {
    if !type.dataFields.isEmpty {
      data = reader.plan(type.dataFields.map { program.fields[$0].path })
    }
    if !type.eventFields.isEmpty {
      whole = reader.plan(type.eventFields.map { program.fields[$0].path })
    }
  }
}

extension Shard {
  /// Reads one journal record. `range` is its place in `bytes`, which must be readable for 64 bytes
  /// more. `appendTime`: the record's timestamp, ms; archives have none and pass `Int64.min`.
  package mutating func read(
    _ bytes: Span<UInt8>, _ range: Range<Int>, position: Int64, appendTime: Int64
  ) {
    reach(position)
    isChained = keepsHashChain && !isRestoring
    if isChained {
      passHashPoint(position)
      chain.add(record: bytes.extracting(range), at: position)
    }
    self.position = position
    next = position + 1
    giveBackTexts()
    readRecord(bytes, range, appendTime)
    reach(next)
  }

  /// Passes over journal offsets that hold no records.
  package mutating func skip(to offset: Int64) {
    guard offset > next else { return }
    next = offset
    reach(next)
  }

  private mutating func readRecord(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ appendTime: Int64
  ) {
    let view: JournalView
    do {
      view = try JournalView(bytes, range)
    } catch {
      counts.unreadable += 1
      return
    }
    raisePolicyTime(to: appendTime)
    switch view.kind {
    case .event: readEvent(bytes, range, view, appendTime)
    case .tick: readTick(bytes, view)
    case .erase: readErase(bytes, view, appendTime)
    case .control: readControl(bytes, view)
    case .relay: break
    }
  }

  /// An archive's end: nothing will come before `time` any more (`Int64.max`: nothing at all).
  package mutating func end(at time: Int64 = .max) {
    raise(origins.origins.indices.map { ($0, time) })
  }

  /// Where a record comes from, unless it has come from there before.
  mutating func origin(_ bytes: Span<UInt8>, _ view: JournalView) -> Int? {
    let incarnation = view.originIncarnation
    if origins.isOutdated(bytes, name: view.originName, incarnation: incarnation) {
      counts.duplicates += 1
      return nil
    }
    let origin = origins.number(
      bytes, name: view.originName, incarnation: incarnation, partition: view.originPartition)
    if view.originOffset <= origins[origin].highest {
      counts.duplicates += 1
      return nil
    }
    origins[origin].highest = view.originOffset
    return origin
  }

  private mutating func readTick(_ bytes: Span<UInt8>, _ view: JournalView) {
    guard let tick = Tick(bytes, view.payload) else {
      counts.unreadable += 1
      return
    }
    var marks: [(origin: Int, time: Int64)] = []
    for entry in tick.entries {
      let name = entry.name.span
      if origins.isOutdated(name, name: 0..<name.count, incarnation: entry.incarnation) { continue }
      let index = origins.number(
        name, name: 0..<name.count, incarnation: entry.incarnation, partition: entry.partition)
      marks.append((index, entry.watermark.milliseconds))
    }
    raise(marks)
  }

  private mutating func readEvent(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ view: JournalView, _ appendTime: Int64
  ) {
    guard let origin = origin(bytes, view) else { return }
    let time = view.time.milliseconds
    let implied = Self.implied(view, appendTime)
    if isErased(bytes.extracting(view.customer), at: time) {
      counts.erased += 1
      raise(origin, to: implied)
      return
    }
    if appendTime < appliesSince {
      raise(origin, to: implied)
      return
    }
    var fresh = false
    let customer = customers.number(of: bytes, in: view.customer, fresh: &fresh)
    if fresh { addCustomer(customer) }
    if sleepers.contains(customer) {
      // Its slice, from further on, has the event in it.
      raise(origin, to: implied)
      return
    }
    changes.mark(customer)
    let hash = Self.hash(bytes, view)
    let block = blocks[customer.int]
    let isNew = seen.remember(
      &block.seen, id: hash, time: time, clock: max(block[Header.latest], time),
      span: routes.dedup)
    guard isNew else {
      counts.duplicates += 1
      raise(origin, to: implied)
      return
    }
    let waiting = slab.waitingSize(block)
    if waiting.count >= CustomerBounds.waiting || waiting.bytes >= CustomerBounds.waitingBytes {
      counts.dropped += 1
      flag(block)
      raise(origin, to: implied)
      return
    }
    counts.events += 1
    if time < watermark { counts.behind += 1 }
    let slot = hold(bytes, view, customer, hash, at: position)
    // Time moves first: what falls due up to this event's own promise comes before it.
    raise(origin, to: implied)
    let isSpecial = routes.isSpecial[Int(slab[slot].type)]
    if isSpecial { applyPolicy(slot) }
    let isHeld = time > origins[origin].watermark
    origins[origin].held.push(.init(time: time, position: position, slot: slot))
    // What the watermark lets through has gone already: a held event changes nothing of that.
    if !isHeld || isSpecial {
      release(origin)
      settle()
    }
    if isHeld || slab[slot].isHere {
      slab.keep(slot, record: bytes.extracting(range), appendTime: appendTime, block)
    }
  }

  /// The watermark of its source partition that a record promises.
  static func implied(_ view: JournalView, _ appendTime: Int64) -> Int64 {
    min(view.time.milliseconds &- Int64(view.delay), appendTime == .min ? .max : appendTime)
  }

  /// Names an event: of its source and id.
  static func hash(_ bytes: Span<UInt8>, _ view: JournalView) -> UInt64 {
    stableHash(
      stableHash(bytes.extracting(view.source)), with: stableHash(bytes.extracting(view.id)))
  }

  /// Takes what the fold will need of an event out of the record's bytes.
  mutating func hold(
    _ bytes: Span<UInt8>, _ view: JournalView, _ customer: CustomerIndex, _ hash: UInt64,
    at position: Int64
  ) -> Int {
    let type = routes.types.number(bytes, view.type)
    let slot = slab.take()
    slab.put(
      .init(
        time: view.time.milliseconds, position: position, hash: hash, customer: customer,
        type: type),
      slot, source: view.source, type: view.type, id: view.id, in: bytes)
    if let fields = plans[Int(type)].data, !view.data.isEmpty {
      pick(program.types[Int(type)].dataFields, fields, bytes, view.data, slot)
    }
    if let fields = plans[Int(type)].whole {
      pick(program.types[Int(type)].eventFields, fields, bytes, view.payload, slot)
    }
    return slot
  }

  private mutating func pick(
    _ slots: [Int], _ fields: FieldPlan, _ bytes: Span<UInt8>, _ range: Range<Int>, _ slot: Int
  ) {
    if reader.read(fields, bytes, range) != nil { return }
    for index in slots.indices {
      let field = reader.field(index)
      let (needsText, needsHash) = (
        program.fields[slots[index]].needsText, program.fields[slots[index]].needsHash
      )
      var value: Scalar
      switch field.kind {
      case .missing: continue
      case .int, .uint, .double: value = Scalar(field.double)
      case .string:
        value = Scalar(
          text: needsText
            ? reader.intern(field, in: bytes, pool: &memory.texts)
            : reader.find(field, in: bytes, pool: memory.texts))
        if !needsText { memory.texts.retain(value.text) }
      default: value = reader.scalar(field, in: bytes, pool: memory.texts)
      }
      slab.set(
        slot, slots[index], value,
        hash: needsHash ? fieldHash(field, value, bytes) : 0)
    }
    for index in slots.indices where program.fields[slots[index]].needsTree {
      let field = reader.field(index)
      guard field.kind == .list || field.kind == .map else { continue }
      guard let tree = tree(bytes, field.text) else { continue }
      slab.set(slot, slots[index], tree: tree)
    }
  }

  /// Of the kind and the value, so that "1" and 1 differ.
  private func fieldHash(_ field: JsonField, _ value: Scalar, _ bytes: Span<UInt8>) -> UInt64 {
    switch field.kind {
    case .string:
      let text =
        field.isUnescaped
        ? stableHash(reader.scratch.span.extracting(field.text))
        : stableHash(bytes.extracting(field.text))
      return stableHash(text, with: UInt64(Scalar.Kind.string.rawValue))
    case .list, .map:
      return stableHash(stableHash(bytes.extracting(field.text)), with: 99)
    default:
      return stableHash(value.bits, with: UInt64(value.kind.rawValue))
    }
  }

  private mutating func tree(_ bytes: Span<UInt8>, _ range: Range<Int>) -> CelValue? {
    var reader = JsonReader()
    do {
      return CelValue(try JsonTree.parse(bytes, range, reader: &reader))
    } catch {
      return nil
    }
  }

  /// Gives an applied event's place back.
  mutating func discard(_ slot: Int) {
    for place in routes.fields(of: Int(slab[slot].type)) { clear(slot, routes.fields[place]) }
    slab.give(back: slot, blocks[slab[slot].customer.int])
  }

  private mutating func clear(_ slot: Int, _ index: Int) {
    let value = slab.field(slot, index)
    if value.kind == .string { memory.texts.release(value.text) }
    slab.clear(slot, index)
  }
}

extension CelValue {
  /// JSON as CEL sees it: every number a double.
  init(_ tree: JsonTree) {
    switch tree {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .double(Double(value))
    case .uint(let value): self = .double(Double(value))
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .list(values.map { CelValue($0) })
    case .object(let members):
      var entries: [(key: CelValue, value: CelValue)] = []
      for member in members where !entries.contains(where: { $0.key.equals(.string(member.name)) })
      {
        entries.append((.string(member.name), CelValue(member.value)))
      }
      self = .map(CelMap(entries) ?? CelMap())
    }
  }
}
