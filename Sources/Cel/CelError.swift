/// Why an expression was refused when it was loaded.
package struct CelError: Error, Equatable, Sendable {
  /// UTF-8 bytes from the start of the expression's text to where the trouble is.
  package var offset: Int
  /// One line that says what is wrong and, where it is known, what to write instead.
  package var message: String

  package init(offset: Int, message: String) {
    self.offset = offset
    self.message = message
  }
}

/// Why one evaluation gave no value: a missing field, an overflow, a wrong type in the data.
package struct CelFailure: Error, Equatable, Sendable {
  /// UTF-8 bytes from the start of the expression's text to the part that failed.
  package var offset: Int
  package var message: String

  package init(offset: Int, message: String) {
    self.offset = offset
    self.message = message
  }
}

/// The name in `names` that is nearest to `name` (edits of one letter, two for long names).
/// Ties go to the name that sorts first, so that a message never depends on an order of arrival.
package func nearestName(to name: String, among names: [String]) -> String? {
  let wanted = Array(name.utf8)
  guard wanted.count <= 128 else { return nil }
  var best: String?
  var bestDistance = max(1, min(3, wanted.count / 3)) + 1
  for candidate in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
    let other = Array(candidate.utf8)
    guard abs(other.count - wanted.count) < bestDistance else { continue }
    let distance = editDistance(wanted, other)
    if distance < bestDistance {
      bestDistance = distance
      best = candidate
    }
  }
  return best
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
        cost = min(cost, beforeLast[j - 1] + 1)
      }
      row.append(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
