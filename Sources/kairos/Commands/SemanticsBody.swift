import Console
import Decisions
import Engine
import Log
import Replay

extension SemanticsCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let zones = try BookReading.zones()
    let opened = try place.open(.readOnly)
    let orders = try calling {
      let orders = try BookShelf(log: opened, zones: zones).semantics()
      try (opened as? EmbeddedLog)?.close()
      return orders
    }
    switch action {
    case .show: return try show(orders)
    case .raise: return try raise(number ?? 0, place, orders.map(\.number).max())
    }
  }

  private func show(_ orders: [(number: Int, time: Int64)]) throws(CommandFailure) -> ExitCode {
    var text = "\(Semantics.first)  from the journal's beginning\n"
    for order in orders { text += "\(order.number)  ordered \(timestamp(order.time))\n" }
    return try printOut(text + "this build knows \(Self.known)\n")
  }

  private func raise(
    _ number: Int, _ place: LogPlace, _ ordered: Int?
  ) throws(CommandFailure) -> ExitCode {
    guard Semantics.known.contains(number) else {
      throw CommandFailure(
        .data,
        "this build knows the rules \(Self.known) and would stop at \(number); deploy a release that "
          + "knows them everywhere first, then give the order with it")
    }
    let inForce = ordered ?? Semantics.first
    guard number > inForce else {
      return try printOut(
        "the rules \(inForce) are ordered already, and no number is taken back; nothing was ordered\n"
      )
    }
    let left = try place.order(.semantics(number))
    return try printOut(
      "the rules \(number) are ordered\(left): each journal partition goes over where the order "
        + "stands\n")
  }

  private static var known: String {
    let known = Semantics.known
    return known.count == 1
      ? "\(known.lowerBound)" : "\(known.lowerBound) to \(known.upperBound)"
  }
}
