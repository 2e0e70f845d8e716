internal import Events

extension Shard {
  /// Control records of the control topic come with their place there, and repeats are dropped by it;
  /// the journal's own (its head, an activation) have no such place.
  private static let controlOrigin = Array("kairos.control".utf8)

  mutating func readControl(_ bytes: Span<UInt8>, _ view: JournalView) {
    guard let control = Control(bytes, view.payload) else { return }
    if view.originName.map({ bytes[$0] }) == Self.controlOrigin {
      if view.originOffset <= controlled { return }
      controlled = view.originOffset
    }
    switch control {
    case .journal(_, let number), .semantics(let number):
      guard Semantics.known.contains(number) else {
        damage = .semantics(UInt64(clamping: number))
        return
      }
      semantics = number
    case .incarnation(let source, let number):
      origins.renew(Array(source.utf8), incarnation: number)
      raise([])
    case .book, .activate: obey(control)
    }
  }
}
