/// The word that somebody probably meant.
enum NearestWord {
  /// The closest of `words`, if it is close enough to be meant: at most two slips, and no more than
  /// a third of the word; or the only one that begins like this.
  static func to(_ word: String, of words: [String]) -> String? {
    let begun = words.filter { word.count >= 3 && $0.hasPrefix(word) }
    if begun.count == 1 { return begun[0] }
    var best: (word: String, slips: Int)?
    for candidate in words {
      let slips = slips(Array(word.lowercased()), Array(candidate.lowercased()))
      if slips < best?.slips ?? .max { best = (candidate, slips) }
    }
    guard let best, best.slips <= 2, best.slips * 3 <= max(word.count, best.word.count) + 1 else {
      return nil
    }
    return best.word
  }

  /// Letters added, lost, changed, or swapped with their neighbour.
  static func slips(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in 1..<(a.count + 1) {
      var row = [i]
      for j in 1..<(b.count + 1) {
        let change = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
        var least = min(rows[i - 1][j] + 1, row[j - 1] + 1, change)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          least = min(least, rows[i - 2][j - 2] + 1)
        }
        row.append(least)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
