internal import Cel
internal import Events

// A waiting event in a snapshot: what the fold has taken of its record.

extension EventSlab {
  func write(_ slot: Int, _ texts: TextPool, to out: inout SnapshotWriter) {
    let event = events[slot]
    out.int(event.time)
    out.int(event.position)
    out.fixed(event.hash)
    out.count(Int(event.customer.raw))
    out.count(Int(event.type))
    out.text(id(slot))
    out.text(source(slot))
    out.text(unmentionedType(slot))
    let present = (0..<fieldCount).filter { field(slot, $0).kind != .missing }
    out.count(present.count)
    for index in present {
      out.count(index)
      out.scalar(field(slot, index), texts)
      out.fixed(hash(slot, index))
      let tree = tree(slot, index)
      out.flag(tree != nil)
      if let tree { out.tree(tree) }
    }
  }

  /// The event's new place.
  mutating func read(
    _ input: inout SnapshotReader, customers: Int, _ program: Program, _ texts: inout TextPool
  ) throws(SnapshotError) -> Int {
    let slot = take()
    self[slot] = Event(
      time: try input.int(), position: try input.int(), hash: try input.fixed(),
      customer: CustomerIndex(try input.index(below: customers, "customer")),
      type: UInt16(try input.index(below: program.types.count, "event type")))
    let id = try input.text()
    let source = try input.text()
    let type = try input.text()
    guard id.count <= UInt16.max, source.count <= UInt16.max, type.count <= UInt16.max else {
      throw .damaged("an event's id, source or type is too long")
    }
    guard type.isEmpty || self[slot].type == 0 else {
      throw .damaged("an event has two types")
    }
    let all = id + source + type
    setTexts(
      slot, id: 0..<id.count, source: id.count..<(id.count + source.count),
      type: (id.count + source.count)..<all.count, in: all.span)
    let plan = program.types[Int(self[slot].type)]
    var next = 0
    for _ in 0..<(try input.count()) {
      let index = try input.index(below: fieldCount, "field")
      guard index >= next, plan.dataFields.contains(index) || plan.eventFields.contains(index)
      else { throw .damaged("an event has a field that its type has not") }
      next = index + 1
      let value = try input.scalar(&texts)
      set(slot, index, value, hash: try input.fixed())
      if try input.flag() { set(slot, index, tree: try input.tree(depth: 0)) }
    }
    return slot
  }
}

/// What JSON can hold, as CEL sees it.
private enum TreeKind: UInt8 {
  case null, bool, double, string, list, map
}

extension SnapshotWriter {
  fileprivate mutating func tree(_ value: CelValue) {
    switch value {
    case .null: byte(TreeKind.null.rawValue)
    case .bool(let value):
      byte(TreeKind.bool.rawValue)
      flag(value)
    case .double(let value):
      byte(TreeKind.double.rawValue)
      double(value)
    case .string(let value):
      byte(TreeKind.string.rawValue)
      string(value)
    case .list(let values):
      byte(TreeKind.list.rawValue)
      count(values.count)
      for value in values { tree(value) }
    case .map(let map):
      byte(TreeKind.map.rawValue)
      count(map.count)
      for index in 0..<map.count {
        tree(map.keys[index])
        tree(map.values[index])
      }
    case .int, .uint, .bytes, .timestamp, .duration, .type, .ip, .cidr:
      fatalError("JSON holds no \(value.typeName)")
    }
  }
}

extension SnapshotReader {
  /// Deeper than the JSON reader lets anything be.
  private static let deepest = 1_100

  fileprivate mutating func tree(depth: Int) throws(SnapshotError) -> CelValue {
    guard depth < Self.deepest else { throw .damaged("a value is nested too deeply") }
    let raw = try byte()
    switch TreeKind(rawValue: raw) {
    case .null: return .null
    case .bool: return .bool(try flag())
    case .double: return .double(try double())
    case .string: return .string(try string())
    case .list:
      var values: [CelValue] = []
      for _ in 0..<(try count()) { values.append(try tree(depth: depth + 1)) }
      return .list(values)
    case .map:
      var entries: [(key: CelValue, value: CelValue)] = []
      for _ in 0..<(try count()) {
        entries.append((try tree(depth: depth + 1), try tree(depth: depth + 1)))
      }
      guard let map = CelMap(entries) else { throw .damaged("a map has a key twice") }
      return .map(map)
    case nil: throw .damaged("there is no kind \(raw) of JSON")
    }
  }
}
