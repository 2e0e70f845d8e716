/// The word of `words` that a mistyped `word` most likely meant; nil if none is near enough to be
/// worth saying. Of equally near words the first wins. Looks at the first thousand words only.
package func nearestWord(to word: String, of words: [String]) -> String? {
  guard word.utf8.count <= 128 else { return nil }
  let typed = folded(word)
  var best: (word: String, distance: Int)?
  for candidate in words.prefix(1000) where candidate != word {
    let length = candidate.utf8.count
    guard abs(length - typed.count) <= max(1, typed.count / 3) else { continue }
    let distance = editDistance(typed, folded(candidate))
    if distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  guard let best else { return nil }
  let reach = max(1, min(typed.count, best.word.utf8.count + 1) / 3)
  let shorter = min(typed.count, best.word.utf8.count)
  return best.distance <= reach && best.distance < shorter ? best.word : nil
}

/// `did you mean "…"?`, if a word is near enough.
package func suggestion(for word: String, of words: [String]) -> String? {
  nearestWord(to: word, of: words).map { "did you mean \"\($0)\"?" }
}

/// Lower case, and `-` as `_`: whoever writes `atLeast` or `at-least` means `at_least`.
private func folded(_ word: String) -> [UInt8] {
  word.utf8.map { byte in
    if byte >= 0x41 && byte <= 0x5a { return byte + 0x20 }
    return byte == UInt8(ascii: "-") ? UInt8(ascii: "_") : byte
  }
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var before = [Int](repeating: 0, count: b.count + 1)
  var above = Array(0...b.count)
  for i in 0..<a.count {
    var row = [Int](repeating: i + 1, count: b.count + 1)
    for j in 0..<b.count {
      var cost = min(above[j + 1] + 1, row[j] + 1, above[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
      row[j + 1] = cost
    }
    before = above
    above = row
  }
  return above[b.count]
}
