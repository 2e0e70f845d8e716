/// Finds the types that a signature or an empty list leaves open. `dyn` fits everything.
struct TypeUnifier {
  private var found: [CelType?] = []

  mutating func fresh() -> CelType {
    found.append(nil)
    return .unknown(found.count - 1)
  }

  /// `type` with what is known by now put in; what is still open stays `.unknown`.
  func resolved(_ type: CelType) -> CelType {
    switch type {
    case .unknown(let id):
      guard let known = found[id] else { return type }
      return resolved(known)
    case .list(let element): return .list(resolved(element))
    case .map(let key, let value): return .map(resolved(key), resolved(value))
    case .named(let name, let arguments): return .named(name, arguments.map(resolved))
    default: return type
    }
  }

  /// As `resolved`, and `dyn` for what stayed open.
  func settled(_ type: CelType) -> CelType {
    switch resolved(type) {
    case .unknown: .dyn
    case .list(let element): .list(settled(element))
    case .map(let key, let value): .map(settled(key), settled(value))
    case .named(let name, let arguments): .named(name, arguments.map(settled))
    case let type: type
    }
  }

  /// Whether a value of type `given` may stand where `wanted` is asked for, learning what is open.
  mutating func accepts(_ given: CelType, as wanted: CelType) -> Bool {
    let given = resolved(given)
    let wanted = resolved(wanted)
    switch (given, wanted) {
    case _ where given == wanted: return true
    case (.unknown(let id), let other), (let other, .unknown(let id)):
      guard !mentions(other, id) else { return false }
      found[id] = other
      return true
    case (.dyn, _), (_, .dyn): return true
    case (.list(let a), .list(let b)): return accepts(a, as: b)
    case (.map(let keyA, let valueA), .map(let keyB, let valueB)):
      return accepts(keyA, as: keyB) && accepts(valueA, as: valueB)
    case (.named(let nameA, let a), .named(let nameB, let b)):
      guard nameA == nameB, a.count == b.count else { return false }
      for index in a.indices where !accepts(a[index], as: b[index]) { return false }
      return true
    default: return false
    }
  }

  /// The one type of both, the more general where one is dyn; nil if they do not agree.
  mutating func joined(_ a: CelType, _ b: CelType) -> CelType? {
    let before = self
    guard accepts(b, as: a) else {
      self = before
      return nil
    }
    return general(resolved(a), resolved(b))
  }

  private func general(_ a: CelType, _ b: CelType) -> CelType {
    switch (a, b) {
    case (.dyn, _), (_, .dyn): .dyn
    case (.list(let a), .list(let b)): .list(general(a, b))
    case (.map(let keyA, let valueA), .map(let keyB, let valueB)):
      .map(general(keyA, keyB), general(valueA, valueB))
    case (.named(let name, let a), .named(_, let b)):
      .named(name, zip(a, b).map { general($0, $1) })
    default: a
    }
  }

  private func mentions(_ type: CelType, _ id: Int) -> Bool {
    switch type {
    case .unknown(let other): other == id
    case .list(let element): mentions(resolved(element), id)
    case .map(let key, let value): mentions(resolved(key), id) || mentions(resolved(value), id)
    case .named(_, let arguments): arguments.contains { mentions(resolved($0), id) }
    default: false
    }
  }

  /// `overload` with a fresh unknown for each of its type parameters.
  mutating func opened(_ overload: Overload) -> Overload {
    var open: [String: CelType] = [:]
    return Overload(
      isMember: overload.isMember,
      parameters: overload.parameters.map { opened($0, &open) },
      result: opened(overload.result, &open))
  }

  private mutating func opened(_ type: CelType, _ open: inout [String: CelType]) -> CelType {
    switch type {
    case .parameter(let name):
      if let known = open[name] { return known }
      let type = fresh()
      open[name] = type
      return type
    case .list(let element): return .list(opened(element, &open))
    case .map(let key, let value): return .map(opened(key, &open), opened(value, &open))
    case .named(let name, let arguments):
      return .named(name, arguments.map { opened($0, &open) })
    default: return type
    }
  }
}
