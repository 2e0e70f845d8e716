internal import Decisions

/// What reading and applying want of the book for every event, laid flat: a look into `Program` may
/// copy it whole.
struct Routes {
  /// Policy time is event time, not append time.
  let isEventTime: Bool
  /// Ids of events are remembered so long, ms.
  let dedup: Int64
  let types: TypeTable
  /// By type: the policy layer reads its events.
  let isSpecial: [Bool]
  /// Row slots of the fields that are read of events, type by type.
  private(set) var fields: [Int] = []
  /// By type: where its fields begin. One more, for where they end.
  private var starts: [Int] = []

  init(_ program: Program) {
    isEventTime = program.checks.policy.time == .event
    dedup = program.dedup
    types = TypeTable(program)
    isSpecial = program.types.map { $0.special != .none }
    for type in program.types {
      starts.append(fields.count)
      fields += type.dataFields + type.eventFields
    }
    starts.append(fields.count)
  }

  /// Places in `fields`.
  func fields(of type: Int) -> Range<Int> { starts[type]..<starts[type + 1] }
}
