/// A map in the order in which it was written. Keys are bool, int, uint or string; keys that are
/// numbers of equal value are one key, whatever their kind.
package struct CelMap: Sendable {
  package private(set) var keys: [CelValue] = []
  package private(set) var values: [CelValue] = []
  /// Positions in the order of keys, kept once there are more than a look through can afford.
  private var sorted: [Int32] = []
  private static let searchedInTurn = 8

  package init() {}

  /// Nil if a key is given twice, or is not a bool, an int, a uint or a string.
  package init?(_ entries: [(key: CelValue, value: CelValue)]) {
    keys.reserveCapacity(entries.count)
    values.reserveCapacity(entries.count)
    for entry in entries {
      guard CelMap.mayBeKey(entry.key) else { return nil }
      keys.append(entry.key)
      values.append(entry.value)
    }
    let keys = self.keys
    let order = keys.indices.sorted { CelMap.precedes(keys[$0], keys[$1]) }
    for index in order.indices.dropFirst() {
      if !CelMap.precedes(keys[order[index - 1]], keys[order[index]]) { return nil }
    }
    if keys.count > CelMap.searchedInTurn { sorted = order.map { Int32($0) } }
  }

  package var count: Int { keys.count }

  /// The value at `key`; a double finds an int or a uint of the same value.
  package func value(at key: CelValue) -> CelValue? {
    guard let index = position(of: key) else { return nil }
    return values[index]
  }

  package func value(at key: String) -> CelValue? { value(at: .string(key)) }

  package func has(_ key: CelValue) -> Bool { position(of: key) != nil }

  func equals(_ other: CelMap) -> Bool {
    guard count == other.count else { return false }
    for index in keys.indices {
      guard let value = other.value(at: keys[index]), value.equals(values[index]) else {
        return false
      }
    }
    return true
  }

  static func mayBeKey(_ value: CelValue) -> Bool {
    switch value {
    case .bool, .int, .uint, .string: true
    default: false
    }
  }

  private func position(of key: CelValue) -> Int? {
    guard !sorted.isEmpty else { return keys.firstIndex { $0.equals(key) } }
    guard CelMap.rank(key) != nil else { return nil }
    if case .double(let number) = key, number.isNaN { return nil }
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if CelMap.precedes(keys[Int(sorted[middle])], key) { low = middle + 1 } else { high = middle }
    }
    guard low < sorted.count, keys[Int(sorted[low])].equals(key) else { return nil }
    return Int(sorted[low])
  }

  /// Bools before numbers before strings.
  private static func precedes(_ a: CelValue, _ b: CelValue) -> Bool {
    guard let rankA = rank(a), let rankB = rank(b) else { return false }
    return rankA == rankB ? a.order(b) == .less : rankA < rankB
  }

  private static func rank(_ key: CelValue) -> Int? {
    switch key {
    case .bool: 0
    case .int, .uint, .double: 1
    case .string: 2
    default: nil
    }
  }
}
